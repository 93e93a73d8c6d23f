"""Axes and shapes as users write them, checked once and made regular."""

from __future__ import annotations

import math
import operator
from typing import Any

from ..backend import Array, array_module
from ..errors import ArgumentTypeError, ShapeError


def as_axes(name: str, axis: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """`axis` (None, an integer or several) as sorted non-negative integers; None is all of them.

    Raises:
        ShapeError: an axis the tensor does not have, or one named twice.
    """
    ndim = len(shape)
    if axis is None:
        return tuple(range(ndim))
    given = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    axes = tuple([as_axis(name, a, shape, ndim) for a in given])
    if len(set(axes)) != len(axes):
        raise ShapeError(f"{name}: axis {axis} names one axis twice")
    return tuple(sorted(axes))


def as_axis(name: str, axis: Any, shape: tuple[int, ...], ndim: int) -> int:
    """One axis as a non-negative integer below `ndim`."""
    try:
        number = operator.index(axis)
    except TypeError:
        raise ArgumentTypeError(
            f"{name}: axis must be an integer, but it is {axis!r} ({type(axis).__name__})"
        ) from None
    if not -ndim <= number < ndim:
        raise ShapeError(
            f"{name}: axis {number} does not exist: shape {shape} has {len(shape)} axes"
            + (f", so axis must lie in {-ndim} .. {ndim - 1}" if ndim else "")
        )
    return number % ndim if ndim else 0


def top(x: Array, axes: tuple[int, ...]) -> Array:
    """The maximum of an array over axes, which stay as 1; -inf over no values at all.

    That is np.max(..., initial=-inf), which CuPy does not have.
    """
    if not x.size:
        return array_module(x).full(kept_shape(x.shape, axes), -math.inf, x.dtype)
    return x.max(axis=axes, keepdims=True)


def kept_shape(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """`shape` with 1 at the reduced axes: what `keepdims=True` gives."""
    return tuple([1 if i in axes else n for i, n in enumerate(shape)])


def reduced_shape(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """`shape` without the reduced axes."""
    return tuple([n for i, n in enumerate(shape) if i not in axes])
