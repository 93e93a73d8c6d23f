"""Specification of the steps beyond SGD and Adam, in the order of their papers.

    adagrad_step(p, g, square_sums, *, lr, lr_decay, eps, weight_decay, step)
    adadelta_step(p, g, square_means, update_means, *, lr, rho, eps, weight_decay)
    rmsprop_step(p, g, square_means, means, velocities, *,
                 lr, alpha, eps, weight_decay, momentum, centered)
    rprop_step(p, g, signs, step_sizes, *, eta_minus, eta_plus, smallest, largest)
    amsgrad_step(p, g, first_moments, second_moments, largest_moments, *,
                 lr, beta1, beta2, eps, weight_decay, decoupled, step)
    nadam_step(p, g, first_moments, second_moments, momentum_products, *,
               lr, beta1, beta2, eps, weight_decay, decoupled, momentum_decay, step)
    radam_step(p, g, first_moments, second_moments, *,
               lr, beta1, beta2, eps, weight_decay, decoupled, step)
    lars_step(p, g, velocities, *, lr, momentum, weight_decay, trust)
    lamb_step(p, g, first_moments, second_moments, *, lr, beta1, beta2, eps, weight_decay, step)

    p, g, ... are lists of one length, the arrays at one place of one shape, written in place
    (but for g); rmsprop_step's means and velocities may be None, momentum_products are 0-d

Read next: `reference_adaptive.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..registry import Arrays, Benchmark, Kernel, Op, Params, Shape, register
from .lists import (
    LENET,
    MLP,
    Make,
    cost_per_number,
    has_large_parameter,
    large_enough,
    normal_lists,
    squares,
    variations,
)
from .reference_adaptive import adadelta_step, adagrad_step, rmsprop_step, rprop_step
from .reference_layerwise import lamb_step, lars_step
from .reference_moments import amsgrad_step, nadam_step, radam_step


def _sums(rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params) -> Arrays:
    p, g, s = normal_lists(rng, dtype, shapes, 3)
    return p, g, squares(s)


def _two_sums(
    rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params
) -> Arrays:
    p, g, v, u = normal_lists(rng, dtype, shapes, 4)
    return p, g, squares(v), squares(u)


def _rms(rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params) -> Arrays:
    p, g, v, m, b = normal_lists(rng, dtype, shapes, 5)
    # The mean of squares exceeds the square of the mean, and not by so little that it cancels.
    v = [np.asarray(1 + array * array + mean * mean) for array, mean in zip(v, m, strict=True)]
    return p, g, v, m if params["centered"] else None, b if params["momentum"] else None


def _signs(rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params) -> Arrays:
    p, g, s, d = normal_lists(rng, dtype, shapes, 4)
    signs = [np.asarray(np.rint(array).clip(-1, 1)) for array in s]
    rounded = [np.asarray(np.where(abs(array) < 0.5, 0, array), dtype) for array in g]
    return p, rounded, signs, squares(d)


def _velocities(
    rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params
) -> Arrays:
    p, g, v = normal_lists(rng, dtype, shapes, 3)
    if len(shapes) > 1:  # one parameter of zeros, and one gradient
        p[0][...] = 0
        g[1][...] = 0
    return p, g, v


def _moments(
    rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params
) -> Arrays:
    p, g, m, v = normal_lists(rng, dtype, shapes, 4)
    return p, g, m, squares(v)


def _lamb(rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params) -> Arrays:
    p, g, m, v = _moments(rng, dtype, shapes, params)
    if len(shapes) > 1:
        p[0][...] = 0
        g[1][...] = m[1][...] = 0
    return p, g, m, v


def _largest(
    rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params
) -> Arrays:
    p, g, m, v, u = normal_lists(rng, dtype, shapes, 5)
    return p, g, m, squares(v), squares(u)


def _products(
    rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params
) -> Arrays:
    return *_moments(rng, dtype, shapes, params), [np.array(0.4, dtype) for _ in shapes]


_DECAY = {"lr": 0.1, "eps": 1e-8, "weight_decay": 0.0}
_ADAM = {**_DECAY, "beta1": 0.9, "beta2": 0.999, "step": 3}
_ETAS = {"eta_minus": 0.5, "eta_plus": 1.2, "smallest": 0.1, "largest": 2.0}

_L2 = {"weight_decay": 0.1}
_DECOUPLED = {"weight_decay": 0.1, "decoupled": True}
_LATE = {"step": 100, "beta1": 0.0}


COMPILED = {
    "numba_adaptive": ("rprop_step", "adagrad_step", "adadelta_step", "rmsprop_step"),
    "numba_moments": ("amsgrad_step", "nadam_step", "radam_step"),
}
"""The files of compiled steps, and what they hold."""


def _register(
    reference: Kernel,
    flops: int,
    in_place: tuple[int, ...],
    make: Make,
    params: Params,
    *changes: Params,
) -> Op:
    compiled = any(reference.__name__ in steps for steps in COMPILED.values())
    return register(
        Op(
            name=reference.__name__,
            reference=reference,
            cost=cost_per_number(flops),
            samples=variations(make, params, {}, *changes),
            make=make,
            rule=large_enough if compiled else None,
            shape_class=has_large_parameter if compiled else None,
            in_place=in_place,
            benchmark_shapes=(
                Benchmark("LeNet-5", LENET, params),
                Benchmark("MLP", MLP, params),
                Benchmark("10 million", ((10_000_000,),), params),
            ),
        )
    )


RPROP_STEP = _register(rprop_step, 5, (0, 2, 3), _signs, _ETAS, {"smallest": 0.0})
ADAGRAD_STEP = _register(
    adagrad_step,
    6,
    (0, 2),
    _sums,
    {**_DECAY, "lr_decay": 0.0, "step": 3},
    _L2,
    {"lr_decay": 0.5},
    {"lr_decay": 0.5, "step": 1, "eps": 0.1},
)
ADADELTA_STEP = _register(
    adadelta_step, 14, (0, 2, 3), _two_sums, {**_DECAY, "eps": 1e-6, "rho": 0.9}, _L2, {"lr": 1.0}
)
RMSPROP_STEP = _register(
    rmsprop_step,
    8,
    (0, 2, 3, 4),
    _rms,
    {**_DECAY, "alpha": 0.99, "momentum": 0.0, "centered": False},
    _L2,
    {"momentum": 0.9},
    {"centered": True},
    {"centered": True, "momentum": 0.9, "weight_decay": 0.1, "alpha": 0.5},
)
NADAM_STEP = _register(
    nadam_step,
    16,
    (0, 2, 3, 4),
    _products,
    {**_ADAM, "momentum_decay": 4e-3, "decoupled": False},
    _L2,
    _DECOUPLED,
    _LATE,
    {"step": 1},
)
LARS_STEP = _register(
    lars_step,
    8,
    (0, 2),
    _velocities,
    {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.0, "trust": 0.01},
    _L2,
    {"momentum": 0.0},
)
AMSGRAD_STEP = _register(
    amsgrad_step, 13, (0, 2, 3, 4), _largest, {**_ADAM, "decoupled": False}, _L2, _DECOUPLED, _LATE
)
RADAM_STEP = _register(
    radam_step,
    12,
    (0, 2, 3),
    _moments,
    {**_ADAM, "decoupled": False},
    _L2,
    _DECOUPLED,
    {"step": 6},
    {"step": 100, **_L2},
    {"step": 100, "beta2": 0.5},
)
LAMB_STEP = _register(lamb_step, 18, (0, 2, 3), _lamb, _ADAM, _L2, _LATE, {"step": 1})
