"""Specification of batch normalisation over all axes but the last.

    batch_norm(x, gamma, beta, *, eps, activation=None, out=None)            -> (y, mean, var)
    batch_norm_grad(dy, x, gamma, beta, mean, var, *, eps, activation=None, out=None)
                                                                             -> (dx, dgamma, dbeta)
    batch_norm_inference(x, gamma, beta, mean, var, *, eps, activation=None, out=None)   -> y
    running_statistics(running, value, *, momentum)                          -> running, in place

    x, y, dx, dy (..., C)   all others (C,); var is the biased one (divided by M = size / C)
    activation: the kind of f that y ends with, as in `../activation`; None is the identity
    flops about 7, 9 and 3 a number of x     bytes x read once and y written once, at the least

Read next: `reference.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .. import compiled, cuda_launch
from ..activation import KINDS
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
from .reference import batch_norm, batch_norm_grad, batch_norm_inference, running_statistics

_EPS = {"eps": 1e-5}
_SHAPES: tuple[Shape, ...] = (
    (8, 3),
    (2, 4, 5, 6),
    (700, 2),
    (1, 4),
    (3, 1),
    (0, 3),
    (0, 4, 4, 2),
    (16, 7, 9, 6),
    (259, 129),
    (513, 70),
)
_SIZES: tuple[Shape, ...] = ((128, 32, 32, 32), (8, 112, 112, 64), (128, 256))


def _make(rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params) -> Arrays:
    """An x of the first shape with a mean beside zero, gamma and beta."""
    (x_shape,) = shapes
    channels = x_shape[-1:]
    x, gamma, beta = normal_arrays(rng, dtype, (x_shape, channels, channels), params)
    return 2 * x + 3, gamma, beta


def _make_grad(
    rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params
) -> Arrays:
    """dy, x, gamma, beta, and the statistics of that x."""
    x, gamma, beta = _make(rng, dtype, shapes, params)
    (dy,) = normal_arrays(rng, dtype, shapes, params)
    _, mean, var = batch_norm(x, gamma, beta, eps=params["eps"])
    return dy, x, gamma, beta, mean, var


def _make_inference(
    rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params
) -> Arrays:
    """x, gamma, beta, and statistics of another batch."""
    x, gamma, beta = _make(rng, dtype, shapes, params)
    (mean,) = normal_arrays(rng, dtype, (gamma.shape,), params)
    return x, gamma, beta, mean, mean * mean + mean.dtype.type(0.5)


def _samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    for shape in _SHAPES:
        yield _make(rng, dtype, (shape,), _EPS), dict(_EPS)
    for kind in KINDS:
        params = {**_EPS, "activation": kind}
        yield _make(rng, dtype, (_SHAPES[1],), params), params


def _grad_samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    for shape in _SHAPES:
        yield _make_grad(rng, dtype, (shape,), _EPS), dict(_EPS)
    for kind in KINDS:
        params = {**_EPS, "activation": kind}
        yield _make_grad(rng, dtype, (_SHAPES[1],), params), params


def _inference_samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    for shape in _SHAPES:
        yield _make_inference(rng, dtype, (shape,), _EPS), dict(_EPS)
    for kind in KINDS:
        params = {**_EPS, "activation": kind}
        yield _make_inference(rng, dtype, (_SHAPES[1],), params), params


def _running_samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    for channels, momentum in ((1, 0.1), (5, 0.5), (3, 1.0)):
        yield normal_arrays(rng, dtype, ((channels,), (channels,)), {}), {"momentum": momentum}


def _cost(x: Array, gamma: Array, beta: Array, **_: Any) -> Cost:
    return Cost(7 * x.size, byte_count(x, x, gamma, beta, gamma, beta))


def _grad_cost(dy: Array, x: Array, gamma: Array, *rest: Array, **_: Any) -> Cost:
    return Cost(9 * x.size, byte_count(dy, x, x, gamma, *rest, gamma, gamma))


def _inference_cost(x: Array, gamma: Array, beta: Array, mean: Array, var: Array, **_: Any) -> Cost:
    return Cost(3 * x.size, byte_count(x, x, gamma, beta, mean, var))


def _running_cost(running: Array, value: Array, **_: Any) -> Cost:
    return Cost(3 * running.size, byte_count(running, running, value))


def _benchmarks(*shapes: Shape) -> tuple[Benchmark, ...]:
    return tuple(Benchmark(",".join(map(str, shape)), (shape,), _EPS) for shape in shapes)


def _rule(arrays: Arrays, params: Params) -> str:
    """(8, 32): 7.2 us compiled, 9.8 by the reference; (128, 256): 14 and 28."""
    return "numba" if _shape_class(arrays, params) else "reference"


def _running_rule(arrays: Arrays, params: Params) -> str:
    """As many numbers as there are channels: NumPy takes 1.5 us, and no compiled kernel is less."""
    return "reference"


def _shape_class(arrays: Arrays, params: Params) -> bool:
    """Whether x is large enough to compile for."""
    return bool(arrays[0].size >= 256)


BATCH_NORM = register(
    Op(
        name="batch_norm",
        reference=batch_norm,
        cost=_cost,
        samples=_samples,
        make=_make,
        rule=_rule,
        shape_class=_shape_class,
        benchmark_shapes=_benchmarks(*_SIZES),
    )
)
BATCH_NORM_GRAD = register(
    Op(
        name="batch_norm_grad",
        reference=batch_norm_grad,
        cost=_grad_cost,
        samples=_grad_samples,
        make=_make_grad,
        rule=_rule,
        shape_class=_shape_class,
        benchmark_shapes=_benchmarks(*_SIZES),
    )
)
BATCH_NORM_INFERENCE = register(
    Op(
        name="batch_norm_inference",
        reference=batch_norm_inference,
        cost=_inference_cost,
        samples=_inference_samples,
        make=_make_inference,
        rule=_rule,
        shape_class=_shape_class,
        benchmark_shapes=_benchmarks(*_SIZES),
    )
)
RUNNING_STATISTICS = register(
    Op(
        name="running_statistics",
        reference=running_statistics,
        cost=_running_cost,
        samples=_running_samples,
        rule=_running_rule,
        shape_class=lambda arrays, params: None,
        in_place=(0,),
        benchmark_shapes=(Benchmark("64 channels", ((64,), (64,)), {"momentum": 0.1}),),
    )
)

for _name in ("batch_norm", "batch_norm_grad", "batch_norm_inference"):
    cuda_launch.register(_name, f".batch_norm.cuda:{_name}")

for _name in ("batch_norm", "batch_norm_grad", "batch_norm_inference"):
    add(
        Implementation(
            _name,
            "numba",
            f".batch_norm.numba_cpu:{_name}",
            family="numpy",
            dtypes=("float32",),
            available=compiled.available,
        )
    )
