"""Records of `ops/arithmetic.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

import tinygrad_course as tg
from tinygrad_course.errors import ArgumentError, DtypeError, ShapeError

from .record import PAIRS, SHAPES, Bad, Case, Kink, Sample, away, grid, normal, positive, sample

RNG = np.random.Generator


def _pairs(
    rng: RNG, first: Callable[..., np.ndarray] = normal, second: Callable[..., np.ndarray] = normal
) -> Iterator[Sample]:
    for a, b in PAIRS:
        yield sample(first(rng, *a), second(rng, *b))
    yield sample(first(rng, 3), 2.0)
    yield sample(2, second(rng, 3))
    yield sample(first(rng, 3), np.arange(1, 4))


def _mixed(name: str) -> tuple[Bad, ...]:
    x = tg.tensor(np.ones((2, 3)))
    return (
        Bad((x, np.ones((2, 4))), ShapeError, rf"{name}.*\(2, 3\).*\(2, 4\)"),
        Bad((np.ones(2), tg.tensor(np.ones(3))), ShapeError, rf"{name}.*\(2,\).*\(3,\)"),
        Bad((x, np.ones((2, 3), "float32")), DtypeError, rf"{name}.*float64.*float32.*astype"),
    )


def _unary(rng: RNG, draw: Callable[..., np.ndarray] = normal) -> Iterator[Sample]:
    for shape in SHAPES:
        yield sample(draw(rng, *shape))


def _pow(rng: RNG) -> Iterator[Sample]:
    yield from _pairs(rng, positive, normal)
    yield sample(away(rng, 4), 3)
    yield sample(away(rng, 4), np.array([2.0, 3.0, 0.0, -1.0])[np.newaxis].astype(int))
    yield sample(positive(rng, 4), -0.5)
    yield sample(away(rng, 4), 0)


def _where(rng: RNG) -> Iterator[Sample]:
    for a, b in PAIRS:
        shape = np.broadcast_shapes(a, b)
        yield sample(np.asarray(rng.random(shape) < 0.5), normal(rng, *a), normal(rng, *b))
    yield sample(np.array([[True], [False]]), normal(rng, 3), normal(rng))
    yield sample(np.array([True, False]), normal(rng, 2), 0.0)
    yield sample(np.array([True, False]), 1, normal(rng, 2))


def _clip(rng: RNG) -> Iterator[Sample]:
    for shape in SHAPES:
        yield sample(grid(rng, *shape, offset=0.15), min=-0.5, max=0.7)
    yield sample(grid(rng, 3, 4), min=0.1)
    yield sample(grid(rng, 3, 4), max=0.1)
    yield sample(grid(rng, 3, 4), grid(rng, 4, offset=0.1), grid(rng, 3, 1, offset=0.2))


def _np_clip(x, min=None, max=None):  # noqa: A002 - NumPy's names
    low = x if min is None else np.where(x < min, min, x)
    return low if max is None else np.where(low > max, max, low)


SIDES = np.array([2.0, 1.0, 3.0])

CASES = (
    Case("add", tg.add, lambda a, b: a + b, _pairs, bad=_mixed("add")),
    Case("sub", tg.sub, lambda a, b: a - b, _pairs, bad=_mixed("sub")),
    Case("mul", tg.mul, lambda a, b: a * b, _pairs, bad=_mixed("mul")),
    Case("div", tg.div, lambda a, b: a / b, partial(_pairs, second=away), bad=_mixed("div")),
    Case(
        "pow",
        tg.pow,
        np.float_power,
        _pow,
        bad=_mixed("pow"),
        kinks=(
            Kink((np.array([0.0, 0.0, 0.0]), np.array([0.0, 1.0, 2.0])), ([0, 1, 0], [0, 0, 0])),
        ),
    ),
    Case("neg", tg.neg, lambda x: 0.0 - x, _unary),
    Case(
        "abs",
        tg.abs,
        lambda x: np.sqrt(x * x),
        partial(_unary, draw=away),
        kinks=(Kink((np.array([-2.0, 0.0, 2.0]),), ([-1, 0, 1],)),),
    ),
    Case("sign", tg.sign, lambda x: (x > 0) * 1.0 - (x < 0), partial(_unary, draw=away)),
    Case(
        "maximum",
        tg.maximum,
        lambda a, b: np.where(b > a, b, a),
        partial(_pairs, first=partial(grid, offset=0.15), second=grid),
        bad=_mixed("maximum"),
        kinks=(Kink((SIDES, np.array([2.0, 2.0, 2.0])), ([1, 0, 1], [0, 1, 0])),),
    ),
    Case(
        "minimum",
        tg.minimum,
        lambda a, b: np.where(b < a, b, a),
        partial(_pairs, first=partial(grid, offset=0.15), second=grid),
        bad=_mixed("minimum"),
        kinks=(Kink((SIDES, np.array([2.0, 2.0, 2.0])), ([1, 1, 0], [0, 0, 1])),),
    ),
    Case(
        "where",
        tg.where,
        lambda c, a, b: np.asarray(c * 1.0 * a + (1.0 - c) * b),
        _where,
        bad=(
            Bad(
                (np.ones(2, bool), tg.tensor(np.ones(2)), np.ones(3)),
                ShapeError,
                r"where.*\(2,\).*\(3,\)",
            ),
            Bad(
                (np.ones(2, bool), tg.tensor(np.ones(2)), np.ones(2, "float32")),
                DtypeError,
                "where.*float64.*float32",
            ),
        ),
    ),
    Case(
        "clip",
        tg.clip,
        _np_clip,
        _clip,
        bad=(
            Bad((tg.tensor(np.ones(2)),), ArgumentError, "clip.*min, max"),
            Bad((tg.tensor(np.ones(2)), np.ones(3)), ShapeError, r"\(2,\).*\(3,\)"),
        ),
        kinks=(Kink((np.array([-2.0, -1.0, 0.0, 1.0, 2.0]), -1, 1), ([0, 1, 1, 1, 0],)),),
    ),
)
