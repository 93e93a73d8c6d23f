"""Activations: relu, leaky relu, softmax, log-softmax (tanh and sigmoid: `elementary.py`).

Read next: `conv.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array
from ..dtypes import floating
from ..function import Function
from ..pointwise import Unary
from ..tensor import Tensor
from .arithmetic import sign
from .axes import as_axes
from .choice import where
from .elementary import exp

ZERO = {np.dtype(d): np.zeros((), d) for d in ("float32", "float64")}


class ReLU(Unary):
    """y = max(x, 0)        dL/dx = dL/dy sign(y), 0 at the kink"""

    def forward(self, x: Array) -> Array:
        # A 0-d array of x's dtype: NumPy needs half the time it takes for a Python number.
        return np.maximum(x, ZERO.get(x.dtype, 0))

    def grad_x(self, grad: Any, y: Any) -> Any:
        return grad * sign(y)


class LeakyReLU(Unary):
    """y = x where x > 0, else slope x        dL/dx = dL/dy (1 or slope); slope at the kink"""

    def __init__(self, *, slope: float) -> None:
        self.slope = slope

    def forward(self, x: Array) -> Array:
        return np.where(x > 0, x, x * self.slope)

    def grad_x(self, grad: Any, x: Any) -> Any:
        return where(x > 0.0, grad, grad * self.slope)


class Softmax(Function):
    """y_i = e^x_i / sum_j e^x_j        dL/dx = y (dL/dy - sum dL/dy y)"""

    def __init__(self, *, axis: int) -> None:
        self.axis = axis

    def forward(self, x: Array) -> Array:
        # Shifting all x by their maximum changes nothing and keeps e^x from overflowing.
        e = np.exp(x - np.max(x, axis=self.axis, keepdims=True, initial=-np.inf))
        return e / np.sum(e, axis=self.axis, keepdims=True)

    def grad_x(self, grad: Any, y: Any) -> Any:
        return y * (grad - (grad * y).sum(axis=self.axis, keepdims=True))


class LogSoftmax(Function):
    """y_i = x_i - log sum_j e^x_j        dL/dx = dL/dy - e^y sum dL/dy"""

    def __init__(self, *, axis: int) -> None:
        self.axis = axis

    def forward(self, x: Array) -> Array:
        shifted = x - np.max(x, axis=self.axis, keepdims=True, initial=-np.inf)
        with np.errstate(divide="ignore"):  # the log of the sum over no classes at all
            return shifted - np.log(np.sum(np.exp(shifted), axis=self.axis, keepdims=True))

    def grad_x(self, grad: Any, y: Any) -> Any:
        return grad - exp(y) * grad.sum(axis=self.axis, keepdims=True)


def relu(x: Any) -> Tensor:
    """y = max(x, 0); the gradient at 0 is 0.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.relu(tg.tensor([-1.0, 2.0])).tolist()
        [0.0, 2.0]

    References:
        Nair, Hinton, "Rectified linear units improve restricted Boltzmann machines", ICML 2010.
    """
    return ReLU().apply(x)


def leaky_relu(x: Any, negative_slope: float = 0.01) -> Tensor:
    """y = x where x > 0, else negative_slope x; the gradient at 0 is negative_slope.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.leaky_relu(tg.tensor([-10.0, 2.0]), 0.5).tolist()
        [-5.0, 2.0]

    References:
        Maas, Hannun, Ng, "Rectifier nonlinearities improve neural network acoustic models", 2013.
    """
    return LeakyReLU(slope=float(negative_slope)).apply(x)


def softmax(x: Any, axis: int = -1) -> Tensor:
    """y_i = e^x_i / sum_j e^x_j over `axis`: positive, summing to 1.

    In front of a cross-entropy do not call it: `cross_entropy` takes the logits.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.softmax(tg.tensor([1000.0, 1000.0])).tolist()
        [0.5, 0.5]
    """
    (index,) = as_axes("softmax", axis, tuple(x.shape))
    return Softmax(axis=index).apply(floating(x))


def log_softmax(x: Any, axis: int = -1) -> Tensor:
    """y = log softmax(x) over `axis`, without taking the log of a small number.

    Example:
        >>> import tinygrad_course as tg
        >>> [round(v, 4) for v in tg.log_softmax(tg.tensor([0.0, 0.0])).tolist()]
        [-0.6931, -0.6931]
    """
    (index,) = as_axes("log_softmax", axis, tuple(x.shape))
    return LogSoftmax(axis=index).apply(floating(x))
