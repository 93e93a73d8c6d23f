"""How often a classifier is right, and what it takes for what: the confusion matrix.

The counts are made here, once; read `rates.py` next, where every rate follows from them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..errors import ArgumentError, DtypeError, ShapeError
from .inputs import Array, refuse_names


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
    _check_range("confusion_matrix", "predictions", said, classes)
    _check_range("confusion_matrix", "targets", true, classes)
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


def top_k_accuracy(scores: npt.ArrayLike, targets: npt.ArrayLike, k: int = 5) -> float:
    """The share of examples whose true class is among the k largest scores.

    Among equal scores the first class comes first, so that k = 1 gives `accuracy`. (scikit-learn
    puts the last one first; without ties both agree.)

    Args:
        scores: shape (..., K).
        targets: the true classes, integers of shape (...).
        k: how many classes may be named, from 1 to K.

    Returns:
        A number from 0 to 1.

    Raises:
        ShapeError: shapes that do not fit together, or no examples at all.
        DtypeError: classes that are not integers.
        ArgumentError: k or a class out of its range, or a NaN among the scores.

    Example:
        >>> top_k_accuracy([[0.5, 0.3, 0.2], [0.6, 0.1, 0.3]], targets=[1, 1], k=2)
        0.5
    """
    values, true = np.asarray(scores), np.asarray(targets)
    if values.ndim != true.ndim + 1:
        raise ShapeError(
            f"top_k_accuracy: scores expects targets' shape {true.shape} with a class axis at its "
            f"end, but has shape {values.shape}; the k largest of one answer do not exist"
        )
    _, true, classes = _classes("top_k_accuracy", values, true)
    if not true.size:
        raise ShapeError("top_k_accuracy: targets is empty, and no share of nothing is defined")
    if not 1 <= k <= classes:
        raise ArgumentError(
            f"top_k_accuracy: k expects a number from 1 to {classes}, the number of classes, "
            f"but got {k}"
        )
    _check_range("top_k_accuracy", "targets", true, classes)
    rows = values.reshape(-1, classes)
    order = np.argsort(-rows.astype(np.float64), axis=-1, kind="stable")
    return float(np.mean((order[:, :k] == true[:, None]).any(axis=-1)))


def _classes(
    function: str, predictions: npt.ArrayLike, targets: npt.ArrayLike
) -> tuple[Array, Array, int]:
    """Both as flat arrays of classes, and K where predictions were scores (otherwise 0)."""
    said, true = np.asarray(predictions), np.asarray(targets)
    refuse_names(function, predictions=said, targets=true)
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


def _check_range(function: str, name: str, values: Array, classes: int) -> None:
    if values.size and (values.min() < 0 or values.max() >= classes):
        wrong = int(values.min()) if values.min() < 0 else int(values.max())
        raise ArgumentError(
            f"{function}: {name} expects classes from 0 to {classes - 1}, "
            f"but one is {wrong}; number the classes from 0 and check `classes`"
        )
