"""Direct convolution on the register tile: every stride, padding, dilation and number of groups.

Each of the trio is a matrix product whose left matrix, the windows, is not built: the tables of
`plan.py` say where its entries stand, and the gather tile (`simd/gather.py`) reads them there. The
forward pass and the input gradient share one kernel, `_convolve`, and differ in their plan and in
which axis of w they sum over; the weight gradient exchanges the roles of windows and steps.
Read downward: tiles, chunks, the two kernels, the three functions. Then `numba_winograd.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..activation.numba_cpu import activation as activate
from ..arrays import Array, Padding, output_length
from ..compiled import device_function, kernel, prange
from ..simd import TILE_ROWS, WIDTH, address, load, load_first, store, transpose_block
from ..simd.gather import make_gather_tile
from ..threads import get_num_threads
from ..workspace import empty, scratch
from . import reference
from .plan import Plan, forward_plan, input_grad_plan

PANEL = 2 * WIDTH
"""Filters that one tile computes together. Weights are packed in panels of so many columns."""
_BLOCK = 4
"""Rows of the tile that finishes what the tall one leaves."""
_PARTS = 16
"""Pieces of work in a weight gradient; each has its own partial sums, combined in order."""
_NO_FLOOR = np.float32(-np.inf)

_tall, _low, _single = make_gather_tile(), make_gather_tile(_BLOCK), make_gather_tile(1)
_tall_thin, _low_thin = make_gather_tile(vectors=1), make_gather_tile(_BLOCK, 1)
_single_thin = make_gather_tile(1, 1)


# Tiles: one panel of a product --------------------------------------------------------------------


@kernel
def _multiply(
    a: int, a_rows: int, rows: int, a_steps: int, steps: int, b: int, b_step: int,
    start: int, start_row: int, lowest: Any, c: int, c_rows: int, columns: int,
) -> None:  # fmt: skip
    """All rows of one panel: the gather tile's arguments, with any number of rows."""
    wide = columns > WIDTH
    i = 0
    while i < rows:
        r, w, s = a_rows + 8 * i, c_rows + 8 * i, start + 4 * i * start_row
        if rows - i >= TILE_ROWS:
            if wide:
                _tall(a, r, a_steps, steps, b, b_step, s, start_row, lowest, c, w, columns)
            else:
                _tall_thin(a, r, a_steps, steps, b, b_step, s, start_row, lowest, c, w, columns)
            i += TILE_ROWS
        elif rows - i >= _BLOCK:
            if wide:
                _low(a, r, a_steps, steps, b, b_step, s, start_row, lowest, c, w, columns)
            else:
                _low_thin(a, r, a_steps, steps, b, b_step, s, start_row, lowest, c, w, columns)
            i += _BLOCK
        else:
            if wide:
                _single(a, r, a_steps, steps, b, b_step, s, start_row, lowest, c, w, columns)
            else:
                _single_thin(a, r, a_steps, steps, b, b_step, s, start_row, lowest, c, w, columns)
            i += 1


# Chunks: what lies under the windows --------------------------------------------------------------


@device_function
def chunk_of(plan: Any, chunk: int, N: int) -> Any:
    """The chunk's first image, its number of images, and its first row in each phase."""
    image = chunk // plan.bands * plan.images
    return image, min(plan.images, N - image), chunk % plan.bands * plan.band


@device_function
def places_in(plan: Any, phase: int, images: int, first: int) -> Any:
    """How many places of a phase a chunk has."""
    return images * max(0, min(plan.band, plan.rows[phase] - first)) * plan.columns[phase]


@device_function
def _copy(source: Any, at: int, target: Any, to: int, count: int) -> None:
    """target[to : to + count] = source[at : at + count], a vector at a time."""
    for i in range(0, count - WIDTH + 1, WIDTH):
        store(target, to + i, load(source, at + i))
    for i in range(count - count % WIDTH, count):
        target[to + i] = source[at + i]


@device_function
def frame_of(source: Any, plan: Any, image: int, images: int, first: int, frame: Any) -> Any:
    """The address where the windows of a chunk begin: in `source`, or in its copy in `frame`."""
    H, W, C = source.shape[1:]
    top, left = first * plan.row_step + plan.first_row, plan.first_column
    if not plan.copied:
        return address(source, ((image * H + top) * W + left) * C)
    pixels = source.reshape(source.size)
    width = plan.frame_columns * C
    begin = max(0, left)
    end = max(begin, min(W, left + plan.frame_columns))
    before, count = (begin - left) * C, (end - begin) * C
    to = 0
    for n in range(image, image + images):
        for h in range(top, top + plan.frame_rows):
            if 0 <= h < H:
                frame[to : to + before] = 0
                _copy(pixels, ((n * H + h) * W + begin) * C, frame, to + before, count)
                frame[to + before + count : to + width] = 0
            else:
                frame[to : to + width] = 0
            to += width
    return address(frame, 0)


# The two kernels ----------------------------------------------------------------------------------


@kernel(parallel=True)
def _pack(w: Any, tap_order: Any, panels: Any) -> None:
    """panels[g, panel, (tap, c), :] = w[tap, c, filters of the panel], zeros behind the last."""
    depth, O = w.shape[1:]
    groups, count = panels.shape[:2]
    filters = O // groups
    for item in prange(groups * count * tap_order.size):
        panel, t = item // tap_order.size, item % tap_order.size
        g, first = panel // count, panel % count * PANEL
        at = tap_order[t] * depth * O + g * filters + first
        to = (panel * tap_order.size + t) * depth * PANEL
        for c in range(depth):
            for part in range(0, PANEL, WIDTH):
                filters_left = load_first(w, at + c * O + part, filters - first - part)
                store(panels, to + c * PANEL + part, filters_left)


@kernel(parallel=True)
def _pack_turned(w: Any, tap_order: Any, panels: Any) -> None:
    """panels[g, panel, (tap, o), :] = w[tap, channels of the panel, o]: the input gradient's."""
    depth, O = w.shape[1:]
    groups, count = panels.shape[:2]
    filters = O // groups
    for item in prange(groups * count * tap_order.size):
        panel, t = item // tap_order.size, item % tap_order.size
        g, first = panel // count, panel % count * PANEL
        source = address(w, (tap_order[t] * depth + first) * O + g * filters)
        target = address(panels, (panel * tap_order.size + t) * filters * PANEL)
        if filters % WIDTH == 0:
            for o in range(0, filters, WIDTH):
                for c in range(0, PANEL, WIDTH):
                    left = min(WIDTH, max(0, depth - first - c))
                    transpose_block(
                        source + 4 * (c * O + o),
                        O,
                        left,
                        WIDTH,
                        target + 4 * (o * PANEL + c),
                        PANEL,
                    )
        else:  # a block would write into the next tap
            for o in range(filters):
                row = panels[g, panel % count, t * filters + o]
                row[:] = 0
                for c in range(first, min(depth, first + PANEL)):
                    row[c - first] = w[tap_order[t], c, g * filters + o]


@kernel(parallel=True)
def _convolve(
    source: Any, panels: Any, bias: Any, lowest: Any, plan: Any, frames: Any, result: Any
) -> None:
    """result = max(lowest, bias + windows of source times panels), as `plan` says."""
    N, C = source.shape[0], source.shape[3]
    _, OH, OW, O = result.shape
    groups, count, depth = panels.shape[:3]
    lanes = frames.shape[0]
    read, write, steps = plan.read_at.ctypes.data, plan.write_at.ctypes.data, plan.steps.ctypes.data
    for lane in prange(lanes):
        for chunk in range(plan.chunks * lane // lanes, plan.chunks * (lane + 1) // lanes):
            image, images, first = chunk_of(plan, chunk, N)
            windows = frame_of(source, plan, image, images, first, frames[lane])
            to = address(result, (image * OH + first * plan.place_rows) * OW * O)
            for g in range(groups):
                group, outputs = windows + 4 * g * (C // groups), to + 4 * g * (O // groups)
                for panel in range(count):
                    for phase in range(plan.rows.size):
                        step, place = plan.first_step[phase], plan.first_place[phase]
                        _multiply(
                            group, read + 8 * place, places_in(plan, phase, images, first),
                            steps + 8 * step, plan.first_step[phase + 1] - step,
                            address(panels, ((g * count + panel) * depth + step) * PANEL), PANEL,
                            address(bias, (g * count + panel) * PANEL), 0, lowest,
                            outputs + 4 * panel * PANEL, write + 8 * place,
                            O // groups - panel * PANEL,
                        )  # fmt: skip


@kernel(parallel=True)
def _weight_sums(
    x: Any, dy: Any, plan: Any, steps: Any, rows: Any, frames: Any, columns: Any, sums: Any
) -> None:
    """sums[part, g, panel] = the windows of a part of the chunks, transposed, times their dy.

    `steps` are the plan's, repeated to a whole number of blocks; `rows` says where in `sums` each
    of them has its row.
    """
    N, C = x.shape[0], x.shape[3]
    _, OH, OW, O = dy.shape
    parts, groups, count, depth = sums.shape[:4]
    filters = O // groups
    lanes = frames.shape[0]
    items = parts * groups * count
    for lane in prange(lanes):
        for item in range(items * lane // lanes, items * (lane + 1) // lanes):
            part, g, panel = item // (groups * count), item // count % groups, item % count
            valid = min(PANEL, filters - panel * PANEL)
            total = address(sums, item * depth * PANEL)
            sums[part, g, panel] = 0
            for chunk in range(plan.chunks * part // parts, plan.chunks * (part + 1) // parts):
                image, images, first = chunk_of(plan, chunk, N)
                windows = frame_of(x, plan, image, images, first, frames[lane])
                places = places_in(plan, 0, images, first)
                at = (image * OH + first) * OW * O + g * filters + panel * PANEL
                right, right_step = address(dy, at), O
                if valid % WIDTH != 0:  # vectors that would reach into the next pixel, or beyond
                    right, right_step = address(columns, lane * columns.shape[1]), PANEL
                    flat = dy.reshape(dy.size)
                    packed = columns[lane]
                    for place in range(places):
                        for column in range(valid):
                            packed[place * PANEL + column] = flat[at + place * O + column]
                _multiply(
                    windows + 4 * g * (C // groups), steps.ctypes.data, steps.size,
                    plan.read_at.ctypes.data, places, right, right_step,
                    total, PANEL, _NO_FLOOR, total, rows.ctypes.data,
                    PANEL if valid > WIDTH else WIDTH,
                )  # fmt: skip


@kernel(parallel=True)
def _add_parts(sums: Any, dw: Any) -> None:
    """dw[k, g, :] = the panels of group g, row k, added over the parts in order."""
    parts, groups, count = sums.shape[:3]
    for k in prange(dw.shape[0]):
        for g in range(groups):
            for panel in range(count):
                to = dw[k, g, panel * PANEL : (panel + 1) * PANEL]
                to[:] = sums[0, g, panel, k, : to.size]
                for part in range(1, parts):
                    row = sums[part, g, panel, k]
                    for column in range(to.size):
                        to[column] += row[column]


# Few filters: several neighbouring outputs as one -------------------------------------------------


def _merged(filters: int, size: int, outputs: int, stride: int, dilation: int, groups: int) -> int:
    """How many neighbours of a row to merge: as many as fill a vector and divide the row.

    6 filters use 6 lanes of 16. Two neighbouring outputs together are one output of 12 filters,
    whose windows are a column wider and begin two columns apart; each of the 12 has a column of
    zeros. With 5 columns, that is 6 steps for two outputs instead of 5 for one.
    A zero times an infinity is a NaN: here one may spread to the neighbours.
    """
    if stride != 1 or dilation != 1 or groups != 1 or size == 1:
        return 1
    return max(s for s in range(1, max(1, WIDTH // filters) + 1) if outputs % s == 0)


def _widen(w: Array, merged: int) -> Array:
    """The filters of `merged` neighbours: wide[i, j + s, c, (s, o)] = w[i, j, c, o]."""
    KH, KW, C, O = w.shape
    wide = np.zeros((KH, KW + merged - 1, C, merged, O), w.dtype)
    for s in range(merged):
        wide[:, s : s + KW, :, s] = w
    return wide.reshape(KH, KW + merged - 1, C, merged * O)


def _narrow(wide: Array, merged: int) -> Array:
    """The adjoint of `_widen`: each weight's gradient is the sum over the neighbours."""
    KH, columns, C, _ = wide.shape
    KW = columns - merged + 1
    parts = wide.reshape(KH, columns, C, merged, -1)
    total: Array = parts[:, :KW, :, 0].copy()
    for s in range(1, merged):
        total += parts[:, s : s + KW, :, s]
    return total


# The three functions ------------------------------------------------------------------------------


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
    KH, KW, depth, O = w.shape
    OH, OW = (
        output_length(x.shape[1 + k], w.shape[k], stride[k], padding[k], dilation[k])
        for k in (0, 1)
    )
    y: Array = empty((x.shape[0], OH, OW, O), x.dtype) if out is None else out
    merged = _merged(O, KW, OW, stride[1], dilation[1], groups)
    if merged > 1:
        conv2d(
            x, _widen(w, merged), None if b is None else np.tile(b, merged),
            stride=(stride[0], merged), padding=padding, dilation=dilation, groups=1,
            activation=activation, out=y.reshape(x.shape[0], OH, OW // merged, merged * O),
        )  # fmt: skip
        return y
    plan = forward_plan(x.shape, w.shape, stride, padding, dilation)
    panels = _panels(plan, groups, depth, O // groups, x)
    _pack(np.ascontiguousarray(w).reshape(KH * KW, depth, O), plan.tap_order, panels)
    lowest = np.float32(0) if activation == "relu" else _NO_FLOOR
    _run(np.ascontiguousarray(x), panels, b, lowest, plan, y)
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

    Every dx is written once, so nothing is added to memory, and no two threads meet.
    Error: as the reference, K eps (|dy| * |w|) entry by entry, K = KH KW O / groups.
    """
    if dy.size == 0 or w.size == 0:
        return reference.conv2d_input_grad(
            dy, w, x_shape=x_shape, stride=stride, padding=padding, dilation=dilation,
            groups=groups, out=out,
        )  # fmt: skip
    KH, KW, depth, O = w.shape
    if stride == (1, 1) and _merged(depth, KW, x_shape[2], 1, dilation[1], groups) > 1:
        (top, _), (left, _) = padding
        above, before = (KH - 1) * dilation[0] - top, KW - 1 - left
        frame = (  # such that the result has the shape of x
            (above, x_shape[1] - dy.shape[1] + (KH - 1) * dilation[0] - above),
            (before, x_shape[2] - dy.shape[2] + KW - 1 - before),
        )
        turned = np.ascontiguousarray(w[::-1, ::-1].swapaxes(2, 3))
        return conv2d(
            dy, turned, None, stride=stride, padding=frame, dilation=dilation, groups=1, out=out
        )
    plan = input_grad_plan(dy.shape, w.shape, x_shape, stride, padding, dilation, groups)
    dx: Array = empty(x_shape, dy.dtype) if out is None else out
    panels = _panels(plan, groups, O // groups, depth, dy)
    _pack_turned(np.ascontiguousarray(w).reshape(KH * KW, depth, O), plan.tap_order, panels)
    _run(np.ascontiguousarray(dy), panels, None, _NO_FLOOR, plan, dx)
    return dx


def _panels(plan: Plan, groups: int, depth: int, filters: int, like: Array) -> Array:
    """Room for the packed weights of all groups."""
    shape = (groups, -(-filters // PANEL), plan.tap_order.size * depth, PANEL)
    return scratch("conv2d panels", shape, like)


def _run(
    source: Array, panels: Array, bias: Array | None, lowest: Any, plan: Plan, result: Array
) -> None:
    """Convolve, from the bias on."""
    groups, count = panels.shape[:2]
    starts = np.zeros((groups, count * PANEL), source.dtype)
    if bias is not None:
        starts[:, : bias.size // groups] = bias.reshape(groups, -1)
    _convolve(source, panels, starts, lowest, plan, frames_for(plan, source), result)


def frames_for(plan: Plan, source: Array) -> Array:
    """One frame for each thread."""
    floats = plan.images * plan.frame_rows * plan.frame_columns * source.shape[3]
    return scratch("conv2d frames", (get_num_threads(), floats if plan.copied else 0), source)


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
    filters = O // groups
    N, OH, OW, _ = dy.shape
    merged = _merged(O, KW, OW, stride[1], dilation[1], groups)
    if merged > 1:
        wide = conv2d_weight_grad(
            x, dy.reshape(N, OH, OW // merged, merged * O),
            w_shape=(KH, KW + merged - 1, depth, merged * O), stride=(stride[0], merged),
            padding=padding, dilation=dilation, groups=1,
        )  # fmt: skip
        narrow = _narrow(wide, merged)
        if out is None:
            return narrow
        out[...] = narrow
        return out
    plan = forward_plan(x.shape, w_shape, stride, padding, dilation)
    x, dy = np.ascontiguousarray(x), np.ascontiguousarray(dy)
    count = -(-filters // PANEL)
    parts = max(1, min(_PARTS // (groups * count), plan.chunks))
    K = plan.steps.size
    padded = -(-K // _BLOCK) * _BLOCK
    steps = np.resize(plan.steps, padded)
    rows = np.arange(padded) * PANEL
    sums = scratch("conv2d sums", (parts, groups, count, padded, PANEL), x)
    places = plan.images * plan.band * int(plan.columns[0])
    columns = scratch("conv2d columns", (get_num_threads(), places * PANEL), x)
    _weight_sums(x, dy, plan, steps, rows, frames_for(plan, x), columns, sums)
    dw: Array = empty(w_shape, x.dtype) if out is None else out
    _add_parts(sums, dw.reshape(K, groups, filters))
    return dw
