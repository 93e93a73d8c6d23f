"""Specification of one step of an LSTM after its matrix products, and of that step's gradient.

    lstm_cell(ax, ah, c, *, out=None)                      -> (gates, after, h)
    lstm_cell_grad(dh, dc, gates, c, after, *, out=None)   -> (da, dc)

    ax, ah, gates, da (N, 4 H), in blocks input, forget, cell, output     c, after, h, dh, dc (N, H)
    flops about 10 and 22 a number of c, exponentials and tanh counted as one
    bytes each array once

Read next: `reference.py`.
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
from .reference import lstm_cell, lstm_cell_grad

_SHAPES: tuple[Shape, ...] = ((2, 3), (1, 1), (5, 17), (3, 70), (0, 2), (2, 0))
_SIZES: tuple[Shape, ...] = ((32, 128), (64, 512))


def _make(rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params) -> Arrays:
    """Numbers for c of the first shape."""
    N, H = shapes[0]
    return normal_arrays(rng, dtype, ((N, 4 * H), (N, 4 * H), (N, H)), params)


def _make_grad(
    rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params
) -> Arrays:
    """Gradients, and what a forward pass gave."""
    ax, ah, c = _make(rng, dtype, shapes, params)
    gates, after, _ = lstm_cell(ax, ah, c)
    return *normal_arrays(rng, dtype, (c.shape, c.shape), params), gates, c, after


def _samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    for shape in _SHAPES:
        yield _make(rng, dtype, (shape,), {}), {}
    far = np.array([[-1e4, 1e4, -90.0, 1e4]], dtype)
    yield (far, 0 * far, np.array([[3.0]], dtype)), {}


def _grad_samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    for shape in _SHAPES:
        yield _make_grad(rng, dtype, (shape,), {}), {}


def _cost(ax: Array, ah: Array, c: Array, **_: Any) -> Cost:
    return Cost(10 * c.size, byte_count(ax, ah, ax, c, c, c))


def _grad_cost(dh: Array, dc: Array, gates: Array, c: Array, after: Array, **_: Any) -> Cost:
    return Cost(22 * c.size, byte_count(dh, dc, dc, gates, gates, c, after))


def _large(arrays: Arrays, params: Params) -> bool:
    """Whether there are enough cells to compile for."""
    return bool(arrays[-1].size >= 64)


def _rule(arrays: Arrays, params: Params) -> str | None:
    """32 x 128 cells: 8 us compiled, 60 by the reference."""
    return "numba" if _large(arrays, params) else None


_BENCHMARKS = tuple(Benchmark(f"{N} x {H} cells", ((N, H),), {}) for N, H in _SIZES)

LSTM_CELL = register(
    Op(
        name="lstm_cell",
        reference=lstm_cell,
        cost=_cost,
        samples=_samples,
        make=_make,
        rule=_rule,
        shape_class=_large,
        benchmark_shapes=_BENCHMARKS,
    )
)
LSTM_CELL_GRAD = register(
    Op(
        name="lstm_cell_grad",
        reference=lstm_cell_grad,
        cost=_grad_cost,
        samples=_grad_samples,
        make=_make_grad,
        rule=_rule,
        shape_class=_large,
        benchmark_shapes=_BENCHMARKS,
    )
)

for _op in ("lstm_cell", "lstm_cell_grad"):
    _path = f".lstm_cell.numba_cpu:{_op}"
    add(Implementation(_op, "numba", _path, "numpy", ("float32",), compiled.available))
