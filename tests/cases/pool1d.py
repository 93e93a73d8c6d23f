"""Records of `ops/pool1d.py`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import tinygrad_course as tg
from tinygrad_course.errors import ArgumentError, ArgumentTypeError, ShapeError

from .record import Bad, Case, Kink, Sample, distinct, normal, sample

RNG = np.random.Generator

SEQUENCES: tuple[tuple[tuple[int, ...], dict[str, Any]], ...] = (
    ((2, 6, 3), {"kernel_size": 2}),
    ((1, 5, 2), {"kernel_size": 2}),
    ((2, 5, 1), {"kernel_size": 3, "stride": 1}),
    ((1, 6, 2), {"kernel_size": 3, "stride": 2, "padding": 1}),
    ((1, 4, 1), {"kernel_size": 3, "stride": 2, "padding": (2, 0)}),
    ((1, 5, 2), {"kernel_size": 2, "stride": 1, "padding": "same"}),
    ((1, 2, 1), {"kernel_size": 1, "stride": 3}),
    ((0, 4, 2), {"kernel_size": 2}),
    ((2, 6, 1), {"kernel_size": 3, "stride": 2, "ceil_mode": True}),
    ((1, 6, 2), {"kernel_size": 3, "stride": 4, "padding": (1, 0), "ceil_mode": True}),
)


def _max_draws(rng: RNG) -> Iterator[Sample]:
    for shape, options in SEQUENCES:
        yield sample(distinct(rng, *shape), **options)


def _avg_draws(rng: RNG) -> Iterator[Sample]:
    for shape, options in SEQUENCES:
        yield sample(normal(rng, *shape), **options)
        if "padding" in options:
            yield sample(normal(rng, *shape), **options, count_include_pad=False)


def _windows(
    T: int, K: int, stride: int | None, padding: Any, ceil_mode: bool
) -> list[tuple[int, int, int]]:
    """Of each window the first step inside, the one after the last, and how many steps count."""
    step = K if stride is None else stride
    if padding == "same":
        total = max((-(-T // step) - 1) * step + K - T, 0)
        padding = total // 2, total - total // 2
    left, right = padding if isinstance(padding, tuple) else (padding, padding)
    found, start = [], -left
    while start + K <= T + right or (ceil_mode and start < T and start + K - step < T + right):
        found.append((max(start, 0), min(start + K, T), min(start + K, T + right) - start))
        start += step
    return found


def _np_max(x, kernel_size, stride=None, padding=0, ceil_mode=False):
    found = _windows(x.shape[1], kernel_size, stride, padding, ceil_mode)
    return np.stack([x[:, first:last].max(1) for first, last, _ in found], 1)


def _np_avg(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    found = _windows(x.shape[1], kernel_size, stride, padding, ceil_mode)
    return np.stack(
        [
            x[:, first:last].sum(1) / (count if count_include_pad else last - first)
            for first, last, count in found
        ],
        1,
    )


X = tg.tensor(np.ones((1, 4, 2)))


def _errors(name: str) -> tuple[Bad, ...]:
    return (
        Bad((tg.tensor(np.ones((4, 2))), 2), ShapeError, rf"{name}: x .*\(N, T, C\).*x\[None\]"),
        Bad((X, 5), ShapeError, rf"{name}: a window of 5 steps .*a sequence of 4 with"),
        Bad((X, 9), ShapeError, rf"{name}: a window of 9 steps", {"stride": 2, "ceil_mode": True}),
        Bad((X, 2), ShapeError, rf"{name}: padding \(2, 2\) .*less than .*2 steps", {"padding": 2}),
        Bad(
            (X, 2), ArgumentError, rf"{name}: padding .*at least 0, but it is -1$", {"padding": -1}
        ),
        Bad(
            (X, 2), ArgumentError, rf"{name}: padding .*\(left, right\).*'sme'$", {"padding": "sme"}
        ),
        Bad((X, 0), ArgumentError, f"{name}: kernel_size must be at least 1.*0"),
        Bad((X, 2), ArgumentError, f"{name}: stride must be at least 1.*0", {"stride": 0}),
        Bad((X, (2,)), ArgumentTypeError, f"{name}: kernel_size must be an integer"),
        Bad((X, 2), ArgumentTypeError, f"{name}: padding .*left, right", {"padding": (1,)}),
    )


TIE = np.array([1.0, 1.0, 0.0, 2.0, 2.0]).reshape(1, 5, 1)

CASES = (
    Case(
        "max_pool1d",
        tg.max_pool1d,
        _np_max,
        _max_draws,
        bad=_errors("max_pool1d"),
        kinks=(
            Kink(
                (TIE,),
                (np.reshape([1, 1, 0, 2, 0], TIE.shape),),
                {"kernel_size": 2, "stride": 1},
            ),
        ),
    ),
    Case("avg_pool1d", tg.avg_pool1d, _np_avg, _avg_draws, bad=_errors("avg_pool1d")),
)
