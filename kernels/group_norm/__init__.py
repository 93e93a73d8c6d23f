"""Specification of group normalisation; with one group and one position it is layer norm.

    group_norm(x, gamma, beta, *, groups, eps, out=None)                 -> (y, mean, var)
    group_norm_grad(dy, x, gamma, mean, var, *, groups, eps, out=None)   -> (dx, dgamma, dbeta)

    x, y, dx, dy (N, P, C)   gamma, beta, dgamma, dbeta (C,)   mean, var (N, groups), var biased
    flops about 7 and 10 a number of x     bytes x read once and y written once, at the least

Layer norm over the last D numbers is x (rows, 1, D) with groups=1. Read next: `reference.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from .reference import group_norm, group_norm_grad

__all__ = ["GROUP_NORM", "GROUP_NORM_GRAD", "group_norm", "group_norm_grad"]

_CASES: tuple[tuple[Shape, int], ...] = (
    ((2, 5, 6), 3),
    ((3, 4, 4), 1),
    ((2, 3, 5), 5),
    ((7, 1, 9), 1),
    ((300, 1, 4), 1),
    ((1, 700, 2), 2),
    ((0, 3, 4), 2),
    ((65, 1, 257), 1),
    ((3, 300, 6), 1),
    ((37, 11, 34), 2),
)
"""Shape of x and groups: several, one, a channel each; layer norm; many rows, positions; none;
and sizes that are a multiple of nothing."""


def _make(rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params) -> Arrays:
    """An x of the first shape with a mean beside zero, gamma and beta."""
    (x_shape,) = shapes
    channels = x_shape[-1:]
    x, gamma, beta = normal_arrays(rng, dtype, (x_shape, channels, channels), params)
    return 2 * x + 3, gamma, beta


def _make_grad(
    rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params
) -> Arrays:
    """dy, x, gamma, and the statistics of that x."""
    x, gamma, _ = _make(rng, dtype, shapes, params)
    (dy,) = normal_arrays(rng, dtype, shapes, params)
    _, mean, var = group_norm(x, gamma, gamma, **params)
    return dy, x, gamma, mean, var


def _samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    for shape, groups in _CASES:
        params = {"groups": groups, "eps": 1e-5}
        yield _make(rng, dtype, (shape,), params), params


def _grad_samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    for shape, groups in _CASES:
        params = {"groups": groups, "eps": 1e-5}
        yield _make_grad(rng, dtype, (shape,), params), params


def _cost(x: Array, gamma: Array, beta: Array, *, groups: int, **_: Any) -> Cost:
    statistics = 2 * x.shape[0] * groups * x.itemsize
    return Cost(7 * x.size, byte_count(x, x, gamma, beta) + statistics)


def _grad_cost(dy: Array, x: Array, gamma: Array, mean: Array, var: Array, **_: Any) -> Cost:
    return Cost(10 * x.size, byte_count(dy, x, x, gamma, gamma, gamma, mean, var))


def _large(arrays: Arrays, params: Params) -> bool:
    """Whether there is enough of x (of dy, going back) to compile for."""
    return bool(arrays[0].size >= 256)


def _rule(arrays: Arrays, params: Params) -> str:
    """Layer norm 8 x 64: 3.5 us compiled, 16 by the reference; 4096 x 768: 0.25 ms and 8.5.

    Of 4 x 8 it saves 12 us a call, for the second that compiling takes once.
    """
    return "numba" if _large(arrays, params) else "reference"


_SIZES: tuple[tuple[str, Shape, int], ...] = (
    ("layer norm 4096,256", (4096, 1, 256), 1),
    ("layer norm 2048,1024", (2048, 1, 1024), 1),
    ("32,32,32,64 in 8 groups", (32, 1024, 64), 8),
)
_BENCHMARKS = tuple(
    Benchmark(label, (shape,), {"groups": groups, "eps": 1e-5}) for label, shape, groups in _SIZES
)

GROUP_NORM = register(
    Op(
        name="group_norm",
        reference=group_norm,
        cost=_cost,
        samples=_samples,
        make=_make,
        rule=_rule,
        shape_class=_large,
        benchmark_shapes=_BENCHMARKS,
    )
)
GROUP_NORM_GRAD = register(
    Op(
        name="group_norm_grad",
        reference=group_norm_grad,
        cost=_grad_cost,
        samples=_grad_samples,
        make=_make_grad,
        rule=_rule,
        shape_class=_large,
        benchmark_shapes=_BENCHMARKS,
    )
)

for _op in ("group_norm", "group_norm_grad"):
    _path = f".group_norm.numba_cpu:{_op}"
    add(Implementation(_op, "numba", _path, "numpy", ("float32",), compiled.available))
    cuda_launch.register(_op, f".group_norm.cuda:{_op}")
