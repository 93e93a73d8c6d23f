"""Specification of the optimizers' steps: lists of arrays, written in place, nothing returned.

    sgd_step(parameters, gradients, velocities, *,
             lr, momentum, dampening, nesterov, weight_decay, first)
    adam_step(parameters, gradients, first_moments, second_moments, *,
              lr, beta1, beta2, eps, weight_decay, decoupled, step)

    all lists have one length, and the arrays at one place one shape; velocities may be None
    flops 4 (momentum) and 12 (Adam) a number     bytes a number: 5 and 7 words

Read next: `reference.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..registry import Arrays, Benchmark, Cost, Op, Params, Shape, register
from .reference import adam_step, sgd_step

_SGD = {
    "lr": 0.1,
    "momentum": 0.0,
    "dampening": 0.0,
    "nesterov": False,
    "weight_decay": 0.0,
    "first": False,
}
_ADAM = {
    "lr": 0.01,
    "beta1": 0.9,
    "beta2": 0.999,
    "eps": 1e-8,
    "weight_decay": 0.0,
    "decoupled": False,
    "step": 3,
}
_SHAPES: tuple[Shape, ...] = ((3, 4), (4,), (), (0, 2))
_LENET: tuple[Shape, ...] = (
    (5, 5, 1, 6),
    (6,),
    (5, 5, 6, 16),
    (16,),
    (400, 120),
    (120,),
    (120, 84),
    (84,),
    (84, 10),
    (10,),
)


def _lists(rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], count: int) -> Arrays:
    """`count` lists of normal arrays of these shapes."""
    return tuple(
        [np.asarray(rng.standard_normal(shape), dtype) for shape in shapes] for _ in range(count)
    )


def _make_sgd(
    rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params
) -> Arrays:
    """Parameters, gradients, and velocities where there is momentum."""
    arrays = _lists(rng, dtype, shapes, 3)
    return arrays if params["momentum"] else (*arrays[:2], None)


def _make_adam(
    rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params
) -> Arrays:
    """Parameters, gradients, first moments, and second ones (which are never negative)."""
    p, g, m, v = _lists(rng, dtype, shapes, 4)
    return p, g, m, [np.asarray(array * array) for array in v]


def _sgd_samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    for change in (
        {},
        {"weight_decay": 0.01},
        {"momentum": 0.9, "first": True, "dampening": 0.5},
        {"momentum": 0.9, "dampening": 0.5},
        {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
        {"momentum": 0.9, "nesterov": True, "first": True},
    ):
        params = {**_SGD, **change}
        yield _make_sgd(rng, dtype, _SHAPES, params), params
    yield ([], [], None), dict(_SGD)


def _adam_samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    for change in (
        {},
        {"step": 1},
        {"weight_decay": 0.1},
        {"weight_decay": 0.1, "decoupled": True},
        {"beta1": 0.0, "step": 100},
    ):
        params = {**_ADAM, **change}
        yield _make_adam(rng, dtype, _SHAPES, params), params
    yield ([], [], [], []), dict(_ADAM)


def _sizes(arrays: Sequence[Any]) -> tuple[int, int]:
    """How many numbers, and how many bytes, one list of arrays holds."""
    return sum(a.size for a in arrays), sum(a.size * a.itemsize for a in arrays)


def _sgd_cost(
    parameters: Sequence[Any], gradients: Sequence[Any], velocities: Any, **_: Any
) -> Cost:
    numbers, moved = _sizes(parameters)
    return Cost(2 * numbers, 3 * moved) if velocities is None else Cost(4 * numbers, 5 * moved)


def _adam_cost(parameters: Sequence[Any], *_: Any, **__: Any) -> Cost:
    numbers, moved = _sizes(parameters)
    return Cost(12 * numbers, 7 * moved)


SGD_STEP = register(
    Op(
        name="sgd_step",
        reference=sgd_step,
        cost=_sgd_cost,
        samples=_sgd_samples,
        make=_make_sgd,
        in_place=(0, 2),
        benchmark_shapes=(
            Benchmark("LeNet-5, momentum", _LENET, {**_SGD, "momentum": 0.9}),
            Benchmark("10 million, momentum", ((10_000_000,),), {**_SGD, "momentum": 0.9}),
        ),
    )
)
ADAM_STEP = register(
    Op(
        name="adam_step",
        reference=adam_step,
        cost=_adam_cost,
        samples=_adam_samples,
        make=_make_adam,
        in_place=(0, 2, 3),
        benchmark_shapes=(
            Benchmark("LeNet-5", _LENET, dict(_ADAM)),
            Benchmark("10 million", ((10_000_000,),), dict(_ADAM)),
        ),
    )
)
