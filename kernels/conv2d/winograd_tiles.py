"""The stages of Winograd's algorithm on some tiles: read them, multiply, write them.

Each function here runs in one thread and works on addresses; `winograd_kernels.py` gives them to
all threads. V, M and U are planes, one for each of the a^2 positions, `plane` floats apart; a plane
of V holds one row of channels for each tile. `m` is 4 or 2, for F(4x4, 3x3) or F(2x2, 3x3).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..compiled import device_function, kernel
from ..simd import TILE_ROWS, WIDTH, address, make_tile
from ..simd.winograd import make_transform, matrices, prefetch

PANEL = 2 * WIDTH
"""Filters that one register tile computes together."""
_NO_FLOOR = np.float32(-np.inf)

# The transforms -----------------------------------------------------------------------------------

_F4 = matrices(4, 3, points=(0, 1, -1, 2, -2))
_F2 = matrices(2, 3, points=(0, 1, -1))

_read4, _read4_border = make_transform(_F4.inputs), make_transform(_F4.inputs, border="read")
_read2, _read2_border = make_transform(_F2.inputs), make_transform(_F2.inputs, border="read")
_write4 = make_transform(_F4.outputs, floor=True)
_write4_border = make_transform(_F4.outputs, border="write", floor=True)
_write2 = make_transform(_F2.outputs, floor=True)
_write2_border = make_transform(_F2.outputs, border="write", floor=True)
_spread4 = make_transform(_F4.outputs.T)
_spread4_border = make_transform(_F4.outputs.T, border="read")
_spread2 = make_transform(_F2.outputs.T)
_spread2_border = make_transform(_F2.outputs.T, border="read")
_filter4, _filter2 = make_transform(_F4.filters), make_transform(_F2.filters)
_gather4, _gather2 = make_transform(_F4.filters.T), make_transform(_F2.filters.T)

_MIDDLE, _LOW = TILE_ROWS * 2 // 3, 4
_tall, _middle, _low = make_tile(), make_tile(_MIDDLE), make_tile(_LOW)
_tall_thin, _low_thin = make_tile(vectors=1), make_tile(_LOW, 1)


# The stages ---------------------------------------------------------------------------------------


@device_function
def _corner(tile: int, m: int, down: int, across: int) -> tuple[int, int, int]:
    """The image of a tile, and the row and column where its outputs begin."""
    image, place = tile // (down * across), tile % (down * across)
    return image, place // across * m, place % across * m


@device_function
def _ask_for(images: Any, image: int, row: int, column: int, m: int) -> None:
    """Prefetch m x m pixels: what the tile below will read, a row of tiles from now."""
    H, W, C = images.shape[1:]
    for below in range(row, row + m):
        place = address(images, ((image * H + below) * W + column) * C)
        for line in range(0, 4 * m * C, 64):
            prefetch(place + line)


@kernel
def read_tiles(
    m: int, x: Any, down: int, across: int, top: int, left: int, begin: int, end: int,
    v: int, plane: int, nothing: int,
) -> None:  # fmt: skip
    """v[position, tile, :] = B^T X B for the tiles from begin to end; X is zero outside x."""
    H, W, C = x.shape[1:]
    a = m + 2
    for tile in range(begin, end):
        image, h, w = _corner(tile, m, down, across)
        h, w = h - top, w - left
        _ask_for(x, image, h + a, w, m)
        inside = h >= 0 and w >= 0 and h + a <= H and w + a <= W
        first, last, start, stop = -h, H - h, -w, W - w
        source, target = address(x, ((image * H + h) * W + w) * C), v + 4 * (tile - begin) * C
        for c in range(0, 4 * C, 4 * WIDTH):
            s, t = source + c, target + c
            if m == 4 and inside:
                _read4(
                    s, W * C, C, t, a * plane, plane, first, last, start, stop, nothing, _NO_FLOOR
                )
            elif m == 4:
                _read4_border(
                    s, W * C, C, t, a * plane, plane, first, last, start, stop, nothing, _NO_FLOOR
                )
            elif inside:
                _read2(
                    s, W * C, C, t, a * plane, plane, first, last, start, stop, nothing, _NO_FLOOR
                )
            else:
                _read2_border(
                    s, W * C, C, t, a * plane, plane, first, last, start, stop, nothing, _NO_FLOOR
                )


@kernel
def write_tiles(
    m: int, products: int, plane: int, y: Any, down: int, across: int, begin: int, end: int,
    lowest: Any, nothing: int,
) -> None:  # fmt: skip
    """Y = max(lowest, A^T M A) for the tiles from begin to end, as far as they lie in y."""
    H, W, O = y.shape[1:]
    a = m + 2
    for tile in range(begin, end):
        image, h, w = _corner(tile, m, down, across)
        inside = h + m <= H and w + m <= W
        last, stop = H - h, W - w
        source = products + 4 * (tile - begin) * O
        target = address(y, ((image * H + h) * W + w) * O)
        for o in range(0, 4 * O, 4 * WIDTH):
            s, t = source + o, target + o
            if m == 4 and inside:
                _write4(s, a * plane, plane, t, W * O, O, 0, last, 0, stop, nothing, lowest)
            elif m == 4:
                _write4_border(s, a * plane, plane, t, W * O, O, 0, last, 0, stop, nothing, lowest)
            elif inside:
                _write2(s, a * plane, plane, t, W * O, O, 0, last, 0, stop, nothing, lowest)
            else:
                _write2_border(s, a * plane, plane, t, W * O, O, 0, last, 0, stop, nothing, lowest)


@kernel
def spread_tiles(
    m: int, dy: Any, down: int, across: int, begin: int, end: int, g: int, plane: int, nothing: int
) -> None:
    """The adjoint of `write_tiles`: g[position, tile, :] = A dY A^T."""
    H, W, O = dy.shape[1:]
    a = m + 2
    for tile in range(begin, end):
        image, h, w = _corner(tile, m, down, across)
        _ask_for(dy, image, h + m, w, m)
        inside = h + m <= H and w + m <= W
        last, stop = H - h, W - w
        source, target = address(dy, ((image * H + h) * W + w) * O), g + 4 * (tile - begin) * O
        for o in range(0, 4 * O, 4 * WIDTH):
            s, t = source + o, target + o
            if m == 4 and inside:
                _spread4(s, W * O, O, t, a * plane, plane, 0, last, 0, stop, nothing, _NO_FLOOR)
            elif m == 4:
                _spread4_border(
                    s, W * O, O, t, a * plane, plane, 0, last, 0, stop, nothing, _NO_FLOOR
                )
            elif inside:
                _spread2(s, W * O, O, t, a * plane, plane, 0, last, 0, stop, nothing, _NO_FLOOR)
            else:
                _spread2_border(
                    s, W * O, O, t, a * plane, plane, 0, last, 0, stop, nothing, _NO_FLOOR
                )


@kernel
def transform_filters(m: int, w: Any, panel: int, u: int, plane: int) -> None:
    """U of one panel of filters: u[position, c, :] = G g G^T."""
    C, O = w.shape[2:]
    first, last = panel * PANEL, min(O, panel * PANEL + PANEL)
    for c in range(C):
        for o in range(first, last, WIDTH):
            g, u_c = address(w, c * O + o), u + 4 * (c * PANEL + o - first)
            if m == 4:
                _filter4(g, 3 * C * O, C * O, u_c, 6 * plane, plane, 0, 0, 0, 0, 0, _NO_FLOOR)
            else:
                _filter2(g, 3 * C * O, C * O, u_c, 4 * plane, plane, 0, 0, 0, 0, 0, _NO_FLOOR)


@device_function
def gather_filter(m: int, u: int, plane: int, g: int, step: int) -> None:
    """The adjoint for WIDTH filters of one channel: dg = G^T dU G; `step` from tap to tap of dg."""
    if m == 4:
        _gather4(u, 6 * plane, plane, g, 3 * step, step, 0, 0, 0, 0, 0, _NO_FLOOR)
    else:
        _gather2(u, 4 * plane, plane, g, 3 * step, step, 0, 0, 0, 0, 0, _NO_FLOOR)


@kernel
def multiply(
    a: int, a_row: int, a_step: int, rows: int, steps: int, b: int, b_step: int,
    start: int, start_row: int, c: int, c_row: int, columns: int,
) -> None:  # fmt: skip
    """One panel of a product; the arguments are the tile's. Rows are computed in fours."""
    i = 0
    while i < rows:
        left = rows - i
        a_i, c_i = a + 4 * i * a_row, c + 4 * i * c_row
        begin = start + 4 * i * start_row if start != 0 else 0
        if columns > WIDTH:
            if left >= TILE_ROWS:
                _tall(
                    a_i,
                    a_row,
                    0,
                    a_step,
                    b,
                    0,
                    b_step,
                    1,
                    steps,
                    begin,
                    start_row,
                    _NO_FLOOR,
                    c_i,
                    c_row,
                )
                i += TILE_ROWS
            elif left >= _MIDDLE:
                _middle(
                    a_i,
                    a_row,
                    0,
                    a_step,
                    b,
                    0,
                    b_step,
                    1,
                    steps,
                    begin,
                    start_row,
                    _NO_FLOOR,
                    c_i,
                    c_row,
                )
                i += _MIDDLE
            else:
                _low(
                    a_i,
                    a_row,
                    0,
                    a_step,
                    b,
                    0,
                    b_step,
                    1,
                    steps,
                    begin,
                    start_row,
                    _NO_FLOOR,
                    c_i,
                    c_row,
                )
                i += _LOW
        elif left >= TILE_ROWS:
            _tall_thin(
                a_i,
                a_row,
                0,
                a_step,
                b,
                0,
                b_step,
                1,
                steps,
                begin,
                start_row,
                _NO_FLOOR,
                c_i,
                c_row,
            )
            i += TILE_ROWS
        else:
            _low_thin(
                a_i,
                a_row,
                0,
                a_step,
                b,
                0,
                b_step,
                1,
                steps,
                begin,
                start_row,
                _NO_FLOOR,
                c_i,
                c_row,
            )
            i += _LOW
