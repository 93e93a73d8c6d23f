"""Batch normalisation in CUDA C++: the launchers of `cuda.cu`.

Training reads x twice and writes y; the gradient reads dy and x twice and writes dx. Error of mean
and var: about (rows of a thread + log2 M) eps, relative to mean |x - x[0]| and to var.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import cuda_launch
from ..activation.cuda import kind_number
from ..arrays import Array
from ..cuda_geometry import THREADS, Columns
from ..cuda_launch import contiguous, out_with_gaps, output, rows_of
from ..sum_rows.cuda import sum_rows

_SOURCE = "batch_norm/cuda.cu"


@out_with_gaps
def batch_norm(
    x: Array,
    gamma: Array,
    beta: Array,
    *,
    eps: float,
    activation: str | None = None,
    out: tuple[Array, Array, Array] | None = None,
) -> tuple[Array, Array, Array]:
    """y, mean and var of this batch, as `reference.batch_norm`."""
    x, gamma, beta = contiguous(x), contiguous(gamma), contiguous(beta)
    M, C = rows_of(x)
    y, mean, var = (
        output(given, shape, x)
        for given, shape in zip(out or (None,) * 3, (x.shape, (C,), (C,)), strict=True)
    )
    if C == 0:
        return y, mean, var
    width = cuda_launch.vector_width(x, y, length=C)
    run = cuda_launch.kernel(_SOURCE, "moments", x, (f"-DVEC={width}",))
    columns = Columns(M, C, width, run, x)
    slices = columns.slices
    parts = output(None, (3, slices, C), x)
    run((columns.tiles, slices), (THREADS,), (x, parts, *_shape(M, C, columns)))
    run = cuda_launch.kernel(_SOURCE, "statistics", x, (f"-DVEC={width}",))
    run((columns.tiles, 1), (THREADS,), (x, parts, mean, var, *_shape(slices, C, columns)))
    _normalise(x, gamma, beta, mean, var, y, eps, activation)
    return y, mean, var


@out_with_gaps
def batch_norm_inference(
    x: Array,
    gamma: Array,
    beta: Array,
    mean: Array,
    var: Array,
    *,
    eps: float,
    activation: str | None = None,
    out: Array | None = None,
) -> Array:
    """y by given statistics, as `reference.batch_norm_inference`."""
    x, gamma, beta, mean, var = map(contiguous, (x, gamma, beta, mean, var))
    y = output(out, x.shape, x)
    _normalise(x, gamma, beta, mean, var, y, eps, activation)
    return y


@out_with_gaps
def batch_norm_grad(
    dy: Array,
    x: Array,
    gamma: Array,
    beta: Array,
    mean: Array,
    var: Array,
    *,
    eps: float,
    activation: str | None = None,
    out: tuple[Array, Array, Array] | None = None,
) -> tuple[Array, Array, Array]:
    """dx, dgamma and dbeta, as `reference.batch_norm_grad`."""
    arrays = tuple(map(contiguous, (dy, x, gamma, beta, mean, var)))
    M, C = rows_of(x)
    dx = output(None if out is None else out[0], x.shape, x)
    if C == 0:
        return out or (dx, output(None, (C,), x), output(None, (C,), x))
    width = cuda_launch.vector_width(*arrays[:2], dx, length=C)
    run = cuda_launch.kernel(_SOURCE, "gradient_sums", x, (f"-DVEC={width}",))
    columns = Columns(M, C, width, run, x)
    numbers = (*_shape(M, C, columns), np.float32(eps), kind_number(activation))
    parts = output(None, (columns.slices, 2 * C), x)
    run((columns.tiles, columns.slices), (THREADS,), (*arrays, parts, *numbers))
    sums = sum_rows(parts)
    run = cuda_launch.kernel(_SOURCE, "input_gradient", x, (f"-DVEC={width}",))
    columns = Columns(M, C, width, run, x, rows=4)
    run((columns.tiles, columns.slices), (THREADS,), (*arrays, sums, dx, *numbers))
    dbeta, dgamma = sums[:C], sums[C:]
    if out is None:
        return dx, dgamma, dbeta
    out[1][...], out[2][...] = dgamma, dbeta
    return out


def _normalise(
    x: Array,
    gamma: Array,
    beta: Array,
    mean: Array,
    var: Array,
    y: Array,
    eps: float,
    activation: str | None,
) -> None:
    if x.size == 0:
        return
    M, C = rows_of(x)
    width = cuda_launch.vector_width(x, y, length=C)
    run = cuda_launch.kernel(_SOURCE, "normalise", x, (f"-DVEC={width}",))
    columns = Columns(M, C, width, run, x, rows=4)
    numbers = (*_shape(M, C, columns), np.float32(eps), kind_number(activation))
    run((columns.tiles, columns.slices), (THREADS,), (x, gamma, beta, mean, var, y, *numbers))


def _shape(M: int, C: int, columns: Columns) -> tuple[Any, ...]:
    return np.int64(M), np.int32(C), np.int32(columns.width)
