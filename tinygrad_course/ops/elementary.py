"""Elementary functions: exp, log, powers, sine and cosine, tanh, sigmoid, softplus.

Those whose derivative is simplest in terms of the result keep `y` instead of `x`.
Read next: `reduction.py` (`erf.py` holds the error function).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array, launch
from ..dtypes import floating
from ..pointwise import Unary
from ..tensor import Tensor
from .epilogue import LARGE, activation_grad
from .numbers import positive


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


class Expm1(Unary):
    """y = e^x - 1        dL/dx = dL/dy e^x"""

    def forward(self, x: Array) -> Array:
        return np.expm1(x)

    def grad_x(self, grad: Any, x: Any) -> Any:
        return grad * exp(x)  # y + 1 would be cheaper, and lose all digits of a very negative x


class Log1p(Unary):
    """y = ln(1 + x)        dL/dx = dL/dy / (1 + x)"""

    def forward(self, x: Array) -> Array:
        return np.log1p(x)

    def grad_x(self, grad: Any, x: Any) -> Any:
        return grad / (1.0 + x)


class Square(Unary):
    """y = x^2        dL/dx = dL/dy 2 x"""

    keeps_integers = True

    def forward(self, x: Array) -> Array:
        return x * x

    def grad_x(self, grad: Any, x: Any) -> Any:
        return grad * 2.0 * x


class Sqrt(Unary):
    """y = x^(1/2)        dL/dx = dL/dy / (2 y)"""

    def forward(self, x: Array) -> Array:
        return np.sqrt(x)

    def grad_x(self, grad: Any, y: Any) -> Any:
        return grad * 0.5 / y


class Sin(Unary):
    """y = sin x        dL/dx = dL/dy cos x"""

    def forward(self, x: Array) -> Array:
        return np.sin(x)

    def grad_x(self, grad: Any, x: Any) -> Any:
        return grad * cos(x)


class Cos(Unary):
    """y = cos x        dL/dx = -dL/dy sin x"""

    def forward(self, x: Array) -> Array:
        return np.cos(x)

    def grad_x(self, grad: Any, x: Any) -> Any:
        return -grad * sin(x)


class Tanh(Unary):
    """y = tanh x        dL/dx = dL/dy (1 - y^2)"""

    def forward(self, x: Array) -> Array:
        return np.tanh(x) if x.size < LARGE else launch("activation", x, None, kind="tanh")

    def grad_x(self, grad: Any, y: Any) -> Any:
        return grad * (1.0 - y * y) if y.size < LARGE else activation_grad(grad, y, "tanh")


class Sigmoid(Unary):
    """y = 1 / (1 + e^-x)        dL/dx = dL/dy y (1 - y)"""

    def forward(self, x: Array) -> Array:
        if x.size >= LARGE:
            return launch("activation", x, None, kind="sigmoid")
        # e^x / (e^x + 1) or 1 / (1 + e^-x): whichever power does not overflow. The small values
        # of a very negative x stay exact.
        return np.exp(np.minimum(x, 0)) / (1 + np.exp(-abs(x)))

    def grad_x(self, grad: Any, y: Any) -> Any:
        return grad * y * (1.0 - y) if y.size < LARGE else activation_grad(grad, y, "sigmoid")


class Softplus(Unary):
    """y = ln(1 + e^x)        dL/dx = dL/dy sigmoid(x)"""

    def forward(self, x: Array) -> Array:
        # ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|), and e^-|x| never overflows.
        return np.maximum(x, 0) + np.log1p(np.exp(-abs(x)))

    def grad_x(self, grad: Any, x: Any) -> Any:
        return grad * sigmoid(x)


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


def expm1(x: Any) -> Tensor:
    """y = e^x - 1, elementwise, with all digits for a small x too.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.expm1(tg.tensor([0.0, 1e-20])).tolist() == tg.tensor([0.0, 1e-20]).tolist()
        True
    """
    return Expm1().apply(x)


def log1p(x: Any) -> Tensor:
    """y = ln(1 + x), elementwise, with all digits for a small x too: -inf at -1, NaN below.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.log1p(tg.tensor([0.0])).tolist()
        [0.0]
    """
    return Log1p().apply(x)


def square(x: Any) -> Tensor:
    """y = x^2, elementwise.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.square(tg.tensor([-3.0, 2.0])).tolist()
        [9.0, 4.0]
    """
    return Square().apply(x)


def sqrt(x: Any) -> Tensor:
    """y = x^(1/2), elementwise: NaN below 0; the gradient at 0 is infinite.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.sqrt(tg.tensor([9.0])).tolist()
        [3.0]
    """
    return Sqrt().apply(x)


def sin(x: Any) -> Tensor:
    """y = sin x, elementwise, x in radians.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.sin(tg.tensor([0.0])).tolist()
        [0.0]
    """
    return Sin().apply(x)


def cos(x: Any) -> Tensor:
    """y = cos x, elementwise, x in radians.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.cos(tg.tensor([0.0])).tolist()
        [1.0]
    """
    return Cos().apply(x)


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


def softplus(x: Any, beta: float = 1.0) -> Tensor:
    """y = ln(1 + e^(beta x)) / beta, a smooth relu; stable for any x.

    PyTorch's `threshold`, above which it returns x itself, is not needed: the formula here neither
    overflows nor loses digits.

    Args:
        x: a tensor or an array.
        beta: how sharply it bends; the larger, the closer to relu.

    Raises:
        ArgumentError: beta is not positive.

    Example:
        >>> import tinygrad_course as tg
        >>> [round(v, 4) for v in tg.softplus(tg.tensor([0.0, 1000.0, -1000.0])).tolist()]
        [0.6931, 1000.0, 0.0]

    References:
        Dugas, Bengio, Belisle, Nadeau, Garcia, "Incorporating second-order functional knowledge for
        better option pricing", NIPS 2000.
    """
    beta = positive("softplus", "beta", beta)
    return Softplus().apply(x) if beta == 1.0 else Softplus().apply(floating(x) * beta) / beta
