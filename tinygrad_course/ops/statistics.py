"""More reductions: standard deviation, product, running sum, norms.

Each has a point where the textbook's formula divides zero by zero; here the gradient stays finite.
Read next: `shaping.py`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..backend import Array
from ..dtypes import add_up, floating, operand
from ..errors import ArgumentError, ShapeError
from ..function import Function
from ..tensor import Tensor
from .arithmetic import abs, sign
from .arranging import flip
from .axes import as_axes, as_axis, kept_shape, reduced_shape, top
from .choice import where
from .joining import stack
from .numbers import number
from .padding import pad
from .reduction import max, mean, sum
from .shaping import reshape, transpose


class Std(Function):
    """y = sqrt(sum (x - m)^2 / d)        dL/dx = dL/dy (x - m) / (d y), m = mean x, d = n - ddof

    0 where y = 0: there x is constant, and every direction increases y alike.
    """

    def __init__(self, *, axes: tuple[int, ...], ddof: float) -> None:
        self.axes = axes
        self.ddof = ddof

    def forward(self, x: Array) -> Array:
        count = math.prod([x.shape[a] for a in self.axes])
        self.freedom = float(count - self.ddof) if count > self.ddof else math.nan
        centred = x - add_up(x, self.axes, keepdims=True) / (count or math.nan)
        return np.sqrt(add_up(centred * centred, self.axes, keepdims=True) / self.freedom)

    def grad_x(self, grad: Any, x: Any, y: Any) -> Any:
        per_unit = where(y == 0.0, 0.0, grad / where(y == 0.0, 1.0, y)) / self.freedom
        return per_unit * (x - mean(x, self.axes, keepdims=True))


class ProdLast(Function):
    """y = x_1 x_2 ... x_n over the last axis        dL/dx_i = dL/dy times the product of the others

    Not dL/dy y / x_i: that is 0 / 0 where x_i = 0, and 0 too much often where another one is.
    """

    def forward(self, x: Array) -> Array:
        return np.prod(x, axis=-1)

    def grad_x(self, grad: Any, x: Any) -> Any:
        return grad.reshape((*grad.shape, 1)) * _others(x)


class CumSum(Function):
    """y_i = x_1 + ... + x_i along an axis        dL/dx_i = dL/dy_i + ... + dL/dy_n"""

    def __init__(self, *, axis: int) -> None:
        self.axis = axis

    def forward(self, x: Array) -> Array:
        return np.cumsum(x, axis=self.axis)

    def grad_x(self, grad: Any) -> Any:
        return flip(cumsum(flip(grad, self.axis), self.axis), self.axis)


class EuclideanNorm(Function):
    """y = sqrt(sum x^2)        dL/dx = dL/dy x / y, 0 where y = 0"""

    def __init__(self, *, axes: tuple[int, ...]) -> None:
        self.axes = axes

    def forward(self, x: Array) -> Array:
        scale = _scale(x, self.axes)  # so that x^2 neither overflows nor vanishes
        z = x / scale
        return scale * np.sqrt(np.sum(z * z, axis=self.axes, keepdims=True))

    def grad_x(self, grad: Any, x: Any, y: Any) -> Any:
        return x * where(y == 0.0, 0.0, grad / where(y == 0.0, 1.0, y))


class PNorm(Function):
    """y = (sum |x|^p)^(1/p)        dL/dx = dL/dy sign(x) (|x| / y)^(p - 1), 0 where x = 0"""

    def __init__(self, *, axes: tuple[int, ...], p: float) -> None:
        self.axes = axes
        self.p = p

    def forward(self, x: Array) -> Array:
        scale = _scale(x, self.axes)
        total = np.sum((np.abs(x) / scale) ** self.p, axis=self.axes, keepdims=True)
        return scale * total ** (1.0 / self.p)

    def grad_x(self, grad: Any, x: Any, y: Any) -> Any:
        # For p < 1, 0^(p - 1) is infinite, and for p < 2 its slope: the base 1 stands in at x = 0.
        whole = where(y == 0.0, 1.0, y)
        part = where(x == 0.0, whole, abs(x)) / whole
        return grad * sign(x) * part ** (self.p - 1.0)


def _scale(x: Array, axes: tuple[int, ...]) -> Array:
    """max |x| over axes, or 1 where that is zero, infinite or NaN."""
    largest = top(np.abs(x), axes)
    return np.where((largest > 0) & np.isfinite(largest), largest, 1).astype(x.dtype)


def _others(x: Any) -> Any:
    """For each value along the last axis, the product of all others, without dividing.

    The values are paired; a pair's product is one value of a problem half as long. From the product
    of all other pairs, each partner's result is that times the other partner: O(n) products.
    """
    before, n = tuple(x.shape[:-1]), x.shape[-1]
    if n < 2:
        return x * 0.0 + 1.0
    if n % 2:
        return _others(pad(x, (*((0, 0),) * len(before), (0, 1)), 1.0))[..., :n]
    left, right = x[..., ::2], x[..., 1::2]
    outside = _others(left * right)
    return reshape(stack([outside * right, outside * left], axis=-1), (*before, n))


def std(x: Any, axis: Any = None, *, ddof: int = 0, keepdims: bool = False) -> Tensor:
    """The standard deviation over `axis`: sqrt(sum (x - mean)^2 / (count - ddof)).

    Args:
        x: a tensor or an array.
        axis: None for all axes, an integer, or several.
        ddof: 0 for the deviation of these values, 1 for the estimate from a sample (PyTorch's
            default).
        keepdims: leave the reduced axes in, with size 1.

    Returns:
        NaN where count <= ddof. The gradient of a deviation of 0 is 0.

    Raises:
        ShapeError: an axis that x does not have.

    Example:
        >>> import tinygrad_course as tg
        >>> x = tg.tensor([1.0, 3.0])
        >>> tg.std(x).item(), round(tg.std(x, ddof=1).item(), 4)
        (1.0, 1.4142)
    """
    x = floating(x)
    axes = as_axes("std", axis, tuple(x.shape))
    y = Std(axes=axes, ddof=number("std", "ddof", ddof)).apply(x)
    return y if keepdims else reshape(y, reduced_shape(tuple(x.shape), axes))


def prod(x: Any, axis: Any = None, *, keepdims: bool = False) -> Tensor:
    """The product over `axis`; of nothing it is 1. Gradients of all orders are exact at zeros.

    Args:
        x: a tensor or an array.
        axis: None for all axes, an integer, or several.
        keepdims: leave the reduced axes in, with size 1.

    Raises:
        ShapeError: an axis that x does not have.

    Example:
        >>> import tinygrad_course as tg
        >>> x = tg.tensor([2.0, 0.0, 5.0], requires_grad=True)
        >>> tg.prod(x).backward()
        >>> x.grad.tolist()
        [0.0, 10.0, 0.0]
    """
    x = operand(x)
    shape = tuple(x.shape)
    axes = as_axes("prod", axis, shape)
    rest = tuple([i for i in range(len(shape)) if i not in axes])
    width = math.prod([shape[a] for a in axes])
    y = ProdLast().apply(reshape(transpose(x, rest + axes), (*reduced_shape(shape, axes), width)))
    return reshape(y, kept_shape(shape, axes)) if keepdims else y


def cumsum(x: Any, axis: int | None = None) -> Tensor:
    """The running sum along `axis`: y_i = x_1 + ... + x_i.

    Args:
        x: a tensor or an array.
        axis: the axis to add along; None adds along the flattened x.

    Returns:
        x's shape; with `axis=None`, one axis.

    Raises:
        ShapeError: an axis that x does not have.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.cumsum(tg.tensor([[1, 2], [3, 4]]), axis=1).tolist()
        [[1, 3], [3, 7]]
    """
    x = operand(x)
    if axis is None:
        x, axis = reshape(x, (math.prod(x.shape),)), 0
    shape = tuple(x.shape)
    return CumSum(axis=as_axis("cumsum", axis, shape, len(shape))).apply(x)


def norm(x: Any, axis: Any = None, *, p: float = 2.0, keepdims: bool = False) -> Tensor:
    """The p-norm (sum |x|^p)^(1/p) of the values over `axis`; for p = inf, max |x|.

    It is the norm of a vector: over two axes it is Frobenius's (p = 2), never the spectral norm.

    Args:
        x: a tensor or an array.
        axis: None for all axes, an integer, or several.
        p: positive, or math.inf.
        keepdims: leave the reduced axes in, with size 1.

    Returns:
        The norm; of nothing it is 0. Where it has no derivative, the gradient is a subgradient: 0
        for a vector of zeros, 0 for a zero among other values (p < 2), and for p = inf the first
        of equal maxima takes it all (PyTorch divides it among them).

    Raises:
        ArgumentError: p is not positive.
        ShapeError: an axis that x does not have; for p = inf, one of size 0.

    Example:
        >>> import math, tinygrad_course as tg
        >>> x = tg.tensor([3.0, -4.0])
        >>> [round(tg.norm(x, p=p).item(), 4) for p in (1, 2, 3, math.inf)]
        [7.0, 5.0, 4.4979, 4.0]
    """
    if not number("norm", "p", p) > 0:
        raise ArgumentError(f"norm: p must be positive (or math.inf), but it is {p}")
    x = floating(x)
    axes = as_axes("norm", axis, tuple(x.shape))
    shape = tuple(x.shape)
    if p == 1:
        return sum(abs(x), axes, keepdims=keepdims)
    if p == math.inf:
        if math.prod([shape[a] for a in axes]) == 0:
            raise ShapeError(f"norm: axis {axes} of shape {shape} is empty: it has no maximum")
        return max(abs(x), axes, keepdims=keepdims)
    y = (EuclideanNorm(axes=axes) if p == 2 else PNorm(axes=axes, p=float(p))).apply(x)
    return y if keepdims else reshape(y, reduced_shape(shape, axes))
