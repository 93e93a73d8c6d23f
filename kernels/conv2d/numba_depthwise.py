"""Depthwise convolution: every channel has one filter of its own, and vectors run over channels.

    y[n, p, q, c] = f(b[c] + sum over i, j of
        x[n, p sh - top + i dh, q sw - left + j dw, c] w[i, j, c])

With as many groups as channels there is no matrix product left, and a register tile would use one
lane of each vector. Here a vector holds WIDTH channels of one place, and each tap is one
multiply-add of x and w, read at the same channels. The places and taps are those of `plan.py`, the
frames those of `numba_direct.py`; read that first. What is not depthwise is computed there.

Chollet, Xception: Deep Learning with Depthwise Separable Convolutions, CVPR 2017.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..activation.numba_cpu import activation as activate
from ..arrays import Array, Padding
from ..compiled import device_function, kernel, prange
from ..simd import WIDTH, address, broadcast, fma, load, load_first, select, store, store_first
from ..workspace import empty, scratch
from . import numba_direct as direct
from .numba_direct import chunk_of, frame_of, frames_for, places_in
from .plan import Plan, forward_plan, input_grad_plan

_PARTS = 16
"""Partial sums of a weight gradient, added in order."""
_ABREAST = 4
"""Places whose products a weight gradient sums apart, so that no multiply-add waits for another."""


def _is_depthwise(w_shape: Any, groups: int) -> bool:
    return groups > 1 and w_shape[2] == 1 and w_shape[3] == groups


@kernel(parallel=True)
def _filter_channels(
    source: Any, weights: Any, bias: Any, lowest: Any, plan: Any, frames: Any, result: Any
) -> None:
    """result = max(lowest, bias + taps of source times weights), channel by channel.

    `weights` (taps, channels rounded up to whole vectors) stand in the plan's order, and `bias`
    has as many channels.
    """
    N, C = source.shape[0], source.shape[3]
    H, W = result.shape[1:3]
    padded = weights.shape[1]
    lanes = frames.shape[0]
    values = frames.reshape(frames.size) if plan.copied else source.reshape(source.size)
    least = broadcast(lowest)
    for lane in prange(lanes):
        for chunk in range(plan.chunks * lane // lanes, plan.chunks * (lane + 1) // lanes):
            image, images, first = chunk_of(plan, chunk, N)
            windows = frame_of(source, plan, image, images, first, frames[lane])
            begin = (windows - address(values, 0)) // 4
            to = (image * H + first * plan.place_rows) * W * C
            for phase in range(plan.rows.size):
                place = plan.first_place[phase]
                for p in range(place, place + places_in(plan, phase, images, first)):
                    window, out = begin + plan.read_at[p], to + plan.write_at[p]
                    wide = C - C % (4 * WIDTH)
                    for c in range(0, wide, 4 * WIDTH):  # four sums, none waits for another
                        y0, y1 = load(bias, c), load(bias, c + WIDTH)
                        y2, y3 = load(bias, c + 2 * WIDTH), load(bias, c + 3 * WIDTH)
                        for t in range(plan.first_step[phase], plan.first_step[phase + 1]):
                            x, w = window + plan.steps[t] + c, t * padded + c
                            y0 = fma(load(values, x), load(weights, w), y0)
                            x, w = x + WIDTH, w + WIDTH
                            y1 = fma(load(values, x), load(weights, w), y1)
                            x, w = x + WIDTH, w + WIDTH
                            y2 = fma(load(values, x), load(weights, w), y2)
                            x, w = x + WIDTH, w + WIDTH
                            y3 = fma(load(values, x), load(weights, w), y3)
                        store(result, out + c, select(y0 < least, least, y0))
                        store(result, out + c + WIDTH, select(y1 < least, least, y1))
                        store(result, out + c + 2 * WIDTH, select(y2 < least, least, y2))
                        store(result, out + c + 3 * WIDTH, select(y3 < least, least, y3))
                    for c in range(wide, C - WIDTH + 1, WIDTH):
                        total = load(bias, c)
                        for t in range(plan.first_step[phase], plan.first_step[phase + 1]):
                            x = load(values, window + plan.steps[t] + c)
                            total = fma(x, load(weights, t * padded + c), total)
                        store(result, out + c, select(total < least, least, total))
                    if C % WIDTH:  # the last channels, with nothing read or written behind them
                        c = C - C % WIDTH
                        total = load(bias, c)
                        for t in range(plan.first_step[phase], plan.first_step[phase + 1]):
                            x = load_first(values, window + plan.steps[t] + c, C - c)
                            total = fma(x, load(weights, t * padded + c), total)
                        store_first(result, out + c, select(total < least, least, total), C - c)


@device_function
def _products(
    x: Any, window: int, places_at: Any, places: int, dy: Any, at: int, C: int, count: int
) -> Any:
    """The sum over a chunk's places of x under one tap times dy, for `count` channels."""
    zero = broadcast(np.float32(0))
    s0, s1, s2, s3 = zero, zero, zero, zero
    abreast = places - places % _ABREAST if count == WIDTH else 0
    for p in range(0, abreast, _ABREAST):
        d = at + p * C
        s0 = fma(load(x, window + places_at[p]), load(dy, d), s0)
        s1 = fma(load(x, window + places_at[p + 1]), load(dy, d + C), s1)
        s2 = fma(load(x, window + places_at[p + 2]), load(dy, d + 2 * C), s2)
        s3 = fma(load(x, window + places_at[p + 3]), load(dy, d + 3 * C), s3)
    for p in range(abreast, places):
        there = load_first(x, window + places_at[p], count)
        s0 = fma(there, load_first(dy, at + p * C, count), s0)
    return (s0 + s1) + (s2 + s3)


@kernel(parallel=True)
def _weight_sums(x: Any, dy: Any, plan: Any, frames: Any, sums: Any) -> None:
    """sums[part, tap, c] = x under the tap times dy, summed over the places of a part."""
    N, C = x.shape[0], x.shape[3]
    OH, OW = dy.shape[1:3]
    parts, taps, padded = sums.shape
    lanes = frames.shape[0]
    values = frames.reshape(frames.size) if plan.copied else x.reshape(x.size)
    for lane in prange(lanes):
        for part in range(parts * lane // lanes, parts * (lane + 1) // lanes):
            sums[part] = 0
            for chunk in range(plan.chunks * part // parts, plan.chunks * (part + 1) // parts):
                image, images, first = chunk_of(plan, chunk, N)
                windows = frame_of(x, plan, image, images, first, frames[lane])
                begin = (windows - address(values, 0)) // 4
                at = (image * OH + first) * OW * C
                places = places_in(plan, 0, images, first)
                for t in range(taps):
                    for c in range(0, C, WIDTH):
                        window, to = begin + plan.steps[t] + c, (part * taps + t) * padded + c
                        found = _products(
                            values, window, plan.read_at, places, dy, at + c, C, min(WIDTH, C - c)
                        )
                        store(sums, to, load(sums, to) + found)


def _padded(array: Array, channels: int) -> Array:
    """(rows, channels) with zeros up to a whole number of vectors."""
    padded = np.zeros((array.size // channels, -(-channels // WIDTH) * WIDTH), array.dtype)
    padded[:, :channels] = array.reshape(-1, channels)
    return padded


def conv2d(
    x: Array,
    w: Array,
    b: Array | None,
    *,
    stride: tuple[int, int],
    padding: Padding,
    dilation: tuple[int, int],
    groups: int,
    activation: str | None = None,
    out: Array | None = None,
) -> Array:
    """y = f(x * w + b), one multiply-add of vectors for each tap; see `reference.py`.

    Error: as the reference, (K + 1) eps (|x| * |w| + |b|) entry by entry, K = KH KW.
    """
    geometry: Any = {"stride": stride, "padding": padding, "dilation": dilation}
    if x.size == 0 or not _is_depthwise(w.shape, groups):
        return direct.conv2d(x, w, b, **geometry, groups=groups, activation=activation, out=out)
    plan = forward_plan(x.shape, w.shape, stride, padding, dilation)
    shape = (x.shape[0], int(plan.rows[0]), int(plan.columns[0]), groups)
    y: Array = empty(shape, x.dtype) if out is None else out
    bias = np.zeros(groups, x.dtype) if b is None else b
    lowest = np.float32(0 if activation == "relu" else -np.inf)
    _run(np.ascontiguousarray(x), w, bias, lowest, plan, y)
    if activation in ("tanh", "sigmoid"):
        activate(y, None, kind=activation, out=y)
    return y


def conv2d_input_grad(
    dy: Array,
    w: Array,
    *,
    x_shape: tuple[int, int, int, int],
    stride: tuple[int, int],
    padding: Padding,
    dilation: tuple[int, int],
    groups: int,
    out: Array | None = None,
) -> Array:
    """dx, the same kernel on dy, one phase of the stride at a time.

    Error: as the reference, K eps (|dy| * |w|) entry by entry, K = KH KW.
    """
    geometry: Any = {"stride": stride, "padding": padding, "dilation": dilation}
    if dy.size == 0 or not _is_depthwise(w.shape, groups):
        return direct.conv2d_input_grad(dy, w, x_shape=x_shape, **geometry, groups=groups, out=out)
    plan = input_grad_plan(dy.shape, w.shape, x_shape, stride, padding, dilation, groups)
    dx: Array = empty(x_shape, dy.dtype) if out is None else out
    bias = np.zeros(groups, dy.dtype)
    _run(np.ascontiguousarray(dy), w, bias, np.float32(-np.inf), plan, dx)
    return dx


def _run(source: Array, w: Array, bias: Array, lowest: Any, plan: Plan, result: Array) -> None:
    """Bring weights and bias into whole vectors, the weights in the plan's order, and filter."""
    C = w.shape[3]
    weights = _padded(w.reshape(-1, C)[plan.tap_order], C)
    frames = frames_for(plan, source)
    _filter_channels(source, weights, _padded(bias, C), lowest, plan, frames, result)


def conv2d_weight_grad(
    x: Array,
    dy: Array,
    *,
    w_shape: tuple[int, int, int, int],
    stride: tuple[int, int],
    padding: Padding,
    dilation: tuple[int, int],
    groups: int,
    out: Array | None = None,
) -> Array:
    """dw, tap by tap; the parts of the images are summed apart, and added in order.

    Error: as the reference, M eps (|x| * |dy|) entry by entry, M = N OH OW.
    """
    geometry: Any = {"stride": stride, "padding": padding, "dilation": dilation}
    if dy.size == 0 or not _is_depthwise(w_shape, groups):
        return direct.conv2d_weight_grad(x, dy, w_shape=w_shape, **geometry, groups=groups, out=out)
    plan = forward_plan(x.shape, w_shape, stride, padding, dilation)
    x, dy = np.ascontiguousarray(x), np.ascontiguousarray(dy)
    channels = -(-groups // WIDTH) * WIDTH
    sums = scratch("depthwise sums", (min(_PARTS, plan.chunks), plan.steps.size, channels), x)
    _weight_sums(x, dy, plan, frames_for(plan, x), sums)
    total: Array = sums[:, :, :groups].sum(0).reshape(w_shape)
    if out is None:
        return total
    out[...] = total
    return out
