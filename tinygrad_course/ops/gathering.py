"""Whole slices by their numbers: `take` reads them, `scatter_add` adds to them.

Each is the other's gradient. Read next: `linear.py`, then `embedding.py`, which is `take` on rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array, array_module
from ..dtypes import literal, operand
from ..errors import DtypeError, IndexingError, ShapeError
from ..function import Function
from ..tensor import Tensor, values
from .axes import as_axis
from .numbers import whole
from .shaping import reshape


class Take(Function):
    """y = the slices of x at index along an axis        dL/dx = dL/dy added at index"""

    def __init__(self, *, axis: int) -> None:
        self.axis = axis

    def forward(self, x: Array, index: Array) -> Array:
        self.size = x.shape[self.axis]
        return np.take(x, index, self.axis)

    def grad_x(self, grad: Any, index: Any) -> Any:
        return ScatterAdd(axis=self.axis, size=self.size).apply(grad, index)


class ScatterAdd(Function):
    """x = zeros with the slices of g added at index        dL/dg = dL/dx at index"""

    name = "scatter_add"

    def __init__(self, *, axis: int, size: int) -> None:
        self.axis = axis
        self.size = size

    def forward(self, g: Array, index: Array) -> Array:
        xp = array_module(g)
        after = g.shape[self.axis + index.ndim :]
        x = xp.zeros((*g.shape[: self.axis], self.size, *after), g.dtype)
        xp.add.at(x, (*(slice(None),) * self.axis, index), g)
        return x

    def grad_g(self, grad: Any, index: Any) -> Any:
        return Take(axis=self.axis).apply(grad, index)


def take(x: Any, index: Any, axis: int | None = None) -> Tensor:
    """The slices of x at `index` along `axis`; a slice may be taken several times.

    y[..., j, ...] = x[..., index[j], ...]

    Args:
        x: a tensor or an array.
        index: an integer or integers of any shape; a negative one counts from the end.
        axis: the axis that index counts along; None takes from the flattened x.

    Returns:
        x's shape with `axis` replaced by index's shape.

    Raises:
        IndexingError: an index outside the axis. DtypeError: one that is no integer.
        ShapeError: an axis that x does not have.

    Example:
        >>> import tinygrad_course as tg
        >>> x = tg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
        >>> y = tg.take(x, [1, 1, 0], axis=0)
        >>> y.tolist()
        [[3.0, 4.0], [3.0, 4.0], [1.0, 2.0]]
        >>> y.sum().backward()
        >>> x.grad.tolist()
        [[1.0, 1.0], [2.0, 2.0]]
    """
    x = operand(x)
    if axis is None:
        x = reshape(x, (-1,)) if 0 not in x.shape else reshape(x, (0,))
    shape = tuple(x.shape)
    where = as_axis("take", 0 if axis is None else axis, shape, len(shape))
    return Take(axis=where).apply(x, as_index("take", index, shape[where], x))


def scatter_add(g: Any, index: Any, axis: int = 0, *, size: int) -> Tensor:
    """Zeros with the slices of g added at `index` along `axis`: the adjoint of `take`.

    y[..., i, ...] = the sum of g[..., j, ...] over all j with index[j] = i

    Args:
        g: a tensor or an array: index's shape stands where y has `axis`.
        index: integers from 0 to size - 1 (or negative, from the end), repeated as you like.
        axis: the axis of y that index counts along.
        size: y's size along it.

    Raises:
        ShapeError: index's shape does not stand in g's at `axis`.
        IndexingError: an index outside the axis. DtypeError: one that is no integer.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.scatter_add(tg.tensor([1.0, 2.0, 4.0]), [0, 2, 0], size=3).tolist()
        [5.0, 0.0, 2.0]
    """
    g = operand(g)
    size = whole("scatter_add", "size", size, least=0)
    regular = as_index("scatter_add", index, size, g)
    shape = tuple(g.shape)
    ndim = len(shape) - regular.ndim + 1
    where = as_axis("scatter_add", axis, shape, max(ndim, 1))
    if shape[where : where + regular.ndim] != regular.shape or ndim < 1:
        raise ShapeError(
            f"scatter_add: g of shape {shape} must have the index's shape {regular.shape} from "
            f"axis {where} on"
        )
    return ScatterAdd(axis=where, size=size).apply(g, regular)


def as_index(name: str, index: Any, size: int, beside: Any = None) -> Array:
    """Integers from 0 to size - 1, as an array; negative ones are counted from the end.

    Those that the user wrote down go to the device of the tensor or array `beside`.

    Raises:
        DtypeError: no integers. IndexingError: one out of range.
    """
    array = literal(values(index), None, values(beside))
    if not array.size and array.dtype.kind == "f":
        array = array.astype(int)  # an empty list
    if array.dtype.kind not in "iu":
        raise DtypeError(
            f"{name}: an index is made of integers, but it is {array.dtype}; convert it with "
            ".astype('int64')"
        )
    outside = (array < -size) | (array >= size)
    if outside.any():
        raise IndexingError(
            f"{name}: index {int(array[outside][0])} is outside an axis of size {size}"
        )
    return np.where(array < 0, array + size, array) if array.dtype.kind == "i" else array
