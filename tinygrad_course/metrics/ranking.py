"""Ranking: what each threshold on a score would give. Counted once, here; then the ROC curve.

Every curve is drawn through the same counts: for each different score, highest first, how many
positives (TP) and negatives (FP) lie at or above it. Read `precision_recall.py` next.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import ArgumentError, DataError, ShapeError, nearest
from .inputs import Array, Floats, as_classes, as_scores, as_zeros_and_ones, need_both


class Ranked(NamedTuple):
    """The counts behind every curve; one entry for each different score, highest first.

    Attributes:
        tp: (T,) positives whose score is at least the threshold; the last entry is all of them.
        fp: (T,) negatives whose score is.
        thresholds: (T,) the different scores, falling.
    """

    tp: Floats
    fp: Floats
    thresholds: Floats


def ranked(function: str, scores: npt.ArrayLike, targets: npt.ArrayLike) -> Ranked:
    """Count positives and negatives above each threshold. Equal scores are told together."""
    values = as_scores(function, "scores", scores)
    positive = as_zeros_and_ones(function, "targets", targets, values.shape)
    order = np.argsort(-values, kind="stable")
    values, positive = values[order], positive[order]
    last = np.append(np.flatnonzero(values[1:] != values[:-1]), values.size - 1)
    tp = np.cumsum(positive, dtype=np.float64)[last]
    return Ranked(tp, 1.0 + last - tp, values[last])


class RocCurve(NamedTuple):
    """A receiver operating characteristic.

    Attributes:
        false_positive_rate: (T + 1,) FP / N, from 0 to 1.
        true_positive_rate: (T + 1,) TP / P, from 0 to 1.
        thresholds: (T + 1,) falling; the first is infinite: nothing is called positive.
    """

    false_positive_rate: Floats
    true_positive_rate: Floats
    thresholds: Floats


def roc_curve(scores: npt.ArrayLike, targets: npt.ArrayLike) -> RocCurve:
    """What share of the positives is found, against what share of the negatives is taken for one.

    The horizontal axis is FP / (FP + TN) = 1 - specificity. It is not 1 - precision, which has the
    predicted positives below the line and is called the false discovery rate.

    Args:
        scores: (N,) the higher, the more positive; logits do as well as probabilities.
        targets: (N,) 1 for positives, 0 for negatives.

    Returns:
        The curve's points, one for each different score, after the point (0, 0).

    Raises:
        ShapeError: shapes other than (N,), or no examples.
        DtypeError: strings.
        ArgumentError: targets other than 0 and 1, or a NaN among the scores.
        DataError: examples of one class only.

    Example:
        >>> curve = roc_curve([0.9, 0.8, 0.8, 0.1], [1, 1, 0, 0])
        >>> curve.false_positive_rate, curve.true_positive_rate
        (array([0. , 0. , 0.5, 1. ]), array([0. , 0.5, 1. , 1. ]))

    References:
        Fawcett 2006, "An introduction to ROC analysis".
    """
    return _roc("roc_curve", scores, targets)


def roc_auc(
    scores: npt.ArrayLike,
    targets: npt.ArrayLike,
    *,
    multi_class: str = "ovr",
    average: str | None = "macro",
) -> Any:
    """The area under the ROC curve.

    It is the probability that a positive drawn at random has a higher score than a negative drawn
    at random, where a tie counts one half. So 0.5 is guessing, whatever the share of positives.

    More than two classes: "ovr" takes each class against all others, with that class's column as
    the score; "ovo" takes each pair of classes, the mean of the two columns' areas over the
    examples of these two. "ovo" does not change with how common the classes are.

    Args:
        scores: (N,) the higher, the more positive; or (N, K), a column for each class.
        targets: (N,) 1 for positives, 0 for negatives; or classes from 0 to K - 1.
        multi_class: "ovr" or "ovo"; of no effect for scores (N,).
        average: over classes: "macro", "weighted" (by how often a class occurs; a pair by how
            often either does), with "ovr" also "micro" (every cell of (N, K) is an example) and
            None (one area per class, NaN for a class that is absent or alone).

    Returns:
        A number from 0 to 1; float64 (K,) where average is None.

    Raises:
        ShapeError: shapes that do not fit together, or no examples.
        DtypeError: strings.
        ArgumentError: targets out of their range, a NaN among the scores, an unknown option.
        DataError: examples of one class only; or, in a mean, a class without examples.

    Example:
        >>> roc_auc([0.9, 0.8, 0.8, 0.1], [1, 1, 0, 0])
        0.875

    References:
        Hanley and McNeil 1982; for "ovo" Hand and Till 2001.
    """
    if np.ndim(scores) != 2:
        fpr, tpr, _ = _roc("roc_auc", scores, targets)
        return float(np.trapezoid(tpr, fpr))
    if multi_class == "ovr":
        return one_vs_rest("roc_auc", roc_auc, scores, targets, average)
    if multi_class != "ovo":
        raise ArgumentError(
            f"roc_auc: there is no multi_class {multi_class!r}; "
            f"{nearest(multi_class, ('ovr', 'ovo'))}"
        )
    if average not in {"macro", "weighted"}:
        raise ArgumentError(
            f"roc_auc: with multi_class 'ovo' there is no average {average!r}; choose 'macro' or "
            "'weighted', or take multi_class 'ovr'"
        )
    table, classes = columns("roc_auc", scores, targets)
    counts = np.bincount(classes, minlength=table.shape[1])
    _need_all("roc_auc", counts)
    areas, weights = [], []
    for i, j in combinations(range(len(counts)), 2):
        pair = (classes == i) | (classes == j)
        of_i, of_j = classes[pair] == i, classes[pair] == j
        areas.append((roc_auc(table[pair, i], of_i) + roc_auc(table[pair, j], of_j)) / 2)
        weights.append(counts[i] + counts[j])
    return float(np.average(areas, weights=weights if average == "weighted" else None))


def _roc(function: str, scores: npt.ArrayLike, targets: npt.ArrayLike) -> RocCurve:
    tp, fp, thresholds = ranked(function, scores, targets)
    need_both(function, tp[-1], fp[-1])
    return RocCurve(
        np.append(0.0, fp) / fp[-1], np.append(0.0, tp) / tp[-1], np.append(np.inf, thresholds)
    )


def columns(function: str, scores: npt.ArrayLike, targets: npt.ArrayLike) -> tuple[Floats, Array]:
    """Scores (N, K) and their classes (N,), checked."""
    table = as_scores(function, "scores", scores)
    if table.shape[1] < 2:
        raise ShapeError(
            f"{function}: scores expects shape (N,) or (N, K) with K at least 2, but has shape "
            f"{table.shape}; index a single column with [:, 0]"
        )
    return table, as_classes(function, targets, (table.shape[0], table.shape[1]))


def one_vs_rest(
    function: str,
    metric: Callable[[Any, Any], float],
    scores: npt.ArrayLike,
    targets: npt.ArrayLike,
    average: str | None,
) -> Any:
    """A metric of two classes, taken for each column of scores (N, K), and averaged."""
    table, classes = columns(function, scores, targets)
    one_hot = classes[:, None] == np.arange(table.shape[1])
    counts = one_hot.sum(axis=0)
    if average == "micro":
        return metric(table.reshape(-1), one_hot.reshape(-1))
    if average is not None:
        if average not in {"macro", "weighted"}:
            raise ArgumentError(
                f"{function}: there is no average {average!r}; "
                f"{nearest(average, ('macro', 'micro', 'weighted'))}, or None for one per class"
            )
        _need_all(function, counts)
    each = np.array(
        [
            metric(table[:, k], one_hot[:, k]) if 0 < counts[k] < len(classes) else math.nan
            for k in range(len(counts))
        ]
    )
    if average is None:
        return each
    return float(np.average(each, weights=counts if average == "weighted" else None))


def _need_all(function: str, counts: Array) -> None:
    if not counts.all():
        missing = ", ".join(str(k) for k in np.flatnonzero(counts == 0))
        raise DataError(
            f"{function}: targets expects examples of each of the {len(counts)} classes, but none "
            f"is of class {missing}; split with stratification, or take average=None, which gives "
            "NaN there"
        )
