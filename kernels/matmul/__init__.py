"""Specification of `matmul(a, b, *, out=None)`, the batched matrix product.

    a (..., M, K)   b (..., K, N)   ->   y (..., M, N)        leading axes broadcast
    flops 2 M N K for each product     bytes a + b + y

Read next: `reference.py` beside this file; `../dense` adds the bias of a layer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import compiled, cuda_launch
from ..arrays import Array, byte_count
from ..registry import (
    Arrays,
    Benchmark,
    Cost,
    Implementation,
    Op,
    Params,
    add,
    normal_arrays,
    register,
)
from .reference import matmul


def _cost(a: Array, b: Array, **_: Any) -> Cost:
    leading = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    entries = math.prod(leading) * a.shape[-2] * b.shape[-1]
    return Cost(2 * entries * a.shape[-1], byte_count(a, b) + entries * a.itemsize)


def _samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    shapes = [
        ((2, 3), (3, 4)),
        ((1, 1), (1, 1)),
        ((5, 2, 3), (5, 3, 4)),
        ((2, 1, 2, 3), (4, 3, 5)),
        ((6, 64), (64, 1)),
        ((0, 3), (3, 4)),
        ((2, 0), (0, 4)),
        ((0, 2, 3), (3, 4)),
        ((13, 17), (17, 33)),
        ((101, 60), (60, 70)),
        ((3, 1, 1, 40), (2, 40, 65)),
    ]
    for pair in shapes:
        yield normal_arrays(rng, dtype, pair, {}), {}
    for K, M, N in ((37, 29, 45), (60, 37, 9), (1030, 50, 40)):
        a, b = normal_arrays(rng, dtype, ((K, M), (N, K)), {})
        yield (a.T, b.T), {}


def _for_tiles(arrays: Arrays, params: Params) -> bool:
    a, b = arrays
    rows, columns = a.shape[-2], b.shape[-1]
    return for_tiles(rows, columns, max(a.size * columns, b.size * rows))


def for_tiles(rows: int, columns: int, multiplications: int) -> bool:
    """Whether a product of this shape is one for register tiles, rather than for BLAS.

    64 x 64 x 64 takes BLAS 5.5 us and tiles 6.9, 96 x 96 x 96 16 and 12, 128 x 784 x 800 1270 and
    330 (tiles on 2 threads; up to 2^18 multiplications OpenBLAS stays on one, so its own pool never
    runs beside ours). A tile has 12 rows: 4 x 800 x 800 takes 89 us and 72, a single row 28 and 67.
    A b that no cache keeps is read fastest by two threads: 4 x 4096 x 4096 takes 4.6 ms and 1.9.
    """
    enough_rows = rows > 4 or (rows > 1 and multiplications >= rows << 21)
    return multiplications > 1 << 18 and enough_rows and columns > 4


def _rule(arrays: Arrays, params: Params) -> str:
    return "numba" if _for_tiles(arrays, params) else "reference"


_SIZES = (
    *((side, side, side) for side in (128, 512, 1024)),
    *((128, 784, 800), (128, 800, 10), (800, 128, 10), (8, 4096, 1000)),
)

MATMUL = register(
    Op(
        name="matmul",
        reference=matmul,
        cost=_cost,
        samples=_samples,
        benchmark_shapes=tuple(
            Benchmark(f"{M} x {K} x {N}", ((M, K), (K, N)), {}) for M, K, N in _SIZES
        ),
        rule=_rule,
        shape_class=_for_tiles,
    )
)
add(
    Implementation(
        "matmul", "numba", ".matmul.numba_cpu:matmul", "numpy", ("float32",), compiled.available
    )
)
cuda_launch.register("matmul", ".matmul.cuda:matmul", name="cuda-tile")
