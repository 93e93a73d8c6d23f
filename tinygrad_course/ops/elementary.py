"""Elementary functions: exp, log, sqrt, tanh, sigmoid.

Those whose derivative is simplest in terms of the result keep `y` instead of `x`.
Read next: `reduction.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array
from ..pointwise import Unary
from ..tensor import Tensor


class Exp(Unary):
    """y = e^x        dL/dx = dL/dy y"""

    def forward(self, x: Array) -> Array:
        return np.exp(x)

    def grad_x(self, grad: Any, y: Any) -> Any:
        return grad * y


class Log(Unary):
    """y = ln x        dL/dx = dL/dy / x"""

    def forward(self, x: Array) -> Array:
        return np.log(x)

    def grad_x(self, grad: Any, x: Any) -> Any:
        return grad / x


class Sqrt(Unary):
    """y = x^(1/2)        dL/dx = dL/dy / (2 y)"""

    def forward(self, x: Array) -> Array:
        return np.sqrt(x)

    def grad_x(self, grad: Any, y: Any) -> Any:
        return grad * 0.5 / y


class Tanh(Unary):
    """y = tanh x        dL/dx = dL/dy (1 - y^2)"""

    def forward(self, x: Array) -> Array:
        return np.tanh(x)

    def grad_x(self, grad: Any, y: Any) -> Any:
        return grad * (1.0 - y * y)


class Sigmoid(Unary):
    """y = 1 / (1 + e^-x)        dL/dx = dL/dy y (1 - y)"""

    def forward(self, x: Array) -> Array:
        # e^-|x| never overflows, and keeps the small values of a very negative x exact.
        e = np.exp(-abs(x))
        return np.where(x < 0, e, 1) / (1 + e)

    def grad_x(self, grad: Any, y: Any) -> Any:
        return grad * y * (1.0 - y)


def exp(x: Any) -> Tensor:
    """y = e^x, elementwise.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.exp(tg.tensor([0.0])).tolist()
        [1.0]
    """
    return Exp().apply(x)


def log(x: Any) -> Tensor:
    """y = ln x, elementwise: -inf at 0, NaN below.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.log(tg.tensor([1.0])).tolist()
        [0.0]
    """
    return Log().apply(x)


def sqrt(x: Any) -> Tensor:
    """y = x^(1/2), elementwise: NaN below 0; the gradient at 0 is infinite.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.sqrt(tg.tensor([9.0])).tolist()
        [3.0]
    """
    return Sqrt().apply(x)


def tanh(x: Any) -> Tensor:
    """y = tanh x = (e^x - e^-x) / (e^x + e^-x), elementwise.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.tanh(tg.tensor([0.0])).tolist()
        [0.0]
    """
    return Tanh().apply(x)


def sigmoid(x: Any) -> Tensor:
    """y = 1 / (1 + e^-x), elementwise; stable for any x.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.sigmoid(tg.tensor([0.0, -1000.0])).tolist()
        [0.5, 0.0]
    """
    return Sigmoid().apply(x)
