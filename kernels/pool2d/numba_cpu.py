"""The pools on the CPU: channels side by side in vectors, images and rows over the threads.

The largest number under a window, its place, or the sum of the window stay in registers while the
window is walked, so each number of x is loaded once per window that covers it and nothing else
moves. One text serves every size, stride and padding. Read `reference.py` first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import workspace
from ..arrays import Array, Padding, output_length
from ..compiled import device_function, kernel, prange
from ..simd import (
    WIDTH,
    broadcast,
    load,
    load_first,
    select,
    store,
    store_first,
    store_places,
)
from . import reference

ONE = np.float32(1)
_WORTH_THREADS = 30_000
"""Numbers of x (of dx, going back) from which the thread pool pays: waking it costs 2 us, in which
one thread pools about 20,000 numbers."""
_MOST_PIXELS = 1 << 24
"""Whole numbers up to here are exact in float32."""

# The largest --------------------------------------------------------------------------------------


@device_function
def _larger(best: Any, place: Any, value: Any, its_place: Any) -> Any:
    """`value` and its place where it beats `best`; a NaN beats any number, and nothing a NaN."""
    is_number = best == best  # noqa: PLR0124
    place = select(is_number, select(value <= best, place, its_place), place)
    best = select(is_number, select(value <= best, best, value), best)
    return best, place


@device_function
def _largest(
    x: Any, y: Any, argmax: Any, corner: Any, rows: Any, columns: Any, W: Any, C: Any,
    output: Any, channels: Any,
) -> Any:  # fmt: skip
    """One window, its first `channels` channels (at most WIDTH).

    Places are counted in pixels from the window's corner, as floats: exact up to 2^24.
    """
    best = load_first(x, corner, channels)
    place = broadcast(np.float32(0))
    for i in range(rows):
        row, pixel = corner + i * W * C, i * W
        for j in range(columns):
            value = load_first(x, row + j * C, channels)
            best, place = _larger(best, place, value, broadcast(np.float32(pixel + j)))
    store_first(y, output, best, channels)
    store_places(argmax, output, corner, place, C, channels)


@device_function
def _largest_of_two_vectors(
    x: Any, y: Any, argmax: Any, corner: Any, rows: Any, columns: Any, W: Any, C: Any,
    output: Any,
) -> Any:  # fmt: skip
    """The same for 2 WIDTH channels at once.

    A comparison waits for the one before it, in which time a second chain runs free: 0.89 ms
    instead of 2.5 on (8, 112, 112, 64), 3x3.
    """
    best_0, best_1 = load(x, corner), load(x, corner + WIDTH)
    place_0 = place_1 = broadcast(np.float32(0))
    for i in range(rows):
        row, pixel = corner + i * W * C, i * W
        for j in range(columns):
            its_place = broadcast(np.float32(pixel + j))
            best_0, place_0 = _larger(best_0, place_0, load(x, row + j * C), its_place)
            best_1, place_1 = _larger(best_1, place_1, load(x, row + j * C + WIDTH), its_place)
    store(y, output, best_0)
    store(y, output + WIDTH, best_1)
    store_places(argmax, output, corner, place_0, C, WIDTH)
    store_places(argmax, output + WIDTH, corner + WIDTH, place_1, C, WIDTH)


@kernel(parallel=True)
def _max_pool(x: Any, y: Any, argmax: Any, size: Any, stride: Any, pads: Any) -> None:
    N, H, W, C = x.shape
    _, OH, OW, _ = y.shape
    for row in prange(N * OH):
        n = row // OH
        top = (row - n * OH) * stride[0] - pads[0]
        first_row, last_row = max(top, 0), min(top + size[0], H)
        for q in range(OW):
            left = q * stride[1] - pads[1]
            first_column, last_column = max(left, 0), min(left + size[1], W)
            corner = ((n * H + first_row) * W + first_column) * C
            rows, columns = last_row - first_row, last_column - first_column
            output = (row * OW + q) * C
            c = 0
            while c + 2 * WIDTH <= C:
                _largest_of_two_vectors(x, y, argmax, corner + c, rows, columns, W, C, output + c)
                c += 2 * WIDTH
            while c < C:
                _largest(x, y, argmax, corner + c, rows, columns, W, C, output + c, C - c)
                c += WIDTH


def max_pool2d(
    x: Array,
    *,
    size: tuple[int, int],
    stride: tuple[int, int],
    padding: Padding,
    out: tuple[Array, Array] | None = None,
) -> tuple[Array, Array]:
    """`reference.max_pool2d`, bit for bit: y holds numbers of x.

    Windows that reach over more than 2^24 pixels, whose places no float32 counts, are left to it.
    """
    if min(size[0], x.shape[1]) * x.shape[2] > _MOST_PIXELS:
        return reference.max_pool2d(x, size=size, stride=stride, padding=padding, out=out)
    x = np.ascontiguousarray(x)
    y, argmax = _outputs(x, size, stride, padding) if out is None else out
    run = _max_pool if x.size >= _WORTH_THREADS else _max_pool.serial
    run(x, y, argmax, size, stride, (padding[0][0], padding[1][0]))
    return y, argmax


def _outputs(
    x: Array, size: tuple[int, int], stride: tuple[int, int], padding: Padding
) -> tuple[Array, Array]:
    N, H, W, C = x.shape
    OH = output_length(H, size[0], stride[0], padding[0])
    OW = output_length(W, size[1], stride[1], padding[1])
    return workspace.empty((N, OH, OW, C), x.dtype), workspace.empty((N, OH, OW, C), np.intp)


@kernel(parallel=True)
def _scatter(dy: Any, argmax: Any, dx: Any) -> None:
    """Rows of dy and argmax are the images' windows, rows of dx the images.

    An index is made unsigned, so that Numba does not ask whether it counts from the end.
    """
    N, places = dx.shape
    for n in prange(N):
        image, values, found = dx[n], dy[n], argmax[n]
        first = n * places
        for k in range(places):
            image[k] = 0
        for k in range(found.size):
            image[np.uint64(found[k] - first)] += values[k]


def max_pool2d_grad(
    dy: Array, argmax: Array, *, x_shape: tuple[int, int, int, int], out: Array | None = None
) -> Array:
    """`reference.max_pool2d_grad`: one thread an image, in the reference's order, bit for bit.

    Two windows may have found one place, but never in two images: so threads that hold whole
    images need no atomic addition, and the order of the sums does not depend on their number.
    """
    dx = workspace.empty(x_shape, dy.dtype) if out is None else out
    if dy.size == 0 or dx.size == 0:
        dx[...] = 0
        return dx
    N = x_shape[0]
    dy, argmax = np.ascontiguousarray(dy), np.ascontiguousarray(argmax)
    run = _scatter if dx.size >= _WORTH_THREADS else _scatter.serial
    run(dy.reshape(N, -1), argmax.reshape(N, -1), dx.reshape(N, -1))
    return dx


@kernel(parallel=True)
def _gather(x: Any, argmax: Any, y: Any) -> None:
    N, places = argmax.shape
    for n in prange(N):
        found, values = argmax[n], y[n]
        for k in range(places):
            values[k] = x[np.uint64(found[k])]


def max_pool2d_gather(x: Array, argmax: Array, *, out: Array | None = None) -> Array:
    """`reference.max_pool2d_gather`, bit for bit."""
    y = workspace.empty(argmax.shape, x.dtype) if out is None else out
    if argmax.size == 0:
        return y
    N = len(argmax)
    x, argmax = np.ascontiguousarray(x), np.ascontiguousarray(argmax)
    run = _gather if argmax.size >= _WORTH_THREADS else _gather.serial
    run(x.reshape(-1), argmax.reshape(N, -1), y.reshape(N, -1))
    return y


# The mean -----------------------------------------------------------------------------------------


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
    y = _outputs(x, size, stride, padding)[0] if out is None else out
    run = _avg_pool if x.size >= _WORTH_THREADS else _avg_pool.serial
    run(x, y, size, stride, (padding[0][0], padding[1][0]), count_include_pad)
    return y


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
    two; the image's first rows and its last to the first and the last line.
    """
    N, H, W, C = dx.shape
    _, OH, OW, _ = dy.shape
    for row in prange(N * OH):
        n = row // OH
        p = row - n * OH
        top = p * stride[0] - pads[0]
        first_row, last_row = max(top, 0), min(top + size[0], H)
        line = np.zeros(W * C, np.float32)
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
                owed = load_first(line, k, line.size - k) if inside else broadcast(np.float32(0))
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
    run = work if dx.size >= _WORTH_THREADS else work.serial
    pads = (padding[0][0], padding[1][0])
    run(np.ascontiguousarray(dy), dx, size, stride, pads, count_include_pad)
    return dx
