"""The direct convolution on all threads: any stride, padding, dilation and number of groups.

Each of the trio is a matrix product whose left matrix, the windows, is not built: the tables of
`plan.py` say where its entries stand, and the gather tile (`simd/gather.py`) reads them there. The
forward pass and the input gradient are one kernel, `convolve`; the weight gradient, `weight_sums`,
exchanges the roles of windows and steps.

A group has its own channels and filters, and a product of its own. A depthwise convolution, whose
groups are single channels, has no product: there PANEL channels stand for a group, and each column
of its panel reads the channel of the same number. Its plan's class tells the gather tile so.
Read downward: chunks, weights, the two kernels. Then `numba_direct.py`, which calls them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..compiled import device_function, kernel, prange
from ..simd import WIDTH, address, load, load_first, store, store_first, transpose_block
from ..simd.gather import make_gather_panel
from ..simd.panel import PANEL

BLOCK = 4
"""The rows of `weight_sums` come in a multiple of so many, which the gather tile likes better."""
_NO_FLOOR = np.float32(-np.inf)

_panel = make_gather_panel()


@kernel
def _multiply(
    plan: Any, a: int, a_rows: int, rows: int, a_steps: int, steps: int, b: int, b_step: int,
    start: int, start_row: int, lowest: Any, c: int, c_rows: int, columns: int,
) -> None:  # fmt: skip
    """One panel of a product, as `simd/gather.py` says."""
    _panel(
        plan, a, a_rows, rows, a_steps, steps, b, b_step, start, start_row, lowest, c, c_rows,
        columns,
    )  # fmt: skip


# Chunks: what lies under the windows --------------------------------------------------------------


@device_function
def _chunk_of(plan: Any, chunk: int, N: int) -> Any:
    """The chunk's first image, its number of images, and its first row in each phase."""
    image = chunk // plan.bands * plan.images
    return image, min(plan.images, N - image), chunk % plan.bands * plan.band


@device_function
def _places_in(plan: Any, phase: int, images: int, first: int) -> Any:
    """How many places of a phase a chunk has."""
    return images * max(0, min(plan.band, plan.rows[phase] - first)) * plan.columns[phase]


@device_function
def _copy(source: Any, at: int, target: Any, to: int, count: int) -> None:
    """target[to : to + count] = source[at : at + count], a vector at a time."""
    for i in range(0, count - WIDTH + 1, WIDTH):
        store(target, to + i, load(source, at + i))
    i = count - count % WIDTH
    store_first(target, to + i, load_first(source, at + i, count - i), count - i)


@kernel
def _frame_of(source: Any, plan: Any, image: int, images: int, first: int, frame: Any) -> Any:
    """The address where the windows of a chunk begin: in `source`, or in its copy in `frame`."""
    H, W, C = source.shape[1:]
    top, left = first * plan.row_step + plan.first_row, plan.first_column
    if not plan.copied:
        return address(source, ((image * H + top) * W + left) * C)
    width = plan.frame_columns * C
    begin = max(0, left)
    end = max(begin, min(W, left + plan.frame_columns))
    before, count = (begin - left) * C, (end - begin) * C
    to = 0
    for n in range(image, image + images):
        for h in range(top, top + plan.frame_rows):
            if 0 <= h < H:
                frame[to : to + before] = 0
                _copy(source, ((n * H + h) * W + begin) * C, frame, to + before, count)
                frame[to + before + count : to + width] = 0
            else:
                frame[to : to + width] = 0
            to += width
    return address(frame, 0)


# Weights in panels --------------------------------------------------------------------------------


@kernel(parallel=True)
def pack(w: Any, tap_order: Any, filters: int, panels: Any) -> None:
    """panels[g, panel, (tap, c), :] = w[tap, c, filters of the panel], zeros behind the last."""
    depth, O = w.shape[1:]
    groups, count = panels.shape[:2]
    taps = tap_order.size
    for item in prange(groups * count * taps):
        panel, t = item // taps, item % taps
        first = panel // count * filters + panel % count * PANEL
        left = min(O, panel // count * filters + filters) - first
        at, to = tap_order[t] * depth * O + first, (panel * taps + t) * depth * PANEL
        for c in range(depth):
            for part in range(0, PANEL, WIDTH):
                store(panels, to + c * PANEL + part, load_first(w, at + c * O + part, left - part))


@kernel(parallel=True)
def pack_turned(w: Any, tap_order: Any, panels: Any) -> None:
    """panels[g, panel, (tap, o), :] = w[tap, channels of the panel, o]: the input gradient's."""
    depth, O = w.shape[1:]
    groups, count = panels.shape[:2]
    filters, taps = O // groups, tap_order.size
    for item in prange(groups * count * taps):
        panel, t = item // taps, item % taps
        g, first = panel // count, panel % count * PANEL
        at, to = (tap_order[t] * depth + first) * O + g * filters, item * filters * PANEL
        if filters % WIDTH == 0:
            for o in range(0, filters, WIDTH):
                for c in range(0, PANEL, WIDTH):
                    left = min(WIDTH, max(0, depth - first - c))
                    source, target = address(w, at + c * O + o), address(panels, to + o * PANEL + c)
                    transpose_block(source, O, left, WIDTH, target, PANEL)
        else:  # a block would write into the next tap
            for o in range(filters):
                row = panels[g, panel % count, t * filters + o]
                row[:] = 0
                for c in range(first, min(depth, first + PANEL)):
                    row[c - first] = w[tap_order[t], c, g * filters + o]


# The two kernels ----------------------------------------------------------------------------------


@kernel(parallel=True)
def convolve(
    source: Any, panels: Any, bias: Any, lowest: Any, plan: Any, channels: int, filters: int,
    frames: Any, result: Any,
) -> None:  # fmt: skip
    """result = max(lowest, bias + windows of source times panels), as `plan` says.

    `channels` and `filters` are those of one group, the last of which may have fewer.
    """
    N, H, W, O = result.shape
    groups, count, depth = panels.shape[:3]
    lanes = frames.shape[0]
    read, write, steps = plan.read_at.ctypes.data, plan.write_at.ctypes.data, plan.steps.ctypes.data
    for lane in prange(lanes):
        for chunk in range(plan.chunks * lane // lanes, plan.chunks * (lane + 1) // lanes):
            image, images, first = _chunk_of(plan, chunk, N)
            windows = _frame_of(source, plan, image, images, first, frames[lane])
            to = address(result, (image * H + first * plan.place_rows) * W * O)
            for item in range(groups * count):
                g, panel = item // count, item % count
                o = g * filters + panel * PANEL
                for phase in range(plan.rows.size):
                    step, place = plan.first_step[phase], plan.first_place[phase]
                    _multiply(
                        plan, windows + 4 * g * channels, read + 8 * place,
                        _places_in(plan, phase, images, first),
                        steps + 8 * step, plan.last_step[phase] - step,
                        address(panels, (item * depth + step) * PANEL), PANEL,
                        address(bias, item * PANEL), 0, lowest,
                        to + 4 * o, write + 8 * place, min(O, g * filters + filters) - o,
                    )  # fmt: skip


@kernel(parallel=True)
def weight_sums(
    x: Any, dy: Any, plan: Any, channels: int, filters: int, steps: Any, rows: Any, frames: Any,
    columns: Any, sums: Any,
) -> None:  # fmt: skip
    """sums[part, g, panel] = the windows of a part of the chunks, transposed, times their dy.

    `steps` are the plan's, repeated to a whole number of blocks; `rows` says where in `sums` each
    of them has its row. A thread takes some panels of one part.
    """
    N, H, W, O = dy.shape
    parts, groups, count, depth = sums.shape[:4]
    lanes, panels = frames.shape[0], groups * count
    items = parts * panels
    for lane in prange(lanes):
        item, last = items * lane // lanes, items * (lane + 1) // lanes
        while item < last:
            part, begin = item // panels, item % panels
            end = min(panels, begin + last - item)
            item += end - begin
            size = depth * PANEL
            sums.reshape(parts, panels, size)[part, begin:end] = 0
            for chunk in range(plan.chunks * part // parts, plan.chunks * (part + 1) // parts):
                image, images, first = _chunk_of(plan, chunk, N)
                windows = _frame_of(x, plan, image, images, first, frames[lane])
                places = _places_in(plan, 0, images, first)
                for panel in range(begin, end):
                    g = panel // count
                    o = g * filters + panel % count * PANEL
                    valid = min(PANEL, min(O, g * filters + filters) - o)
                    at = (image * H + first) * W * O + o
                    right, right_step = address(dy, at), O
                    if valid % WIDTH != 0:  # vectors that would reach into the next pixel
                        right, right_step = address(columns, lane * columns.shape[1]), PANEL
                        for place in range(places):
                            for part_of in range(0, PANEL, WIDTH):
                                store(
                                    columns, lane * columns.shape[1] + place * PANEL + part_of,
                                    load_first(dy, at + place * O + part_of, valid - part_of),
                                )  # fmt: skip
                    total = address(sums, (part * panels + panel) * size)
                    _multiply(
                        plan, windows + 4 * g * channels, steps.ctypes.data, steps.size,
                        plan.read_at.ctypes.data, places, right, right_step,
                        total, PANEL, _NO_FLOOR, total, rows.ctypes.data,
                        PANEL if valid > WIDTH else WIDTH,
                    )  # fmt: skip


@kernel(parallel=True)
def add_parts(sums: Any, filters: int, dw: Any) -> None:
    """dw[k, :] = row k of all panels, added over the parts in order."""
    parts, groups, count, depth = sums.shape[:4]
    K, O = dw.shape
    for k in prange(K):
        for item in range(groups * count):
            first, end = item // count * filters, min(O, item // count * filters + filters)
            for column in range(0, PANEL, WIDTH):
                at, o = (item * depth + k) * PANEL + column, first + item % count * PANEL + column
                total = load(sums, at)
                for part in range(1, parts):
                    total += load(sums, part * groups * count * depth * PANEL + at)
                store_first(dw, k * O + o, total, end - o)
