"""An LSTM's way through a sequence on a CPU: a thread takes its own samples from step to step.

Samples do not see one another, so no step waits for another thread. The product h w_h is the tiles
of `../matmul/panels.py`, with the columns of w_h packed once for all steps; ax is what a tile
starts from, so that a is never stored: in its place the gates open. Read `reference.py` first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import threads, workspace
from ..arrays import Array
from ..compiled import device_function, kernel, prange
from ..matmul.panels import pack_panel, packed_rows, rows_by_panel
from ..simd import WIDTH, address, fma
from ..simd.math import sigmoid, tanh
from ..simd.panel import PANEL
from ..simd.rows import piece, put

ONE, NONE = np.float32(1), np.float32(-np.inf)
WORTH_THREADS = 2_000_000
"""Multiply-adds from which the pool pays: a million, of 8 samples, 8 steps and 64 hidden, take one
thread 21 us and two 33; of 32 samples, 8 steps and 32 hidden 26 and 24."""
WORTH_THREADS_PACKING = 1 << 18
"""Numbers of w_h from which it is packed on several threads."""
WORTH_PACKING = 4
"""Steps from which w_h is packed also where its rows could be read as they are."""


@kernel(parallel=True)
def _pack(w: Any, w_step: int, w_column: int, depth: int, columns: int, packed: Any) -> None:
    """The panels of a matrix (depth, columns) that stands in w by these strides."""
    panels, rows, _ = packed.shape
    for p in prange(panels):
        first, width = p * PANEL * w_column, min(PANEL, columns - p * PANEL)
        pack_panel(w, first, w_step, w_column, depth, width, packed, p * rows * PANEL)


@device_function
def _open_gates(gates: Any, at: Any, cells: Any, cell: Any, y: Any, shown: Any, H: Any) -> None:
    """One sample: a becomes i, f, g, o in its place `at`; the next cell, and what it shows."""
    for j in range(0, H, WIDTH):
        i = sigmoid(piece(gates, at, j, H, 0.0))
        f = sigmoid(piece(gates, at + H, j, H, 0.0))
        g = tanh(piece(gates, at + 2 * H, j, H, 0.0))
        o = sigmoid(piece(gates, at + 3 * H, j, H, 0.0))
        put(gates, at, j, H, i)
        put(gates, at + H, j, H, f)
        put(gates, at + 2 * H, j, H, g)
        put(gates, at + 3 * H, j, H, o)
        after = fma(f, piece(cells, cell, j, H, 0.0), i * g)
        put(cells, cell + H, j, H, after)
        put(y, shown, j, H, o * tanh(after))


@kernel(parallel=True)
def _states(
    ax: Any, h0: Any, c0: Any, w: Any, panel_size: int, step: int, gates: Any, cells: Any, y: Any,
    pieces: int,
) -> None:  # fmt: skip
    """The states of all steps, as many samples a piece as there are pieces for.

    w_h's panels stand `panel_size` numbers apart, their rows `step`. h0 and y are flat, because
    the first step reads its states from the one and every other from the other.
    """
    N, T, columns = gates.shape
    H = columns // 4
    for part in prange(pieces):
        first, last = N * part // pieces, N * (part + 1) // pieces
        for n in range(first, last):
            cells[n, 0] = c0[n]
        for t in range(T):
            a, at, row = (y, (first * T + t - 1) * H, T * H) if t else (h0, first * H, H)
            for p in range(0, columns, PANEL):
                place = (first * T + t) * columns + p
                rows_by_panel(
                    a, at, row, 1, address(w, p // PANEL * panel_size), step, H,
                    address(ax, place), T * columns, NONE, address(gates, place), T * columns,
                    last - first, min(PANEL, columns - p),
                )  # fmt: skip
            for n in range(first, last):
                place = (n * T + t) * columns
                _open_gates(gates, place, cells, (n * (T + 1) + t) * H, y, (n * T + t) * H, H)


@device_function
def _close_gates(
    dy: Any, dh: Any, dc: Any, gates: Any, cells: Any, da: Any,
    at: Any, cell: Any, shown: Any, n: Any, H: Any,
) -> None:  # fmt: skip
    """One step of one sample backwards: da, and dc for the step before."""
    for j in range(0, H, WIDTH):
        i, f = piece(gates, at, j, H, 0.0), piece(gates, at + H, j, H, 0.0)
        g, o = piece(gates, at + 2 * H, j, H, 0.0), piece(gates, at + 3 * H, j, H, 0.0)
        visible = tanh(piece(cells, cell + H, j, H, 0.0))
        owed = piece(dy, shown, j, H, 0.0) + piece(dh, n * H, j, H, 0.0)
        d = piece(dc, n * H, j, H, 0.0) + owed * o * (ONE - visible * visible)
        put(da, at, j, H, d * g * i * (ONE - i))
        put(da, at + H, j, H, d * piece(cells, cell, j, H, 0.0) * f * (ONE - f))
        put(da, at + 2 * H, j, H, d * i * (ONE - g * g))
        put(da, at + 3 * H, j, H, owed * visible * o * (ONE - o))
        put(dc, n * H, j, H, d * f)


@kernel(parallel=True)
def _states_back(
    dy: Any, gates: Any, cells: Any, packed: Any, da: Any, dh: Any, dc: Any, pieces: int
) -> None:
    """From the last step to the first; dh and dc are those of the step after, then of this one."""
    N, T, H = dy.shape
    for part in prange(pieces):
        first, last = N * part // pieces, N * (part + 1) // pieces
        for t in range(T - 1, -1, -1):
            for n in range(first, last):
                place, cell, shown = (n * T + t) * 4 * H, (n * (T + 1) + t) * H, (n * T + t) * H
                _close_gates(dy, dh, dc, gates, cells, da, place, cell, shown, n, H)
            for p in range(0, H, PANEL):
                rows_by_panel(
                    da, (first * T + t) * 4 * H, T * 4 * H, 1,
                    address(packed, p * packed.shape[1]), PANEL, 4 * H, 0, 0, NONE,
                    address(dh, first * H + p), H, last - first, min(PANEL, H - p),
                )  # fmt: skip


def lstm(
    ax: Array, h0: Array, c0: Array, w_h: Array, *, out: tuple[Array, Array, Array] | None = None
) -> tuple[Array, Array, Array]:
    """As the reference, with its error bound; sigmoid and tanh are within 2.5 ulp."""
    (N, T, columns), H = ax.shape, h0.shape[1]
    if out is None:
        shapes = (ax.shape, (N, T + 1, H), (N, T, H))
        gates, cells, y = (workspace.empty(shape, ax.dtype) for shape in shapes)
    else:
        gates, cells, y = out
    ax, h0, c0, w_h = (np.ascontiguousarray(a) for a in (ax, h0, c0, w_h))
    threaded = ax.size * H >= WORTH_THREADS
    panel_size, step = PANEL, columns
    if columns % PANEL or T >= WORTH_PACKING:
        packed = _packed(w_h.reshape(-1), columns, 1, (H, columns))
        w_h, panel_size, step = packed, packed.shape[1] * PANEL, PANEL
    run = _states if threaded else _states.serial
    run(
        ax, h0.reshape(-1), c0, w_h.reshape(-1), panel_size, step, gates, cells, y.reshape(-1),
        threads.get_num_threads() if threaded else 1,
    )  # fmt: skip
    return gates, cells, y


def lstm_grad(
    dy: Array,
    dc: Array,
    gates: Array,
    cells: Array,
    w_h: Array,
    *,
    out: tuple[Array, Array, Array] | None = None,
) -> tuple[Array, Array, Array]:
    """As the reference, with its error bound; tanh is within 2.5 ulp."""
    N, _, H = dy.shape
    if out is None:
        shapes = (gates.shape, (N, H), (N, H))
        da, dh, before = (workspace.empty(shape, dy.dtype) for shape in shapes)
    else:
        da, dh, before = out
    dy, gates, cells, w_h = (np.ascontiguousarray(a) for a in (dy, gates, cells, w_h))
    dh[...], before[...] = 0, dc
    threaded = gates.size * H >= WORTH_THREADS
    packed = _packed(w_h.reshape(-1), 1, 4 * H, (4 * H, H))  # of w_h turned over
    run = _states_back if threaded else _states_back.serial
    pieces = threads.get_num_threads() if threaded else 1
    run(dy, gates, cells, packed, da, dh, before, pieces)
    return da, dh, before


def _packed(w: Array, w_step: int, w_column: int, shape: tuple[int, int]) -> Array:
    """The panels of a matrix one behind the other, as (panels, rows, PANEL)."""
    depth, columns = shape
    panels = -(-columns // PANEL)
    packed = workspace.scratch("lstm.packed", (panels, packed_rows(depth), PANEL), w)
    run = _pack if w.size >= WORTH_THREADS_PACKING else _pack.serial
    run(w, w_step, w_column, depth, columns, packed)
    return packed
