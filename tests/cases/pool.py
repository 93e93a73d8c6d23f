"""Records of `ops/pool.py`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import tinygrad_course as tg
from tinygrad_course.errors import ArgumentError, ArgumentTypeError, ShapeError

from .conv import sides, two
from .record import Bad, Case, Kink, Sample, distinct, normal, sample

RNG = np.random.Generator

GEOMETRIES: tuple[tuple[tuple[int, ...], dict[str, Any]], ...] = (
    ((2, 4, 6, 2), {"kernel_size": 2}),
    ((1, 5, 5, 1), {"kernel_size": 2}),
    ((1, 5, 6, 2), {"kernel_size": 3, "stride": 1}),
    ((2, 5, 4, 1), {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 0)}),
    ((1, 4, 4, 2), {"kernel_size": 3, "stride": 2, "padding": 1}),
    ((1, 4, 5, 1), {"kernel_size": (2, 3), "stride": 2, "padding": ((0, 1), (2, 0))}),
    ((1, 5, 4, 1), {"kernel_size": 2, "stride": 2, "padding": "same"}),
    ((1, 2, 2, 1), {"kernel_size": 1, "stride": 2}),
    ((1, 1, 1, 3), {"kernel_size": 1}),
    ((0, 4, 4, 1), {"kernel_size": 2}),
    ((2, 4, 4, 0), {"kernel_size": 2}),
    ((2, 5, 6, 1), {"kernel_size": 3, "stride": 2, "ceil_mode": True}),
    ((1, 6, 5, 2), {"kernel_size": (3, 2), "stride": (2, 3), "padding": 1, "ceil_mode": True}),
    ((1, 5, 4, 1), {"kernel_size": 2, "padding": ((0, 1), (1, 0)), "ceil_mode": True}),
    ((1, 2, 2, 1), {"kernel_size": 1, "stride": 4, "ceil_mode": True}),
    ((1, 4, 4, 1), {"kernel_size": 2, "ceil_mode": True}),
    ((1, 2, 3, 2), {"kernel_size": 3, "stride": 2, "ceil_mode": True}),
    ((1, 1, 1, 1), {"kernel_size": 4, "stride": 2, "padding": 1, "ceil_mode": True}),
)


def _max_draws(rng: RNG) -> Iterator[Sample]:
    for shape, options in GEOMETRIES:
        yield sample(distinct(rng, *shape), **options)
    yield sample(distinct(rng, 1, 4, 4, 1) - 1e3, kernel_size=3, padding=1)


def _avg_draws(rng: RNG) -> Iterator[Sample]:
    for shape, options in GEOMETRIES:
        yield sample(normal(rng, *shape), **options)
        if "padding" in options:
            yield sample(normal(rng, *shape), **options, count_include_pad=False)


def _global_max(rng: RNG) -> Iterator[Sample]:
    for shape in ((2, 3, 4, 2), (1, 1, 1, 1), (0, 2, 2, 3), (2, 1, 3, 1)):
        yield sample(distinct(rng, *shape))


def _global_avg(rng: RNG) -> Iterator[Sample]:
    for shape in ((2, 3, 4, 2), (1, 1, 1, 1), (0, 2, 2, 3), (2, 1, 3, 1)):
        yield sample(normal(rng, *shape))


def _starts(n: int, k: int, s: int, side: tuple[int, int], ceil_mode: bool) -> list[int]:
    """Where windows start, from the padding on: one over the edge if it starts inside."""
    starts = [p for p in range(-side[0], n + side[1], s) if p + k <= n + side[1]]
    over = starts[-1] + s if starts else -side[0]
    if ceil_mode and over - s + k < n + side[1] and over < n:
        starts.append(over)
    return starts


def _np_pool(x, value, kernel_size, stride, padding, ceil_mode):
    KH, KW = two(kernel_size)
    sh, sw = two(kernel_size if stride is None else stride)
    (top, bottom), (left, right) = sides(padding, x.shape[1:3], (KH, KW), (sh, sw))
    H, W = x.shape[1:3]
    rows = _starts(H, KH, sh, (top, bottom), ceil_mode)
    columns = _starts(W, KW, sw, (left, right), ceil_mode)
    y = np.zeros((x.shape[0], len(rows), len(columns), x.shape[3]))
    for p, r in enumerate(rows):
        for q, c in enumerate(columns):
            inside = x[:, max(r, 0) : min(r + KH, H), max(c, 0) : min(c + KW, W)]
            counted = (min(r + KH, H + bottom) - r) * (min(c + KW, W + right) - c)
            y[:, p, q] = value(inside, counted)
    return y


def _np_max(x, kernel_size, stride=None, padding=0, ceil_mode=False):
    return _np_pool(
        x, lambda inside, _: inside.max(axis=(1, 2)), kernel_size, stride, padding, ceil_mode
    )


def _np_avg(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    def mean(inside, counted):
        count = counted if count_include_pad else inside.shape[1] * inside.shape[2]
        return inside.sum(axis=(1, 2)) / count

    return _np_pool(x, mean, kernel_size, stride, padding, ceil_mode)


X = tg.tensor(np.ones((1, 4, 4, 1)))


def _errors(name: str) -> tuple[Bad, ...]:
    return (
        Bad(
            (tg.tensor(np.ones((4, 4, 1))), 2), ShapeError, rf"{name}.*\(N, H, W, C\).*\(4, 4, 1\)"
        ),
        Bad((X, 5), ShapeError, rf"{name}: a window of \(5, 5\).*\(4, 4\)"),
        Bad(
            (X, 6),
            ShapeError,
            rf"{name}: a window of \(6, 6\).*\(4, 4\)",
            {"stride": 2, "ceil_mode": True},
        ),
        Bad(
            (X, 2), ShapeError, rf"{name}: padding .*less than the window \(2, 2\)", {"padding": 2}
        ),
        Bad((X, 0), ArgumentError, f"{name}: kernel_size must be at least 1.*0"),
        Bad((X, 2), ArgumentError, f"{name}: stride must be at least 1.*0", {"stride": 0}),
        Bad((X, 1.5), ArgumentTypeError, f"{name}: kernel_size must be an integer or a pair.*1.5"),
    )


TIE = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0]]).reshape(1, 2, 3, 1)

CASES = (
    Case(
        "max_pool2d",
        tg.max_pool2d,
        _np_max,
        _max_draws,
        bad=_errors("max_pool2d"),
        kinks=(
            Kink(
                (TIE,),
                (np.reshape([1, 1, 0, 0, 0, 0], TIE.shape),),
                {"kernel_size": 2, "stride": 1},
            ),
        ),
    ),
    Case("avg_pool2d", tg.avg_pool2d, _np_avg, _avg_draws, bad=_errors("avg_pool2d")),
    Case(
        "global_max_pool2d",
        tg.global_max_pool2d,
        lambda x: np.sort(np.sort(x, axis=1)[:, -1], axis=1)[:, -1],
        _global_max,
        bad=(Bad((tg.tensor(np.ones((2, 3))),), ShapeError, r"global_max_pool2d.*\(2, 3\)"),),
        kinks=(Kink((TIE,), (np.reshape([1, 0, 0, 0, 0, 0], TIE.shape),)),),
    ),
    Case(
        "global_avg_pool2d",
        tg.global_avg_pool2d,
        lambda x: np.einsum("nhwc->nc", x) / (x.shape[1] * x.shape[2]),
        _global_avg,
        bad=(Bad((tg.tensor(np.ones((2, 3))),), ShapeError, r"global_avg_pool2d.*\(2, 3\)"),),
    ),
)
