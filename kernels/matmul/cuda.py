"""`matmul` in CUDA C++: the launcher of `cuda.cu`, to be named where cuBLAS is not wanted.

Error: |y - exact| <= K eps (|a| |b|) entry by entry, in plain float32.
"""

from __future__ import annotations

import math

import numpy as np

from .. import cuda_launch
from ..arrays import Array, array_module
from ..cuda_geometry import THREADS
from ..cuda_launch import contiguous, out_with_gaps, output
from ..cuda_tile import BM, columns_of_a_tile, tile_options

_MOST_AT_ONCE = 65535


@out_with_gaps
def matmul(a: Array, b: Array, *, out: Array | None = None) -> Array:
    """The matrix product for each leading index, as `reference.matmul`."""
    leading = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    (M, K), N = a.shape[-2:], b.shape[-1]
    y = output(out, (*leading, M, N), a)
    if y.size == 0:
        return y
    lefts, rights = _matrices(a, leading), _matrices(b, leading)
    width, tiles = columns_of_a_tile(N)
    vector_a = cuda_launch.vector_width(lefts, length=K)
    vector_b = cuda_launch.vector_width(rights, length=N)
    run = cuda_launch.kernel("matmul/cuda.cu", "matmul", a, tile_options(width, vector_a, vector_b))
    products = math.prod(leading)
    steps = [np.int64(0 if len(whole) == 1 else whole[0].size) for whole in (lefts, rights)]
    results = y.reshape(products, M, N)
    for start in range(0, products, _MOST_AT_ONCE):
        some = slice(start, start + _MOST_AT_ONCE)
        arrays = (lefts if len(lefts) == 1 else lefts[some],
                  rights if len(rights) == 1 else rights[some], results[some])  # fmt: skip
        grid = (-(-M // BM), tiles, len(arrays[2]))
        run(grid, (THREADS,), (*arrays, np.int32(M), np.int32(N), np.int32(K), *steps))
    return y


def _matrices(array: Array, leading: tuple[int, ...]) -> Array:
    """The matrices of a batch one after another; one matrix for all stays one."""
    if math.prod(array.shape[:-2]) == 1:
        return contiguous(array).reshape(1, *array.shape[-2:])
    whole = array_module(array).broadcast_to(array, (*leading, *array.shape[-2:]))
    return contiguous(whole).reshape(-1, *array.shape[-2:])
