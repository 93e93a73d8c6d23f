"""Softmax and log-softmax on a CPU: each row is read from memory once, and then from cache.

Beyond the end of a row stands what counts for nothing: -inf under an exponential, 0 in a sum.
A NaN is passed over by the largest, and comes back through its own exponential.
Read `reference.py` first, then `../simd/rows.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import workspace
from ..arrays import Array
from ..compiled import ParallelKernel, kernel, prange
from ..simd import WIDTH, broadcast, sum_lanes
from ..simd.math import exp, log
from ..simd.rows import largest, piece, put

f32 = np.float32
WORTH_THREADS = 1 << 14
"""Numbers from which waking the pool (2 us) pays."""


@kernel(parallel=True)
def _softmax(x: Any, y: Any) -> None:
    N, K = x.shape
    for n in prange(N):
        m = largest(x, n * K, K)
        total = broadcast(f32(0))
        for k in range(0, K, WIDTH):
            e = exp(piece(x, n * K, k, K, -np.inf) - m)
            put(y, n * K, k, K, e)
            total += e
        scale = f32(1) / sum_lanes(total)
        for k in range(0, K, WIDTH):
            put(y, n * K, k, K, piece(y, n * K, k, K, 0.0) * scale)


@kernel(parallel=True)
def _log_softmax(x: Any, y: Any) -> None:
    N, K = x.shape
    for n in prange(N):
        m = largest(x, n * K, K)
        total = broadcast(f32(0))
        for k in range(0, K, WIDTH):
            total += exp(piece(x, n * K, k, K, -np.inf) - m)
        shift = log(sum_lanes(total))
        for k in range(0, K, WIDTH):
            put(y, n * K, k, K, (piece(x, n * K, k, K, 0.0) - m) - shift)


@kernel(parallel=True)
def _softmax_grad(dy: Any, y: Any, dx: Any) -> None:
    N, K = y.shape
    for n in prange(N):
        total = broadcast(f32(0))
        for k in range(0, K, WIDTH):
            total += piece(dy, n * K, k, K, 0.0) * piece(y, n * K, k, K, 0.0)
        inner = sum_lanes(total)
        for k in range(0, K, WIDTH):
            d = (piece(dy, n * K, k, K, 0.0) - inner) * piece(y, n * K, k, K, 0.0)
            put(dx, n * K, k, K, d)


@kernel(parallel=True)
def _log_softmax_grad(dy: Any, y: Any, dx: Any) -> None:
    N, K = y.shape
    for n in prange(N):
        total = broadcast(f32(0))
        for k in range(0, K, WIDTH):
            total += piece(dy, n * K, k, K, 0.0)
        sum_dy = sum_lanes(total)
        for k in range(0, K, WIDTH):
            p = exp(piece(y, n * K, k, K, 0.0))
            put(dx, n * K, k, K, piece(dy, n * K, k, K, 0.0) - p * sum_dy)


def softmax(x: Array, *, out: Array | None = None) -> Array:
    """As the reference; an exponential is within 1.1 ulp, sums are in up to 16 parts."""
    return _by_rows(_softmax, x, out=out)


def softmax_grad(dy: Array, y: Array, *, out: Array | None = None) -> Array:
    """As the reference."""
    return _by_rows(_softmax_grad, dy, y, out=out)


def log_softmax(x: Array, *, out: Array | None = None) -> Array:
    """As the reference; exponentials and the logarithm are within 1.1 ulp."""
    return _by_rows(_log_softmax, x, out=out)


def log_softmax_grad(dy: Array, y: Array, *, out: Array | None = None) -> Array:
    """As the reference; an exponential is within 1.1 ulp."""
    return _by_rows(_log_softmax_grad, dy, y, out=out)


def _by_rows(kernel: ParallelKernel[..., None], *arrays: Array, out: Array | None) -> Array:
    """Run a kernel on contiguous matrices, a row for each run of the last axis."""
    shape = arrays[0].shape
    result = workspace.empty(shape, arrays[0].dtype) if out is None else out
    if result.size:
        run = kernel if result.size >= WORTH_THREADS else kernel.serial
        rows = [np.ascontiguousarray(a).reshape(-1, shape[-1]) for a in arrays]
        run(*rows, result.reshape(-1, shape[-1]))
    return result
