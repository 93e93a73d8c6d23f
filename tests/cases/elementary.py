"""Records of `ops/elementary.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

import tinygrad_course as tg

from .record import SHAPES, Case, Sample, normal, positive, sample


def _draws(rng: np.random.Generator, draw: Callable[..., np.ndarray] = normal) -> Iterator[Sample]:
    for shape in SHAPES:
        yield sample(draw(rng, *shape))


def _wide(rng: np.random.Generator) -> Iterator[Sample]:
    yield from _draws(rng)
    yield sample(np.array([-1000.0, -40.0, -3.0, 0.0, 3.0, 40.0, 1000.0]))


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
)
