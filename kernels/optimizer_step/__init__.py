"""Specification of the optimizers' steps: lists of arrays, written in place, nothing returned.

    sgd_step(parameters, gradients, velocities, *,
             lr, momentum, dampening, nesterov, weight_decay, first)
    adam_step(parameters, gradients, first_moments, second_moments, *,
              lr, beta1, beta2, eps, weight_decay, decoupled, step)

    all lists have one length, and the arrays at one place one shape; velocities may be None
    flops 4 (momentum) and 12 (Adam) a number     bytes a number: 5 and 7 words

Read next: `reference.py`; `variants.py` specifies the other algorithms.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import compiled, cuda_launch, numba_launch
from ..registry import Arrays, Benchmark, Implementation, Op, Params, Shape, add, register
from . import variants
from .lists import (
    LENET,
    MLP,
    cost_per_number,
    has_large_parameter,
    large_enough,
    normal_lists,
    squares,
    variations,
)
from .reference import adam_step, sgd_step

__all__ = ["ADAM_STEP", "SGD_STEP", "adam_step", "sgd_step", "variants"]

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


def _make_sgd(
    rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params
) -> Arrays:
    """Parameters, gradients, and velocities where there is momentum."""
    arrays = normal_lists(rng, dtype, shapes, 3)
    return arrays if params["momentum"] else (*arrays[:2], None)


def _make_adam(
    rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params
) -> Arrays:
    """Parameters, gradients, first moments, and second ones (which are never negative)."""
    p, g, m, v = normal_lists(rng, dtype, shapes, 4)
    return p, g, m, squares(v)


SGD_STEP = register(
    Op(
        name="sgd_step",
        reference=sgd_step,
        cost=cost_per_number(4),
        samples=variations(
            _make_sgd,
            _SGD,
            {},
            {"weight_decay": 0.01},
            {"momentum": 0.9, "first": True, "dampening": 0.5},
            {"momentum": 0.9, "dampening": 0.5},
            {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
            {"momentum": 0.9, "nesterov": True, "first": True},
        ),
        make=_make_sgd,
        rule=large_enough,
        shape_class=has_large_parameter,
        in_place=(0, 2),
        benchmark_shapes=(
            Benchmark("LeNet-5, momentum", LENET, {**_SGD, "momentum": 0.9}),
            Benchmark("MLP, momentum", MLP, {**_SGD, "momentum": 0.9}),
            Benchmark("10 million, momentum", ((10_000_000,),), {**_SGD, "momentum": 0.9}),
        ),
    )
)
ADAM_STEP = register(
    Op(
        name="adam_step",
        reference=adam_step,
        cost=cost_per_number(12),
        samples=variations(
            _make_adam,
            _ADAM,
            {},
            {"step": 1},
            {"weight_decay": 0.1},
            {"weight_decay": 0.1, "decoupled": True},
            {"beta1": 0.0, "step": 100},
        ),
        make=_make_adam,
        rule=large_enough,
        shape_class=has_large_parameter,
        in_place=(0, 2, 3),
        benchmark_shapes=(
            Benchmark("LeNet-5", LENET, dict(_ADAM)),
            Benchmark("MLP", MLP, dict(_ADAM)),
            Benchmark("10 million", ((10_000_000,),), dict(_ADAM)),
        ),
    )
)

cuda_launch.register("sgd_step", ".optimizer_step.cuda:sgd_step")
cuda_launch.register("adam_step", ".optimizer_step.cuda:adam_step")

for _file, _ops in {"numba_cpu": ("sgd_step", "adam_step"), **variants.COMPILED}.items():
    for _op in _ops:
        _path = f".optimizer_step.{_file}:{_op}"
        _dtypes = "float32", "float64"
        add(Implementation(_op, "numba", _path, "numpy", _dtypes, compiled.available))

for _op in ("sgd_step", "adam_step"):
    numba_launch.register(_op, f".optimizer_step.numba_cuda:{_op}")
