"""Softmax and log-softmax: numbers as probabilities, and the logarithms of those.

Over the last axis both have a kernel, forward and backward. Read next: `conv.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array, launch
from ..dtypes import floating
from ..function import Function
from ..tensor import Tensor
from .axes import as_axis, top
from .elementary import exp


class Softmax(Function):
    """y_i = e^x_i / sum_j e^x_j        dL/dx = y (dL/dy - sum dL/dy y)"""

    def __init__(self, *, axis: int) -> None:
        self.axis = axis

    def forward(self, x: Array) -> Array:
        self.by_rows = self.axis in (-1, x.ndim - 1)
        if self.by_rows:
            return launch("softmax", x)
        # Shifting all x by their maximum changes nothing and keeps e^x from overflowing.
        e = np.exp(x - top(x, (self.axis,)))
        return e / np.sum(e, axis=self.axis, keepdims=True)

    def grad_x(self, grad: Any, y: Any) -> Any:
        if self.by_rows:
            return SoftmaxGrad().apply(grad, y)
        return y * (grad - (grad * y).sum(axis=self.axis, keepdims=True))


class SoftmaxGrad(Function):
    """dx = y (dy - sum dy y), over the last axis

    dL/ddy = y (g - sum g y)        dL/dy = g (dy - sum dy y) - dy sum g y        g = dL/ddx
    """

    def forward(self, dy: Array, y: Array) -> Array:
        return launch("softmax_grad", dy, y)

    def grad_dy(self, grad: Any, y: Any) -> Any:
        return SoftmaxGrad().apply(grad, y)  # the matrix dy -> dx is symmetric

    def grad_y(self, grad: Any, dy: Any, y: Any) -> Any:
        inner = (dy * y).sum(axis=-1, keepdims=True)
        return grad * (dy - inner) - dy * (grad * y).sum(axis=-1, keepdims=True)


class LogSoftmax(Function):
    """y_i = x_i - log sum_j e^x_j        dL/dx = dL/dy - e^y sum dL/dy"""

    def __init__(self, *, axis: int) -> None:
        self.axis = axis

    def forward(self, x: Array) -> Array:
        self.by_rows = self.axis in (-1, x.ndim - 1)
        if self.by_rows:
            return launch("log_softmax", x)
        shifted = x - top(x, (self.axis,))
        with np.errstate(divide="ignore"):  # the log of the sum over no classes at all
            return shifted - np.log(np.sum(np.exp(shifted), axis=self.axis, keepdims=True))

    def grad_x(self, grad: Any, y: Any) -> Any:
        if self.by_rows:
            return LogSoftmaxGrad().apply(grad, y)
        return grad - exp(y) * grad.sum(axis=self.axis, keepdims=True)


class LogSoftmaxGrad(Function):
    """dx = dy - e^y sum dy, over the last axis

    dL/ddy = g - sum g e^y        dL/dy = -g e^y sum dy        g = dL/ddx
    """

    def forward(self, dy: Array, y: Array) -> Array:
        return launch("log_softmax_grad", dy, y)

    def grad_dy(self, grad: Any, y: Any) -> Any:
        return grad - (grad * exp(y)).sum(axis=-1, keepdims=True)

    def grad_y(self, grad: Any, dy: Any, y: Any) -> Any:
        return -grad * exp(y) * dy.sum(axis=-1, keepdims=True)


def softmax(x: Any, axis: int = -1) -> Tensor:
    """y_i = e^x_i / sum_j e^x_j over `axis`: positive, summing to 1.

    In front of a cross-entropy do not call it: `cross_entropy` takes the logits.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.softmax(tg.tensor([1000.0, 1000.0])).tolist()
        [0.5, 0.5]
    """
    x = floating(x)
    return Softmax(axis=as_axis("softmax", axis, tuple(x.shape), len(x.shape))).apply(x)


def log_softmax(x: Any, axis: int = -1) -> Tensor:
    """y = log softmax(x) over `axis`, without taking the log of a small number.

    Example:
        >>> import tinygrad_course as tg
        >>> [round(v, 4) for v in tg.log_softmax(tg.tensor([0.0, 0.0])).tolist()]
        [-0.6931, -0.6931]
    """
    x = floating(x)
    return LogSoftmax(axis=as_axis("log_softmax", axis, tuple(x.shape), len(x.shape))).apply(x)
