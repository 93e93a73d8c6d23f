"""Specification of softmax and log-softmax over the last axis, and of their gradients.

    softmax(x, *, out=None)                 -> y
    softmax_grad(dy, y, *, out=None)        -> dx
    log_softmax(x, *, out=None)             -> y
    log_softmax_grad(dy, y, *, out=None)    -> dx

    x, y, dy, dx (..., K); each row of K numbers stands for itself
    flops about 5 a number, an exponential counted as one
    bytes x, or dy and y, read once; the result written

In front of a cross-entropy neither is needed: see `softmax_cross_entropy/`.
Read next: `reference.py`.
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
    Kernel,
    Op,
    Params,
    Shape,
    add,
    normal_arrays,
    register,
)
from .reference import log_softmax, log_softmax_grad, softmax, softmax_grad

_SHAPES: tuple[Shape, ...] = (
    (4, 10), (2, 3, 5), (6,), (3, 1), (5, 17), (3, 64), (2, 100), (1, 1027), (0, 10), (2, 0, 3),
    (3, 0),
)  # fmt: skip
_SIZES: tuple[Shape, ...] = ((128, 10), (128, 1000), (32, 8, 128, 128), (4096, 32000))


def _extreme(dtype: Any) -> Array:
    """Numbers of 1e4, far apart and equal, and a class that is ruled out."""
    return np.array([[1e4, -1e4, 0.0], [1e4, 1e4, 1e4], [0.0, -np.inf, 1.0]], dtype)


def _samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    for shape in _SHAPES:
        yield normal_arrays(rng, dtype, (shape,), {}), {}
    yield (_extreme(dtype),), {}


def _make_grad(of: Kernel) -> Any:
    """What makes dy, and the y of some x."""

    def make(
        rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params
    ) -> Arrays:
        dy, x = normal_arrays(rng, dtype, (shapes[0], shapes[0]), params)
        return dy, of(x)

    return make


def _grad_samples(of: Kernel) -> Any:
    def samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
        for shape in _SHAPES:
            yield _make_grad(of)(rng, dtype, (shape,), {}), {}
        y = of(_extreme(dtype))
        yield (np.ones_like(y), y), {}

    return samples


def _cost(x: Array, **_: Any) -> Cost:
    return Cost(5 * x.size, byte_count(x, x))


def _grad_cost(dy: Array, y: Array, **_: Any) -> Cost:
    return Cost(5 * y.size, byte_count(dy, y, y))


def _large(arrays: Arrays, params: Params) -> bool:
    """Whether there are enough numbers to compile for."""
    return bool(arrays[0].size >= 256)


def _rule(arrays: Arrays, params: Params) -> str:
    """128 x 10: 4 us compiled, 12 by the reference; 128 x 1000: 25 and 110."""
    return "numba" if _large(arrays, params) else "reference"


_BENCHMARKS = tuple(Benchmark(" x ".join(map(str, shape)), (shape,), {}) for shape in _SIZES)

for _name, _forward, _backward in (
    ("softmax", softmax, softmax_grad),
    ("log_softmax", log_softmax, log_softmax_grad),
):
    register(
        Op(
            name=_name,
            reference=_forward,
            cost=_cost,
            samples=_samples,
            rule=_rule,
            shape_class=_large,
            benchmark_shapes=_BENCHMARKS,
        )
    )
    register(
        Op(
            name=f"{_name}_grad",
            reference=_backward,
            cost=_grad_cost,
            samples=_grad_samples(_forward),
            make=_make_grad(_forward),
            rule=_rule,
            shape_class=_large,
            benchmark_shapes=_BENCHMARKS,
        )
    )
    for _op in (_name, f"{_name}_grad"):
        _path = f".softmax.numba_cpu:{_op}"
        add(Implementation(_op, "numba", _path, "numpy", ("float32",), compiled.available))
        cuda_launch.register(_op, f".softmax.cuda:{_op}")
