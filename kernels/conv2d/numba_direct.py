"""Direct convolution on the register tile: every stride, padding, dilation and number of groups.

The forward pass and the input gradient are one kernel with two plans, the weight gradient is its
adjoint, and a depthwise convolution is the three of them with one number less to sum over; the
kernels, and why, stand in `direct_kernels.py`. Read next: `numba_winograd.py`.

Chollet, Xception: Deep Learning with Depthwise Separable Convolutions, CVPR 2017.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..activation.numba_cpu import activation as activate
from ..arrays import Array, Padding, output_length
from ..simd.panel import PANEL
from ..threads import get_num_threads
from ..workspace import empty, scratch
from . import reference
from .direct_kernels import BLOCK, add_parts, convolve, pack, pack_turned, weight_sums
from .merged import narrow, neighbours, widen
from .plan import Plan, forward_plan, input_grad_plan

_PARTS = 16
"""Parts of a weight gradient, each with its own sums, combined in order; fewer where those would
take more floats than `_SUMS`."""
_SUMS = 1 << 20
_NO_FLOOR = np.float32(-np.inf)


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
    """y = f(x * w + b) on the gather tile; the formula and the arguments stand in `reference.py`.

    Bytes: x and w once each (x again for the rows two bands share), y once. The sums start at the
    bias, and a ReLU is taken before they leave the registers.
    Error: as the reference, (K + 1) eps (|x| * |w| + |b|) entry by entry, K = KH KW C / groups:
    one rounding per step, in the order (i, j, c).
    """
    if x.size == 0 or w.size == 0:
        return reference.conv2d(
            x, w, b, stride=stride, padding=padding, dilation=dilation, groups=groups,
            activation=activation, out=out,
        )  # fmt: skip
    OH, OW = (
        output_length(x.shape[1 + k], w.shape[k], stride[k], padding[k], dilation[k])
        for k in (0, 1)
    )
    y: Array = empty((x.shape[0], OH, OW, w.shape[3]), x.dtype) if out is None else out
    lowest = np.float32(0) if activation == "relu" else _NO_FLOOR
    _correlate(x, w, b, lowest, stride, padding, dilation, groups, False, y)
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
    """dx as a convolution of dy, one phase of the stride at a time; see `plan.adjoint`.

    Every dx is written once, so nothing is added to memory, and no two threads meet. Taps
    that met nothing going forward are left out row by row where that pays, else multiplied by
    zeros; there a weight that is not finite makes NaN of its channel, as padding does in the
    reference's forward pass. The reference's dx has none of these products.
    Error: as the reference, K eps (|dy| * |w|) entry by entry, K = KH KW O / groups.
    """
    if dy.size == 0 or w.size == 0:
        return reference.conv2d_input_grad(
            dy, w, x_shape=x_shape, stride=stride, padding=padding, dilation=dilation,
            groups=groups, out=out,
        )  # fmt: skip
    dx: Array = empty(x_shape, dy.dtype) if out is None else out
    KH, KW, depth, _ = w.shape
    if stride == (1, 1) and neighbours(depth, KW, x_shape[2], 1, dilation[1], groups) > 1:
        (top, _), (left, _) = padding
        above, before = (KH - 1) * dilation[0] - top, KW - 1 - left
        frame = (  # such that the result has the shape of x
            (above, x_shape[1] - dy.shape[1] + (KH - 1) * dilation[0] - above),
            (before, x_shape[2] - dy.shape[2] + KW - 1 - before),
        )
        turned = np.ascontiguousarray(w[::-1, ::-1].swapaxes(2, 3))
        _correlate(dy, turned, None, _NO_FLOOR, stride, frame, dilation, groups, True, dx)
        return dx
    plan = input_grad_plan(dy.shape, w.shape, x_shape, stride, padding, dilation, groups)
    _convolve(np.ascontiguousarray(dy), w, True, None, _NO_FLOOR, plan, groups, dx)
    return dx


def _correlate(
    x: Array, w: Array, b: Array | None, lowest: Any, stride: Any, padding: Padding, dilation: Any,
    groups: int, clip: bool, y: Array,
) -> None:  # fmt: skip
    """y = max(lowest, x * w + b), few filters merged with those of neighbouring outputs."""
    N, H, W, O = y.shape
    merged = neighbours(O, w.shape[1], W, stride[1], dilation[1], groups)
    if merged > 1:
        y = y.reshape(N, H, W // merged, merged * O)
        stride = (stride[0], merged)
        w, b = widen(w, merged), None if b is None else np.tile(b, merged)
    plan = forward_plan(x.shape, w.shape, stride, padding, dilation, groups, clip)
    _convolve(np.ascontiguousarray(x), w, False, b, lowest, plan, groups, y)


def _shares(plan: Plan, groups: int, C: int, O: int) -> tuple[int, int, int]:
    """Groups, and the channels and filters of one; PANEL single channels are taken together."""
    if plan.channelwise:
        return -(-O // PANEL), PANEL, PANEL
    return groups, C // groups, O // groups


def _frames(plan: Plan, source: Array) -> Array:
    """One frame for each thread, and a vector behind it, which is read but not used."""
    floats = plan.images * plan.frame_rows * plan.frame_columns * source.shape[3] + PANEL
    return scratch("conv2d frames", (get_num_threads(), floats if plan.copied else 0), source)


def _convolve(
    source: Array, w: Array, turned: bool, b: Array | None, lowest: Any, plan: Plan, groups: int,
    result: Array,
) -> None:  # fmt: skip
    """Pack the weights and the bias in panels, and convolve."""
    KH, KW, depth, O = w.shape
    groups, channels, filters = _shares(plan, groups, source.shape[3], result.shape[3])
    count = -(-filters // PANEL)
    panels = scratch("conv2d panels", (groups, count, plan.steps.size, PANEL), source)
    taps = np.ascontiguousarray(w).reshape(KH * KW, depth, O)
    if turned and not plan.channelwise:
        pack_turned(taps, plan.tap_order, panels)
    else:
        pack(taps, plan.tap_order, filters, panels)
    starts = np.zeros((groups, count * PANEL), source.dtype)
    if b is not None:
        for g in range(groups):
            some = b[g * filters : (g + 1) * filters]
            starts[g, : some.size] = some
    frames = _frames(plan, source)
    convolve(source, panels, starts, lowest, plan, channels, filters, frames, result)


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
    """dw: the rows of the product are the taps, its steps the places of y.

    The chunks are cut into parts whose number depends on the shapes alone; each part has its own
    sums, added in order at the end. So the bits do not depend on the number of threads.
    Error: as the reference, M eps (|x| * |dy|) entry by entry, M = N OH OW.
    """
    if x.size == 0 or dy.size == 0:
        return reference.conv2d_weight_grad(
            x, dy, w_shape=w_shape, stride=stride, padding=padding, dilation=dilation,
            groups=groups, out=out,
        )  # fmt: skip
    KH, KW, depth, O = w_shape
    N, OH, OW, _ = dy.shape
    merged = neighbours(O, KW, OW, stride[1], dilation[1], groups)
    if merged > 1:
        wide = conv2d_weight_grad(
            x, dy.reshape(N, OH, OW // merged, merged * O),
            w_shape=(KH, KW + merged - 1, depth, merged * O), stride=(stride[0], merged),
            padding=padding, dilation=dilation, groups=1,
        )  # fmt: skip
        return narrow(wide, merged, out)
    plan = forward_plan(x.shape, w_shape, stride, padding, dilation, groups)
    x, dy = np.ascontiguousarray(x), np.ascontiguousarray(dy)
    groups, channels, filters = _shares(plan, groups, x.shape[3], O)
    count = -(-filters // PANEL)
    K = plan.steps.size
    padded = -(-K // BLOCK) * BLOCK
    floats = groups * count * padded * PANEL
    parts = max(1, min(_PARTS, plan.chunks, _SUMS // floats))
    sums = scratch("conv2d sums", (parts, groups, count, padded, PANEL), x)
    places = plan.images * plan.band * int(plan.columns[0])
    columns = scratch("conv2d columns", (get_num_threads(), places * PANEL), x)
    steps, rows = np.resize(plan.steps, padded), np.arange(padded) * PANEL
    frames = _frames(plan, x)
    weight_sums(x, dy, plan, channels, filters, steps, rows, frames, columns, sums)
    dw: Array = empty(w_shape, x.dtype) if out is None else out
    add_parts(sums, filters, dw.reshape(K, O))
    return dw
