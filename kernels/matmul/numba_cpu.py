"""The matrix product from register tiles: 95 % of the processor's peak, in two pages.

`reference.py` is the definition, `../simd/__init__.py` says what a register tile is. Here a whole
matrix is covered with tiles so that what a tile reads is close by. Read next:
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
from ..simd import (
    TILE_ROWS,
    TILE_VECTORS,
    WIDTH,
    address,
    load_first,
    make_tile,
    store,
    transpose_block,
)

PANEL = TILE_VECTORS * WIDTH
"""Columns of a tile, and of a packed panel of b."""
_DEPTH = 1024
"""Rows of a panel that are used at once: 128 KiB, so that it stays in a cache of 1 MiB."""
_STRIPE = 8 * TILE_ROWS
"""About the number of rows of a that one task multiplies with one panel."""
_LOW = TILE_ROWS * 2 // 3
"""Rows of the lower tile: 128 rows are 8 x 12 + 4 x 8, with nothing left over."""
_TALL = TILE_ROWS * 4 // 3
"""Rows of the tile that is one vector wide: up to WIDTH columns waste no second one."""
_PAGE = 1024  # floats
_PARALLEL_FROM = 1_000_000
"""Multiply-adds: 96 x 96 x 96 takes 11 us on one thread and 14 on two, 128 x 800 x 10 27 and 21."""
_PIECES = 16  # runs of a batch, each with a packed panel of its own

_full, _low, _edge = make_tile(), make_tile(_LOW), make_tile(edge=True)
_narrow = make_tile(_TALL, 1, edge=True)


def matmul(a: Array, b: Array, *, out: Array | None = None) -> Array:
    """See `reference.matmul`; float32.

    Any of the four transposes is read where it stands (a view by `swapaxes` of a contiguous
    array); other strides are copied first. The sum over k runs in its order, in multiply-adds that
    are rounded once, in up to ceil(K / 1024) runs that are added in order: the same bits for any
    number of threads. Error: |y - exact| <= K eps (|a| |b|), as for the reference.
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
    panel = workspace.scratch("matmul.panels", (pieces, _rounded(K), PANEL), y)
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


def _rounded(K: int) -> int:
    """Rows of a packed panel: room for the last block that `transpose_block` writes in full."""
    return -(-K // WIDTH) * WIDTH


def product(
    a: Array, a_row: int, a_step: int, b: Array, b_step: int, b_column: int,
    bias: Array, lowest: float, y: Array, shape: tuple[int, int, int],
) -> None:  # fmt: skip
    """Write y = max(lowest, a b + bias), all arrays flat; bias of length 0 for none."""
    M, K, N = shape
    pieces = threads.get_num_threads() if M * K * N >= _PARALLEL_FROM else 1
    multiply = _multiply if pieces > 1 else _multiply.serial
    pack = b_column != 1 or (b_step % _PAGE == 0 and M >= _STRIPE)
    runs = max(1, -(-K // _DEPTH))
    packed = workspace.scratch("matmul.packed", (pieces, _rounded(-(-K // runs)), PANEL), y)
    for run in range(runs):
        k, end = K * run // runs, K * (run + 1) // runs
        floor = np.float32(lowest if run == runs - 1 else -np.inf)
        multiply(
            a, k * a_step, a_row, a_step, b, k * b_step, b_step, b_column, pack, packed,
            bias, run > 0, floor, y, M, end - k, N,
        )  # fmt: skip


@kernel
def _pack_panel(
    b: Array, first: int, b_step: int, b_column: int, depth: int, width: int,
    packed: Array, place: int,
) -> None:  # fmt: skip
    """Copy `width` <= PANEL columns of b from `first` on into the panel at `place`."""
    if b_column == 1:
        for k in range(depth):
            for j in range(0, PANEL, WIDTH):
                row = load_first(b, first + k * b_step + j, width - j)
                store(packed, place + k * PANEL + j, row)
    else:
        for k in range(0, depth, WIDTH):
            for j in range(0, PANEL, WIDTH):
                transpose_block(
                    address(b, first + k * b_step + j * b_column), b_column,
                    min(WIDTH, width - j), min(WIDTH, depth - k),
                    address(packed, place + k * PANEL + j), PANEL,
                )  # fmt: skip


@kernel
def _rows_by_panel(
    a: Array, first: int, a_row: int, a_step: int, panel: int, step: int, depth: int,
    start: int, start_row: int, lowest: Number, c: int, N: int, rows: int, columns: int,
) -> None:  # fmt: skip
    """`rows` rows of a times one panel, tile below tile; panel, start and c are addresses."""
    i = 0
    while i < rows:
        here = address(a, first + i * a_row)
        below = start + 4 * i * start_row
        target = c + 4 * i * N
        left = rows - i
        if columns <= WIDTH:
            if left >= _TALL:  # said as a constant: the compiler drops what looks for the last row
                _narrow(
                    here, a_row, 0, a_step, panel, 0, step, 1, depth, below, start_row, lowest,
                    target, N, _TALL, columns,
                )  # fmt: skip
            else:
                _narrow(
                    here, a_row, 0, a_step, panel, 0, step, 1, depth, below, start_row, lowest,
                    target, N, left, columns,
                )  # fmt: skip
            i += _TALL
        elif columns < PANEL or left < _LOW:
            _edge(
                here, a_row, 0, a_step, panel, 0, step, 1, depth, below, start_row, lowest,
                target, N, min(left, TILE_ROWS), columns,
            )  # fmt: skip
            i += TILE_ROWS
        elif left >= TILE_ROWS and left != 2 * _LOW:
            _full(
                here, a_row, 0, a_step, panel, 0, step, 1, depth, below, start_row, lowest,
                target, N,
            )  # fmt: skip
            i += TILE_ROWS
        else:
            _low(
                here, a_row, 0, a_step, panel, 0, step, 1, depth, below, start_row, lowest,
                target, N,
            )  # fmt: skip
            i += _LOW


@kernel(parallel=True)
def _multiply(
    a: Array, a_first: int, a_row: int, a_step: int,
    b: Array, b_first: int, b_step: int, b_column: int, pack: bool, packed: Array,
    bias: Array, add: bool, lowest: Number, y: Array, M: int, depth: int, N: int,
) -> None:  # fmt: skip
    """Every panel of b by every stripe of a's rows, in as many pieces as there are threads.

    A piece takes panel after panel and packs each, if it must be, right before it uses it.
    """
    pieces, packed_rows, _ = packed.shape
    panels = (N + PANEL - 1) // PANEL
    stripes = (M + _STRIPE - 1) // _STRIPE
    rows = (M + 4 * stripes - 1) // (4 * stripes) * 4
    tasks = panels * stripes
    for piece in prange(pieces):
        place = piece * packed_rows * PANEL
        held = -1
        for task in range(tasks * piece // pieces, tasks * (piece + 1) // pieces):
            p = task // stripes
            i = task % stripes * rows
            first = b_first + p * PANEL * b_column
            width = min(PANEL, N - p * PANEL)
            panel, step = address(b, first), b_step
            if pack or width < PANEL:
                panel, step = address(packed, place), PANEL
                if p != held:
                    _pack_panel(b, first, b_step, b_column, depth, width, packed, place)
                    held = p
            c = address(y, i * N + p * PANEL)
            start, start_row = 0, 0
            if add:
                start, start_row = c, N
            elif bias.size:
                start = address(bias, p * PANEL)
            _rows_by_panel(
                a, a_first + i * a_row, a_row, a_step, panel, step, depth, start, start_row,
                lowest, c, N, min(rows, M - i), width,
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
                _pack_panel(b, which_b[n] + j * b_column, b_step, b_column, K, width, panels, place)
                _rows_by_panel(
                    a, which_a[n], a_row, a_step, address(panels, place), PANEL, K, 0, 0, none,
                    address(y, n * M * N + j), N, M, width,
                )  # fmt: skip
