"""Specification of `dense(x, w, b, *, activation=None, out=None)`, the fully connected layer.

    y = f(x w + b)   x (..., I)   w (I, O)   b (O,) or None   ->   y (..., O)
    activation: the kind of f, as in `../activation`; None is the identity
    flops 2 M I O, and M O for the bias, M being the product of x's leading axes
    bytes x + w + b + y

Read next: `reference.py` beside this file, then `../conv2d`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .. import compiled, cuda_launch
from ..activation import KINDS
from ..arrays import Array, byte_count
from ..matmul import for_tiles
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
from .reference import dense


def _cost(x: Array, w: Array, b: Array | None, **_: Any) -> Cost:
    in_features, out_features = w.shape
    entries = x.size // max(1, in_features) * out_features
    moved = byte_count(x, w) + entries * x.itemsize
    if b is None:
        return Cost(2 * entries * in_features, moved)
    return Cost(2 * entries * in_features + entries, moved + byte_count(b))


def _make(rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params) -> Arrays:
    """The arrays x and w, and b where a third shape is given."""
    arrays = normal_arrays(rng, dtype, shapes, params)
    return arrays if len(arrays) == 3 else (*arrays, None)


def _samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    shapes: list[tuple[Shape, ...]] = [
        ((4, 3), (3, 5), (5,)),
        ((4, 3), (3, 5)),
        ((3,), (3, 5), (5,)),
        ((2, 4, 3), (3, 1), (1,)),
        ((0, 3), (3, 5), (5,)),
        ((2, 0, 3), (3, 5)),
        ((2, 3, 0), (0, 5), (5,)),
        ((13, 17), (17, 33), (33,)),
        ((5, 21, 40), (40, 70), (70,)),
    ]
    for group in shapes:
        yield _make(rng, dtype, group, {}), {}
    for kind in KINDS:
        yield _make(rng, dtype, shapes[0], {}), {"activation": kind}
        yield _make(rng, dtype, shapes[1], {}), {"activation": kind}
        yield _make(rng, dtype, shapes[-1], {}), {"activation": kind}


def _for_tiles(arrays: Arrays, params: Params) -> bool:
    x, w = arrays[:2]
    multiplications = x.size * w.shape[1]
    rows = x.size // max(1, w.shape[0])
    return for_tiles(rows, w.shape[1], multiplications)


def _rule(arrays: Arrays, params: Params) -> str:
    """Tiles where they are faster for the product alone."""
    return "numba" if _for_tiles(arrays, params) else "reference"


DENSE = register(
    Op(
        name="dense",
        reference=dense,
        cost=_cost,
        samples=_samples,
        make=_make,
        benchmark_shapes=tuple(
            Benchmark(f"{N} x {I} x {O}", ((N, I), (I, O), (O,)), {})
            for N, I, O in ((64, 400, 120), (128, 784, 800), (128, 4096, 4096))
        ),
        rule=_rule,
        shape_class=_for_tiles,
    )
)
add(
    Implementation(
        "dense", "numba", ".dense.numba_cpu:dense", "numpy", ("float32",), compiled.available
    )
)
cuda_launch.register("dense", ".dense.cuda:dense")
