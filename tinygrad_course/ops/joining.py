"""Joining tensors: concatenate and stack.

What was put together is cut apart again in backward. Read next: `padding.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import Array
from ..dtypes import operands
from ..errors import ArgumentTypeError, ShapeError
from ..function import Function
from ..tensor import Tensor
from .axes import as_axis
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


def _several(name: str, xs: Any) -> list[Any]:
    """The inputs as a list of tensors or arrays."""
    if isinstance(xs, Tensor) or not isinstance(xs, (list, tuple)):
        raise ArgumentTypeError(
            f"{name}: expected a list or tuple of tensors, but got {type(xs).__name__}"
        )
    if not xs:
        raise ShapeError(f"{name}: expected at least one tensor, but the list is empty")
    return operands(*xs)
