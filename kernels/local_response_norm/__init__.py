"""Specification of local response normalisation over the channels, as AlexNet has it.

    local_response_norm(x, *, before, after, alpha, beta, k, out=None)            -> y
    local_response_norm_grad(dy, x, *, before, after, alpha, beta, k, out=None)   -> dx

    x, y, dy, dx (..., C)   before, after: neighbours in the window below and above a channel
    flops 5 + before + after a number, and about 9 + 2 (before + after); a power counted as one
    bytes x, or dy and x, read; the result written

Read next: `reference.py`.
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
from .reference import local_response_norm, local_response_norm_grad

_ALEXNET: Params = {"before": 2, "after": 2, "alpha": 1e-4, "beta": 0.75, "k": 2.0}
_SMALL_K: Params = {"before": 1, "after": 2, "alpha": 0.5, "beta": 1.3, "k": 0.1}

_CASES: tuple[tuple[Shape, Params], ...] = (
    ((2, 3, 3, 7), {**_ALEXNET, "alpha": 0.3}),
    ((4, 5), {**_SMALL_K}),
    ((6,), {**_SMALL_K, "before": 0}),
    ((5, 1), {**_ALEXNET, "beta": 0.5}),
    ((3, 2), {**_ALEXNET, "before": 9, "after": 9}),
    ((2, 100), {**_ALEXNET, "alpha": 0.2}),
    ((3, 33), {**_SMALL_K, "after": 0, "beta": 1.0}),
    ((0, 4), _ALEXNET),
    ((3, 0), _ALEXNET),
)
"""Windows that reach over both ends, one-sided ones, one channel; no number at all."""


def _samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    for shape, params in _CASES:
        yield normal_arrays(rng, dtype, (shape,), {}), params


def _grad_samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    for shape, params in _CASES:
        yield normal_arrays(rng, dtype, (shape, shape), {}), params


def _cost(x: Array, *, before: int, after: int, **_: Any) -> Cost:
    return Cost((5 + before + after) * x.size, byte_count(x, x))


def _grad_cost(dy: Array, x: Array, *, before: int, after: int, **_: Any) -> Cost:
    return Cost((9 + 2 * (before + after)) * x.size, byte_count(dy, x, x))


def _large(arrays: Arrays, params: Params) -> bool:
    """Whether there are enough numbers to compile for."""
    return bool(arrays[0].size >= 1024)


def _rule(arrays: Arrays, params: Params) -> str:
    """16 x 64: 3.7 us compiled, 11.5 by the reference; 8 x 27 x 27 x 256: 1.4 ms and 5.5."""
    return "numba" if _large(arrays, params) else "reference"


_SIZES: tuple[Shape, ...] = ((8, 55, 55, 96), (8, 27, 27, 256), (1, 27, 27, 256))


def _benchmarks(arrays: int) -> tuple[Benchmark, ...]:
    return tuple(
        Benchmark(",".join(map(str, shape)), (shape,) * arrays, _ALEXNET) for shape in _SIZES
    )


LOCAL_RESPONSE_NORM = register(
    Op(
        name="local_response_norm",
        reference=local_response_norm,
        cost=_cost,
        samples=_samples,
        rule=_rule,
        shape_class=_large,
        benchmark_shapes=_benchmarks(1),
    )
)
LOCAL_RESPONSE_NORM_GRAD = register(
    Op(
        name="local_response_norm_grad",
        reference=local_response_norm_grad,
        cost=_grad_cost,
        samples=_grad_samples,
        rule=_rule,
        shape_class=_large,
        benchmark_shapes=_benchmarks(2),
    )
)

for _op in ("local_response_norm", "local_response_norm_grad"):
    _path = f".local_response_norm.numba_cpu:{_op}"
    add(Implementation(_op, "numba", _path, "numpy", ("float32",), compiled.available))
    cuda_launch.register(_op, f".local_response_norm.cuda:{_op}")
