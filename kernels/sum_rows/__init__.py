"""Specification of `sum_rows(x, *, out=None)`, the gradient of a bias.

    x (..., C)   ->   y (C,)
    flops x.size     bytes x + y

Read next: `reference.py` beside this file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import compiled, cuda_launch
from ..arrays import Array
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
from .reference import sum_rows


def _cost(x: Array, **_: Any) -> Cost:
    return Cost(x.size, (x.size + x.shape[-1]) * x.itemsize)


def _samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    shapes: list[Shape] = [
        (5, 3),
        (4,),
        (2, 3, 4, 6),
        (700, 1),
        (0, 3),
        (3, 0),
        (257, 2),
        (513, 520),
        (64, 9, 7, 6),
        (259, 129),
        (10007, 5),
    ]
    for shape in shapes:
        yield normal_arrays(rng, dtype, (shape,), {}), {}


def _rule(arrays: Arrays, params: Params) -> str:
    """(64, 64): 2.5 us compiled, 3.0 by the reference; (128, 800): 7.9 and 8.1."""
    return "numba" if _shape_class(arrays, params) else "reference"


def _shape_class(arrays: Arrays, params: Params) -> bool:
    """Whether x is large enough to compile for."""
    return bool(arrays[0].size >= 4096)


SUM_ROWS = register(
    Op(
        name="sum_rows",
        reference=sum_rows,
        cost=_cost,
        samples=_samples,
        rule=_rule,
        shape_class=_shape_class,
        benchmark_shapes=tuple(
            Benchmark(" x ".join(map(str, shape)), (shape,), {})
            for shape in ((64, 28, 28, 6), (128, 32, 32, 32), (64, 120))
        ),
    )
)

cuda_launch.register("sum_rows", ".sum_rows.cuda:sum_rows")

add(
    Implementation(
        "sum_rows",
        "numba",
        ".sum_rows.numba_cpu:sum_rows",
        family="numpy",
        dtypes=("float32",),
        available=compiled.available,
    )
)
