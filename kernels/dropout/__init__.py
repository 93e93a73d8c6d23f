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

from .. import compiled, cuda_launch
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
from .philox import philox4x32
from .reference import dropout

__all__ = ["DROPOUT", "dropout", "philox4x32"]

_HALF = {"p": 0.5, "seed": 1, "offset": 0}
_SIZES: tuple[Shape, ...] = ((64, 120), (128, 800), (128, 32, 32, 32))


def _samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    shapes: tuple[Shape, ...] = (
        (8,),
        (3, 5),
        (2, 3, 4, 1),
        (1,),
        (),
        (0, 4),
        (33001,),
        (63,),
        (65,),
    )
    for shape in shapes:
        yield normal_arrays(rng, dtype, (shape,), {}), dict(_HALF)
    for p in (0.0, 0.1, 1.0):
        params = {"p": p, "seed": 2**64 - 1, "offset": 2**32 + 3}
        yield normal_arrays(rng, dtype, ((4, 7),), {}), params


def _cost(x: Array, **_: Any) -> Cost:
    return Cost(x.size, byte_count(x, x))


def _rule(arrays: Arrays, params: Params) -> str:
    """8 elements: 1.7 us compiled, 40 by the reference; (64, 120): 3.4 and 72."""
    return "numba" if _shape_class(arrays, params) else "reference"


def _shape_class(arrays: Arrays, params: Params) -> bool:
    """Whether x is large enough to compile for."""
    return bool(arrays[0].size >= 64)


DROPOUT = register(
    Op(
        name="dropout",
        reference=dropout,
        cost=_cost,
        samples=_samples,
        rule=_rule,
        shape_class=_shape_class,
        benchmark_shapes=tuple(
            Benchmark(",".join(map(str, shape)), (shape,), _HALF) for shape in _SIZES
        ),
    )
)

cuda_launch.register("dropout", ".dropout.cuda:dropout")
add(
    Implementation(
        "dropout",
        "numba",
        ".dropout.numba_cpu:dropout",
        family="numpy",
        dtypes=("float32",),
        available=compiled.available,
    )
)
