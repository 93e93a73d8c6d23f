"""Max pooling on the CPU: channels side by side in vectors, images and rows over the threads.

The largest number under a window and its place stay in registers while the window is walked, so
each number of x is loaded once per window that covers it and nothing else moves. One text serves
every size, stride and padding. Read `reference.py` first; next: `numba_avg.py`.
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

WORTH_THREADS = 30_000
"""Numbers of x (of dx, going back) from which the thread pool pays: waking it costs 2 us, in which
one thread pools about 20,000 numbers."""
_MOST_PIXELS = 1 << 24
"""Whole numbers up to here are exact in float32."""


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
    if out is None:
        shape = pooled_shape(x, size, stride, padding)
        out = workspace.empty(shape, x.dtype), workspace.empty(shape, np.intp)
    y, argmax = out
    run = _max_pool if x.size >= WORTH_THREADS else _max_pool.serial
    run(x, y, argmax, size, stride, (padding[0][0], padding[1][0]))
    return y, argmax


def pooled_shape(
    x: Array, size: tuple[int, int], stride: tuple[int, int], padding: Padding
) -> tuple[int, int, int, int]:
    """The shape of y."""
    N, H, W, C = x.shape
    OH = output_length(H, size[0], stride[0], padding[0])
    OW = output_length(W, size[1], stride[1], padding[1])
    return N, OH, OW, C


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
    run = _scatter if dx.size >= WORTH_THREADS else _scatter.serial
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
    run = _gather if argmax.size >= WORTH_THREADS else _gather.serial
    run(x.reshape(-1), argmax.reshape(N, -1), y.reshape(N, -1))
    return y
