"""Group normalisation in CUDA C++: the launchers of `cuda.cu`; layer norm is one of them.

A block reads a group twice, the second time from a cache where the group fits into one (a row of
layer norm, or an image's eight channels). Error of mean and var: about (numbers of a thread +
log2 of the threads) eps, relative to mean |x - x[0]| and to var; of the gradient, of the sums of
|d| and |d z|.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import cuda_launch
from ..arrays import Array
from ..cuda_geometry import THREADS, Columns
from ..cuda_launch import contiguous, out_with_gaps, output
from ..sum_rows.cuda import sum_rows

_SOURCE = "group_norm/cuda.cu"


@out_with_gaps
def group_norm(
    x: Array,
    gamma: Array,
    beta: Array,
    *,
    groups: int,
    eps: float,
    out: tuple[Array, Array, Array] | None = None,
) -> tuple[Array, Array, Array]:
    """y, and mean and var of each group, as `reference.group_norm`."""
    x, gamma, beta = contiguous(x), contiguous(gamma), contiguous(beta)
    N, P, C = x.shape
    shapes = (x.shape, (N, groups), (N, groups))
    y, mean, var = (
        output(given, shape, x) for given, shape in zip(out or (None,) * 3, shapes, strict=True)
    )
    if x.size == 0:
        mean[...] = var[...] = 0
        return y, mean, var
    width = cuda_launch.vector_width(x, gamma, beta, y, length=C // groups)
    run = cuda_launch.kernel(_SOURCE, "normalise_groups", x, (f"-DVEC={width}",))
    numbers = (np.int32(P), np.int32(C), np.int32(groups), np.float32(eps))
    block = (_threads(P * (C // groups) // width),)
    run((N * groups,), block, (x, gamma, beta, y, mean, var, *numbers))
    return y, mean, var


@out_with_gaps
def group_norm_grad(
    dy: Array,
    x: Array,
    gamma: Array,
    mean: Array,
    var: Array,
    *,
    groups: int,
    eps: float,
    out: tuple[Array, Array, Array] | None = None,
) -> tuple[Array, Array, Array]:
    """dx, dgamma and dbeta, as `reference.group_norm_grad`."""
    dy, x, gamma, mean, var = map(contiguous, (dy, x, gamma, mean, var))
    N, P, C = x.shape
    dx, dgamma, dbeta = (
        output(given, shape, x)
        for given, shape in zip(out or (None,) * 3, (x.shape, (C,), (C,)), strict=True)
    )
    if x.size == 0:
        dgamma[...] = dbeta[...] = 0
        return dx, dgamma, dbeta
    width = cuda_launch.vector_width(dy, x, gamma, dx, length=C // groups)
    options = (f"-DVEC={width}",)
    run = cuda_launch.kernel(_SOURCE, "input_gradient", x, options)
    numbers: tuple[Any, ...] = (np.int32(P), np.int32(C), np.int32(groups))
    block = (_threads(P * (C // groups) // width),)
    run((N * groups,), block, (dy, x, gamma, mean, var, dx, *numbers, np.float32(eps)))
    run = cuda_launch.kernel(_SOURCE, "gradient_sums", x, options)
    columns = Columns(N * P, C, width, run, x)
    parts = output(None, (columns.slices, 2 * C), x)
    numbers = (np.int64(N * P), *numbers, np.int32(columns.width), np.float32(eps))
    run((columns.tiles, columns.slices), (THREADS,), (dy, x, mean, var, parts, *numbers))
    sums = sum_rows(parts)
    dbeta[...], dgamma[...] = sums[:C], sums[C:]
    return dx, dgamma, dbeta


def _threads(packs: int) -> int:
    """Threads for a group: one for each of its packs, 32 to 256, a power of two."""
    return int(min(THREADS, max(32, 1 << (packs - 1).bit_length())))
