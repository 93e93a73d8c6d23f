"""Arrangement: axes moved, order reversed, a tensor cut into parts.

Like `shaping.py`, nothing here changes a value, and most results are views.
Read next: `indexing.py`.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import Array
from ..dtypes import operand
from ..errors import ArgumentTypeError, ShapeError
from ..function import Function
from ..tensor import Tensor
from .axes import as_axes, as_axis
from .joining import concatenate
from .shaping import transpose


class Flip(Function):
    """y = x with the order along axes reversed        dL/dx = dL/dy reversed again"""

    view = True

    def __init__(self, *, axes: tuple[int, ...]) -> None:
        self.axes = axes

    def forward(self, x: Array) -> Array:
        return np.flip(x, self.axes)

    def grad_x(self, grad: Any) -> Any:
        return flip(grad, self.axes)


class Split(Function):
    """ys = x cut along an axis        dL/dx = the parts of dL/dys joined"""

    view = True

    def __init__(self, *, cuts: tuple[int, ...], axis: int) -> None:
        self.cuts = cuts
        self.axis = axis

    def forward(self, x: Array) -> tuple[Array, ...]:
        return tuple(np.split(x, self.cuts, self.axis))

    def backward(self, grad: Any) -> list[Any]:
        return [concatenate(grad, self.axis)]


def moveaxis(x: Any, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """Axes moved to new places; the others keep their order.

    Args:
        x: a tensor or an array.
        source: the axis to move, or several.
        destination: where each goes, counted in the result.

    Raises:
        ShapeError: an axis that x does not have, one named twice, or lists of different lengths.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> tg.moveaxis(tg.tensor(np.zeros((2, 3, 4))), -1, 0).shape
        (4, 2, 3)
    """
    x = operand(x)
    shape = tuple(x.shape)
    ndim = len(shape)
    given = [tuple(a) if isinstance(a, (tuple, list)) else (a,) for a in (source, destination)]
    start, end = ([as_axis("moveaxis", a, shape, ndim) for a in axes] for axes in given)
    if len(start) != len(end) or len(set(start)) != len(start) or len(set(end)) != len(end):
        raise ShapeError(
            f"moveaxis: source {source} and destination {destination} must name as many axes, each "
            "once"
        )
    order = [a for a in range(ndim) if a not in start]
    for to, axis in sorted(zip(end, start, strict=True)):
        order.insert(to, axis)
    return transpose(x, order)


def flip(x: Any, axis: Any = None) -> Tensor:
    """The order reversed along `axis`: all axes, one, or several.

    Raises:
        ShapeError: an axis that x does not have.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.flip(tg.tensor([[1, 2], [3, 4]]), axis=1).tolist()
        [[2, 1], [4, 3]]
    """
    x = operand(x)
    return Flip(axes=as_axes("flip", axis, tuple(x.shape))).apply(x)


def split(x: Any, indices_or_sections: int | Sequence[int], axis: int = 0) -> tuple[Tensor, ...]:
    """x cut along `axis` into parts, as NumPy cuts. (PyTorch's `split` is told the parts' sizes.)

    Args:
        x: a tensor or an array.
        indices_or_sections: an integer for that many equal parts; or the places to cut before:
            [2, 5] makes x[:2], x[2:5] and x[5:].
        axis: the axis to cut.

    Returns:
        A tuple of tensors that share x's memory. Joining them with `concatenate` gives x.

    Raises:
        ShapeError: no such axis, or a size that does not divide into equal parts.
        ArgumentTypeError: what is neither an integer nor a list of integers.

    Example:
        >>> import tinygrad_course as tg
        >>> [part.tolist() for part in tg.split(tg.tensor([1, 2, 3, 4, 5]), [2, 3])]
        [[1, 2], [3], [4, 5]]
        >>> [part.tolist() for part in tg.split(tg.tensor([1, 2, 3, 4]), 2)]
        [[1, 2], [3, 4]]
    """
    x = operand(x)
    shape = tuple(x.shape)
    where = as_axis("split", axis, shape, len(shape))
    given: Any = indices_or_sections
    several = isinstance(given, (tuple, list))
    try:
        numbers = [operator.index(n) for n in (given if several else [given])]
    except TypeError:
        raise ArgumentTypeError(
            "split: indices_or_sections must be an integer or a list of integers, but it is "
            f"{given!r}"
        ) from None
    size = shape[where]
    if several:
        # Within 0 .. size and rising: the parts then always join to x again.
        cuts = [min(max(n + size if n < 0 else n, 0), size) for n in numbers]
        if sorted(cuts) != cuts:
            raise ShapeError(f"split: the places to cut must rise, but they are {numbers}")
    else:
        parts = numbers[0]
        if parts < 1 or size % parts:
            raise ShapeError(
                f"split: axis {where} of shape {shape} has size {size}, which does not divide into "
                f"{parts} equal parts; give a list of the places to cut"
            )
        cuts = [i * (size // parts) for i in range(1, parts)]
    found: Any = Split(cuts=tuple(cuts), axis=where).apply(x)
    return tuple(found)
