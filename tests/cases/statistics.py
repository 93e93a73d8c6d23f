"""Records of `ops/statistics.py`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

import tinygrad_course as tg
from tinygrad_course.errors import ArgumentError, ShapeError

from .record import Bad, Case, Kink, Sample, away, distinct, normal, sample
from .reduction import AXES, _axis_errors, _over, _rows

RNG = np.random.Generator


def _std(rng: RNG) -> Iterator[Sample]:
    for shape, axis in AXES:
        for keepdims in (False, True):
            wide = math.prod([shape[a] for a in _over(np.empty(shape), axis)]) > 1
            yield sample(normal(rng, *shape), axis=axis, keepdims=keepdims, smooth=wide)
    yield sample(normal(rng, 3, 4), axis=0, ddof=1)
    yield sample(normal(rng, 3, 4), ddof=1, keepdims=True)
    yield sample(normal(rng, 0, 3), axis=1)


def _prod(rng: RNG) -> Iterator[Sample]:
    for shape, axis in AXES:
        for keepdims in (False, True):
            yield sample(away(rng, *shape), axis=axis, keepdims=keepdims)
    for shape, axis in (((0, 3), 1), ((0, 3), 0), ((2, 7), 1), ((5, 2), 0)):
        yield sample(away(rng, *shape), axis=axis)
    rows = away(rng, 4, 5)
    rows[1, 2] = rows[2, 0] = rows[2, 3] = 0.0
    rows[3] = 0.0
    yield sample(rows, axis=1)  # no zero, one, two, nothing else


def _cumsum(rng: RNG) -> Iterator[Sample]:
    for shape, axis in (
        ((3, 4), 0), ((3, 4), -1), ((3, 4), None), ((2, 3, 4), 1), ((5,), 0), ((), None),
        ((0, 3), 0), ((2, 0), 0), ((2, 0), None), ((1, 1), 1),
    ):  # fmt: skip
        yield sample(normal(rng, *shape), axis=axis)


def _norm(rng: RNG) -> Iterator[Sample]:
    for p in (1, 2, 3.0, 1.5, 0.5, math.inf):
        draw = distinct_away if p == math.inf else away
        for shape, axis in (
            ((3, 4), None),
            ((3, 4), 0),
            ((2, 3, 4), (0, 2)),
            ((5,), 0),
            ((), None),
        ):
            yield sample(draw(rng, *shape), axis=axis, p=p)
        yield sample(draw(rng, 3, 4), axis=1, p=p, keepdims=True)
        yield sample(draw(rng, 0, 3), axis=1, p=p)
    yield sample(normal(rng, 0, 3), axis=0)
    yield sample(normal(rng, 3, 0), p=3.0)
    yield sample(np.array([[0.0, 2.0], [3.0, 0.0]]), axis=1)  # smooth: the vector is not zero
    yield sample(np.array([0.0, 2.0, -1.0]), p=4.0)


def distinct_away(rng: RNG, *shape: int) -> np.ndarray:
    """Values whose sizes differ."""
    return np.asarray((distinct(rng, *shape) + 10.0) * rng.choice([-1.0, 1.0], shape))


def _np_std(x: np.ndarray, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> np.ndarray:
    """By the differences of all pairs: independent of any mean."""
    rows = _rows(x, axis)
    n = rows.shape[-1]
    squares = (rows[..., :, None] - rows[..., None, :]) ** 2
    y = np.sqrt(squares.sum((-1, -2)) / (2.0 * n * (n - ddof)))
    return np.expand_dims(y, _over(x, axis)) if keepdims else y


def _np_prod(x: np.ndarray, axis: Any = None, keepdims: bool = False) -> np.ndarray:
    rows = _rows(x, axis)
    y = np.ones(rows.shape[:-1])
    for i in range(rows.shape[-1]):
        y = np.asarray(y * rows[..., i])
    return np.expand_dims(y, _over(x, axis)) if keepdims else y


def _np_cumsum(x: np.ndarray, axis: int | None = None) -> np.ndarray:
    """By a triangle of ones: independent of np.cumsum."""
    moved = x.reshape(-1) if axis is None else np.moveaxis(x, axis, -1)
    y = moved @ np.triu(np.ones((moved.shape[-1],) * 2))
    return y if axis is None else np.moveaxis(y, -1, axis)


def _np_norm(x: np.ndarray, axis: Any = None, p: float = 2.0, keepdims: bool = False) -> np.ndarray:
    rows = np.sqrt(_rows(x, axis) ** 2)
    y = np.sort(rows, -1)[..., -1] if p == math.inf else np.float_power((rows**p).sum(-1), 1.0 / p)
    return np.expand_dims(y, _over(x, axis)) if keepdims else y


CONSTANT = np.array([[2.0, 2.0, 2.0]])

CASES = (
    Case(
        "std",
        tg.std,
        _np_std,
        _std,
        bad=_axis_errors("std"),
        kinks=(Kink((CONSTANT,), ([[0, 0, 0]],)),),
    ),
    Case(
        "prod",
        tg.prod,
        _np_prod,
        _prod,
        bad=_axis_errors("prod"),
    ),
    Case(
        "cumsum",
        tg.cumsum,
        _np_cumsum,
        _cumsum,
        bad=(
            Bad((tg.tensor(np.ones((2, 3))), 2), ShapeError, r"cumsum: axis 2 .*\(2, 3\)"),
            Bad((tg.tensor(1.0), 0), ShapeError, r"cumsum: axis 0 .*\(\)"),
        ),
    ),
    Case(
        "norm",
        tg.norm,
        _np_norm,
        _norm,
        bad=(
            *_axis_errors("norm"),
            Bad((tg.tensor([1.0]),), ArgumentError, "norm: p must be positive.*0", {"p": 0}),
            Bad((tg.tensor([1.0]),), ArgumentError, "norm: p must be.*nan", {"p": math.nan}),
            Bad((tg.tensor(np.ones((0, 3))), 0), ShapeError, r"norm: .*\(0, 3\)", {"p": math.inf}),
        ),
        kinks=tuple(
            itertools.chain(
                (Kink((np.zeros((1, 2)),), ([0, 0],), {"p": p}) for p in (1, 2, 3.0, 1.5, 0.5)),
                (
                    Kink((np.array([0.0, -2.0]),), ([0, -1],), {"p": p})
                    for p in (1, 1.5, 0.5, math.inf)
                ),
                (Kink((np.array([-2.0, 2.0]),), ([-1, 0],), {"p": math.inf}),),
            )
        ),
    ),
)
