"""Specification of softmax with cross-entropy, for integer targets.

    softmax_cross_entropy(logits, targets, *, out=None)            -> losses
    softmax_cross_entropy_grad(dy, logits, targets, *, out=None)   -> dz

    logits, dz (..., K)   targets, dy, losses (...); targets are integers from 0 to K - 1
    flops about 4 and 6 a logit, an exponential counted as one
    bytes logits and targets read, the result written

Read next: `reference.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .. import compiled, cuda_launch, numba_launch
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
from .reference import softmax_cross_entropy, softmax_cross_entropy_grad

_SHAPES: tuple[Shape, ...] = (
    *((4, 10), (2, 3, 5), (6,), (3, 1), (0, 10), (2, 0, 3)),
    *((33, 9), (5, 37), (2, 300), (2, 1029), (150, 70)),  # long rows, and of no multiple
)
_SIZES: tuple[Shape, ...] = ((64, 10), (128, 10), (128, 1000), (4096, 32000))


def _make(rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params) -> Arrays:
    """Logits of the first shape, and a target for each row."""
    (shape,) = shapes
    (logits,) = normal_arrays(rng, dtype, shapes, params)
    return logits, np.asarray(rng.integers(0, shape[-1], size=shape[:-1]))


def _make_grad(
    rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params
) -> Arrays:
    """dy, logits and targets."""
    logits, targets = _make(rng, dtype, shapes, params)
    return rng.standard_normal(targets.shape).astype(dtype), logits, targets


def _extreme(dtype: Any) -> tuple[Array, Array]:
    """Logits of 1e4, far apart and equal, and a class that is ruled out."""
    logits = [[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4], [1e4, 1e4, 1e4], [0.0, -np.inf, 1.0]]
    return np.array(logits, dtype), np.array([1, 2, 0, 2])


def _samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    for shape in _SHAPES:
        yield _make(rng, dtype, (shape,), {}), {}
    yield _extreme(dtype), {}


def _grad_samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    for shape in _SHAPES:
        yield _make_grad(rng, dtype, (shape,), {}), {}
    yield (np.ones(4, dtype), *_extreme(dtype)), {}


def _cost(logits: Array, targets: Array, **_: Any) -> Cost:
    moved = byte_count(logits, targets) + targets.size * logits.itemsize
    return Cost(4 * logits.size, moved)


def _grad_cost(dy: Array, logits: Array, targets: Array, **_: Any) -> Cost:
    return Cost(6 * logits.size, byte_count(dy, logits, logits, targets))


def _large(arrays: Arrays, params: Params) -> bool:
    """Whether there are enough logits to compile for; they stand before the targets."""
    return bool(arrays[-2].size >= 128)


def _rule(arrays: Arrays, params: Params) -> str:
    """8 x 10: 1.5 us compiled, 5.3 by the reference; 128 x 1000: 18 and 104. Less is not worth it.

    (Of 4 x 2 it saves 4 us a call, for the second that compiling takes once.)
    """
    return "numba" if _large(arrays, params) else "reference"


def _benchmarks() -> tuple[Benchmark, ...]:
    return tuple(Benchmark(f"{rows} x {K}", ((rows, K),), {}) for rows, K in _SIZES)


SOFTMAX_CROSS_ENTROPY = register(
    Op(
        name="softmax_cross_entropy",
        reference=softmax_cross_entropy,
        cost=_cost,
        samples=_samples,
        make=_make,
        rule=_rule,
        shape_class=_large,
        benchmark_shapes=_benchmarks(),
    )
)
SOFTMAX_CROSS_ENTROPY_GRAD = register(
    Op(
        name="softmax_cross_entropy_grad",
        reference=softmax_cross_entropy_grad,
        cost=_grad_cost,
        samples=_grad_samples,
        make=_make_grad,
        rule=_rule,
        shape_class=_large,
        benchmark_shapes=_benchmarks(),
    )
)

for _op in ("softmax_cross_entropy", "softmax_cross_entropy_grad"):
    _path = f".softmax_cross_entropy.numba_cpu:{_op}"
    add(Implementation(_op, "numba", _path, "numpy", ("float32",), compiled.available))

cuda_launch.register("softmax_cross_entropy", ".softmax_cross_entropy.cuda:softmax_cross_entropy")
cuda_launch.register(
    "softmax_cross_entropy_grad", ".softmax_cross_entropy.cuda:softmax_cross_entropy_grad"
)
for _op in ("softmax_cross_entropy", "softmax_cross_entropy_grad"):
    numba_launch.register(_op, f".softmax_cross_entropy.numba_cuda:{_op}")
