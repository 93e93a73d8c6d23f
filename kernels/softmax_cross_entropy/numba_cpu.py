"""Softmax with cross-entropy on a CPU: each row is read from memory once, and then from cache.

Many classes stand side by side in vectors, row by row. A row of 32,000 (128 KB) fits into the
second-level cache, so its passes, for the largest logit, the sum of exponentials and the result,
cost one pass over memory. Of few classes a row would hardly fill one vector, and folding the lanes
of a vector into one number takes longer than an exponential of all: there WIDTH rows stand side by
side, column by column (128 x 10, forward and gradient: 2 us instead of 8).

Nothing is kept between forward and gradient. Probabilities saved by the forward pass would be
written and read again, which takes longer than to compute them twice: 4096 x 32000 takes 50 ms in
both kernels below, 69 ms with saved probabilities (two threads).

Read `reference.py` first, then `../simd/rows.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import workspace
from ..arrays import Array
from ..compiled import device_function, kernel, prange
from ..simd import WIDTH, broadcast, load, load_first, select, store, store_first, sum_lanes
from ..simd.math import exp, log
from ..simd.rows import largest, piece, put

f32 = np.float32

NARROW = 64
"""Up to so many classes rows stand side by side: at 100 both ways take 41 ns a row."""
WORTH_THREADS = 1 << 14
"""Logits from which on waking the pool (2 us) pays."""
STRIP = 128
"""Rows that one thread takes at a time, of narrow ones."""

# Many classes -------------------------------------------------------------------------------------


@kernel(parallel=True)
def _losses(z: Any, targets: Any, losses: Any) -> None:
    N, K = z.shape
    for n in prange(N):
        m = largest(z, n * K, K)
        total = broadcast(f32(0))
        for k in range(0, K, WIDTH):
            total += exp(piece(z, n * K, k, K, -np.inf) - m)
        losses[n] = log(sum_lanes(total)) - (z[n, targets[n]] - m)


@kernel(parallel=True)
def _grad(dy: Any, z: Any, targets: Any, dz: Any) -> None:
    N, K = z.shape
    for n in prange(N):
        m = largest(z, n * K, K)
        total = broadcast(f32(0))
        for k in range(0, K, WIDTH):
            e = exp(piece(z, n * K, k, K, -np.inf) - m)
            put(dz, n * K, k, K, e)
            total += e
        scale = dy[n] / sum_lanes(total)
        for k in range(0, K, WIDTH):
            put(dz, n * K, k, K, piece(dz, n * K, k, K, 0.0) * scale)
        dz[n, targets[n]] -= dy[n]


# Few classes --------------------------------------------------------------------------------------


@device_function
def _turn(z: Any, n: Any, rows: Any, columns: Any) -> Any:
    """columns[k WIDTH + i] = z[n + i, k], the last row again for i >= rows; their largest logits"""
    K = z.shape[1]
    for i in range(WIDTH):
        row = n + min(i, rows - 1)
        for k in range(K):
            columns[k * WIDTH + i] = z[row, k]
    m = load(columns, 0)
    for k in range(1, K):
        v = load(columns, k * WIDTH)
        m = select(v > m, v, m)
    return m


@kernel(parallel=True)
def _narrow_losses(z: Any, targets: Any, losses: Any) -> None:
    N, K = z.shape
    for strip in prange((N + STRIP - 1) // STRIP):
        columns = np.empty(K * WIDTH, f32)
        for n in range(strip * STRIP, min(N, strip * STRIP + STRIP), WIDTH):
            rows = min(WIDTH, N - n)
            m = _turn(z, n, rows, columns)
            total = broadcast(f32(0))
            for k in range(K):
                v = load(columns, k * WIDTH) - m
                store(columns, k * WIDTH, v)
                total += exp(v)
            store_first(losses, n, log(total), rows)
            for i in range(rows):
                losses[n + i] -= columns[targets[n + i] * WIDTH + i]


@kernel(parallel=True)
def _narrow_grad(dy: Any, z: Any, targets: Any, dz: Any) -> None:
    N, K = z.shape
    for strip in prange((N + STRIP - 1) // STRIP):
        columns = np.empty(K * WIDTH, f32)
        for n in range(strip * STRIP, min(N, strip * STRIP + STRIP), WIDTH):
            rows = min(WIDTH, N - n)
            m = _turn(z, n, rows, columns)
            total = broadcast(f32(0))
            for k in range(K):
                e = exp(load(columns, k * WIDTH) - m)
                store(columns, k * WIDTH, e)
                total += e
            scale = load_first(dy, n, rows) / total
            for k in range(K):
                store(columns, k * WIDTH, load(columns, k * WIDTH) * scale)
            for i in range(rows):
                for k in range(K):
                    dz[n + i, k] = columns[k * WIDTH + i]
                dz[n + i, targets[n + i]] -= dy[n + i]


# The two of the specification ---------------------------------------------------------------------


def softmax_cross_entropy(logits: Array, targets: Array, *, out: Array | None = None) -> Array:
    """As the reference; an exponential is within 1.1 ulp, and so is the logarithm.

    Error: (K + 4) eps (1 + |loss|), the sum being the larger part; with more than `NARROW` classes
    it is in 4 to 16 parts.
    """
    losses = workspace.empty(targets.shape, logits.dtype) if out is None else out
    work = _narrow_losses if logits.shape[-1] <= NARROW else _losses
    run = work if logits.size >= WORTH_THREADS else work.serial
    run(_rows(logits), np.ascontiguousarray(targets).reshape(-1), losses.reshape(-1))
    return losses


def softmax_cross_entropy_grad(
    dy: Array, logits: Array, targets: Array, *, out: Array | None = None
) -> Array:
    """As the reference. Error: (K + 4) eps |dy| in each entry."""
    dz = workspace.empty(logits.shape, logits.dtype) if out is None else out
    work = _narrow_grad if logits.shape[-1] <= NARROW else _grad
    run = work if logits.size >= WORTH_THREADS else work.serial
    run(
        np.ascontiguousarray(dy).reshape(-1),
        _rows(logits),
        np.ascontiguousarray(targets).reshape(-1),
        dz.reshape(-1, logits.shape[-1]),
    )
    return dz


def _rows(logits: Array) -> Array:
    """The logits as a contiguous matrix, a row for each sample."""
    return np.ascontiguousarray(logits).reshape(-1, logits.shape[-1])
