"""Records of `ops/adaptive_pool.py`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import tinygrad_course as tg
from tinygrad_course.errors import ArgumentError, ShapeError

from .conv import two
from .record import Bad, Case, Kink, Sample, distinct, normal, sample

RNG = np.random.Generator

SIZES = (
    ((2, 5, 7, 2), (3, 2)), ((1, 4, 6, 1), (2, 3)), ((1, 3, 2, 2), (5, 4)), ((2, 3, 4, 1), 1),
    ((1, 1, 1, 2), 2), ((0, 4, 4, 1), 2), ((2, 4, 4, 0), 3),
)  # fmt: skip
"""Bins that share rows, that do not, that are fewer or more than the pixels, one, none."""


def _avg(rng: RNG) -> Iterator[Sample]:
    for shape, size in SIZES:
        yield sample(normal(rng, *shape), output_size=size)


def _max(rng: RNG) -> Iterator[Sample]:
    for shape, size in SIZES:
        yield sample(distinct(rng, *shape), output_size=size)


def _reference(value):
    def pooled(x, output_size):
        OH, OW = two(output_size)
        y = np.zeros((len(x), OH, OW, x.shape[3]))
        for p, q in np.ndindex(OH, OW):
            rows = [
                r
                for r in range(x.shape[1])
                if r < (p + 1) * x.shape[1] / OH and r + 1 > p * x.shape[1] / OH
            ]
            columns = [
                c
                for c in range(x.shape[2])
                if c < (q + 1) * x.shape[2] / OW and c + 1 > q * x.shape[2] / OW
            ]
            y[:, p, q] = value(x[:, rows][:, :, columns], axis=(1, 2))
        return y

    return pooled


def _errors(name: str) -> tuple[Bad, ...]:
    return (
        Bad((tg.tensor(np.ones((4, 4, 1))), 2), ShapeError, rf"{name}: x must be .*\(4, 4, 1\)"),
        Bad((tg.tensor(np.ones((2, 4, 0, 1))), 2), ShapeError, rf"{name}: .*\(4, 0\).*\(2, 2\)"),
        Bad((tg.tensor(np.ones((2, 4, 4, 1))), 0), ArgumentError, f"{name}: output_size .*0"),
    )


CASES = (
    Case(
        "adaptive_avg_pool2d",
        tg.adaptive_avg_pool2d,
        _reference(np.mean),
        _avg,
        bad=_errors("adaptive_avg_pool2d"),
    ),
    Case(
        "adaptive_max_pool2d",
        tg.adaptive_max_pool2d,
        _reference(np.max),
        _max,
        bad=_errors("adaptive_max_pool2d"),
        kinks=(
            Kink(
                (np.ones((1, 1, 3, 1)),),
                (np.reshape([1.0, 1.0, 0.0], (1, 1, 3, 1)),),
                {"output_size": (1, 2)},
            ),
        ),
    ),
)
