"""Reductions: sum, mean, var, max, min, argmax, logsumexp over any axes.

A sum's gradient is a broadcast, a maximum's goes to the first place that holds it.
Read next: `shaping.py`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..backend import Array, as_array
from ..dtypes import DEFAULT, HALF, add_up, floating, half_mean, operand, share
from ..errors import ShapeError
from ..function import Function
from ..tensor import Tensor
from .axes import as_axes, kept_shape, reduced_shape, top
from .choice import where
from .elementary import exp
from .indexing import PlaceLast
from .numbers import number
from .shaping import BroadcastTo, reshape, transpose


class Sum(Function):
    """y = sum of x over axes        dL/dx = dL/dy, broadcast back over them"""

    def __init__(self, *, axes: tuple[int, ...], keepdims: bool) -> None:
        self.axes = axes
        self.keepdims = keepdims

    def forward(self, x: Array) -> Array:
        self.x_shape = x.shape
        return add_up(x, self.axes, keepdims=self.keepdims)

    def grad_x(self, grad: Any) -> Any:
        return spread(grad, self.axes, self.x_shape)


class Mean(Function):
    """y = (1/n) sum of x over axes        dL/dx = (1/n) dL/dy, broadcast back over them"""

    def __init__(self, *, axes: tuple[int, ...], keepdims: bool) -> None:
        self.axes = axes
        self.keepdims = keepdims

    def forward(self, x: Array) -> Array:
        self.x_shape = x.shape
        self.count = float(math.prod([x.shape[a] for a in self.axes])) or math.nan
        if x.dtype == HALF:
            return half_mean(x, self.axes, self.count, keepdims=self.keepdims)
        return add_up(x, self.axes, keepdims=self.keepdims) / self.count

    def grad_x(self, grad: Any) -> Any:
        return spread(share(grad, self.count), self.axes, self.x_shape)


class MaxLast(Function):
    """y = max of x over the last axis        dL/dx = dL/dy at the first place of the maximum"""

    def forward(self, x: Array) -> Array:
        self.size = x.shape[-1]
        self.index = x.argmax(axis=-1)
        return np.take_along_axis(x, self.index[..., None], -1)[..., 0]

    def grad_x(self, grad: Any, index: Any) -> Any:
        return PlaceLast(size=self.size).apply(grad, index)


class MinLast(Function):
    """y = min of x over the last axis        dL/dx = dL/dy at the first place of the minimum"""

    def forward(self, x: Array) -> Array:
        self.size = x.shape[-1]
        self.index = x.argmin(axis=-1)
        return np.take_along_axis(x, self.index[..., None], -1)[..., 0]

    def grad_x(self, grad: Any, index: Any) -> Any:
        return PlaceLast(size=self.size).apply(grad, index)


class ArgMaxLast(Function):
    """y = the first place of the maximum over the last axis"""

    differentiable = False

    def forward(self, x: Array) -> Array:
        return x.argmax(axis=-1)


class LogSumExp(Function):
    """y = log sum e^x over axes        dL/dx = dL/dy e^(x - y)"""

    def __init__(self, *, axes: tuple[int, ...]) -> None:
        self.axes = axes

    def forward(self, x: Array) -> Array:
        # Shifted by the maximum, the largest term is e^0: no overflow, and never log 0.
        largest = top(x, self.axes)
        largest = np.where(np.isfinite(largest), largest, 0).astype(x.dtype)
        total = np.sum(np.exp(x - largest), axis=self.axes, keepdims=True)
        with np.errstate(divide="ignore"):
            return np.log(total) + largest

    def grad_x(self, grad: Any, x: Any, y: Any) -> Any:
        # Where every x is -inf, y is too, and e^(x - y) would be NaN instead of 0.
        return grad * exp(x - where(y == -math.inf, 0.0, y))


def spread(grad: Any, axes: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    """The gradient of a sum over `axes`: one value to all of those that were added up."""
    if len(axes) < len(shape) and len(grad.shape) < len(shape):
        grad = grad.reshape(kept_shape(shape, axes))
    # NumPy makes a scalar of a 0-d array that it divides; an array takes the short way.
    return BroadcastTo(shape=shape).apply(grad if isinstance(grad, Tensor) else as_array(grad))


def sum(x: Any, axis: Any = None, *, keepdims: bool = False) -> Tensor:  # noqa: A001
    """The sum over `axis`.

    Args:
        x: a tensor or an array.
        axis: None for all axes, an integer, or several.
        keepdims: leave the reduced axes in, with size 1.

    Raises:
        ShapeError: an axis that x does not have.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.sum(tg.tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0).tolist()
        [4.0, 6.0]
    """
    x = operand(x)
    axes = as_axes("sum", axis, x.shape)
    return Sum(axes=axes, keepdims=keepdims).apply(x)


def mean(x: Any, axis: Any = None, *, keepdims: bool = False) -> Tensor:
    """The mean over `axis`: sum / count. Of nothing it is NaN; of integers, a float32.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.mean(tg.tensor([[1.0, 2.0], [3.0, 4.0]]), axis=1).tolist()
        [1.5, 3.5]
    """
    x = operand(x)
    axes = as_axes("mean", axis, x.shape)
    if x.dtype.kind == "f":
        return Mean(axes=axes, keepdims=keepdims).apply(x)
    count = math.prod([x.shape[a] for a in axes])  # integers are added up as what they are
    return sum(x, axes, keepdims=keepdims) / (float(count) if count else math.nan)


def var(x: Any, axis: Any = None, *, ddof: int = 0, keepdims: bool = False) -> Tensor:
    """The variance over `axis`: sum (x - mean)^2 / (count - ddof).

    Args:
        x: a tensor or an array.
        axis: None for all axes, an integer, or several.
        ddof: 0 for the biased variance of a batch, 1 for the unbiased estimate.
        keepdims: leave the reduced axes in, with size 1.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.var(tg.tensor([1.0, 3.0])).item(), tg.var(tg.tensor([1.0, 3.0]), ddof=1).item()
        (1.0, 2.0)
    """
    x = operand(x)
    if x.dtype == HALF:  # as in `half_mean`
        wide = var(x.astype(DEFAULT), axis, ddof=ddof, keepdims=keepdims)
        return wide.astype(HALF)
    axes = as_axes("var", axis, x.shape)
    count = math.prod([x.shape[a] for a in axes]) - number("var", "ddof", ddof)
    centred = x - mean(x, axes, keepdims=True)
    total = sum(centred * centred, axes, keepdims=keepdims)
    return total / (float(count) if count > 0 else math.nan)


def max(x: Any, axis: Any = None, *, keepdims: bool = False) -> Tensor:  # noqa: A001
    """The maximum over `axis`; the gradient of a tie goes to its first place, NaN propagates.

    Raises:
        ShapeError: a reduced axis of size 0, which has no maximum.

    Example:
        >>> import tinygrad_course as tg
        >>> x = tg.tensor([1.0, 3.0, 3.0], requires_grad=True)
        >>> tg.max(x).backward()
        >>> x.grad.tolist()
        [0.0, 1.0, 0.0]
    """
    x = operand(x)
    axes = as_axes("max", axis, x.shape)
    y = MaxLast().apply(_axes_last("max", x, axes))
    return reshape(y, kept_shape(x.shape, axes)) if keepdims else y


def min(x: Any, axis: Any = None, *, keepdims: bool = False) -> Tensor:  # noqa: A001
    """The minimum over `axis`; the gradient of a tie goes to its first place, NaN propagates.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.min(tg.tensor([[1.0, 2.0], [4.0, 3.0]]), axis=1).tolist()
        [1.0, 3.0]
    """
    x = operand(x)
    axes = as_axes("min", axis, x.shape)
    y = MinLast().apply(_axes_last("min", x, axes))
    return reshape(y, kept_shape(x.shape, axes)) if keepdims else y


def argmax(x: Any, axis: Any = None, *, keepdims: bool = False) -> Tensor:
    """The first place of the maximum, as integers; it has no gradient.

    With `axis=None`, the place in the flattened tensor.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.argmax(tg.tensor([[1.0, 2.0], [4.0, 3.0]]), axis=1).tolist()
        [1, 0]
    """
    x = operand(x)
    axes = as_axes("argmax", axis, x.shape)
    if axis is not None and len(axes) != 1:
        raise ShapeError(f"argmax: expected one axis or None, but axis is {axis}")
    index = ArgMaxLast().apply(_axes_last("argmax", x, axes))
    return reshape(index, kept_shape(x.shape, axes)) if keepdims else index


def logsumexp(x: Any, axis: Any = None, *, keepdims: bool = False) -> Tensor:
    """y = log sum e^x over `axis`, without overflow: a smooth maximum.

    Example:
        >>> import tinygrad_course as tg
        >>> round(tg.logsumexp(tg.tensor([1000.0, 1000.0])).item(), 3)
        1000.693
    """
    x = floating(x)
    axes = as_axes("logsumexp", axis, x.shape)
    y = LogSumExp(axes=axes).apply(x)
    return y if keepdims else reshape(y, reduced_shape(x.shape, axes))


def _axes_last(name: str, x: Any, axes: tuple[int, ...]) -> Any:
    """x with `axes` moved to the end and merged into one axis, which must not be empty."""
    rest = tuple([i for i in range(len(x.shape)) if i not in axes])
    width = math.prod([x.shape[a] for a in axes])
    if width == 0:
        raise ShapeError(
            f"{name}: axis {axes} of shape {tuple(x.shape)} is empty: it has no {name}"
        )
    moved = transpose(x, rest + axes) if rest + axes != tuple(range(len(x.shape))) else x
    return reshape(moved, (*reduced_shape(x.shape, axes), width))
