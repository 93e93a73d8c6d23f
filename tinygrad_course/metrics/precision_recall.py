"""The precision-recall curve, what lies between its points, and the area below.

Precision is no straight line between two thresholds, so the area is not a sum of trapezoids: read
`interpolated_precision`. `precision_recall_gain.py` has the curve on which lines are straight.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import ArgumentError, DataError
from .inputs import Floats
from .ranking import Ranked, one_vs_rest, ranked


class PrecisionRecallCurve(NamedTuple):
    """Precision against recall, from the lowest threshold to the highest.

    Attributes:
        precision: (T + 1,) the share of what is called positive that is; the last entry is 1.
        recall: (T + 1,) the share of the positives that is called so, falling; the last is 0.
        thresholds: (T,) rising; the last point of the curve has none.
    """

    precision: Floats
    recall: Floats
    thresholds: Floats


def precision_recall_curve(scores: npt.ArrayLike, targets: npt.ArrayLike) -> PrecisionRecallCurve:
    """Precision TP / (TP + FP) and recall TP / P at each threshold.

    Args:
        scores: (N,) the higher, the more positive; logits do as well as probabilities.
        targets: (N,) 1 for positives, 0 for negatives.

    Returns:
        The points, one for each different score, then (recall 0, precision 1), which is no
        threshold's: where nothing is called positive, precision is 0 / 0.

    Raises:
        ShapeError: shapes other than (N,), or no examples.
        DtypeError: strings.
        ArgumentError: targets other than 0 and 1, or a NaN among the scores.
        DataError: no positives.

    Example:
        >>> curve = precision_recall_curve([0.9, 0.8, 0.7, 0.1], [1, 0, 1, 0])
        >>> curve.precision.round(3), curve.recall
        (array([0.5  , 0.667, 0.5  , 1.   , 1.   ]), array([1. , 1. , 0.5, 0.5, 0. ]))
    """
    tp, fp, thresholds = _with_positives("precision_recall_curve", scores, targets)
    return PrecisionRecallCurve(
        np.append((tp / (tp + fp))[::-1], 1.0),
        np.append((tp / tp[-1])[::-1], 0.0),
        thresholds[::-1],
    )


def average_precision(
    scores: npt.ArrayLike, targets: npt.ArrayLike, *, average: str | None = "macro"
) -> Any:
    """Precision at each threshold, weighted by the recall that it adds.

    AP = sum_n (R_n - R_(n-1)) P_n,  thresholds falling

    It is a sum of rectangles and joins no points, so it is not too optimistic, as trapezoids are.

    Args:
        scores: (N,) the higher, the more positive; or (N, K), a column for each class.
        targets: (N,) 1 for positives, 0 for negatives; or classes from 0 to K - 1.
        average: over classes, each against the rest: "macro", "weighted" (by how often a class
            occurs), "micro" (every cell of (N, K) is an example), or None for one per class.

    Returns:
        A number from 0 to 1; float64 (K,) where average is None, NaN for a class that is absent.

    Raises:
        ShapeError: shapes that do not fit together, or no examples.
        DtypeError: strings.
        ArgumentError: targets out of their range, a NaN among the scores, an unknown average.
        DataError: no positives; or, in a mean, a class without examples.

    Example:
        >>> average_precision([0.9, 0.8, 0.7, 0.1], [1, 0, 1, 0])
        0.8333333333333333
    """
    if np.ndim(scores) == 2:
        return one_vs_rest("average_precision", average_precision, scores, targets, average)
    tp, fp, _ = _with_positives("average_precision", scores, targets)
    return float(np.sum(np.diff(tp, prepend=0.0) / tp[-1] * (tp / (tp + fp))))


def interpolated_precision(
    scores: npt.ArrayLike, targets: npt.ArrayLike, recalls: npt.ArrayLike
) -> Floats:
    """The precision at any recall, also between two thresholds.

    From point A to the next one B, lowering the threshold step by step would find x more true
    positives, and with each of them h = (FP_B - FP_A) / (TP_B - TP_A) false ones:

        precision(x) = (TP_A + x) / (TP_A + x + FP_A + h x)

    The counts are what is joined by straight lines; precision then is not, and falls below the
    line that joins A and B. Drawing that line claims a precision that no mixture of the two
    thresholds has.

    Args:
        scores: (N,) the higher, the more positive.
        targets: (N,) 1 for positives, 0 for negatives.
        recalls: numbers from 0 to 1, of any shape.

    Returns:
        float64 precisions of recalls' shape; where several thresholds have one recall, the highest
        of theirs. At recall 0 it is the limit from above.

    Raises:
        ShapeError: shapes other than (N,), or no examples.
        DtypeError: strings.
        ArgumentError: a recall outside [0, 1], targets other than 0 and 1, or a NaN.
        DataError: no positives.

    Example:
        Half of 20 positives are found twice: 5 beside 5 false ones, then 10 beside 30.

        >>> scores = [3] * 10 + [2] * 30 + [1] * 1980
        >>> targets = [1] * 5 + [0] * 5 + [1] * 5 + [0] * 25 + [1] * 10 + [0] * 1970
        >>> recalls = [0.25, 0.3, 0.35, 0.4, 0.45, 0.5]
        >>> interpolated_precision(scores, targets, recalls).round(3).tolist()
        [0.5, 0.375, 0.318, 0.286, 0.265, 0.25]

    References:
        Davis and Goadrich 2006, "The relationship between precision-recall and ROC curves",
        section 3, whose table this is.
    """
    given = np.asarray(recalls, dtype=np.float64)
    if not ((given >= 0) & (given <= 1)).all():
        wrong = given[~((given >= 0) & (given <= 1))][0]
        raise ArgumentError(
            f"interpolated_precision: recalls expects numbers from 0 to 1, but one is {wrong:g}; "
            "write 0.3 for 30 %"
        )
    counts = _with_positives("interpolated_precision", scores, targets)
    tp, fp, d, h = _segments(counts)
    wanted = given * counts.tp[-1]
    whole = np.rint(wanted)  # 0.07 of 100 is 7.000000000000001
    wanted = np.where(abs(wanted - whole) < 1e-9 * counts.tp[-1], whole, wanted)
    i = np.searchsorted(tp + d, wanted)
    called = wanted + fp[i] + h[i] * (wanted - tp[i])
    precisions: Floats = np.divide(wanted, called, out=np.asarray(1 / (1 + h[i])), where=called > 0)
    return precisions


def precision_recall_auc(scores: npt.ArrayLike, targets: npt.ArrayLike) -> float:
    """The exact area under the correctly interpolated precision-recall curve.

    With c = 1 + h and s = TP_A + FP_A (see `interpolated_precision`), the part from A to B is

        1/P integral_0^(TP_B - TP_A) (TP_A + x) / (s + c x) dx
        = 1/P [d / c + (TP_A - s / c) / c log(1 + c d / s)],  d = TP_B - TP_A

    Guessing gets the share of positives, not 0.5.

    Args:
        scores: (N,) the higher, the more positive.
        targets: (N,) 1 for positives, 0 for negatives.

    Returns:
        A number from 0 to 1.

    Raises:
        ShapeError: shapes other than (N,), or no examples.
        DtypeError: strings.
        ArgumentError: targets other than 0 and 1, or a NaN among the scores.
        DataError: no positives.

    Example:
        Trapezoids over the same points would claim 0.85.

        >>> round(precision_recall_auc([1, 0, 0, 0, 0], [1, 1, 0, 0, 0]), 4)
        0.7759

    References:
        Davis and Goadrich 2006, section 4; the integral: Boyd, Eng and Page 2013, "Area under the
        precision-recall curve", section 3.
    """
    counts = _with_positives("precision_recall_auc", scores, targets)
    tp, fp, d, h = _segments(counts)
    c, s = 1 + h, tp + fp
    growth = np.log1p(np.divide(c * d, s, out=np.zeros_like(s), where=s > 0))
    return float(np.sum(d / c + (tp - s / c) / c * growth) / counts.tp[-1])


def _with_positives(function: str, scores: npt.ArrayLike, targets: npt.ArrayLike) -> Ranked:
    counts = ranked(function, scores, targets)
    if not counts.tp[-1]:
        raise DataError(
            f"{function}: targets expects positives, but all {counts.fp[-1]:g} examples are "
            "negative, so no recall exists; evaluate on more data, or split it with stratification"
        )
    return counts


def _segments(counts: Ranked) -> tuple[Floats, Floats, Floats, Floats]:
    """The steps on which recall rises: TP_A, FP_A, d = TP_B - TP_A, h = (FP_B - FP_A) / d."""
    tp, fp = np.append(0.0, counts.tp), np.append(0.0, counts.fp)
    rises = np.flatnonzero(np.diff(tp))
    d = np.diff(tp)[rises]
    return tp[rises], fp[rises], d, np.diff(fp)[rises] / d
