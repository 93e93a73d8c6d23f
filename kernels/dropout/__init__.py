"""Specification of `dropout(x, *, p, seed, offset, out=None)`.

    x (any shape)   p in [0, 1] is the probability of dropping   seed, offset below 2^64   ->   y
    flops 1 an element beside the random bits: 7 rounds of Philox for each 4 elements (about 18
    integer operations an element)     bytes x + y; no mask is stored or read

Every implementation makes the same bits, and so the same y. Read next: `philox.py`, `reference.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import cuda_launch
from ..arrays import Array, byte_count
from ..registry import Arrays, Benchmark, Cost, Op, Params, Shape, normal_arrays, register
from .philox import philox4x32
from .reference import dropout

__all__ = ["DROPOUT", "dropout", "philox4x32"]

_HALF = {"p": 0.5, "seed": 1, "offset": 0}
_SIZES: tuple[Shape, ...] = ((64, 120), (128, 800), (128, 32, 32, 32))


def _samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    shapes: tuple[Shape, ...] = ((8,), (3, 5), (2, 3, 4, 1), (1,), (), (0, 4), (33001,))
    for shape in shapes:
        yield normal_arrays(rng, dtype, (shape,), {}), dict(_HALF)
    for p in (0.0, 0.1, 1.0):
        params = {"p": p, "seed": 2**64 - 1, "offset": 2**32 + 3}
        yield normal_arrays(rng, dtype, ((4, 7),), {}), params


def _cost(x: Array, **_: Any) -> Cost:
    return Cost(x.size, byte_count(x, x))


DROPOUT = register(
    Op(
        name="dropout",
        reference=dropout,
        cost=_cost,
        samples=_samples,
        benchmark_shapes=tuple(
            Benchmark(",".join(map(str, shape)), (shape,), _HALF) for shape in _SIZES
        ),
    )
)

cuda_launch.register("dropout", ".dropout.cuda:dropout")
