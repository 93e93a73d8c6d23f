"""Local response normalisation on a CPU: the windows slide in the cache.

d^-beta = e^(-beta ln d). The squares of a row stand between zeros, so that a window that reaches
over an end sums zeros there and no channel is a special case. Read `reference.py` first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import workspace
from ..arrays import Array
from ..compiled import device_function, kernel, prange
from ..simd.math import exp, log

f32 = np.float32
WORTH_THREADS = 1 << 13
"""Numbers from which waking the pool (2 us) pays."""
STRIP = 32
"""Rows of C channels that a thread takes at a time, with one buffer for the window."""


@device_function
def _slide(padded: Any, window: int, sums: Any) -> None:
    """sums[c] = padded[c] + ... + padded[c + window - 1]"""
    for c in range(sums.size):
        sums[c] = padded[c]
    for j in range(1, window):
        shifted = padded[j : j + sums.size]
        for c in range(sums.size):
            sums[c] += shifted[c]


@kernel(parallel=True)
def _forward(x: Any, before: int, after: int, alpha: Any, beta: Any, k: Any, y: Any) -> None:
    N, C = x.shape
    for strip in prange((N + STRIP - 1) // STRIP):
        padded, sums = np.zeros(before + C + after, f32), np.empty(C, f32)
        inside = padded[before : before + C]
        for n in range(strip * STRIP, min(N, strip * STRIP + STRIP)):
            row, result = x[n], y[n]
            for c in range(C):
                inside[c] = row[c] * row[c]
            _slide(padded, before + 1 + after, sums)
            for c in range(C):
                result[c] = row[c] * exp(-beta * log(k + alpha * sums[c]))


@kernel(parallel=True)
def _backward(
    dy: Any, x: Any, before: int, after: int, alpha: Any, beta: Any, k: Any, dx: Any
) -> None:
    N, C = x.shape
    for strip in prange((N + STRIP - 1) // STRIP):
        squares, felt = np.zeros(before + C + after, f32), np.zeros(after + C + before, f32)
        square, feel = squares[before : before + C], felt[after : after + C]
        sums, power = np.empty(C, f32), np.empty(C, f32)
        for n in range(strip * STRIP, min(N, strip * STRIP + STRIP)):
            row, grad, result = x[n], dy[n], dx[n]
            for c in range(C):
                square[c] = row[c] * row[c]
            _slide(squares, before + 1 + after, sums)
            for c in range(C):
                d = k + alpha * sums[c]
                power[c] = exp(-beta * log(d))
                feel[c] = grad[c] * row[c] * power[c] / d
            _slide(felt, after + 1 + before, sums)
            for c in range(C):
                result[c] = grad[c] * power[c] - f32(2) * alpha * beta * row[c] * sums[c]


def local_response_norm(
    x: Array,
    *,
    before: int,
    after: int,
    alpha: float,
    beta: float,
    k: float,
    out: Array | None = None,
) -> Array:
    """As the reference. Error: that of the reference, and beta |ln d| + 2 eps for the power."""
    y = workspace.empty(x.shape, x.dtype) if out is None else out
    if y.size:
        run = _forward if x.size >= WORTH_THREADS else _forward.serial
        x, rows = np.ascontiguousarray(x), (-1, x.shape[-1])
        before, after = _within(before, after, x.shape[-1])
        run(x.reshape(rows), before, after, f32(alpha), f32(beta), f32(k), y.reshape(rows))
    return y


def local_response_norm_grad(
    dy: Array,
    x: Array,
    *,
    before: int,
    after: int,
    alpha: float,
    beta: float,
    k: float,
    out: Array | None = None,
) -> Array:
    """As the reference. Error: that of the reference, and beta |ln d| + 2 eps for the power."""
    dx = workspace.empty(x.shape, x.dtype) if out is None else out
    if dx.size:
        run = _backward if x.size >= WORTH_THREADS else _backward.serial
        rows = (-1, x.shape[-1])
        dy, x = (np.ascontiguousarray(a).reshape(rows) for a in (dy, x))
        before, after = _within(before, after, x.shape[-1])
        run(dy, x, before, after, f32(alpha), f32(beta), f32(k), dx.reshape(rows))
    return dx


def _within(before: int, after: int, channels: int) -> tuple[int, int]:
    """The window, no wider than all channels to either side."""
    return min(before, channels - 1), min(after, channels - 1)
