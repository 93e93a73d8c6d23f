"""The activations on a CPU: one loop for each kind, which the compiler turns into vectors.

x + b, f and the store are one pass over the memory, and f costs less than the memory does.
Read `reference.py` first; `../simd/math.py` for tanh and sigmoid.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import workspace
from ..arrays import Array
from ..compiled import kernel, prange
from ..simd import math, select
from .reference import KINDS

f32 = np.float32
ZERO, ONE = f32(0), f32(1)

STRIP = 1 << 12
"""About how many numbers a thread takes at a time; with a bias, a multiple of its length."""
WORTH_THREADS = 1 << 15
"""Numbers from which waking the pool (2 us) pays."""
NO_BIAS = np.full(STRIP, -0.0, f32)
"""The number that changes nothing when it is added: 0 would make 0 of -0."""

IDENTITY, RELU, TANH, SIGMOID = range(len(KINDS))
"""The kinds as numbers."""


@kernel(parallel=True)
def _activation(x: Any, bias: Any, kind: int, in_place: bool, y: Any) -> None:
    """y = f(x + bias), the bias being repeated; a strip is as long as it.

    In place a strip is copied first: the compiler gives up on vectors where what it writes may be
    what it has yet to read (1.7 ms instead of 0.1 for 600,000 numbers and tanh).
    """
    strip = bias.size
    for s in prange((x.size + strip - 1) // strip):
        # Slices, whose indices start at 0: of others Numba asks each time whether they are below.
        piece, result = x[s * strip : s * strip + strip], y[s * strip : s * strip + strip]
        if in_place:
            piece = piece.copy()
        if kind == RELU:
            for i in range(piece.size):
                z = piece[i] + bias[i]
                result[i] = select(z <= ZERO, ZERO, z)  # a NaN stays
        elif kind == TANH:
            for i in range(piece.size):
                result[i] = math.tanh(piece[i] + bias[i])
        elif kind == SIGMOID:
            for i in range(piece.size):
                result[i] = math.sigmoid(piece[i] + bias[i])
        else:
            for i in range(piece.size):
                result[i] = piece[i] + bias[i]


@kernel(parallel=True)
def _activation_grad(dy: Any, y: Any, kind: int, dx: Any) -> None:
    for s in prange((y.size + STRIP - 1) // STRIP):
        start, end = s * STRIP, s * STRIP + STRIP
        grad, value, result = dy[start:end], y[start:end], dx[start:end]
        if kind == RELU:
            for i in range(value.size):  # 0 and NaN are their own sign
                result[i] = grad[i] * (ONE if value[i] > ZERO else value[i])
        elif kind == TANH:
            for i in range(value.size):
                result[i] = grad[i] * (ONE - value[i] * value[i])
        elif kind == SIGMOID:
            for i in range(value.size):
                result[i] = grad[i] * (value[i] * (ONE - value[i]))
        else:
            for i in range(value.size):
                result[i] = grad[i]


def activation(x: Array, b: Array | None, *, kind: str, out: Array | None = None) -> Array:
    """As the reference. Error: 1 eps |x + b| for the sum, and 2.5 ulp for tanh and sigmoid."""
    y = workspace.empty(x.shape, x.dtype) if out is None else out
    bias = NO_BIAS if b is None else b[None].repeat(max(1, STRIP // max(1, b.size)), 0).reshape(-1)
    if x.size:
        run = _activation if x.size >= WORTH_THREADS else _activation.serial
        flat = np.ascontiguousarray(x).reshape(-1)
        in_place = out is not None and np.may_share_memory(flat, out)
        run(flat, bias, KINDS.index(kind), in_place, y.reshape(-1))
    return y


def activation_grad(dy: Array, y: Array, *, kind: str, out: Array | None = None) -> Array:
    """As the reference, for a y that `activation` returned. Error: 3 eps |dy|."""
    dx = workspace.empty(y.shape, y.dtype) if out is None else out
    run = _activation_grad if y.size >= WORTH_THREADS else _activation_grad.serial
    flat_dy, flat_y = (np.ascontiguousarray(a).reshape(-1) for a in (dy, y))
    run(flat_dy, flat_y, KINDS.index(kind), dx.reshape(-1))
    return dx
