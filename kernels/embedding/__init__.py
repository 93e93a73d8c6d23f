"""Specification of the embedding: rows of a table by their numbers, and its adjoint.

    embedding(weight, index, *, padding_index, out=None)              -> y
    embedding_grad(dy, index, *, rows, padding_index, out=None)       -> dw

    weight, dw (V, D)   index (...), integers from 0 to V - 1   y, dy (..., D)
    padding_index: the number whose rows are zeros in y and get none of dy, or None
    flops 0 and dy.size
    bytes the rows that are read, the index, the result

Each is the gradient of the other: reading rows and adding to rows are adjoint.
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
    Op,
    Params,
    Shape,
    add,
    normal_arrays,
    register,
)
from .reference import embedding, embedding_grad

_CASES: tuple[tuple[Shape, Shape, int | None], ...] = (
    ((5, 3), (4, 2), None), ((5, 3), (4, 2), 1), ((3, 2), (7,), 0), ((4, 1), (), None),
    ((2, 3), (0,), 1), ((1, 4), (3,), 0), ((3, 0), (2,), None), ((6, 2), (2, 1, 5), 5),
    ((130, 67), (9, 15), 2),
)  # fmt: skip
_SIZES: tuple[tuple[Shape, Shape], ...] = (
    ((10_000, 128), (64, 128)),
    ((100, 16), (32, 16)),
    ((50_000, 512), (16, 256)),
)


def _make(rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params) -> Arrays:
    """A table of the first shape, and an index of the second."""
    table, places = shapes
    (weight,) = normal_arrays(rng, dtype, (table,), params)
    return weight, np.asarray(rng.integers(0, table[0], size=places))


def _make_grad(
    rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params
) -> Arrays:
    """dy for an index of the second shape into a table of the first, and that index."""
    weight, index = _make(rng, dtype, shapes, params)
    return np.asarray(rng.standard_normal((*index.shape, weight.shape[1]))).astype(dtype), index


def _samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    for table, places, padding in _CASES:
        yield _make(rng, dtype, (table, places), {}), {"padding_index": padding}


def _grad_samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    for table, places, padding in _CASES:
        params: Params = {"rows": table[0], "padding_index": padding}
        yield _make_grad(rng, dtype, (table, places), params), params


def _cost(weight: Array, index: Array, **_: Any) -> Cost:
    """Each row of the table is read at most once, and each row of the result written."""
    D = weight.shape[1]
    read = min(index.size, weight.shape[0])
    return Cost(0, index.nbytes + (read + index.size) * D * weight.itemsize)


def _grad_cost(dy: Array, index: Array, *, rows: int, **_: Any) -> Cost:
    return Cost(dy.size, byte_count(dy, index) + rows * dy.shape[-1] * dy.itemsize)


def _reads_much(arrays: Arrays, params: Params) -> bool:
    """Whether enough numbers are read for a compiled loop to be faster."""
    weight, index = arrays
    return bool(index.size * weight.shape[1] >= 4096)


def _read_rule(arrays: Arrays, params: Params) -> str:
    """512 rows of 16: 2.3 us compiled, 4.2 by the reference; 64 rows: 1.5 and 1.3."""
    return "numba" if _reads_much(arrays, params) else "reference"


def _adds_much(arrays: Arrays, params: Params) -> bool:
    """Whether enough numbers are added to compile for."""
    return bool(arrays[0].size >= 256)


def _add_rule(arrays: Arrays, params: Params) -> str:
    """64 rows of 16: 2.6 us compiled, 10 by the reference; 8192 rows of 128: 0.14 ms and 6.6."""
    return "numba" if _adds_much(arrays, params) else "reference"


EMBEDDING = register(
    Op(
        name="embedding",
        reference=embedding,
        cost=_cost,
        samples=_samples,
        make=_make,
        rule=_read_rule,
        shape_class=_reads_much,
        benchmark_shapes=tuple(
            Benchmark(f"{V} x {D}", ((V, D), places), {"padding_index": None})
            for (V, D), places in _SIZES
        ),
    )
)
EMBEDDING_GRAD = register(
    Op(
        name="embedding_grad",
        reference=embedding_grad,
        cost=_grad_cost,
        samples=_grad_samples,
        make=_make_grad,
        rule=_add_rule,
        shape_class=_adds_much,
        benchmark_shapes=tuple(
            Benchmark(f"{V} x {D}", ((V, D), places), {"rows": V, "padding_index": None})
            for (V, D), places in _SIZES
        ),
    )
)

for _op in ("embedding", "embedding_grad"):
    _path = f".embedding.numba_cpu:{_op}"
    _dtypes = ("float32", "float64")
    add(Implementation(_op, "numba", _path, "numpy", _dtypes, compiled.available))
    cuda_launch.register(_op, f".embedding.cuda:{_op}")
