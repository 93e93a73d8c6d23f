"""Specification of the sum of two arrays of one shape, with an activation.

    add(a, b, *, activation=None, out=None)   -> y = f(a + b)

    a, b, y any one shape   activation "relu", "tanh", "sigmoid" or None
    flops 1 a number, and 1 for f   bytes a and b read, y written

A residual block ends with it; the gradients of a tensor that was used twice are added by it. Its
own gradient needs no kernel: dL/da = dL/db = `activation_grad(dy, y)`. Read next: `reference.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .. import compiled, cuda_launch, registry
from ..arrays import Array, byte_count
from ..registry import (
    Arrays,
    Benchmark,
    Cost,
    Implementation,
    Op,
    Params,
    Shape,
    normal_arrays,
    register,
)
from .reference import add

__all__ = ["ADD", "add"]

_SHAPES: tuple[Shape, ...] = ((4, 3), (7,), (2, 3, 5), (3, 4099), (9, 4096), (0, 3))
LARGE = 1 << 17
"""Numbers from which the sum alone is worth a launch: 131,072 take NumPy 13.8 us, and 11.1 here."""
_SIZES: tuple[Shape, ...] = ((128, 800), (128, 32, 32, 16), (128, 32, 32, 64))


def _make(rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params) -> Arrays:
    """a and b of the first shape."""
    return normal_arrays(rng, dtype, (shapes[0], shapes[0]), params)


def _extreme(dtype: Any) -> Arrays:
    """Zeros of both signs, sums that cancel, infinities and NaN."""
    a = [0.0, -0.0, 0.0, 1.0, -1e-6, 1e4, np.inf, -np.inf, np.nan]
    b = [0.0, -0.0, -0.0, -1.0, 1e-7, -3e4, 1.0, 1.0, 0.0]
    return np.array(a, dtype), np.array(b, dtype)


def _samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    for kind in (None, "relu", "tanh", "sigmoid"):
        for shape in _SHAPES:
            yield _make(rng, dtype, (shape,), {}), {"activation": kind}
        yield _extreme(dtype), {"activation": kind}


def _cost(a: Array, b: Array, *, activation: str | None = None, **_: Any) -> Cost:
    return Cost(a.size * (1 + (activation is not None)), byte_count(a, b, a))


def _large(arrays: Arrays, params: Params) -> bool:
    """Whether there are enough numbers for a compiled loop to be faster."""
    return bool(arrays[0].size >= (LARGE if params["activation"] is None else 4096))


def _rule(arrays: Arrays, params: Params) -> str:
    """2,097,152 numbers, us: 331 by NumPy, 208 here; with a ReLU 952 and 262.

    65,536: 4.6 and 8.0; with a ReLU 25 and 8.1. 4,096 with a ReLU: 2.4 and 1.9.
    """
    return "numba" if _large(arrays, params) else "reference"


ADD = register(
    Op(
        name="add",
        reference=add,
        cost=_cost,
        samples=_samples,
        make=_make,
        rule=_rule,
        shape_class=_large,
        benchmark_shapes=tuple(
            Benchmark(
                f"{kind or 'sum'} {','.join(map(str, shape))}", (shape,), {"activation": kind}
            )
            for kind in (None, "relu")
            for shape in _SIZES
        ),
    )
)

registry.add(
    Implementation("add", "numba", ".add.numba_cpu:add", "numpy", ("float32",), compiled.available)
)
cuda_launch.register("add", ".add.cuda:add")
