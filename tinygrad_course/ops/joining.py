"""Joining tensors: concatenate, stack, and a border around one.

What was put together is cut apart again in backward. Read next: `indexing.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import Array
from ..dtypes import operand, operands
from ..errors import ArgumentTypeError, DtypeError, ShapeError
from ..function import Function
from ..tensor import Tensor
from .axes import as_axis
from .numbers import number
from .shaping import expand_dims


class Concatenate(Function):
    """y = xs joined along an axis        dL/dxs = the parts of dL/dy"""

    promotes = True

    def __init__(self, *, axis: int) -> None:
        self.axis = axis

    def forward(self, *xs: Array) -> Array:
        self.sizes = [x.shape[self.axis] for x in xs]
        return np.concatenate(xs, axis=self.axis)

    def backward(self, grad: Any) -> list[Any]:
        before = (slice(None),) * self.axis
        parts, start = [], 0
        for size in self.sizes:
            parts.append(grad[(*before, slice(start, start + size))])
            start += size
        return parts


class Pad(Function):
    """y = x with a border of a constant        dL/dx = dL/dy without the border"""

    def __init__(self, *, widths: tuple[tuple[int, int], ...], value: float) -> None:
        self.widths = widths
        self.value = value

    def forward(self, x: Array) -> Array:
        self.x_shape = x.shape
        return np.pad(x, self.widths, constant_values=self.value) if self.widths else x.copy()

    def grad_x(self, grad: Any) -> Any:
        inner = [slice(w[0], w[0] + n) for w, n in zip(self.widths, self.x_shape, strict=True)]
        return grad[tuple(inner)]


def concatenate(xs: Sequence[Any], axis: int = 0) -> Tensor:
    """Tensors joined along an axis they have; the other sizes must agree.

    Raises:
        ShapeError: nothing to join, or sizes that differ.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.concatenate([tg.tensor([1.0]), tg.tensor([2.0, 3.0])]).tolist()
        [1.0, 2.0, 3.0]
    """
    parts = _several("concatenate", xs)
    first = tuple(parts[0].shape)
    where = as_axis("concatenate", axis, first, len(first))
    for i, part in enumerate(parts):
        other = tuple(part.shape)
        fits = len(other) == len(first) and all(
            n == m for j, (n, m) in enumerate(zip(first, other, strict=True)) if j != where
        )
        if not fits or not first:
            raise ShapeError(
                f"concatenate: tensor {i} of shape {other} does not join tensor 0 of shape {first} "
                f"along axis {where}: all other sizes must agree, and there must be an axis to join"
            )
    return Concatenate(axis=where).apply(*parts)


def stack(xs: Sequence[Any], axis: int = 0) -> Tensor:
    """Tensors of one shape side by side along a new axis.

    Raises:
        ShapeError: nothing to stack, or shapes that differ.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.stack([tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0])], axis=1).tolist()
        [[1.0, 3.0], [2.0, 4.0]]
    """
    parts = _several("stack", xs)
    for i, part in enumerate(parts):
        if part.shape != parts[0].shape:
            raise ShapeError(
                f"stack: tensor {i} has shape {tuple(part.shape)}, but tensor 0 has "
                f"{tuple(parts[0].shape)}; all must be equal"
            )
    where = as_axis("stack", axis, tuple(parts[0].shape), len(parts[0].shape) + 1)
    return concatenate([expand_dims(part, where) for part in parts], where)


def pad(x: Any, widths: Any, value: float = 0.0) -> Tensor:
    """x with a border of `value`.

    Args:
        x: a tensor or an array.
        widths: (before, after) per axis; or one such pair, or one number, for all axes.
        value: what the border holds.

    Raises:
        ShapeError: a negative width, or pairs for another number of axes.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.pad(tg.tensor([1.0, 2.0]), (1, 2)).tolist()
        [0.0, 1.0, 2.0, 0.0, 0.0]
    """
    x = operand(x)
    ndim = len(x.shape)
    try:
        pairs = np.broadcast_to(np.asarray(widths), (ndim, 2))
    except ValueError:
        raise ShapeError(
            f"pad: widths must be a number, a (before, after) pair or {ndim} pairs (x has shape "
            f"{tuple(x.shape)}), but they are {widths}"
        ) from None
    if pairs.dtype.kind not in "iu" or (pairs < 0).any():
        raise ShapeError(f"pad: widths must be integers >= 0, but they are {widths}")
    regular = tuple([(int(before), int(after)) for before, after in pairs])
    fill = number("pad", "value", value)
    if x.dtype.kind != "f" and not fill.is_integer():
        raise DtypeError(
            f"pad: a border of {fill} does not fit x of {x.dtype}; convert it with "
            ".astype('float32')"
        )
    return Pad(widths=regular, value=fill).apply(x)


def _several(name: str, xs: Any) -> list[Any]:
    """The inputs as a list of tensors or arrays."""
    if isinstance(xs, Tensor) or not isinstance(xs, (list, tuple)):
        raise ArgumentTypeError(
            f"{name}: expected a list or tuple of tensors, but got {type(xs).__name__}"
        )
    if not xs:
        raise ShapeError(f"{name}: expected at least one tensor, but the list is empty")
    return operands(*xs)
