"""Average pooling on the CPU, and its gradient; a window's sum stays in registers.

Windows that lie side by side share no place: going back, a line of them is spread out once, and
written into every row that it covers. Read `numba_max.py` first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import workspace
from ..arrays import Array, Padding
from ..compiled import device_function, kernel, prange
from ..simd import WIDTH, broadcast, load_first, store_first
from .numba_max import WORTH_THREADS, pooled_shape

ONE = np.float32(1)
TASKS = 64
"""Pieces of the gradient of windows side by side, each with a line of its own. With a new line for
each row of windows it took 1.15 times as long for LeNet-5's images, 1.25 for (128, 32, 32, 32)."""


@kernel(parallel=True)
def _avg_pool(x: Any, y: Any, size: Any, stride: Any, pads: Any, count_include_pad: Any) -> None:
    N, H, W, C = x.shape
    _, OH, OW, _ = y.shape
    for row in prange(N * OH):
        n = row // OH
        top = (row - n * OH) * stride[0] - pads[0]
        first_row, last_row = max(top, 0), min(top + size[0], H)
        for q in range(OW):
            left = q * stride[1] - pads[1]
            first_column, last_column = max(left, 0), min(left + size[1], W)
            count = size[0] * size[1]
            if not count_include_pad:
                count = (last_row - first_row) * (last_column - first_column)
            share = ONE / np.float32(count)
            for c in range(0, C, WIDTH):
                total = broadcast(np.float32(0))
                for i in range(first_row, last_row):
                    for j in range(first_column, last_column):
                        total += load_first(x, ((n * H + i) * W + j) * C + c, C - c)
                store_first(y, (row * OW + q) * C + c, total * share, C - c)


def avg_pool2d(
    x: Array,
    *,
    size: tuple[int, int],
    stride: tuple[int, int],
    padding: Padding,
    count_include_pad: bool,
    out: Array | None = None,
) -> Array:
    """`reference.avg_pool2d`. Error: |y - exact| <= (KH KW + 2) eps mean |x| under the window.

    KH KW - 1 additions round, then 1 / count and its product with the sum, which a window of 2 by 2
    leaves exact. Dividing vectors instead takes 1.4 times as long (128, 32, 32, 32).
    """
    x = np.ascontiguousarray(x)
    if out is None:
        out = workspace.empty(pooled_shape(x, size, stride, padding), x.dtype)
    run = _avg_pool if x.size >= WORTH_THREADS else _avg_pool.serial
    run(x, out, size, stride, (padding[0][0], padding[1][0]), count_include_pad)
    return out


@device_function
def _windows_over(place: Any, size: Any, stride: Any, pad: Any, count: Any) -> Any:
    """The windows p with p stride - pad <= place < p stride - pad + size, as first and last + 1."""
    return max(place + pad - size + stride, 0) // stride, min((place + pad) // stride + 1, count)


@device_function
def _length(p: Any, size: Any, stride: Any, pad: Any, length: Any) -> Any:
    """How many rows (or columns) of window p lie inside the image."""
    start = p * stride - pad
    return min(start + size, length) - max(start, 0)


@kernel(parallel=True)
def _avg_pool_grad(
    dy: Any, dx: Any, size: Any, stride: Any, pads: Any, count_include_pad: Any
) -> None:
    """Windows that overlap: each place of dx sums over those that cover it."""
    N, H, W, C = dx.shape
    _, OH, OW, _ = dy.shape
    for row in prange(N * H):
        n = row // H
        first_p, last_p = _windows_over(row - n * H, size[0], stride[0], pads[0], OH)
        for j in range(W):
            first_q, last_q = _windows_over(j, size[1], stride[1], pads[1], OW)
            for c in range(0, C, WIDTH):
                total = broadcast(np.float32(0))
                for p in range(first_p, last_p):
                    for q in range(first_q, last_q):
                        count = size[0] * size[1]
                        if not count_include_pad:
                            count = _length(p, size[0], stride[0], pads[0], H)
                            count *= _length(q, size[1], stride[1], pads[1], W)
                        owed = load_first(dy, ((n * OH + p) * OW + q) * C + c, C - c)
                        total += owed * (ONE / np.float32(count))
                store_first(dx, (row * W + j) * C + c, total, C - c)


@kernel(parallel=True)
def _avg_pool_grad_apart(
    dy: Any, dx: Any, size: Any, stride: Any, pads: Any, count_include_pad: Any
) -> None:
    """Windows side by side: their shares are written into one line, and the line into dx's rows.

    The rows from the start of one line of windows to that of the next belong to the first of the
    two; the image's first rows and its last to the first and the last line. Every line of windows
    covers the same places of the line: what is 0 between them stays 0.
    """
    N, H, W, C = dx.shape
    _, OH, OW, _ = dy.shape
    tasks = min(N * OH, TASKS)
    for task in prange(tasks):
        line = np.zeros(W * C, np.float32)
        for row in range(task * N * OH // tasks, (task + 1) * N * OH // tasks):
            n = row // OH
            p = row - n * OH
            top = p * stride[0] - pads[0]
            first_row, last_row = max(top, 0), min(top + size[0], H)
            for q in range(OW):
                left = q * stride[1] - pads[1]
                first_column, last_column = max(left, 0), min(left + size[1], W)
                count = size[0] * size[1]
                if not count_include_pad:
                    count = (last_row - first_row) * (last_column - first_column)
                share = ONE / np.float32(count)
                for c in range(0, C, WIDTH):
                    owed = load_first(dy, (row * OW + q) * C + c, C - c) * share
                    for j in range(first_column, last_column):
                        store_first(line, j * C + c, owed, C - c)
            for i in range(0 if p == 0 else top, H if p == OH - 1 else top + stride[0]):
                inside = first_row <= i < last_row
                place = (n * H + i) * W * C
                for k in range(0, line.size, WIDTH):
                    owed = (
                        load_first(line, k, line.size - k) if inside else broadcast(np.float32(0))
                    )
                    store_first(dx, place + k, owed, line.size - k)


def avg_pool2d_grad(
    dy: Array,
    *,
    x_shape: tuple[int, int, int, int],
    size: tuple[int, int],
    stride: tuple[int, int],
    padding: Padding,
    count_include_pad: bool,
    out: Array | None = None,
) -> Array:
    """`reference.avg_pool2d_grad`, each place of dx written once.

    Error: |dx - exact| <= (windows over a place + 2) eps (sum of their |dy| / count).
    """
    dx = workspace.empty(x_shape, dy.dtype) if out is None else out
    apart = stride[0] >= size[0] and stride[1] >= size[1] and dy.size > 0
    work = _avg_pool_grad_apart if apart else _avg_pool_grad
    run = work if dx.size >= WORTH_THREADS else work.serial
    pads = (padding[0][0], padding[1][0])
    run(np.ascontiguousarray(dy), dx, size, stride, pads, count_include_pad)
    return dx
