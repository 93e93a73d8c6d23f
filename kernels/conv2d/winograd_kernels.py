"""Winograd's algorithm on all tiles and all threads: forward, and the gradient for the weights.

Tiles go in chunks whose V and M stay in the L2 cache, and a thread takes a chunk through all
stages. With many channels the filters alone fill that cache; there all threads take one stage after
the other over many tiles, each thread its own panels of filters ("staged"). Read next:
`numba_winograd.py`, which chooses between the two and the sizes of the chunks.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..compiled import kernel, prange
from ..simd import WIDTH, address, broadcast, load, store, transpose_block
from ..simd.panel import PANEL
from .winograd_tiles import (
    gather_filter,
    multiply,
    read_tiles,
    spread_tiles,
    transform_filters,
    write_tiles,
)


@kernel(parallel=True)
def turn(w: Any, turned: Any) -> None:
    """turned[KH - 1 - i, KW - 1 - j, o, c] = w[i, j, c, o]: the filters of the input gradient."""
    KH, KW, C, O = w.shape
    taps, blocks = KH * KW, C // WIDTH
    for item in prange(taps * blocks):
        tap, c = item // blocks, item % blocks * WIDTH
        for o in range(0, O, WIDTH):
            transpose_block(
                address(w, (tap * C + c) * O + o), O, WIDTH, WIDTH,
                address(turned, ((taps - 1 - tap) * O + o) * C + c), C,
            )  # fmt: skip


# The forward pass ---------------------------------------------------------------------------------


@kernel(parallel=True)
def transform_all_filters(tiling: Any, w: Any, u: Any) -> None:
    """U of all panels, (positions, panels, C, PANEL)."""
    C = w.shape[2]
    for panel in prange(u.shape[1] // (C * PANEL)):
        transform_filters(tiling, w, panel, address(u, panel * C * PANEL), u.shape[1])


@kernel(parallel=True)
def forward(
    tiling: Any, x: Any, u: Any, bias: Any, lowest: Any, size: int, v: Any, products: Any,
    edge: Any, y: Any,
) -> None:  # fmt: skip
    """y from x and all of U, `size` tiles at a time."""
    C, O = x.shape[3], y.shape[3]
    chunks = (tiling.tiles + size - 1) // size
    lanes, positions, v_plane = v.shape
    m_plane, u_plane = products.shape[2], u.shape[1]
    for lane in prange(lanes):
        v_lane, m_lane = address(v, lane * v[0].size), address(products, lane * products[0].size)
        zeros, trash = address(edge, lane * 2 * WIDTH), address(edge, lane * 2 * WIDTH + WIDTH)
        for chunk in range(chunks * lane // lanes, chunks * (lane + 1) // lanes):
            begin, end = chunk * size, min(tiling.tiles, chunk * size + size)
            read_tiles(tiling, x, begin, end, v_lane, v_plane, zeros)
            for position in range(positions):
                v_here, m_here = v_lane + 4 * position * v_plane, m_lane + 4 * position * m_plane
                for o in range(0, O, PANEL):
                    start = address(bias, o) if position == tiling.a + 1 else 0
                    multiply(
                        v_here, C, 1, end - begin, C,
                        address(u, position * u_plane + o * C), PANEL,
                        start, 0, m_here + 4 * o, O, O - o,
                    )  # fmt: skip
            write_tiles(tiling, m_lane, O, m_plane, y, begin, end, 0, O, lowest, trash)


@kernel(parallel=True)
def forward_staged(
    tiling: Any, x: Any, w: Any, bias: Any, lowest: Any, size: int, u: Any, v: Any, products: Any,
    edge: Any, y: Any,
) -> None:  # fmt: skip
    """y from x and w, `size` tiles at a time, each stage on all threads."""
    C, O = x.shape[3], y.shape[3]
    lanes, positions, u_plane = u.shape
    v_plane, m_plane = v.shape[1], products.shape[2]
    panels = (O + PANEL - 1) // PANEL
    for chunk in range(0, tiling.tiles, size):
        count = min(tiling.tiles - chunk, size)
        for lane in prange(lanes):
            first, last = count * lane // lanes, count * (lane + 1) // lanes
            read_tiles(
                tiling, x, chunk + first, chunk + last, address(v, first * C), v_plane,
                address(edge, lane * 2 * WIDTH),
            )  # fmt: skip
        for lane in prange(lanes):
            u_lane = address(u, lane * u[0].size)
            m_lane = address(products, lane * products[0].size)
            trash = address(edge, lane * 2 * WIDTH + WIDTH)
            for panel in range(panels * lane // lanes, panels * (lane + 1) // lanes):
                first, last = panel * PANEL, min(O, panel * PANEL + PANEL)
                transform_filters(tiling, w, panel, u_lane, u_plane)
                for position in range(positions):
                    start = address(bias, first) if position == tiling.a + 1 else 0
                    multiply(
                        address(v, position * v_plane), C, 1, count, C,
                        u_lane + 4 * position * u_plane, PANEL,
                        start, 0, m_lane + 4 * position * m_plane, PANEL, last - first,
                    )  # fmt: skip
                write_tiles(
                    tiling, m_lane, PANEL, m_plane, y, chunk, chunk + count, first, last, lowest,
                    trash,
                )  # fmt: skip


# The gradient for the weights ---------------------------------------------------------------------


@kernel(parallel=True)
def weight_grad(
    tiling: Any, x: Any, dy: Any, size: int, v: Any, spread: Any, edge: Any, du: Any
) -> None:
    """dU from x and dy: each part of the chunks adds up its own, for `add_parts`."""
    C, O = x.shape[3], dy.shape[3]
    chunks = (tiling.tiles + size - 1) // size
    lanes, positions, v_plane = v.shape
    parts, g_plane, u_plane = du.shape[0], spread.shape[2], du.shape[2]
    zero = broadcast(np.float32(0))
    for lane in prange(lanes):
        v_lane, g_lane = address(v, lane * v[0].size), address(spread, lane * spread[0].size)
        zeros = address(edge, lane * 2 * WIDTH)
        for part in range(parts * lane // lanes, parts * (lane + 1) // lanes):
            du_part = address(du, part * du[0].size)
            for i in range(0, du[0].size, WIDTH):
                store(du, part * du[0].size + i, zero)
            for chunk in range(chunks * part // parts, chunks * (part + 1) // parts):
                begin, end = chunk * size, min(tiling.tiles, chunk * size + size)
                read_tiles(tiling, x, begin, end, v_lane, v_plane, zeros)
                spread_tiles(tiling, dy, begin, end, g_lane, g_plane, zeros)
                for position in range(positions):
                    for o in range(0, O, PANEL):
                        total = du_part + 4 * (position * u_plane + o)
                        multiply(
                            v_lane + 4 * position * v_plane, 1, C, C, end - begin,
                            g_lane + 4 * (position * g_plane + o), O,
                            total, O, total, O, O - o,
                        )  # fmt: skip


@kernel(parallel=True)
def add_parts(tiling: Any, du: Any, dw: Any) -> None:
    """dw = G^T dU G of the sum of all parts, added in order."""
    C, O = dw.shape[2:]
    parts, positions, plane = du.shape
    for c in prange(C):
        for o in range(0, O, WIDTH):
            at = c * O + o
            for position in range(positions):
                total = load(du, position * plane + at)
                for part in range(1, parts):
                    total += load(du, (part * positions + position) * plane + at)
                store(du, position * plane + at, total)
            gather_filter(tiling, address(du, at), plane, dw, c, o)


@kernel(parallel=True)
def weight_grad_staged(
    tiling: Any, x: Any, dy: Any, size: int, v: Any, spread: Any, edge: Any, du: Any, dw: Any
) -> None:
    """dw from x and dy, `size` tiles at a time: each panel of filters is one thread's."""
    C, O = x.shape[3], dy.shape[3]
    lanes, v_plane, g_plane = edge.shape[0], v.shape[1], spread.shape[1]
    slots, positions, u_plane = du.shape
    panels = (O + PANEL - 1) // PANEL
    for begin in range(0, tiling.tiles, size):
        count = min(tiling.tiles - begin, size)
        for lane in prange(lanes):
            first, last = count * lane // lanes, count * (lane + 1) // lanes
            zeros = address(edge, lane * 2 * WIDTH)
            read_tiles(
                tiling, x, begin + first, begin + last, address(v, first * C), v_plane, zeros
            )
            spread_tiles(
                tiling, dy, begin + first, begin + last, address(spread, first * O), g_plane, zeros
            )
        for lane in prange(lanes):
            for panel in range(panels * lane // lanes, panels * (lane + 1) // lanes):
                o = panel * PANEL
                slot = panel if slots == panels else np.int64(lane)
                for position in range(positions):
                    total = address(du, slot * du[0].size + position * u_plane)
                    multiply(
                        address(v, position * v_plane), 1, C, C, count,
                        address(spread, position * g_plane + o), O,
                        total if begin > 0 else 0, PANEL, total, PANEL, O - o,
                    )  # fmt: skip
                if begin + count < tiling.tiles:
                    continue
                for c in range(C):
                    for k in range(o, min(O, o + PANEL), WIDTH):
                        source = address(du, slot * du[0].size + c * PANEL + k - o)
                        gather_filter(tiling, source, u_plane, dw, c, k)
