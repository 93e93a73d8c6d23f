"""The sizes an op is timed at: its own, those the user gives, and a sweep of smaller ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import kernels
from ..errors import ArgumentError

Shapes = tuple[tuple[int, ...], ...]


class Size(NamedTuple):
    """The shapes and parameters of one call."""

    label: str
    shapes: Shapes
    params: Mapping[str, Any]


def sizes_of(op: str, given: Sequence[str] = (), *, sweep: bool = False) -> list[Size]:
    """The op's benchmark sizes, or those given as "128x784,784x800,800".

    Args:
        op: the op.
        given: shapes of its arrays.
        sweep: also smaller ones, a quarter of the first axis at a time.

    Raises:
        ArgumentError: shapes that cannot be read, or that the op cannot take.

    Example:
        >>> [size.label for size in sizes_of("matmul", ["2x3,3x4"])]
        ['2x3,3x4']
    """
    benchmarks = kernels.op(op).benchmark_shapes
    sizes = [Size(b.label, b.shapes, b.params) for b in benchmarks]
    if given:
        sizes = [_given_size(op, text, sizes[0]) for text in given]
    if sweep:
        sizes = [smaller for size in sizes[:1] for smaller in _sweep(op, size)] + sizes[1:]
    return sizes


def _given_size(op: str, text: str, like: Size) -> Size:
    try:
        shapes = tuple(tuple(int(n) for n in part.split("x")) for part in text.split(","))
    except ValueError:
        raise ArgumentError(
            f"--shape: expected lengths as 128x784, shapes of several arrays with commas between "
            f"them, but got {text!r}"
        ) from None
    size = _like(like, shapes, text)
    fault = _unfit(op, size)
    if fault is not None or len(shapes) != len(like.shapes):
        expected = ",".join("x".join(map(str, shape)) for shape in like.shapes)
        raise ArgumentError(
            f"--shape: {op} cannot take {text!r}{f' ({fault})' if fault else ''}; its first size "
            f"is {expected}"
        )
    return size


def _like(size: Size, shapes: Shapes, label: str) -> Size:
    """The same call with other shapes, also where a parameter (x_shape) is one of them."""
    other = dict(zip(size.shapes, shapes, strict=False))
    params = {
        name: other.get(value, value) if isinstance(value, tuple) else value
        for name, value in size.params.items()
    }
    return Size(label, shapes, params)


def _unfit(op: str, size: Size) -> str | None:
    """Why the reference refuses arrays of these shapes; None if it takes them."""
    spec = kernels.op(op)
    try:
        with np.errstate(all="ignore"):
            arrays = spec.make(np.random.default_rng(0), np.float32, size.shapes, dict(size.params))
            spec.reference(*arrays, **size.params)
    except Exception as error:  # noqa: BLE001 - references check nothing: anything may come
        return f"{type(error).__name__}: {error}"
    return None


def _sweep(op: str, size: Size) -> Iterator[Size]:
    """The size with its first axis cut to 1, 4, 16, ... and in full."""
    full = size.shapes[0][0]
    lengths = [n for n in (4**k for k in range(12)) if n < full]
    for length in lengths:
        together = tuple((length, *s[1:]) if s[:1] == (full,) else s for s in size.shapes)
        alone = ((length, *size.shapes[0][1:]), *size.shapes[1:])
        for shapes in (together, alone):
            smaller = _like(size, shapes, f"{size.label}, {length} of {full}")
            if _unfit(op, smaller) is None:
                yield smaller
                break
    yield size
