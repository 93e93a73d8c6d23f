"""Records of `ops/reduction.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

import tinygrad_course as tg
from tinygrad_course.errors import ArgumentTypeError, ShapeError

from .record import Bad, Case, Kink, Sample, distinct, normal, sample

RNG = np.random.Generator
AXES: tuple[tuple[tuple[int, ...], Any], ...] = (
    ((3, 4), None), ((3, 4), 0), ((3, 4), -1), ((2, 3, 4), (0, 2)), ((2, 3, 4), 1), ((3, 4), ()),
    ((), None), ((5,), 0), ((1, 3, 1), (0, 2)), ((2, 1), 1), ((4, 1, 2), (-1, 0)),
)  # fmt: skip


def _draws(
    rng: RNG, draw: Callable[..., np.ndarray] = normal, empty: bool = True, **options: Any
) -> Iterator[Sample]:
    for shape, axis in AXES:
        yield sample(draw(rng, *shape), axis=axis, keepdims=False, **options)
        yield sample(draw(rng, *shape), axis=axis, keepdims=True, **options)
    yield sample(draw(rng, 0, 3), axis=1, **options)
    if empty:
        yield sample(draw(rng, 0, 3), axis=0, **options)


def _var(rng: RNG) -> Iterator[Sample]:
    yield from _draws(rng, empty=False)
    yield sample(normal(rng, 3, 4), axis=0, ddof=1)
    yield sample(normal(rng, 3, 4), ddof=1, keepdims=True)


def _argmax(rng: RNG) -> Iterator[Sample]:
    for shape, axis in (((3, 4), None), ((3, 4), 0), ((2, 3, 4), -1), ((5,), 0), ((2, 1), 1)):
        yield sample(distinct(rng, *shape), axis=axis)
        yield sample(distinct(rng, *shape), axis=axis, keepdims=True)
    yield sample(distinct(rng), axis=None)
    yield sample(np.array([1.0, 3.0, 3.0]), axis=0)
    yield sample(distinct(rng, 0, 3), axis=1)


def _over(x: np.ndarray, axis: Any) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(x.ndim))
    return tuple(a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,)))


def _sum(x: np.ndarray, axis: Any = None, keepdims: bool = False) -> np.ndarray:
    """By einsum: independent of np.sum."""
    axes = _over(x, axis)
    letters = "abcdef"[: x.ndim]
    rest = "".join(c for i, c in enumerate(letters) if i not in axes)
    total = np.asarray(np.einsum(f"{letters}->{rest}", x))
    return np.expand_dims(total, axes) if keepdims else total


def _mean(x: np.ndarray, axis: Any = None, keepdims: bool = False) -> np.ndarray:
    return _sum(x, axis, keepdims) / np.prod([x.shape[a] for a in _over(x, axis)])


def _variance(x, axis=None, ddof=0, keepdims=False):
    count = np.prod([x.shape[a] for a in _over(x, axis)])
    second = _mean(x * x, axis, keepdims) - _mean(x, axis, keepdims) ** 2
    return second * count / (count - ddof) if ddof else second


def _rows(x: np.ndarray, axis: Any) -> np.ndarray:
    axes = _over(x, axis)
    moved = np.moveaxis(x, axes, range(x.ndim - len(axes), x.ndim)) if axes else x[..., None]
    width = int(np.prod([x.shape[a] for a in axes]))
    return moved.reshape(*[n for i, n in enumerate(x.shape) if i not in axes], width)


def _max(x: np.ndarray, axis: Any = None, keepdims: bool = False) -> np.ndarray:
    """By sorting: independent of np.max."""
    y = np.sort(_rows(x, axis), axis=-1)[..., -1]
    return np.expand_dims(y, _over(x, axis)) if keepdims else y


def _logsumexp(x: np.ndarray, axis: Any = None, keepdims: bool = False) -> np.ndarray:
    y = np.logaddexp.reduce(_rows(x, axis), axis=-1)
    return np.expand_dims(y, _over(x, axis)) if keepdims else y


def _lse(rng: RNG) -> Iterator[Sample]:
    yield from _draws(rng, empty=False)
    yield sample(np.array([1000.0, 999.0, -1000.0]))


def _axis_errors(name: str) -> tuple[Bad, ...]:
    x = tg.tensor(np.ones((2, 3)))
    return (
        Bad((x, 2), ShapeError, rf"{name}: axis 2 .*\(2, 3\).*-2 \.\. 1"),
        Bad((x, (0, -2)), ShapeError, f"{name}: axis .*twice"),
        Bad((x, 0.5), ArgumentTypeError, f"{name}: axis must be an integer.*0.5.*float"),
    )


def _empty_errors(name: str) -> tuple[Bad, ...]:
    return (Bad((tg.tensor(np.ones((0, 3))), 0), ShapeError, rf"{name}:.*\(0,\).*\(0, 3\).*empty"),)


TIE = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])

CASES = (
    Case("sum", tg.sum, _sum, _draws, bad=_axis_errors("sum")),
    Case("mean", tg.mean, _mean, partial(_draws, empty=False), bad=_axis_errors("mean")),
    Case("var", tg.var, _variance, _var, bad=_axis_errors("var")),
    Case(
        "max",
        tg.max,
        _max,
        partial(_draws, draw=distinct, empty=False),
        bad=_axis_errors("max") + _empty_errors("max"),
        kinks=(
            Kink((TIE,), ([[0, 1, 0], [1, 0, 0]],), {"axis": 1}),
            Kink((TIE,), ([[0, 1, 0], [0, 0, 0]],)),
        ),
    ),
    Case(
        "min",
        tg.min,
        lambda x, axis=None, keepdims=False: -_max(-x, axis, keepdims),
        partial(_draws, draw=distinct, empty=False),
        bad=_axis_errors("min") + _empty_errors("min"),
        kinks=(Kink((-TIE,), ([[0, 1, 0], [1, 0, 0]],), {"axis": 1}),),
    ),
    Case(
        "argmax",
        tg.argmax,
        lambda x, axis=None, keepdims=False: np.argmax(x, axis=axis, keepdims=keepdims),
        _argmax,
        bad=(
            *_axis_errors("argmax")[:1],
            *_empty_errors("argmax"),
            Bad((tg.tensor(TIE), (0, 1)), ShapeError, r"argmax: expected one axis.*\(0, 1\)"),
        ),
        differentiable=False,
    ),
    Case("logsumexp", tg.logsumexp, _logsumexp, _lse, bad=_axis_errors("logsumexp")),
)
