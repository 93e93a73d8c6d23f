"""Shapes: the ops that move values about without changing one.

Most are views: no value is copied, and the gradient is moved back the same way.
Read next: `joining.py`.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import Array
from ..dtypes import operand, real_dtype, unbroadcast
from ..errors import ArgumentTypeError, ShapeError
from ..function import Function
from ..tensor import Tensor, values, wrap
from .axes import as_axes, as_axis


class Reshape(Function):
    """y = x in another shape        dL/dx = dL/dy in the old one"""

    view = True

    def __init__(self, *, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def forward(self, x: Array) -> Array:
        self.x_shape = x.shape
        return x.reshape(self.shape)

    def grad_x(self, grad: Any) -> Any:
        return grad.reshape(self.x_shape)


class Transpose(Function):
    """y = x with its axes permuted        dL/dx = dL/dy permuted back"""

    view = True

    def __init__(self, *, axes: tuple[int, ...]) -> None:
        self.axes = axes

    def forward(self, x: Array) -> Array:
        return x.transpose(self.axes)

    def grad_x(self, grad: Any) -> Any:
        back = [0] * len(self.axes)
        for to, source in enumerate(self.axes):
            back[source] = to
        return grad.transpose(tuple(back))


class BroadcastTo(Function):
    """y = x repeated along new or size-1 axes        dL/dx = dL/dy summed over them"""

    view = True

    def __init__(self, *, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def forward(self, x: Array) -> Array:
        self.x_shape = x.shape
        if x.__class__ is np.ndarray and not x.shape:  # a loss's gradient: a third of the time
            y: Array = np.ndarray(self.shape, x.dtype, x, 0, (0,) * len(self.shape))
            y.setflags(write=False)
            return y
        return np.broadcast_to(x, self.shape)

    def grad_x(self, grad: Any) -> Any:
        return unbroadcast(grad, self.x_shape)


class Astype(Function):
    """y = x in another float dtype        dL/dx = dL/dy in x's dtype"""

    def __init__(self, *, dtype: Any) -> None:
        self.to = dtype

    def forward(self, x: Array) -> Array:
        return x.astype(self.to)

    def grad_x(self, grad: Any) -> Any:
        return astype(grad, self.dtype)


def reshape(x: Any, shape: int | Sequence[int]) -> Tensor:
    """The same values in another shape; one size may be -1.

    Raises:
        ShapeError: another number of values.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.reshape(tg.tensor([1, 2, 3, 4]), (2, -1)).tolist()
        [[1, 2], [3, 4]]
    """
    x, sizes = operand(x), _sizes("reshape", shape)
    known = math.prod([n for n in sizes if n >= 0])
    count = math.prod(x.shape)
    if sizes.count(-1) == 1 and min(sizes) == -1 and known and count % known == 0:
        sizes = tuple([count // known if n == -1 else n for n in sizes])
    if any(n < 0 for n in sizes) or math.prod(sizes) != count:
        raise ShapeError(
            f"reshape: shape {tuple(x.shape)} holds {count} values, which do not fill shape "
            f"{_sizes('reshape', shape)}"
        )
    return Reshape(shape=sizes).apply(x)


def flatten(x: Any, start_axis: int = 1) -> Tensor:
    """The axes from `start_axis` on merged into one: (N, H, W, C) becomes (N, H W C).

    Example:
        >>> import tinygrad_course as tg
        >>> tg.flatten(tg.tensor([[[1], [2]], [[3], [4]]])).tolist()
        [[1, 2], [3, 4]]
    """
    x = operand(x)
    start = as_axis("flatten", start_axis, tuple(x.shape), len(x.shape))
    return reshape(x, (*x.shape[:start], math.prod(x.shape[start:])))


def transpose(x: Any, axes: Sequence[int] | None = None) -> Tensor:
    """The axes permuted: axis i of the result is axis `axes[i]` of x; None reverses them.

    Raises:
        ShapeError: not a permutation of x's axes.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.transpose(tg.tensor([[1, 2], [3, 4]])).tolist()
        [[1, 3], [2, 4]]
    """
    x = operand(x)
    ndim = len(x.shape)
    if axes is None:
        order = tuple(reversed(range(ndim)))
    else:
        given = axes if isinstance(axes, (tuple, list)) else (axes,)
        order = tuple([as_axis("transpose", a, tuple(x.shape), ndim) for a in given])
    if sorted(order) != list(range(ndim)):
        raise ShapeError(
            f"transpose: axes {axes} is no permutation of the {ndim} axes of shape {tuple(x.shape)}"
        )
    return Transpose(axes=order).apply(x)


def squeeze(x: Any, axis: Any = None) -> Tensor:
    """Without the axes of size 1: all of them, or those named.

    Raises:
        ShapeError: a named axis has another size.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.squeeze(tg.tensor([[[1], [2]]])).tolist()
        [1, 2]
    """
    x = operand(x)
    shape = tuple(x.shape)
    if axis is None:
        axes = tuple([i for i, n in enumerate(shape) if n == 1])
    else:
        axes = as_axes("squeeze", axis, shape)
    for a in axes:
        if shape[a] != 1:
            raise ShapeError(f"squeeze: axis {a} of shape {shape} has size {shape[a]}, not 1")
    return reshape(x, [n for i, n in enumerate(shape) if i not in axes])


def expand_dims(x: Any, axis: Any) -> Tensor:
    """With a new axis of size 1 at `axis` (or several), counted in the result.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.expand_dims(tg.tensor([1, 2]), -1).tolist()
        [[1], [2]]
    """
    x = operand(x)
    shape = tuple(x.shape)
    given = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    ndim = len(shape) + len(given)
    axes = [as_axis("expand_dims", a, shape, ndim) for a in given]
    if len(set(axes)) != len(axes):
        raise ShapeError(f"expand_dims: axis {axis} names one axis twice")
    sizes = iter(shape)
    return reshape(x, [1 if i in axes else next(sizes) for i in range(ndim)])


def broadcast_to(x: Any, shape: Sequence[int]) -> Tensor:
    """x repeated to `shape`, as NumPy broadcasts: a read-only view.

    Raises:
        ShapeError: x does not broadcast to `shape`.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.broadcast_to(tg.tensor([1, 2]), (2, 2)).tolist()
        [[1, 2], [1, 2]]
    """
    x, sizes = operand(x), _sizes("broadcast_to", shape)
    have = tuple(x.shape)
    fits = len(have) <= len(sizes) and all(
        n in (1, m) for n, m in zip(reversed(have), reversed(sizes), strict=False)
    )
    if not fits or any(n < 0 for n in sizes):
        raise ShapeError(
            f"broadcast_to: shape {have} does not broadcast to {sizes}: aligned from the right, "
            "each size must be equal or 1"
        )
    return BroadcastTo(shape=sizes).apply(x)


def astype(x: Any, dtype: Any) -> Tensor:
    """The values in another dtype; between floats it is differentiable.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.astype(tg.tensor([1.5, 2.5]), "int64").tolist()
        [1, 2]
    """
    x, target = operand(x), real_dtype("astype", dtype)
    if not isinstance(x, Tensor):
        array: Tensor = x.astype(target)  # an array, for arrays
        return array
    if x.dtype == target:
        return x
    if target.kind == "f" and x.dtype.kind == "f":
        return Astype(dtype=target).apply(x)
    return wrap(values(x).astype(target), None)


def _sizes(name: str, shape: Any) -> tuple[int, ...]:
    given = shape if isinstance(shape, (tuple, list)) else (shape,)
    try:
        return tuple([operator.index(n) for n in given])
    except TypeError:
        raise ArgumentTypeError(f"{name}: a shape is made of integers, not {shape!r}") from None
