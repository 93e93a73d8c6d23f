"""A panel of b, as wide as a register tile: copied together, and multiplied with rows of a.

`numba_cpu.py` says when a panel is copied, and in which order panels and rows come. The panels of
`../simd/panel.py` are filled up with numbers that nobody reads; these end where the matrix does.
"""

from __future__ import annotations

from ..arrays import Array, Number
from ..compiled import kernel
from ..simd import TILE_ROWS, WIDTH, address, load_first, make_tile, store, transpose_block
from ..simd.panel import PANEL

_LOW = TILE_ROWS * 2 // 3
"""Rows of the lower tile: 128 rows are 8 x 12 + 4 x 8, with nothing left over."""
_TALL = TILE_ROWS * 4 // 3
"""Rows of the tile that is one vector wide: up to WIDTH columns waste no second one."""

_full, _low, _edge = make_tile(), make_tile(_LOW), make_tile(edge=True)
_narrow = make_tile(_TALL, 1, edge=True)


def packed_rows(K: int) -> int:
    """Rows of a packed panel: room for the last block that `transpose_block` writes in full."""
    return -(-K // WIDTH) * WIDTH


@kernel
def pack_panel(
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
def rows_by_panel(
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
