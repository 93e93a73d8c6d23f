"""Rates: numbers from a confusion matrix C (true classes down, predicted classes across).

For class i: TP = C[i, i], FN the rest of its row, FP the rest of its column, TN all else. Most are
ratios of two counts, which can be taken per class or over all. Read `ranking.py` next.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import ArgumentError, ShapeError, nearest
from .inputs import Array, Floats

Rate = Any
"""float64 of shape (K,) where average is None, otherwise a float."""

AVERAGES = ("binary", "macro", "micro", "weighted")
"""What `average` may be, besides None.

None: one rate per class. "binary": that of class 1 of two. "macro": the mean over classes, each
counting the same. "weighted": the mean over classes, each counting as often as it occurs. "micro":
counts of all classes added first; for precision, recall and F this is the accuracy.
"""


def recall(
    matrix: npt.ArrayLike, average: str | None = None, *, undefined: float = math.nan
) -> Rate:
    """For each true class, the share that was found: TP / (TP + FN).

    Also called sensitivity, or the true positive rate. It is undefined for a class without
    examples.

    Args:
        matrix: counts of shape (K, K) from `confusion_matrix`.
        average: None for one rate per class, or one of `AVERAGES`.
        undefined: what stands for 0 / 0; NaN is left out of means, a number is not.

    Returns:
        float64 shares of shape (K,), or a float where they are averaged.

    Raises:
        ShapeError: a matrix that is not square, or not (2, 2) where average is "binary".
        ArgumentError: an unknown average.

    Example:
        >>> recall([[3, 1], [0, 4]])
        array([0.75, 1.  ])
        >>> recall([[3, 1], [0, 4]], "macro")
        0.875
    """
    n = _counts("recall", matrix)
    return _rate("recall", n.tp, n.tp + n.fn, n, average, undefined)


def precision(
    matrix: npt.ArrayLike, average: str | None = None, *, undefined: float = math.nan
) -> Rate:
    """For each answer, the share that was right: TP / (TP + FP).

    1 - precision is the false discovery rate; the false positive rate is another thing (it is 1 -
    specificity), as its denominator counts the true negatives. Precision is undefined for a class
    that was never predicted.

    Args:
        matrix: counts of shape (K, K) from `confusion_matrix`.
        average: None for one rate per class, or one of `AVERAGES`.
        undefined: what stands for 0 / 0; NaN is left out of means, a number is not.

    Returns:
        float64 shares of shape (K,), or a float where they are averaged.

    Raises:
        ShapeError: a matrix that is not square, or not (2, 2) where average is "binary".
        ArgumentError: an unknown average.

    Example:
        >>> precision([[3, 1], [0, 4]])
        array([1. , 0.8])
    """
    n = _counts("precision", matrix)
    return _rate("precision", n.tp, n.tp + n.fp, n, average, undefined)


def specificity(
    matrix: npt.ArrayLike, average: str | None = None, *, undefined: float = math.nan
) -> Rate:
    """For each class, the share of the others that was not taken for it: TN / (TN + FP).

    Also called the true negative rate. 1 - specificity is the false positive rate. With two
    classes, the specificity of one is the recall of the other.

    Args:
        matrix: counts of shape (K, K) from `confusion_matrix`.
        average: None for one rate per class, or one of `AVERAGES`.
        undefined: what stands for 0 / 0; NaN is left out of means, a number is not.

    Returns:
        float64 shares of shape (K,), or a float where they are averaged.

    Raises:
        ShapeError: a matrix that is not square, or not (2, 2) where average is "binary".
        ArgumentError: an unknown average.

    Example:
        >>> specificity([[3, 1], [0, 4]], "binary")
        0.75
    """
    n = _counts("specificity", matrix)
    return _rate("specificity", n.tn, n.tn + n.fp, n, average, undefined)


def f_beta(
    matrix: npt.ArrayLike,
    beta: float,
    average: str | None = None,
    *,
    undefined: float = math.nan,
) -> Rate:
    """The weighted harmonic mean of precision P and recall R.

    F = (1 + beta^2) P R / (beta^2 P + R)
      = (1 + beta^2) TP / ((1 + beta^2) TP + beta^2 FN + FP)

    Recall counts beta times as much as precision. Without the factor 1 + beta^2, which some slides
    leave out, F would not lie between P and R. The second form is what is computed: it is defined
    wherever any of the three counts is above 0.

    Args:
        matrix: counts of shape (K, K) from `confusion_matrix`.
        beta: the weight of recall, at least 0; 0 gives precision.
        average: None for one rate per class, or one of `AVERAGES`.
        undefined: what stands for 0 / 0; NaN is left out of means, a number is not.

    Returns:
        float64 numbers of shape (K,), or a float where they are averaged.

    Raises:
        ShapeError: a matrix that is not square, or not (2, 2) where average is "binary".
        ArgumentError: an unknown average, or beta out of its range.

    Example:
        >>> f_beta([[0, 0], [1, 1]], 2.0, "binary")  # P = 1, R = 1/2
        0.5555555555555556

    References:
        van Rijsbergen 1979, "Information Retrieval", chapter 7.
    """
    if not (beta >= 0 and math.isfinite(beta)):
        raise ArgumentError(
            f"f_beta: beta expects a finite number of at least 0, but got {beta}; where recall "
            "alone counts, use `recall`"
        )
    return _f("f_beta", matrix, beta, average, undefined)


def f1(matrix: npt.ArrayLike, average: str | None = None, *, undefined: float = math.nan) -> Rate:
    """The harmonic mean of precision and recall: 2 TP / (2 TP + FN + FP), `f_beta` with beta 1.

    Args:
        matrix: counts of shape (K, K) from `confusion_matrix`.
        average: None for one rate per class, or one of `AVERAGES`.
        undefined: what stands for 0 / 0; NaN is left out of means, a number is not.

    Returns:
        float64 numbers of shape (K,), or a float where they are averaged.

    Raises:
        ShapeError: a matrix that is not square, or not (2, 2) where average is "binary".
        ArgumentError: an unknown average.

    Example:
        >>> f1([[10, 0], [20, 70]], "binary")
        0.875
    """
    return _f("f1", matrix, 1.0, average, undefined)


def balanced_accuracy(matrix: npt.ArrayLike, *, adjusted: bool = False) -> float:
    """The mean of the classes' recalls; with two classes, of sensitivity and specificity.

    A classifier that always names the same class gets 1 / K, however common that class is. Classes
    without examples are left out.

    Args:
        matrix: counts of shape (K, K) from `confusion_matrix`.
        adjusted: rescale so that guessing gets 0 instead of 1 / K.

    Returns:
        A number from 0 to 1; NaN where there are no examples.

    Raises:
        ShapeError: a matrix that is not square.
        ArgumentError: adjusted, but there are examples of one class only.

    Example:
        >>> balanced_accuracy([[990, 10], [5, 5]])
        0.745
    """
    shares: Floats = recall(_square("balanced_accuracy", matrix))
    shares = shares[~np.isnan(shares)]
    score = float(shares.mean()) if shares.size else math.nan
    if not adjusted:
        return score
    if shares.size < 2:
        raise ArgumentError(
            "balanced_accuracy: adjusted expects examples of at least 2 classes, but there are "
            f"those of {shares.size}; with one class, guessing is always right"
        )
    return (score - 1 / shares.size) / (1 - 1 / shares.size)


def mcc(matrix: npt.ArrayLike) -> float:
    """Matthews' correlation coefficient: how far predictions and truth vary together.

    Two classes:  (TP TN - FP FN) / sqrt((TP + FP) (TP + FN) (TN + FP) (TN + FN))
    K classes:    the correlation of the one-hot predictions with the one-hot truth (Gorodkin)

    It uses all four counts, and does not change where the classes trade names.

    Args:
        matrix: counts of shape (K, K) from `confusion_matrix`.

    Returns:
        A number from -1 to 1; 0 for guessing, and 0 where it is undefined: where all examples, or
        all predictions, are of one class.

    Raises:
        ShapeError: a matrix that is not square.

    Example:
        >>> round(mcc([[10, 0], [20, 70]]), 3)
        0.509

    References:
        Matthews 1975; Gorodkin 2004, "Comparing two K-category assignments by a K-category
        correlation coefficient".
    """
    cells = _square("mcc", matrix).astype(np.float64)
    true, said, total = cells.sum(axis=1), cells.sum(axis=0), cells.sum()
    together = cells.trace() * total - true @ said
    # The two roots are taken apart: the product under one would leave float64's exact integers.
    spread = math.sqrt(total**2 - true @ true) * math.sqrt(total**2 - said @ said)
    return float(together / spread) if spread else 0.0


class _Counts(NamedTuple):
    """Each of shape (K,)."""

    tp: Array
    fn: Array
    fp: Array
    tn: Array


def _counts(function: str, matrix: npt.ArrayLike) -> _Counts:
    cells = _square(function, matrix)
    tp = cells.diagonal()
    fn, fp = cells.sum(axis=1) - tp, cells.sum(axis=0) - tp
    return _Counts(tp, fn, fp, cells.sum() - tp - fn - fp)


def _square(function: str, matrix: npt.ArrayLike) -> Array:
    counts = np.asarray(matrix)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise ShapeError(
            f"{function}: matrix expects a square (K, K) confusion matrix, but its shape is "
            f"{counts.shape}; make one with confusion_matrix(predictions, targets)"
        )
    return counts


def _f(
    function: str, matrix: npt.ArrayLike, beta: float, average: str | None, undefined: float
) -> Rate:
    n = _counts(function, matrix)
    hits = (1 + beta**2) * n.tp
    return _rate(function, hits, hits + beta**2 * n.fn + n.fp, n, average, undefined)


def _rate(
    function: str, part: Array, whole: Array, n: _Counts, average: str | None, undefined: float
) -> Rate:
    """Part / whole, per class or averaged."""
    if average is not None and average not in AVERAGES:
        raise ArgumentError(
            f"{function}: there is no average {average!r}; {nearest(str(average), AVERAGES)}, or "
            "None for one rate per class"
        )
    if average == "binary" and len(part) != 2:
        raise ShapeError(
            f"{function}: average 'binary' expects a (2, 2) matrix, whose class 1 is the positive "
            f"one, but there are {len(part)} classes; choose 'macro', 'micro', 'weighted' or None"
        )
    if average == "micro":
        part, whole = part.sum(keepdims=True), whole.sum(keepdims=True)
    ratio: Floats = np.full(whole.shape, float(undefined))
    np.divide(part, whole, out=ratio, where=whole != 0)
    if average is None:
        return ratio
    if average == "binary":
        return float(ratio[1])
    defined = ~np.isnan(ratio)
    weights = (n.tp + n.fn)[defined] if average == "weighted" else None
    if weights is not None and not weights.any():
        weights = None
    return float(np.average(ratio[defined], weights=weights)) if defined.any() else math.nan
