"""Specification of the activations that a layer can end with, and of the layer's bias.

    activation(x, b, *, kind, out=None)         -> y = f(x + b)
    activation_grad(dy, y, *, kind, out=None)   -> dx = dy f'(x + b), written by y

    x, y, dy, dx (..., C)   b (C,) or None   kind "identity", "relu", "tanh" or "sigmoid"
    flops a function of a number counted as one, and one for the bias
    bytes x and b, or dy and y, read; the result written

`dense`, `conv2d` and `batch_norm` take the same kinds as `activation=` and end with this function.
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
from .reference import KINDS, activation, activation_grad

__all__ = ["ACTIVATION", "ACTIVATION_GRAD", "KINDS", "activation", "activation_grad"]

_SHAPES: tuple[Shape, ...] = ((4, 3), (2, 3, 5), (7,), (1, 1), (33, 65), (3, 4099), (0, 3), (3, 0))


def _make(rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params) -> Arrays:
    """x of the first shape, and b where a second one is given."""
    arrays = normal_arrays(rng, dtype, shapes, params)
    return arrays if len(arrays) == 2 else (*arrays, None)


def _make_grad(
    rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params
) -> Arrays:
    """dy, and a result y of that kind."""
    dy, x = normal_arrays(rng, dtype, (shapes[0], shapes[0]), params)
    return dy, activation(x, None, **params)


def _extreme(dtype: Any) -> Array:
    """Numbers far out, both zeros, infinities and NaN."""
    return np.array(
        [-1e4, -90.0, -1e-6, -0.0, 0.0, 1e-6, 90.0, 1e4, np.inf, -np.inf, np.nan], dtype
    )


def _samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    for kind in KINDS:
        for shape in _SHAPES:
            yield _make(rng, dtype, (shape,), {}), {"kind": kind}
            yield _make(rng, dtype, (shape, shape[-1:]), {}), {"kind": kind}
        yield (_extreme(dtype), None), {"kind": kind}


def _grad_samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    for kind in KINDS:
        for shape in _SHAPES:
            yield _make_grad(rng, dtype, (shape,), {"kind": kind}), {"kind": kind}
        y = activation(_extreme(dtype), None, kind=kind)
        yield (np.ones_like(y), y), {"kind": kind}


def _cost(x: Array, b: Array | None, **_: Any) -> Cost:
    if b is None:
        return Cost(x.size, byte_count(x, x))
    return Cost(2 * x.size, byte_count(x, x, b))


def _grad_cost(dy: Array, y: Array, **_: Any) -> Cost:
    return Cost(3 * y.size, byte_count(dy, y, y))


def _large(arrays: Arrays, params: Params) -> bool:
    """Whether there are enough numbers for a compiled loop to be faster."""
    return bool(arrays[0].size >= 4096)


def _rule(arrays: Arrays, params: Params) -> str:
    """7,680 numbers: relu 1.9 us compiled, 3.2 by the reference; sigmoid 3.2 and 13; tanh 2.8, 1.8.

    102,400 with a bias: tanh 25 us compiled, 294 by the reference. 256: relu 1.3 us and 0.8.
    """
    return "numba" if _large(arrays, params) else "reference"


_SIZES: tuple[Shape, ...] = ((64, 120), (128, 800), (128, 32, 32, 32))

ACTIVATION = register(
    Op(
        name="activation",
        reference=activation,
        cost=_cost,
        samples=_samples,
        make=_make,
        rule=_rule,
        shape_class=_large,
        benchmark_shapes=tuple(
            Benchmark(f"{kind} {','.join(map(str, shape))}", (shape, shape[-1:]), {"kind": kind})
            for kind in KINDS[1:]
            for shape in _SIZES
        ),
    )
)
ACTIVATION_GRAD = register(
    Op(
        name="activation_grad",
        reference=activation_grad,
        cost=_grad_cost,
        samples=_grad_samples,
        make=_make_grad,
        rule=_rule,
        shape_class=_large,
        benchmark_shapes=tuple(
            Benchmark(f"{kind} {','.join(map(str, shape))}", (shape,), {"kind": kind})
            for kind in KINDS[1:]
            for shape in _SIZES
        ),
    )
)

for _op in ("activation", "activation_grad"):
    _path = f".activation.numba_cpu:{_op}"
    add(Implementation(_op, "numba", _path, "numpy", ("float32",), compiled.available))

cuda_launch.register("activation", ".activation.cuda:activation")
cuda_launch.register("activation_grad", ".activation.cuda:activation_grad")
numba_launch.register("activation", ".activation.numba_cuda:activation")
numba_launch.register("activation_grad", ".activation.numba_cuda:activation_grad")
