"""Arithmetic: the ops behind the operators.

Each op is a class: forward, and directly under it dL/d(input) from `grad` = dL/dy. All of them
broadcast; the engine sums the gradients back. Read next: `choice.py`, then `elementary.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import MANY, Array, added, is_array
from ..dtypes import DEFAULT
from ..pointwise import Binary, Unary
from ..tensor import Tensor
from .choice import where
from .elementary import log
from .epilogue import AddActivation, activation_kind


class Add(Binary):
    """y = a + b        dL/da = dL/dy        dL/db = dL/dy"""

    def forward(self, a: Array, b: Array) -> Array:
        return a + b if a.size < MANY else added(a, b)

    def grad_a(self, grad: Any) -> Any:
        return grad

    def grad_b(self, grad: Any) -> Any:
        return grad


class Sub(Binary):
    """y = a - b        dL/da = dL/dy        dL/db = -dL/dy"""

    def forward(self, a: Array, b: Array) -> Array:
        return a - b

    def grad_a(self, grad: Any) -> Any:
        return grad

    def grad_b(self, grad: Any) -> Any:
        return -grad


class Mul(Binary):
    """y = a b        dL/da = dL/dy b        dL/db = dL/dy a"""

    def forward(self, a: Array, b: Array) -> Array:
        return a * b

    def grad_a(self, grad: Any, b: Any) -> Any:
        return grad * b

    def grad_b(self, grad: Any, a: Any) -> Any:
        return grad * a


class Div(Binary):
    """y = a / b        dL/da = dL/dy / b        dL/db = -dL/dy y / b"""

    def forward(self, a: Array, b: Array) -> Array:
        return a / b

    def grad_a(self, grad: Any, b: Any) -> Any:
        return grad / b

    def grad_b(self, grad: Any, b: Any, y: Any) -> Any:
        return -grad * y / b


class Pow(Binary):
    """y = a^b        dL/da = dL/dy b a^(b-1)        dL/db = dL/dy y log a

    Where b = 0, dL/da = 0 also at a = 0; where a = 0, dL/db = 0.
    """

    def forward(self, a: Array, b: Array) -> Array:
        integers = is_array(a) and is_array(b) and a.dtype.kind in "iub" and b.dtype.kind == "i"
        if integers and (b < 0).any():
            a = a.astype(DEFAULT)  # 2^-1 is no integer
        return a**b

    def grad_a(self, grad: Any, a: Any, b: Any) -> Any:
        # 0 * a^(-1) would be NaN at a = 0, where the power is the constant 1.
        return grad * b * a ** where(b == 0.0, 0.0, b - 1.0)

    def grad_b(self, grad: Any, a: Any, y: Any) -> Any:
        return grad * y * log(where(a == 0.0, 1.0, a))


class Neg(Unary):
    """y = -x        dL/dx = -dL/dy"""

    keeps_integers = True

    def forward(self, x: Array) -> Array:
        return -x

    def grad_x(self, grad: Any) -> Any:
        return -grad


class Abs(Unary):
    """y = |x|        dL/dx = dL/dy sign(x), 0 at the kink"""

    keeps_integers = True

    def forward(self, x: Array) -> Array:
        return np.abs(x)

    def grad_x(self, grad: Any, x: Any) -> Any:
        return grad * sign(x)


class Sign(Unary):
    """y = -1, 0 or 1        dL/dx = 0"""

    keeps_integers = True

    def forward(self, x: Array) -> Array:
        return np.sign(x)

    def grad_x(self, grad: Any) -> None:
        return None


def add(a: Any, b: Any, *, activation: str | None = None) -> Tensor:
    """y = f(a + b), with broadcasting; the operator `+` where there is no f.

    Args:
        a: a tensor or an array.
        b: the same, or a number.
        activation: "relu", "tanh" or "sigmoid", computed in the same kernel: what a residual block
            ends with. None for no f.

    Raises:
        ShapeError: shapes that do not broadcast. DtypeError: float32 beside float64.
        ArgumentError: another activation.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.add(tg.tensor([1.0, 2.0]), 10).tolist()
        [11.0, 12.0]
        >>> tg.add(tg.tensor([1.0, 2.0]), tg.tensor([-3.0, 3.0]), activation="relu").tolist()
        [0.0, 5.0]
    """
    kind = activation_kind("add", activation)
    return (Add() if kind is None else AddActivation(activation=kind)).apply(a, b)


def sub(a: Any, b: Any) -> Tensor:
    """y = a - b, with broadcasting; the operator `-`.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.sub(tg.tensor([1.0, 2.0]), 1).tolist()
        [0.0, 1.0]
    """
    return Sub().apply(a, b)


def mul(a: Any, b: Any) -> Tensor:
    """y = a b, elementwise with broadcasting; the operator `*`.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.mul(tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0])).tolist()
        [3.0, 8.0]
    """
    return Mul().apply(a, b)


def div(a: Any, b: Any) -> Tensor:
    """y = a / b, with broadcasting; the operator `/`. Of integers it is a float32.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.div(tg.tensor([1, 3]), 2).tolist()
        [0.5, 1.5]
    """
    return Div().apply(a, b)


def neg(x: Any) -> Tensor:
    """y = -x; the operator `-`.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.neg(tg.tensor([1.0, -2.0])).tolist()
        [-1.0, 2.0]
    """
    return Neg().apply(x)


def pow(a: Any, b: Any) -> Tensor:  # noqa: A001 - NumPy's name
    """y = a^b, with broadcasting; the operator `**`.

    A negative base with a fractional exponent is NaN. At a = 0 the gradient of b is 0, and where
    b = 0 the gradient of a is 0.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.pow(tg.tensor([1.0, 3.0]), 2).tolist()
        [1.0, 9.0]
    """
    return Pow().apply(a, b)


def abs(x: Any) -> Tensor:  # noqa: A001 - NumPy's name
    """y = |x|; the gradient at 0 is 0.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.abs(tg.tensor([-1.0, 2.0])).tolist()
        [1.0, 2.0]
    """
    return Abs().apply(x)


def sign(x: Any) -> Tensor:
    """y = -1, 0 or 1 with the sign of x; its gradient is 0 everywhere.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.sign(tg.tensor([-3.0, 0.0, 2.0])).tolist()
        [-1.0, 0.0, 1.0]
    """
    return Sign().apply(x)
