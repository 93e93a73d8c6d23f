"""Batch normalisation on the CPU: WIDE columns at a time, statistics in registers, one reading.

x is a matrix of rows whose columns are channels (`wide_rows`), cut into blocks of 256 rows. Per
WIDE columns a block is 64 KiB: read from memory once, it is in cache for every further pass. The
blocks do not depend on the number of threads, so neither do the bits. Read `reference.py` first,
then `../sum_rows/numba_cpu.py`, whose cut into blocks this is.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import workspace
from ..activation.reference import activation as activation_of
from ..activation.reference import activation_grad
from ..arrays import Array
from ..compiled import device_function, kernel, prange
from ..simd import broadcast, select
from ..simd.wide import (
    add,
    at_least,
    divide,
    fma,
    load_wide,
    multiply,
    store_wide,
    subtract,
    wide,
)
from ..sum_rows.numba_cpu import (
    ROWS,
    WORTH_THREADS,
    block_count,
    find_task,
    sum_up,
    task_count,
    wide_rows,
)

f32 = np.float32
_LOWEST = f32(np.finfo(f32).min)

# Mean and variance --------------------------------------------------------------------------------


@kernel(parallel=True)
def _block_statistics(x: Any, means: Any, squares: Any) -> None:
    """For each block and column the mean, and the sum of squares of what is left beside it.

    The mean of the first pass is rounded. Its error, found as the mean d of the differences in the
    second pass, corrects both: mean + d, and sum (x - mean)^2 - rows d^2 (Chan, Golub and LeVeque,
    1983, equation 1.7).
    """
    L = x.shape[1]
    for task in prange(task_count(x)):
        block, rows, column = find_task(task, x)
        left = L - column
        place = block * ROWS * L + column
        count = wide(f32(rows))
        total = wide(f32(0))
        for r in range(rows):
            total = add(total, load_wide(x, place + r * L, left))
        mean = divide(total, count)
        total = square = wide(f32(0))
        for r in range(rows):
            difference = subtract(load_wide(x, place + r * L, left), mean)
            total = add(total, difference)
            square = fma(difference, difference, square)
        error = divide(total, count)
        correction = multiply(total, divide(total, wide(f32(-rows))))
        correction = at_least(correction, broadcast(_LOWEST))  # inf - inf would make a NaN
        store_wide(means, block * L + column, add(mean, error), left)
        store_wide(squares, block * L + column, add(square, correction), left)


@kernel
def _combine(rows: Any, means: Any, squares: Any, mean: Any, var: Any) -> None:
    """The statistics of all rows from those of the blocks, in float64.

        mean = sum of n_b mean_b / M      M var = sum of squares_b + n_b (mean_b - mean)^2

    over all blocks b, each of n_b numbers (Chan, Golub and LeVeque, 1979, for any number of them).
    """
    C = mean.size
    blocks, L = means.shape
    M = rows * (L // C)
    center, spread = np.zeros(C), np.zeros(C)
    for block in range(blocks):
        count = min(ROWS, rows - block * ROWS)
        for first in range(0, L, C):
            mean_b = means[block, first : first + C]
            for c in range(C):
                center[c] += count * mean_b[c]
    for c in range(C):
        center[c] /= M
    for block in range(blocks):
        count = min(ROWS, rows - block * ROWS)
        for first in range(0, L, C):
            mean_b, square_b = means[block, first : first + C], squares[block, first : first + C]
            for c in range(C):
                apart = mean_b[c] - center[c]
                spread[c] += square_b[c] + count * (apart * apart)
    for c in range(C):
        mean[c] = center[c]
        var[c] = spread[c] / M


# Normalising --------------------------------------------------------------------------------------


@device_function
def _columns(values: Any, x: Any) -> Any:
    """The channels' values for every column of the matrix x."""
    columns = np.empty(x.shape[1], values.dtype)
    for column in range(columns.size):
        columns[column] = values[column % values.size]
    return columns


@kernel(parallel=True)
def _normalise(x: Any, mean: Any, scale: Any, shift: Any, lowest: Any, y: Any) -> None:
    """y = max((x - mean) scale + shift, lowest): 0 for a ReLU, NaN for none."""
    L = x.shape[1]
    mean, scale, shift = _columns(mean, x), _columns(scale, x), _columns(shift, x)
    for task in prange(task_count(x)):
        block, rows, column = find_task(task, x)
        left = L - column
        place = block * ROWS * L + column
        center = load_wide(mean, column, left)
        factor = load_wide(scale, column, left)
        term = load_wide(shift, column, left)
        least = broadcast(lowest)
        for r in range(rows):
            centered = subtract(load_wide(x, place + r * L, left), center)
            store_wide(y, place + r * L, at_least(fma(centered, factor, term), least), left)


def _lowest(activation: str | None) -> np.float32:
    """What no result is below: the ReLU is fused into the kernels as a bound.

    Without one it is NaN, which no number, and no NaN either, is below.
    """
    return f32(0) if activation == "relu" else f32(np.nan)


_CURVES = ("tanh", "sigmoid")
"""The activations that are computed by themselves, after normalising."""


def batch_norm(
    x: Array,
    gamma: Array,
    beta: Array,
    *,
    eps: float,
    activation: str | None = None,
    out: tuple[Array, Array, Array] | None = None,
) -> tuple[Array, Array, Array]:
    """`reference.batch_norm`: x is read from memory twice, y written once.

    Error: |mean - exact| <= 260 eps deviation + eps |mean|, from at most 256 additions in float32
    (a block's, of differences from its own mean); the rest is float64. |var - exact| <= 260 eps
    var + eps |mean| (deviation + eps |mean|): the second part because a block's mean is rounded to
    float32, as the numbers of x were.
    """
    if out is None:
        mean, var = np.empty_like(gamma), np.empty_like(gamma)
        out = workspace.empty(x.shape, x.dtype), mean, var
    y, mean, var = out
    if x.size == 0:
        mean[...] = var[...] = 0
        return out
    rows = wide_rows(x)
    run = _block_statistics if x.size >= WORTH_THREADS else _block_statistics.serial
    blocks = (block_count(rows), rows.shape[1])
    means, squares = (workspace.scratch(name, blocks, rows) for name in ("means", "squares"))
    run(rows, means, squares)
    _combine(len(rows), means, squares, mean, var)
    batch_norm_inference(x, gamma, beta, mean, var, eps=eps, activation=activation, out=y)
    return out


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
    """`reference.batch_norm_inference`, with its error bound."""
    y = workspace.empty(x.shape, x.dtype) if out is None else out
    if x.size == 0:
        return y
    rows = wide_rows(x)
    scale = gamma / np.sqrt(var + eps)
    run = _normalise if x.size >= WORTH_THREADS else _normalise.serial
    run(rows, mean, scale, beta, _lowest(activation), y.reshape(rows.shape))
    if activation in _CURVES:
        activation_of(y, None, kind=activation, out=y)
    return y


# Going back ---------------------------------------------------------------------------------------


@device_function
def _is_above(value: Any, least: Any) -> Any:
    """1 where a value is above the bound, 0 elsewhere: the derivative of the bound.

    A NaN stays one, as in the reference, unless there is no bound: then the derivative is 1.
    """
    one = broadcast(f32(1))
    beside = select(least == least, value, one)  # noqa: PLR0124 - False for a NaN
    return select(value > least, one, select(value <= least, broadcast(f32(0)), beside))


@device_function
def _through_bound(dy: Any, y: Any, least: Any) -> Any:
    """dy where y is above the bound. A product, so that a NaN of dy stays one."""
    above = (
        _is_above(y[0], least),
        _is_above(y[1], least),
        _is_above(y[2], least),
        _is_above(y[3], least),
    )
    return multiply(dy, above)


@kernel(parallel=True)
def _block_gradients(
    dy: Any, x: Any, mean: Any, scale: Any, shift: Any, lowest: Any, plain: Any, weighted: Any
) -> None:
    """For each block and column the sums of g and of g (x - mean), g being dy below the bound."""
    L = x.shape[1]
    mean, scale, shift = _columns(mean, x), _columns(scale, x), _columns(shift, x)
    for task in prange(task_count(x)):
        block, rows, column = find_task(task, x)
        left = L - column
        place = block * ROWS * L + column
        center = load_wide(mean, column, left)
        factor = load_wide(scale, column, left)
        term = load_wide(shift, column, left)
        least = broadcast(lowest)
        total = product = wide(f32(0))
        for r in range(rows):
            centered = subtract(load_wide(x, place + r * L, left), center)
            g = _through_bound(
                load_wide(dy, place + r * L, left), fma(centered, factor, term), least
            )
            total = add(total, g)
            product = fma(g, centered, product)
        store_wide(plain, block * L + column, total, left)
        store_wide(weighted, block * L + column, product, left)


@kernel(parallel=True)
def _input_gradient(
    dy: Any,
    x: Any,
    mean: Any,
    scale: Any,
    shift: Any,
    lowest: Any,
    slope: Any,
    offset: Any,
    dx: Any,
) -> None:
    """dx = scale (g - offset - slope (x - mean)), without ever storing y or g."""
    L = x.shape[1]
    mean, scale, shift = _columns(mean, x), _columns(scale, x), _columns(shift, x)
    slope, offset = _columns(slope, x), _columns(offset, x)
    for task in prange(task_count(x)):
        block, rows, column = find_task(task, x)
        left = L - column
        place = block * ROWS * L + column
        center = load_wide(mean, column, left)
        factor = load_wide(scale, column, left)
        term = load_wide(shift, column, left)
        through_var = load_wide(slope, column, left)
        through_mean = load_wide(offset, column, left)
        least = broadcast(lowest)
        for r in range(rows):
            centered = subtract(load_wide(x, place + r * L, left), center)
            g = _through_bound(
                load_wide(dy, place + r * L, left), fma(centered, factor, term), least
            )
            rest = subtract(subtract(g, through_mean), multiply(through_var, centered))
            store_wide(dx, place + r * L, multiply(factor, rest), left)


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
    """`reference.batch_norm_grad`: x and dy are read from memory twice, dx written once.

    Error of dbeta: 256 eps of the sum of |dz|; of dgamma: 260 eps of that of |dz xhat|. Of dx:
    8 eps of its largest term, and those two.
    """
    if out is None:
        out = workspace.empty(x.shape, x.dtype), np.empty_like(gamma), np.empty_like(gamma)
    dx, dgamma, dbeta = out
    if x.size == 0:
        dgamma[...] = dbeta[...] = 0
        return out
    if activation in _CURVES:
        y = batch_norm_inference(x, gamma, beta, mean, var, eps=eps, activation=activation)
        dy = activation_grad(dy, y, kind=activation, out=y)
    rows = wide_rows(x)
    dy_rows = np.ascontiguousarray(dy).reshape(rows.shape)
    deviation = np.sqrt(var + eps)
    normalisation = mean, gamma / deviation, beta, _lowest(activation)
    threads = x.size >= WORTH_THREADS
    blocks = (block_count(rows), rows.shape[1])
    plain, weighted = (workspace.scratch(name, blocks, rows) for name in ("plain", "weighted"))
    run = _block_gradients if threads else _block_gradients.serial
    run(dy_rows, rows, *normalisation, plain, weighted)
    sum_up(plain, dbeta)
    sum_up(weighted, dgamma)
    dgamma /= deviation
    M = x.size // gamma.size
    slope, offset = dgamma / (deviation * M), dbeta / M
    run_last = _input_gradient if threads else _input_gradient.serial
    run_last(dy_rows, rows, *normalisation, slope, offset, dx.reshape(rows.shape))
    return out
