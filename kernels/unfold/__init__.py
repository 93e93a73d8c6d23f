"""Specification of unfold (im2col) and fold (col2im), on NHWC images.

    unfold(x, *, size, stride, padding, dilation, out=None)             -> y
    fold(y, *, x_shape, size, stride, padding, dilation, out=None)      -> x

    x (N, H, W, C)   y (N, OH, OW, KH KW C), a row in the order of a filter's first three axes
    size (KH, KW)   stride (sh, sw)   padding ((top, bottom), (left, right))   dilation (dh, dw)
    flops 0, and one addition a number of y     bytes x and y, one read and one written

Read next: `reference.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..arrays import Array, byte_count, output_length
from ..registry import Arrays, Benchmark, Cost, Op, Params, Shape, normal_arrays, register
from .reference import fold, unfold

__all__ = ["FOLD", "UNFOLD", "fold", "unfold"]

_NO_PADDING = ((0, 0), (0, 0))


def _window(
    size: tuple[int, int],
    stride: tuple[int, int] = (1, 1),
    padding: tuple[tuple[int, int], tuple[int, int]] = _NO_PADDING,
    dilation: tuple[int, int] = (1, 1),
) -> Params:
    return {"size": size, "stride": stride, "padding": padding, "dilation": dilation}


def _rows(x_shape: Shape, window: Params) -> Shape:
    """The shape of y."""
    lengths = (
        output_length(*one)
        for one in zip(
            x_shape[1:3],
            window["size"],
            window["stride"],
            window["padding"],
            window["dilation"],
            strict=True,
        )
    )
    return (x_shape[0], *lengths, window["size"][0] * window["size"][1] * x_shape[3])


_CASES: tuple[tuple[Shape, Params], ...] = (
    ((2, 5, 6, 3), _window((3, 2))),
    ((1, 6, 5, 2), _window((2, 3), (2, 1), ((1, 1), (0, 2)))),
    ((2, 7, 8, 1), _window((2, 3), (1, 2), ((2, 0), (1, 1)), (3, 2))),
    ((1, 5, 5, 2), _window((1, 1), (3, 3))),
    ((0, 4, 4, 2), _window((2, 2))),
)
"""Shape of x and the window: plain, one-sided padding, dilated, with gaps, none."""


def _samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    for x_shape, window in _CASES:
        yield normal_arrays(rng, dtype, (x_shape,), window), window


def _make_fold(
    rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params
) -> Arrays:
    """A y, from the shape of x."""
    return normal_arrays(rng, dtype, (_rows(params["x_shape"], params),), params)


def _fold_samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    for x_shape, window in _CASES:
        params = {"x_shape": x_shape, **window}
        yield _make_fold(rng, dtype, (), params), params


def _cost(x: Array, **window: Any) -> Cost:
    return Cost(0, byte_count(x) + int(np.prod(_rows(x.shape, window))) * x.itemsize)


def _fold_cost(y: Array, *, x_shape: Shape, **_: Any) -> Cost:
    return Cost(y.size, byte_count(y) + int(np.prod(x_shape)) * y.itemsize)


_SIZES: tuple[tuple[str, Shape, Params], ...] = (
    ("LeNet-5 c1", (64, 28, 28, 1), _window((5, 5), padding=((2, 2), (2, 2)))),
    ("LeNet-5 c2", (64, 14, 14, 6), _window((5, 5))),
    ("32,32,32,32", (32, 32, 32, 32), _window((3, 3), padding=((1, 1), (1, 1)))),
)

UNFOLD = register(
    Op(
        name="unfold",
        reference=unfold,
        cost=_cost,
        samples=_samples,
        benchmark_shapes=tuple(Benchmark(label, (x,), window) for label, x, window in _SIZES),
    )
)
FOLD = register(
    Op(
        name="fold",
        reference=fold,
        cost=_fold_cost,
        samples=_fold_samples,
        make=_make_fold,
        benchmark_shapes=tuple(
            Benchmark(label, (), {"x_shape": x, **window}) for label, x, window in _SIZES
        ),
    )
)
