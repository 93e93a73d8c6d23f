"""Records of `ops/activation.py`."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

import tinygrad_course as tg
from tinygrad_course.errors import ArgumentError, ArgumentTypeError, ShapeError

from .record import SHAPES, Bad, Case, Kink, Sample, away, normal, sample

RNG = np.random.Generator


def _away(rng: RNG) -> Iterator[Sample]:
    for shape in SHAPES:
        yield sample(away(rng, *shape))


def _leaky(rng: RNG) -> Iterator[Sample]:
    yield from _away(rng)
    yield sample(away(rng, 5), negative_slope=0.3)


def _elu(rng: RNG) -> Iterator[Sample]:
    yield from _away(rng)
    yield sample(away(rng, 5), alpha=0.3)
    yield sample(np.array([-1000.0, -30.0, 30.0, 1000.0]))


def _gelu(rng: RNG) -> Iterator[Sample]:
    for approximate in ("none", "tanh"):
        for shape in SHAPES:
            yield sample(normal(rng, *shape), approximate=approximate)
        yield sample(np.array([-1000.0, -3.0, 0.0, 3.0, 1000.0]), approximate=approximate)
    yield sample(normal(rng, 2, 3))


def _silu(rng: RNG) -> Iterator[Sample]:
    for shape in SHAPES:
        yield sample(normal(rng, *shape))
    yield sample(np.array([-1000.0, -3.0, 0.0, 3.0, 1000.0]))


def _np_gelu(x: np.ndarray, approximate: str = "none") -> np.ndarray:
    def one(v: float) -> float:
        if approximate == "tanh":
            return v / (1.0 + math.exp(min(-1.5957691216057308 * (v + 0.044715 * v**3), 700.0)))
        return v * 0.5 * math.erfc(-v / math.sqrt(2.0))

    return np.array([one(float(v)) for v in x.flat], float).reshape(x.shape)


def _rows(rng: RNG) -> Iterator[Sample]:
    for shape, axis in (
        ((3, 4), -1), ((3, 4), 0), ((2, 3, 4), 1), ((5,), 0), ((2, 1), -1), ((0, 3), -1),
        ((3, 0), -1), ((2, 0, 3), 0),
    ):  # fmt: skip
        yield sample(normal(rng, *shape), axis=axis)
    yield sample(normal(rng, 2, 3))
    yield sample(np.array([[1e4, 1e4 - 1.0, -1e4], [-1e4, -1e4 - 0.5, -1e4]]))


def _softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """1 / sum_j e^(x_j - x_i): no shift, no division of two large numbers."""
    moved = np.moveaxis(x, axis, -1)
    differences = np.minimum(moved[..., None, :] - moved[..., :, None], 700.0)
    return np.moveaxis(1.0 / np.exp(differences).sum(-1), -1, axis) if x.size else x


def _log_softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    moved = np.moveaxis(x, axis, -1)
    if not x.size:
        return x
    total = np.logaddexp.reduce(moved, axis=-1)[..., None]
    return np.moveaxis(moved - total, -1, axis)


X = tg.tensor(np.ones((2, 3)))


def _axis_errors(name: str) -> tuple[Bad, ...]:
    return (
        Bad((X, 2), ShapeError, rf"{name}: axis 2 .*\(2, 3\)"),
        Bad((X, "a"), ArgumentTypeError, f"{name}: axis must be an integer"),
        Bad((tg.tensor(1.0),), ShapeError, rf"{name}: axis -1 .*\(\)"),
    )


CASES = (
    Case(
        "relu",
        tg.relu,
        lambda x: (x + np.abs(x)) / 2.0,
        _away,
        kinks=(Kink((np.array([-1.0, 0.0, -0.0, 2.0]),), ([0, 0, 0, 1],)),),
    ),
    Case(
        "leaky_relu",
        tg.leaky_relu,
        lambda x, negative_slope=0.01: x * (x > 0) + negative_slope * x * (x <= 0),
        _leaky,
        kinks=(Kink((np.array([-1.0, 0.0, 2.0]),), ([0.25, 0.25, 1],), {"negative_slope": 0.25}),),
    ),
    Case(
        "elu",
        tg.elu,
        lambda x, alpha=1.0: np.maximum(x, 0.0) + alpha * (np.exp(np.minimum(x, 0.0)) - 1.0),
        _elu,
        kinks=(Kink((np.array([0.0, 2.0]),), ([0.25, 1],), {"alpha": 0.25}),),
    ),
    Case(
        "gelu",
        tg.gelu,
        _np_gelu,
        _gelu,
        bad=(Bad((X, "tahn"), ArgumentError, "gelu: approximate 'tahn'.*did you mean 'tanh'"),),
    ),
    Case("silu", tg.silu, lambda x: x * (1.0 + np.tanh(x / 2.0)) / 2.0, _silu),
    Case("softmax", tg.softmax, _softmax, _rows, bad=_axis_errors("softmax")),
    Case("log_softmax", tg.log_softmax, _log_softmax, _rows, bad=_axis_errors("log_softmax")),
)
