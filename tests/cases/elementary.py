"""Records of `ops/elementary.py` and `ops/erf.py`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

import tinygrad_course as tg
from tinygrad_course.errors import ArgumentError

from .record import SHAPES, Bad, Case, Sample, normal, positive, sample


def _draws(rng: np.random.Generator, draw: Callable[..., np.ndarray] = normal) -> Iterator[Sample]:
    for shape in SHAPES:
        yield sample(draw(rng, *shape))


def _wide(rng: np.random.Generator) -> Iterator[Sample]:
    yield from _draws(rng)
    yield sample(np.array([-1000.0, -40.0, -3.0, 0.0, 3.0, 40.0, 1000.0]))


def _small(rng: np.random.Generator) -> Iterator[Sample]:
    yield from _draws(rng, _above_minus_one)
    yield sample(np.array([-1e-20, 0.0, 1e-20, 1e-5]))


def _above_minus_one(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return np.asarray(rng.uniform(-0.8, 2.0, shape))


def _expm1(rng: np.random.Generator) -> Iterator[Sample]:
    yield from _draws(rng)
    yield sample(np.array([-40.0, -1e-20, 0.0, 1e-20, 3.0]))


def _softplus(rng: np.random.Generator) -> Iterator[Sample]:
    yield from _wide(rng)
    yield sample(normal(rng, 3, 4), beta=2.5)


def _each(function: Callable[[float], float]) -> Callable[[np.ndarray], np.ndarray]:
    """A function of `math`, value by value: independent of NumPy's."""

    def run(x: np.ndarray) -> np.ndarray:
        return np.array([function(v) for v in x.flat], float).reshape(x.shape)

    return run


def _log(x: np.ndarray) -> np.ndarray:
    """Newton's iteration on e^y = x: independent of np.log."""
    y = x - 1.0
    for _ in range(60):
        y = y - 1.0 + x * np.exp(-y)
    return y


CASES = (
    Case("exp", tg.exp, lambda x: np.float_power(np.e, x), _draws),
    Case("log", tg.log, _log, partial(_draws, draw=positive)),
    Case("sqrt", tg.sqrt, lambda x: np.float_power(x, 0.5), partial(_draws, draw=positive)),
    Case("tanh", tg.tanh, lambda x: 1.0 - 2.0 / (np.exp(2.0 * np.minimum(x, 300)) + 1.0), _wide),
    Case("sigmoid", tg.sigmoid, lambda x: (1.0 + np.tanh(x / 2.0)) / 2.0, _wide),
    Case("expm1", tg.expm1, _each(math.expm1), _expm1),
    Case("log1p", tg.log1p, _each(math.log1p), _small),
    Case("square", tg.square, lambda x: np.float_power(x, 2.0), _draws),
    Case("sin", tg.sin, _each(math.sin), _draws),
    Case("cos", tg.cos, _each(math.cos), _draws),
    Case("erf", tg.erf, _each(math.erf), _wide),
    Case(
        "softplus",
        tg.softplus,
        lambda x, beta=1.0: np.logaddexp(0.0, x * beta) / beta,
        _softplus,
        bad=(
            Bad((tg.tensor([1.0]), 0.0), ArgumentError, "softplus: beta must be positive.*0.0"),
            Bad((tg.tensor([1.0]), -1), ArgumentError, "softplus: beta must be positive.*-1"),
        ),
    ),
)
