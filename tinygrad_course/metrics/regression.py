"""Regression metrics: how far predicted numbers lie from the true ones.

Everything is computed in float64. Read `calibration.py` next.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..errors import ShapeError
from .inputs import Floats, as_floats


def mse(predictions: npt.ArrayLike, targets: npt.ArrayLike) -> float:
    """The mean squared error: mean (y - t)^2.

    Args:
        predictions: y, numbers of shape (N,) or (N, D).
        targets: t, of the same shape.

    Returns:
        The mean over examples and outputs, in the square of the targets' unit; NaN where an input
        is.

    Raises:
        ShapeError: shapes that differ, or no examples.
        DtypeError: strings.

    Example:
        >>> mse([1.0, 2.0, 3.0], [1.0, 2.0, 6.0])
        3.0
    """
    y, t = _pair("mse", predictions, targets)
    return float(np.mean((y - t) ** 2))


def rmse(predictions: npt.ArrayLike, targets: npt.ArrayLike) -> float:
    """The root of the mean squared error, in the targets' unit: sqrt(mean (y - t)^2).

    Args:
        predictions: y, numbers of shape (N,) or (N, D).
        targets: t, of the same shape.

    Returns:
        The root; of several outputs, the mean of their roots.

    Raises:
        ShapeError: shapes that differ, or no examples.
        DtypeError: strings.

    Example:
        >>> rmse([0.0, 0.0], [3.0, 3.0])
        3.0
    """
    y, t = _pair("rmse", predictions, targets)
    return float(np.mean(np.sqrt(np.mean((y - t) ** 2, axis=0))))


def mae(predictions: npt.ArrayLike, targets: npt.ArrayLike) -> float:
    """The mean absolute error: mean |y - t|. One outlier counts for less than in the square.

    Args:
        predictions: y, numbers of shape (N,) or (N, D).
        targets: t, of the same shape.

    Returns:
        The mean over examples and outputs, in the targets' unit.

    Raises:
        ShapeError: shapes that differ, or no examples.
        DtypeError: strings.

    Example:
        >>> mae([1.0, 2.0, 3.0], [1.0, 2.0, 6.0])
        1.0
    """
    y, t = _pair("mae", predictions, targets)
    return float(np.mean(np.abs(y - t)))


def r2(predictions: npt.ArrayLike, targets: npt.ArrayLike) -> float:
    """The coefficient of determination: what share of the targets' variance is explained.

    R^2 = 1 - RSS / TSS,  RSS = sum (t - y)^2,  TSS = sum (t - mean t)^2

    1 is perfect, 0 is no better than always answering the mean, and there is no lowest value. The
    mean is that of these targets: on test data that is one thing the model could not know.

    Args:
        predictions: y, numbers of shape (N,) or (N, D).
        targets: t, of the same shape.

    Returns:
        R^2; of several outputs, the mean of theirs. Where all targets are equal TSS is 0, and the
        result is 1 for perfect predictions and 0 for others.

    Raises:
        ShapeError: shapes that differ, or fewer than two examples, which have no variance.
        DtypeError: strings.

    Example:
        >>> r2([1.0, 2.0, 4.0], [1.0, 2.0, 3.0])
        0.5
    """
    y, t = _pair("r2", predictions, targets)
    if len(t) < 2:
        raise ShapeError(
            "r2: targets expects at least 2 examples, but has 1, and one number has no variance "
            "to explain; use mse"
        )
    rss = np.sum((t - y) ** 2, axis=0)
    # Equal targets need not equal their computed mean: that of three times 0.1 is not 0.1.
    tss = np.where(np.ptp(t, axis=0) == 0, 0.0, np.sum((t - t.mean(axis=0)) ** 2, axis=0))
    constant = tss == 0
    explained = np.where(constant, rss == 0, 1 - rss / np.where(constant, 1.0, tss))
    return float(np.mean(explained))


def _pair(
    function: str, predictions: npt.ArrayLike, targets: npt.ArrayLike
) -> tuple[Floats, Floats]:
    y = as_floats(function, "predictions", predictions)
    t = as_floats(function, "targets", targets)
    if y.shape != t.shape:
        # (N, 1) beside (N,) would broadcast to (N, N), and its mean would look like an error.
        raise ShapeError(
            f"{function}: predictions expects targets' shape {t.shape}, but has shape {y.shape}; "
            "a last layer with one output gives (N, 1): index it with [:, 0]"
        )
    if t.ndim not in {1, 2} or not t.size:
        raise ShapeError(
            f"{function}: targets expects shape (N,) or (N, D) with N at least 1, but has shape "
            f"{t.shape}"
        )
    return y, t
