"""Classification metrics: how often, and with what, a classifier is right or wrong.

Everything follows from the confusion matrix, counted once: read `confusion_matrix` first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ArgumentError, DtypeError, ShapeError

Array = npt.NDArray[Any]


def confusion_matrix(
    predictions: npt.ArrayLike, targets: npt.ArrayLike, classes: int | None = None
) -> npt.NDArray[np.int64]:
    """Count how often each true class was given each answer.

    C[i, j] = number of examples of true class i that were predicted to be class j; the diagonal
    holds what is right, a row what became of one class, a column what one answer was worth.

    Args:
        predictions: integer classes of shape (...), or scores of shape (..., K), whose largest
            along the last axis is the prediction (the first of equals).
        targets: the true classes, integers of shape (...).
        classes: K; without it, the last axis of scores, or the largest class seen plus one.

    Returns:
        int64 counts of shape (K, K): true classes down, predicted classes across.

    Raises:
        ShapeError: shapes that do not fit together.
        DtypeError: classes that are not integers.
        ArgumentError: a class outside [0, K), or a NaN among the scores.

    Example:
        >>> confusion_matrix(predictions=[0, 1, 1, 2], targets=[0, 1, 2, 2])
        array([[1, 0, 0],
               [0, 1, 0],
               [0, 1, 1]])
    """
    said, true, scored = _classes("confusion_matrix", predictions, targets)
    if classes is None:
        classes = scored or 1 + int(max(said.max(initial=-1), true.max(initial=-1)))
    if classes < 1:
        raise ArgumentError(
            f"confusion_matrix: classes expects at least 1, but got {classes}; "
            "give the number of classes where there are no examples"
        )
    for name, values in (("predictions", said), ("targets", true)):
        if values.size and (values.min() < 0 or values.max() >= classes):
            wrong = int(values.min()) if values.min() < 0 else int(values.max())
            raise ArgumentError(
                f"confusion_matrix: {name} expects classes from 0 to {classes - 1}, "
                f"but one is {wrong}; number the classes from 0 and check `classes`"
            )
    cells = np.bincount(true * classes + said, minlength=classes * classes)
    return cells.reshape(classes, classes).astype(np.int64)


def accuracy(predictions: npt.ArrayLike, targets: npt.ArrayLike) -> float:
    """The share of examples whose prediction is right.

    Args:
        predictions: integer classes of shape (...), or scores of shape (..., K), whose largest
            along the last axis is the prediction (the first of equals).
        targets: the true classes, integers of shape (...).

    Returns:
        A number from 0 to 1.

    Raises:
        ShapeError: shapes that do not fit together, or no examples at all.
        DtypeError: classes that are not integers.
        ArgumentError: a NaN among the scores.

    Example:
        >>> accuracy([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]], [1, 0, 0, 0])
        0.75
    """
    said, true, _ = _classes("accuracy", predictions, targets)
    if not true.size:
        raise ShapeError("accuracy: targets is empty, and no share of nothing is defined")
    return float(np.mean(said == true))


def recall(matrix: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """For each true class, the share that was found: C[i, i] / sum_j C[i, j].

    Also called sensitivity, or the true positive rate. It is NaN for a class without examples.

    Args:
        matrix: counts of shape (K, K) from `confusion_matrix`.

    Returns:
        float64 shares of shape (K,).

    Raises:
        ShapeError: a matrix that is not square.

    Example:
        >>> recall([[3, 1], [0, 4]])
        array([0.75, 1.  ])
    """
    counts = _square("recall", matrix)
    return _share(counts.diagonal(), counts.sum(axis=1))


def precision(matrix: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """For each answer, the share that was right: C[j, j] / sum_i C[i, j].

    1 - precision is the false discovery rate; the false positive rate is another thing, as its
    denominator counts the true negatives. It is NaN for a class that was never predicted.

    Args:
        matrix: counts of shape (K, K) from `confusion_matrix`.

    Returns:
        float64 shares of shape (K,).

    Raises:
        ShapeError: a matrix that is not square.

    Example:
        >>> precision([[3, 1], [0, 4]])
        array([1. , 0.8])
    """
    counts = _square("precision", matrix)
    return _share(counts.diagonal(), counts.sum(axis=0))


def _classes(
    function: str, predictions: npt.ArrayLike, targets: npt.ArrayLike
) -> tuple[Array, Array, int]:
    """Both as flat arrays of classes, and K where predictions were scores (otherwise 0)."""
    said, true = np.asarray(predictions), np.asarray(targets)
    scored = 0
    if said.ndim == true.ndim + 1 and said.shape[-1] > 0:
        if np.isnan(said).any():
            raise ArgumentError(
                f"{function}: predictions hold NaN, which has no largest score; find the layer "
                "that made it with detect_anomaly"
            )
        scored = said.shape[-1]
        said = said.argmax(axis=-1)
    if said.shape != true.shape:
        raise ShapeError(
            f"{function}: predictions expects targets' shape {true.shape} (classes), or that with "
            f"a class axis at its end (scores), but has shape {said.shape}"
        )
    for name, values in (("predictions", said), ("targets", true)):
        if values.size and not np.issubdtype(values.dtype, np.integer):
            raise DtypeError(
                f"{function}: {name} expects integer classes, but its dtype is {values.dtype}; "
                "give scores a class axis at their end, take argmax, or use .astype(int)"
            )
    return said.reshape(-1).astype(np.int64), true.reshape(-1).astype(np.int64), scored


def _square(function: str, matrix: npt.ArrayLike) -> Array:
    counts = np.asarray(matrix)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise ShapeError(
            f"{function}: matrix expects a square (K, K) confusion matrix, but its shape is "
            f"{counts.shape}; make one with confusion_matrix(predictions, targets)"
        )
    return counts


def _share(part: Array, whole: Array) -> npt.NDArray[np.float64]:
    """The ratio, NaN where there is nothing to divide."""
    ratio = np.full(whole.shape, np.nan)
    np.divide(part, whole, out=ratio, where=whole != 0)
    return ratio
