"""The matrix product from register tiles: 95 % of the processor's peak, in two pages.

`reference.py` is the definition, `../simd/__init__.py` says what a register tile is. Here a whole
matrix is covered with tiles so that what a tile reads is close by. Read next: `panels.py`, then
`../dense/numba_cpu.py`, which adds a bias and an activation on the way out.

The plan is that of Goto and van de Geijn (Anatomy of High-Performance Matrix Multiplication, ACM
TOMS 34(3), 2008). b is cut into panels as wide as a tile. A panel stays in the second-level cache
while tile after tile of a's rows goes by; a is read where it is, a number of each of the tile's
rows at a time. A thread copies ("packs") a panel, its rows one behind the other, right before it
uses it, and only where it must: where b is transposed, where its last panel is narrower than a
tile, and where its rows are whole pages long, which puts all of a column into the same few places
of the cache.
"""

from __future__ import annotations

import math

import numpy as np

from .. import threads, workspace
from ..arrays import Array, Number
from ..compiled import kernel, prange
from ..simd import TILE_ROWS, WIDTH, address
from ..simd.panel import PANEL
from ..simd.winograd import prefetch
from .panels import pack_panel, packed_rows, rows_by_panel

_DEPTH = 1024
"""Rows of a panel that are used at once: 128 KiB, so that it stays in a cache of 1 MiB."""
_STRIPE = 8 * TILE_ROWS
"""About the number of rows of a that one task multiplies with one panel."""
_PAGE = 1024  # floats
_FEW = TILE_ROWS
"""Rows of a up to which `_stream` is faster, where no cache keeps b."""
_LARGE = 1 << 21
"""Numbers of such a b: 8 MiB. 8 x 4096 x 1000 takes 0.65 ms either way."""
_BAND = 8
"""Rows of b that `_stream` reads side by side."""
_AHEAD = 4 * PANEL
"""Floats from what `_stream` multiplies to what it asks the memory for."""
_PARALLEL_FROM = 1_000_000
"""Multiply-adds: 96 x 96 x 96 takes 11 us on one thread and 14 on two, 128 x 800 x 10 27 and 21."""
_PIECES = 16  # runs of a batch, each with a packed panel of its own


def matmul(a: Array, b: Array, *, out: Array | None = None) -> Array:
    """See `reference.matmul`; float32.

    Any of the four transposes is read where it stands (a view by `swapaxes` of a contiguous
    array); other strides are copied first. The sum over k runs in its order, in multiply-adds that
    are rounded once: the same bits for any number of threads.
    Error: |y - exact| <= K eps (|a| |b|), as for the reference.
    """
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    M, K = a.shape[-2:]
    N = b.shape[-1]
    y = workspace.empty((*lead, M, N), a.dtype) if out is None else out
    if b.ndim == 2 and a.ndim > 2 and a.flags.c_contiguous:
        M, lead = math.prod(lead) * M, ()  # one tall product
        a = a.reshape(M, K)
    if y.size == 0:
        return y
    left, a_row, a_step = rows_and_strides(a)
    right, b_step, b_column = rows_and_strides(b)
    flat = y.reshape(-1)
    no_bias = flat[:0]
    if not lead:
        product(left, a_row, a_step, right, b_step, b_column, no_bias, -np.inf, flat, (M, K, N))
        return y
    which_a = _indices(a.shape[:-2], lead) * (M * K)
    which_b = _indices(b.shape[:-2], lead) * (K * N)
    size = M * K * N
    if size >= _PARALLEL_FROM:
        for i in range(len(which_a)):
            product(
                left[which_a[i] :], a_row, a_step, right[which_b[i] :], b_step, b_column,
                no_bias, -np.inf, flat[i * M * N :], (M, K, N),
            )  # fmt: skip
        return y
    pieces = min(_PIECES, len(which_a))
    panel = workspace.scratch("matmul.panels", (pieces, packed_rows(K), PANEL), y)
    run = _batch if size * len(which_a) >= _PARALLEL_FROM else _batch.serial
    run(left, which_a, a_row, a_step, right, which_b, b_step, b_column, flat, M, K, N, panel)
    return y


def rows_and_strides(x: Array) -> tuple[Array, int, int]:
    """The numbers of x (..., R, C) in one dimension, and the strides of a row and of a column.

    A copy is made only where neither x nor its transpose is contiguous.
    """
    if x.flags.c_contiguous:
        return x.reshape(-1), x.shape[-1], 1
    turned = x.swapaxes(-1, -2)
    if turned.flags.c_contiguous:
        return turned.reshape(-1), 1, x.shape[-2]
    return np.ascontiguousarray(x).reshape(-1), x.shape[-1], 1


def _indices(own: tuple[int, ...], lead: tuple[int, ...]) -> Array:
    """Which of an operand's matrices each of the result's takes: leading axes broadcast."""
    return np.broadcast_to(np.arange(math.prod(own)).reshape(own), lead).ravel()


def product(
    a: Array, a_row: int, a_step: int, b: Array, b_step: int, b_column: int,
    bias: Array, lowest: float, y: Array, shape: tuple[int, int, int],
) -> None:  # fmt: skip
    """Write y = max(lowest, a b + bias), all arrays flat; bias of length 0 for none."""
    M, K, N = shape
    pieces = threads.get_num_threads() if M * K * N >= _PARALLEL_FROM else 1
    floor = np.float32(lowest)
    if M <= _FEW and K * N >= _LARGE and b_column == 1:
        stream = _stream if pieces > 1 else _stream.serial
        packed = workspace.scratch("matmul.packed", (pieces, _BAND, PANEL), y)
        sums = workspace.scratch("matmul.sums", (pieces, M, -(-N // pieces) + 2 * PANEL), y)
        stream(a, a_row, a_step, b, b_step, packed, bias, floor, sums, y, M, K, N)
        return
    multiply = _multiply if pieces > 1 else _multiply.serial
    pack = b_column != 1 or (b_step % _PAGE == 0 and M >= _STRIPE)
    runs = max(1, -(-K // _DEPTH))
    packed = workspace.scratch("matmul.packed", (pieces, packed_rows(-(-K // runs)), PANEL), y)
    multiply(a, a_row, a_step, b, b_step, b_column, pack, packed, bias, floor, y, M, K, N, runs)


@kernel(parallel=True)
def _multiply(
    a: Array, a_row: int, a_step: int, b: Array, b_step: int, b_column: int,
    pack: bool, packed: Array, bias: Array, lowest: Number, y: Array,
    M: int, K: int, N: int, runs: int,
) -> None:  # fmt: skip
    """Every panel of b by every stripe of a's rows, in as many pieces as there are threads."""
    pieces, room, _ = packed.shape
    panels = (N + PANEL - 1) // PANEL
    stripes = (M + _STRIPE - 1) // _STRIPE
    rows = (M + 4 * stripes - 1) // (4 * stripes) * 4
    tasks = panels * stripes
    for piece in prange(pieces):
        place = piece * room * PANEL
        for run in range(runs):
            k = K * run // runs
            depth = K * (run + 1) // runs - k
            floor = lowest if run == runs - 1 else np.float32(-np.inf)
            held = -1
            for task in range(tasks * piece // pieces, tasks * (piece + 1) // pieces):
                p = task // stripes
                i = task % stripes * rows
                first = k * b_step + p * PANEL * b_column
                width = min(PANEL, N - p * PANEL)
                panel, step = address(b, first), b_step
                if pack or width < PANEL:
                    panel, step = address(packed, place), PANEL
                    if p != held:
                        pack_panel(b, first, b_step, b_column, depth, width, packed, place)
                        held = p
                c = address(y, i * N + p * PANEL)
                start, start_row = 0, 0
                if run > 0:
                    start, start_row = c, N
                elif bias.size:
                    start = address(bias, p * PANEL)
                rows_by_panel(
                    a, k * a_step + i * a_row, a_row, a_step, panel, step, depth,
                    start, start_row, floor, c, N, min(rows, M - i), width,
                )  # fmt: skip


@kernel(parallel=True)
def _stream(
    a: Array, a_row: int, a_step: int, b: Array, b_step: int, packed: Array,
    bias: Array, lowest: Number, sums: Array, y: Array, M: int, K: int, N: int,
) -> None:  # fmt: skip
    """A few rows of a by a large b: all the time goes into reading b, once.

    The memory is fast where it is read on and on: a panel, 128 bytes of each row, came at 27 GB/s,
    8 long rows side by side come at 40. Meanwhile the sums of all columns stand in the cache.
    """
    pieces, _, sums_row = sums.shape
    panels = (N + PANEL - 1) // PANEL
    for piece in prange(pieces):
        place = piece * _BAND * PANEL
        begin, end = panels * piece // pieces, panels * (piece + 1) // pieces
        for k in range(0, K, _BAND):
            depth = min(_BAND, K - k)
            for p in range(begin, end):
                first = k * b_step + p * PANEL
                width = min(PANEL, N - p * PANEL)
                for row in range(depth):
                    for j in range(0, PANEL, WIDTH):
                        prefetch(address(b, first + row * b_step + _AHEAD + j))
                panel, step = address(b, first), b_step
                if width < PANEL:
                    panel, step = address(packed, place), PANEL
                    pack_panel(b, first, b_step, 1, depth, width, packed, place)
                here = address(sums, piece * M * sums_row + (p - begin) * PANEL)
                start, start_row = here, sums_row
                if k == 0:
                    start, start_row = address(bias, p * PANEL) if bias.size else 0, 0
                last = k + depth == K
                c, c_row = (address(y, p * PANEL), N) if last else (here, sums_row)
                floor = lowest if last else np.float32(-np.inf)
                rows_by_panel(
                    a, k * a_step, a_row, a_step, panel, step, depth, start, start_row, floor,
                    c, c_row, M, width,
                )  # fmt: skip


@kernel(parallel=True)
def _batch(
    a: Array, which_a: Array, a_row: int, a_step: int,
    b: Array, which_b: Array, b_step: int, b_column: int,
    y: Array, M: int, K: int, N: int, panels: Array,
) -> None:  # fmt: skip
    """Many small products: each is one task's, with a panel of its own."""
    pieces, panel_rows, _ = panels.shape
    count = which_a.size
    none = np.float32(-np.inf)
    for piece in prange(pieces):
        place = piece * panel_rows * PANEL
        for n in range(count * piece // pieces, count * (piece + 1) // pieces):
            for j in range(0, N, PANEL):
                width = min(PANEL, N - j)
                pack_panel(b, which_b[n] + j * b_column, b_step, b_column, K, width, panels, place)
                rows_by_panel(
                    a, which_a[n], a_row, a_step, address(panels, place), PANEL, K, 0, 0, none,
                    address(y, n * M * N + j), N, M, width,
                )  # fmt: skip
