"""Indexing: NumPy's, in full, with gradients; and one value per row along the last axis.

Reading by an index and adding at an index are adjoint: each is the other's gradient, so both
differentiate as often as you like. Read next: `linear.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array, array_module, check_same_device, is_array, on_gpu
from ..dtypes import literal, operand
from ..errors import IndexingError, ShapeError
from ..function import Function
from ..tensor import Tensor, values
from .numbers import whole


class GetItem(Function):
    """y = x[index]        dL/dx = dL/dy added at index into zeros"""

    def __init__(self, *, index: Any) -> None:
        self.index = index
        self.view = _is_basic(index)

    def forward(self, x: Array) -> Array:
        self.x_shape = x.shape
        return x[self.index]

    def grad_x(self, grad: Any) -> Any:
        return AddAt(index=self.index, x_shape=self.x_shape).apply(grad)


class AddAt(Function):
    """x = zeros, x[index] += g, repeated places added        dL/dg = dL/dx[index]"""

    def __init__(self, *, index: Any, x_shape: tuple[int, ...]) -> None:
        self.index = index
        self.x_shape = x_shape

    def forward(self, g: Array) -> Array:
        xp = array_module(g)
        x = xp.zeros(self.x_shape, g.dtype)
        if _is_basic(self.index):
            x[self.index] = g
        else:
            xp.add.at(x, self.index, g)
        return x

    def grad_g(self, grad: Any) -> Any:
        return grad[self.index]


class TakeLast(Function):
    """y = x[..., index]: one value of each row        dL/dx = dL/dy at these places"""

    name = "take_last"

    def forward(self, x: Array, index: Array) -> Array:
        self.size = x.shape[-1]
        return np.take_along_axis(x, index[..., None], -1)[..., 0]

    def grad_x(self, grad: Any, index: Any) -> Any:
        return PlaceLast(size=self.size).apply(grad, index)


class PlaceLast(Function):
    """x = rows of zeros with g at index        dL/dg = dL/dx[..., index]"""

    name = "place_last"

    def __init__(self, *, size: int) -> None:
        self.size = size

    def forward(self, g: Array, index: Array) -> Array:
        x = array_module(g).zeros((*g.shape, self.size), g.dtype)
        array_module(g).put_along_axis(x, index[..., None], g[..., None], -1)
        return x

    def grad_g(self, grad: Any, index: Any) -> Any:
        return TakeLast().apply(grad, index)


def getitem(x: Any, index: Any) -> Tensor:
    """x[index] as NumPy has it: integers, slices, ..., newaxis, integer and bool arrays.

    Raises:
        IndexingError: an index outside its axis, too many indices, or one of the wrong kind.

    Example:
        >>> import tinygrad_course as tg
        >>> x = tg.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> x[[0, 1], [1, 0]].tolist(), x[x > 2].tolist(), x[..., None].shape
        ([2.0, 3.0], [3.0, 4.0], (2, 2, 1))
    """
    x = operand(x)
    try:
        regular = _regular(index, x)
        if on_gpu(values(x)):
            _check_range(regular, tuple(x.shape))
        return GetItem(index=regular).apply(x)
    except (IndexError, TypeError, ValueError) as error:
        raise IndexingError(
            f"x[{_shown(index)}]: does not fit shape {tuple(x.shape)}: {error}"
        ) from None


def take_last(x: Any, index: Any) -> Tensor:
    """y[...] = x[..., index[...]]: one value of each row along the last axis.

    Args:
        x: (..., K).
        index: integers of shape (...), each from 0 to K - 1.

    Raises:
        ShapeError: an index of another shape. IndexingError: one outside 0 .. K - 1.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> tg.functional.take_last(tg.tensor([[1.0, 2.0], [3.0, 4.0]]), np.array([1, 0])).tolist()
        [2.0, 3.0]
    """
    x, index = operand(x), operand(index)
    if tuple(index.shape) != tuple(x.shape[:-1]) or not x.shape:
        raise ShapeError(
            f"take_last: x of shape {tuple(x.shape)} needs an index of shape "
            f"{tuple(x.shape[:-1])}, but it has {tuple(index.shape)}"
        )
    _check_places(f"take_last: x of shape {tuple(x.shape)}", index, x.shape[-1])
    return TakeLast().apply(x, index)


def place_last(g: Any, index: Any, *, size: int) -> Tensor:
    """Rows of `size` zeros with g at `index`: the adjoint of `take_last`.

    Args:
        g: any shape.
        index: integers of g's shape, each from 0 to size - 1.
        size: how long the rows are.

    Raises:
        ShapeError: an index of another shape. IndexingError: one outside 0 .. size - 1.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> tg.functional.place_last(tg.tensor([5.0]), np.array([1]), size=3).tolist()
        [[0.0, 5.0, 0.0]]
    """
    g, index, size = operand(g), operand(index), whole("place_last", "size", size, least=0)
    if tuple(index.shape) != tuple(g.shape):
        raise ShapeError(
            f"place_last: g of shape {tuple(g.shape)} needs an index of that shape, but it has "
            f"{tuple(index.shape)}"
        )
    _check_places(f"place_last: g of shape {tuple(g.shape)}", index, size)
    return PlaceLast(size=size).apply(g, index)


def _check_places(where: str, index: Any, size: int) -> None:
    places = values(index)
    if places.size and places.dtype.kind not in "iu":
        raise IndexingError(f"{where}: the index must hold integers, but it holds {places.dtype}")
    wrong = (places < 0) | (places >= size)
    if wrong.any():
        raise IndexingError(
            f"{where}: index {places[wrong][0]} is outside 0 .. {size - 1}, the places of a row"
        )


def _regular(index: Any, x: Any) -> Any:
    """Tensors and lists inside an index as arrays of our own: backward reads them again."""
    if isinstance(index, tuple):
        return tuple([_regular(i, x) for i in index])
    index = values(index)
    if is_array(index):
        check_same_device("getitem", (values(x), index), ("x", "the index"))
        return index.copy()
    return literal(index, None, values(x)) if isinstance(index, list) and index else index


def _check_range(index: Any, shape: tuple[int, ...]) -> None:
    """Raise for integers outside their axis: NumPy does, a GPU would wrap them around unseen."""
    parts = index if isinstance(index, tuple) else (index,)
    axes = [_axes_of(part) for part in parts]
    axis = 0
    for part, count in zip(parts, axes, strict=True):
        if part is Ellipsis:
            axis += len(shape) - sum(axes)
        elif on_gpu(part) and part.dtype.kind in "iu" and axis < len(shape):
            outside = (part < -shape[axis]) | (part >= shape[axis])
            if outside.any():
                raise IndexError(
                    f"index {int(part[outside][0])} is out of bounds for axis {axis} with size "
                    f"{shape[axis]}"
                )
        axis += count


def _axes_of(part: Any) -> int:
    """How many axes one part of an index stands for, besides `...`."""
    if is_array(part) and part.dtype.kind == "b":
        return int(part.ndim)
    return 0 if part is None or part is Ellipsis or isinstance(part, bool) else 1


def _is_basic(index: Any) -> bool:
    """Whether the index makes a view: no list, no array, no bool."""
    parts = index if isinstance(index, tuple) else (index,)
    return not any(is_array(i) or isinstance(i, (list, bool, np.bool_)) for i in parts)


def _shown(index: Any) -> str:
    parts = index if isinstance(index, tuple) else (index,)
    names = [
        f"array of shape {i.shape}" if hasattr(i, "shape") and i.shape else str(i) for i in parts
    ]
    return ", ".join(names)
