"""Losses for numbers: squared, absolute, and Huber's, which joins the two.

Each is a value per element first, then a reduction. Read next: `cross_entropy.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array
from ..pointwise import Unary
from ..tensor import Tensor
from .arithmetic import abs
from .choice import clip
from .numbers import positive
from .targets import floats, reduced, same_shape


class Huber(Unary):
    """y = x^2 / 2 where |x| <= delta, else delta (|x| - delta / 2)

    dL/dx = dL/dy x held between -delta and delta
    """

    def __init__(self, *, delta: float) -> None:
        self.delta = delta

    def forward(self, x: Array) -> Array:
        size = np.abs(x)
        near = np.minimum(size, self.delta)
        return near * (size - 0.5 * near)

    def grad_x(self, grad: Any, x: Any) -> Any:
        return grad * clip(x, -self.delta, self.delta)


def mse(y: Any, target: Any, *, reduction: str = "mean") -> Tensor:
    """Squared error (y - target)^2, its mean over all elements by default. (No factor 1/2.)

    Args:
        y: predictions, any shape.
        target: the same shape; (N, 1) beside (N,) would broadcast to (N, N), so it is refused.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: shapes that differ.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.mse(tg.tensor([1.0, 2.0]), tg.tensor([1.0, 4.0])).item()
        2.0
    """
    y, target = floats(*same_shape("mse", y, target))
    difference = y - target
    return reduced("mse", difference * difference, reduction)


def l1(y: Any, target: Any, *, reduction: str = "mean") -> Tensor:
    """Absolute error |y - target|, its mean over all elements by default; its gradient at 0 is 0.

    Args:
        y: predictions, any shape.
        target: the same shape.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: shapes that differ.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.l1(tg.tensor([1.0, 2.0]), tg.tensor([1.0, 4.0])).item()
        1.0
    """
    y, target = floats(*same_shape("l1", y, target))
    return reduced("l1", abs(y - target), reduction)


def huber(y: Any, target: Any, *, delta: float = 1.0, reduction: str = "mean") -> Tensor:
    """Huber's loss of d = y - target: d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2).

    An outlier pulls with the force delta, however far away it is. (PyTorch's smooth L1 loss with
    beta = delta is this divided by delta.)

    Args:
        y: predictions, any shape.
        target: the same shape.
        delta: where the parabola becomes a line; positive.
        reduction: "mean" over all elements, "sum" or "none".

    Raises:
        ShapeError: shapes that differ. ArgumentError: delta is not positive.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.huber(tg.tensor([0.5, 3.0]), tg.tensor([0.0, 0.0]), reduction="none").tolist()
        [0.125, 2.5]

    References:
        Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35,
        1964.
    """
    delta = positive("huber", "delta", delta)
    y, target = floats(*same_shape("huber", y, target))
    losses = Huber(delta=delta).apply(y - target)
    return reduced("huber", losses, reduction)
