"""`activation` and its gradient as GPU kernels in Python: a thread walks down a column.

Neighbouring threads read neighbouring numbers, so that a warp's 32 loads are one. Indices are
counted up, never divided: a remainder costs a GPU more than the arithmetic of this kernel. Error:
as the reference's. Read beside it: `cuda.cu`, which reads four numbers at a time.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..arrays import Array, array_module
from ..cuda_launch import kind_number, out_with_gaps, output
from ..numba_language import cuda, float32, kernel, uint32
from ..numba_launch import launch, rows

_THREADS = 256
_MOST_BLOCKS = 1024

RELU, TANH, SIGMOID = 1, 2, 3
"""As `kind_number` numbers them; 0 is the identity."""


@kernel
def add_bias_and_activate(x: Any, b: Any, y: Any, kind: Any) -> None:
    """y = f(x + b) for x (rows, C); b is (C,), or empty for none."""
    column = uint32(cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x)
    if column >= uint32(y.shape[1]):
        return
    bias = b[column] if b.size > 0 else float32(0)
    row = uint32(cuda.blockIdx.y * cuda.blockDim.y + cuda.threadIdx.y)
    rows_at_once = uint32(cuda.gridDim.y * cuda.blockDim.y)
    while row < uint32(y.shape[0]):
        z = x[row, column] + bias
        if kind == RELU:
            y[row, column] = float32(0) if z < float32(0) else z  # noqa: FURB136  (max drops NaN)
        elif kind == TANH:
            y[row, column] = math.tanh(z)
        elif kind == SIGMOID:
            e = math.exp(-abs(z))  # never overflows
            y[row, column] = (e if z < float32(0) else float32(1)) / (float32(1) + e)
        else:
            y[row, column] = z
        row = uint32(row + rows_at_once)  # Numba adds in 64 bits, and compares those as floats


@kernel
def multiply_by_slope(dy: Any, y: Any, dx: Any, kind: Any) -> None:
    """dx = dy f'(z), written by y = f(z), for flat arrays."""
    i = uint32(cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x)
    numbers_at_once = uint32(cuda.gridDim.x * cuda.blockDim.x)
    while i < uint32(y.size):
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
        i = uint32(i + numbers_at_once)


@out_with_gaps
def activation(x: Array, b: Array | None, *, kind: str, out: Array | None = None) -> Array:
    """y = f(x + b), as `reference.activation`."""
    y = output(out, x.shape, x)
    if x.size == 0:
        return y
    matrix = rows(x) if b is not None else rows(x.reshape(1, -1))
    M, C = matrix.shape
    bias = array_module(x).empty(0, x.dtype) if b is None else b
    width = min(_THREADS, 1 << (C - 1).bit_length())  # the columns of a block, a power of two
    height = _THREADS // width
    grid = -(-C // width), min(_MOST_BLOCKS, -(-M // height))
    target = y.reshape(M, C)
    launch(add_bias_and_activate, grid, (width, height), matrix, bias, target, kind_number(kind))
    return y


@out_with_gaps
def activation_grad(dy: Array, y: Array, *, kind: str, out: Array | None = None) -> Array:
    """dx = dy f'(x + b) by the result y, as `reference.activation_grad`."""
    dx = output(out, y.shape, y)
    if y.size == 0:
        return dx
    flat = [rows(array.reshape(1, -1)).reshape(-1) for array in (dy, y)]
    blocks = min(_MOST_BLOCKS, -(-y.size // _THREADS))
    launch(multiply_by_slope, (blocks,), (_THREADS,), *flat, dx.reshape(-1), kind_number(kind))
    return dx


assert kind_number("sigmoid") == np.int32(SIGMOID)  # noqa: S101
