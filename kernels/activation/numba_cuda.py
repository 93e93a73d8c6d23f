"""`activation` and its gradient as GPU kernels in Python: a thread walks down a column.

Neighbouring threads read neighbouring numbers, so that a warp's 32 loads are one. Indices are
counted up, never divided: a remainder costs a GPU more than the arithmetic of this kernel. Error:
as the reference's. Read beside it: `cuda.cu`, which reads four numbers at a time.
"""

from __future__ import annotations

import math

from ..arrays import Array
from ..cuda_launch import contiguous, out_with_gaps, output, rows_of
from ..numba_language import Count, Floats, Int, cuda, float32, kernel
from ..numba_launch import launch
from .cuda import kind_number

_THREADS = 256
_MOST_BLOCKS = 1024

RELU, TANH, SIGMOID = 1, 2, 3
"""As `kind_number` numbers them; 0 is the identity."""


@kernel
def add_bias_and_activate(
    x: Floats, b: Floats, y: Floats, rows: Count, columns: Count, biased: Int, kind: Int
) -> None:
    """y = f(x + b) for x and y (rows, columns), b (columns,); where it is not biased, y = f(x)."""
    column = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    if column >= columns:
        return
    bias = b[column] if biased else float32(0)
    row = cuda.blockIdx.y * cuda.blockDim.y + cuda.threadIdx.y
    rows_at_once = cuda.gridDim.y * cuda.blockDim.y
    while row < rows:
        place = row * columns + column
        z = x[place] + bias
        if kind == RELU:
            y[place] = float32(0) if z < float32(0) else z  # noqa: FURB136  (max drops NaN)
        elif kind == TANH:
            y[place] = math.tanh(z)
        elif kind == SIGMOID:
            e = math.exp(-abs(z))  # never overflows
            y[place] = (e if z < float32(0) else float32(1)) / (float32(1) + e)
        else:
            y[place] = z
        row += rows_at_once


@kernel
def multiply_by_slope(dy: Floats, y: Floats, dx: Floats, size: Count, kind: Int) -> None:
    """dx = dy f'(z), written by y = f(z)."""
    i = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    numbers_at_once = cuda.gridDim.x * cuda.blockDim.x
    while i < size:
        value = y[i]
        slope = float32(1)
        if kind == RELU:
            slope = float32(1) if value > float32(0) else float32(0)
            if value != value:  # noqa: PLR0124  (a NaN, the only number unequal to itself)
                slope = value
        elif kind == TANH:
            slope = float32(1) - value * value
        elif kind == SIGMOID:
            slope = value * (float32(1) - value)
        dx[i] = dy[i] * slope
        i += numbers_at_once


@out_with_gaps
def activation(x: Array, b: Array | None, *, kind: str, out: Array | None = None) -> Array:
    """y = f(x + b), as `reference.activation`."""
    y = output(out, x.shape, x)
    if x.size == 0:
        return y
    rows, columns = rows_of(x) if b is not None else (1, x.size)
    width = min(_THREADS, 1 << (columns - 1).bit_length())  # of a block, a power of two
    height = _THREADS // width
    grid = -(-columns // width), min(_MOST_BLOCKS, -(-rows // height))
    arrays = contiguous(x), None if b is None else contiguous(b), y
    numbers = rows, columns, b is not None, kind_number(kind)
    launch(add_bias_and_activate, grid, (width, height), *arrays, *numbers)
    return y


@out_with_gaps
def activation_grad(dy: Array, y: Array, *, kind: str, out: Array | None = None) -> Array:
    """dx = dy f'(x + b) by the result y, as `reference.activation_grad`."""
    dx = output(out, y.shape, y)
    if y.size == 0:
        return dx
    blocks = min(_MOST_BLOCKS, -(-y.size // _THREADS))
    arrays = contiguous(dy), contiguous(y), dx
    launch(multiply_by_slope, (blocks,), (_THREADS,), *arrays, y.size, kind_number(kind))
    return dx


assert kind_number("sigmoid") == SIGMOID  # noqa: S101
