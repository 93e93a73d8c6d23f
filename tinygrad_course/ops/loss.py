"""Losses for numbers: squared, absolute, and Huber's, which joins the two.

Each is one op, its reduction included. Read next: `binary_loss.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array
from ..tensor import Tensor
from .arithmetic import sign
from .choice import clip
from .numbers import positive
from .targets import Loss


class SquaredError(Loss):
    """l = (x - t)^2        dL/dx = dL/dl 2 (x - t)        dL/dt = -dL/dx"""

    name = "mse"

    def forward(self, x: Array, t: Array) -> Array:
        x, t = self.fitting(x, t)
        difference = x - t
        return self.reduced(difference * difference)

    def grad_x(self, grad: Any, x: Any, t: Any) -> Any:
        return grad * 2.0 * (x - t)

    def grad_t(self, grad: Any, x: Any, t: Any) -> Any:
        return grad * 2.0 * (t - x)


class AbsoluteError(Loss):
    """l = |x - t|        dL/dx = dL/dl sign(x - t), 0 at the kink        dL/dt = -dL/dx"""

    name = "l1"

    def forward(self, x: Array, t: Array) -> Array:
        x, t = self.fitting(x, t)
        return self.reduced(np.abs(x - t))

    def grad_x(self, grad: Any, x: Any, t: Any) -> Any:
        return grad * sign(x - t)

    def grad_t(self, grad: Any, x: Any, t: Any) -> Any:
        return grad * sign(t - x)


class Huber(Loss):
    """l = d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2), for d = x - t

    dL/dx = dL/dl d held between -delta and delta        dL/dt = -dL/dx
    """

    name = "huber"

    def __init__(self, *, delta: float, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, x: Array, t: Array) -> Array:
        x, t = self.fitting(x, t)
        size = np.abs(x - t)
        near = np.minimum(size, self.delta)
        return self.reduced(near * (size - 0.5 * near))

    def grad_x(self, grad: Any, x: Any, t: Any) -> Any:
        return grad * clip(x - t, -self.delta, self.delta)

    def grad_t(self, grad: Any, x: Any, t: Any) -> Any:
        return grad * clip(t - x, -self.delta, self.delta)


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
    return SquaredError(reduction=reduction).apply(y, target)


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
    return AbsoluteError(reduction=reduction).apply(y, target)


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
    return Huber(delta=delta, reduction=reduction).apply(y, target)
