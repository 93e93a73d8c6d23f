"""Specification of an LSTM's way through a sequence, x w_x being known, and of the way back.

    lstm(ax, h0, c0, w_h, *, out=None)               -> (gates, cells, y)
    lstm_grad(dy, dc, gates, cells, w_h, *, out=None) -> (da, dh, dc)

    ax, gates, da (N, T, 4 H), in blocks input, forget, cell, output     w_h (H, 4 H)
    cells (N, T + 1, H), c0 first     y, dy (N, T, H)     h0, c0, dh, dc (N, H)
    flops a number of y: 8 H of the product, and 10 or 22, an exponential or tanh counted as one
    bytes each array once

One step is a sequence of one. Read next: `reference.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .. import compiled
from ..arrays import Array, byte_count
from ..registry import (
    Arrays,
    Benchmark,
    Cost,
    Implementation,
    Op,
    Params,
    Shape,
    add,
    normal_arrays,
    register,
)
from .reference import lstm, lstm_grad

_SHAPES: tuple[Shape, ...] = (
    *((2, 3, 4), (1, 1, 1), (5, 2, 17), (3, 6, 40), (4, 1, 8), (4, 5, 16), (2, 3, 33)),
    *((0, 2, 3), (2, 2, 0), (2, 0, 3)),
)
_SIZES: tuple[Shape, ...] = ((32, 50, 128), (64, 1, 512), (8, 100, 64))


def _make(rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params) -> Arrays:
    """Numbers for N samples, T steps, H hidden; w_h so small that the states do not run away."""
    N, T, H = shapes[0]
    ax, h0, c0, w_h = normal_arrays(rng, dtype, ((N, T, 4 * H), (N, H), (N, H), (H, 4 * H)), params)
    return ax, h0, c0, w_h / np.asarray(max(1, H) ** 0.5, dtype)


def _make_grad(
    rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params
) -> Arrays:
    """Gradients, and what a forward pass gave."""
    ax, h0, c0, w_h = _make(rng, dtype, shapes, params)
    gates, cells, y = lstm(ax, h0, c0, w_h)
    return *normal_arrays(rng, dtype, (y.shape, c0.shape), params), gates, cells, w_h


def _samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    for shape in _SHAPES:
        yield _make(rng, dtype, (shape,), {}), {}
    far, none = np.array([[[-1e4, 1e4, -90.0, 1e4]]], dtype), np.zeros((1, 1), dtype)
    yield (far, none, none + 3, np.zeros((1, 4), dtype)), {}


def _grad_samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    for shape in _SHAPES:
        yield _make_grad(rng, dtype, (shape,), {}), {}


def _cost(ax: Array, h0: Array, c0: Array, w_h: Array, **_: Any) -> Cost:
    cells = ax.size // 4
    return Cost(cells * (8 * len(w_h) + 10), byte_count(ax, h0, c0, w_h, ax) + 2 * ax.nbytes // 4)


def _grad_cost(dy: Array, dc: Array, gates: Array, cells: Array, w_h: Array, **_: Any) -> Cost:
    return Cost(dy.size * (8 * len(w_h) + 22), byte_count(dy, dc, gates, cells, w_h, gates, dc, dc))


def _large(arrays: Arrays, params: Params) -> bool:
    """Whether there are enough numbers of ax (of dy, going back) to compile for."""
    return bool(arrays[0].size >= 256)


def _rule(arrays: Arrays, params: Params) -> str:
    """32 samples, 50 steps, 128 hidden, one thread: 1.1 ms compiled, 7.1 by the reference."""
    return "numba" if _large(arrays, params) else "reference"


_BENCHMARKS = tuple(
    Benchmark(f"{N} samples, {T} steps, {H} hidden", ((N, T, H),), {}) for N, T, H in _SIZES
)

LSTM = register(
    Op(
        name="lstm",
        reference=lstm,
        cost=_cost,
        samples=_samples,
        make=_make,
        rule=_rule,
        shape_class=_large,
        benchmark_shapes=_BENCHMARKS,
    )
)
LSTM_GRAD = register(
    Op(
        name="lstm_grad",
        reference=lstm_grad,
        cost=_grad_cost,
        samples=_grad_samples,
        make=_make_grad,
        rule=_rule,
        shape_class=_large,
        benchmark_shapes=_BENCHMARKS,
    )
)

for _op in ("lstm", "lstm_grad"):
    _path = f".lstm.numba_cpu:{_op}"
    add(Implementation(_op, "numba", _path, "numpy", ("float32",), compiled.available))
