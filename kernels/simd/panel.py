"""A panel of a product: register tiles one below the other, all rows of a few columns.

Rows come in any number, so tiles of several heights cover them, the tallest first; and a panel is
two vectors wide, or one where the product ends. Read next: `../conv2d/winograd_tiles.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir as llvm  # type: ignore[import-untyped]
from numba import types

from . import ir
from .cpu import TILE_ROWS, TILE_VECTORS, WIDTH
from .tile import emit_tile

PANEL = TILE_VECTORS * WIDTH
"""Columns of a panel; a convolution's weights are packed so."""
HEIGHTS = (TILE_ROWS, TILE_ROWS * 2 // 3, 4)


def make_panel(heights: Sequence[int] = HEIGHTS) -> Any:
    """A function for kernels that computes one panel of a product, C = start + A B.

    panel(a, a_row, a_step, rows, steps, b, b_step, start, start_row, c, c_row, columns)

    The arguments are those of the tile (`tile.py`), with any number of `rows`. Where `columns` is
    more than WIDTH, PANEL columns are computed and written, else WIDTH. Rows are computed, and
    written, up to a multiple of the last height.
    """

    def emit(context: Any, builder: Any, sig: Any, args: tuple[Any, ...]) -> Any:
        a, a_row, a_step, rows, steps, b, b_step, start, start_row, c, c_row, columns = args
        no_floor = llvm.Constant(ir.FLOAT, float("-inf"))
        at_zero = builder.icmp_signed("==", start, ir.int64(0))

        def panel_of(vectors: int) -> None:
            def emit_block(height: int, first: Any) -> None:
                def row(matrix: Any, step: Any) -> Any:
                    return ir.offset(builder, matrix, builder.mul(first, step))

                begin = builder.select(at_zero, start, row(start, start_row))
                left = (row(a, a_row), a_row, ir.int64(0), a_step)
                right = (b, ir.int64(0), b_step, ir.int64(1), steps)
                result = (begin, start_row, no_floor, row(c, c_row), c_row)
                emit_tile(builder, height, vectors, (*left, *right, *result))

            ir.cover(builder, rows, heights, emit_block)

        wide = builder.icmp_signed(">", columns, ir.int64(WIDTH))
        with builder.if_else(wide) as (two_vectors, one_vector):
            with two_vectors:
                panel_of(TILE_VECTORS)
            with one_vector:
                panel_of(1)
        return context.get_dummy_value()

    @ir.intrinsic
    def panel(
        typingctx: Any, a: Any, a_row: Any, a_step: Any, rows: Any, steps: Any, b: Any,
        b_step: Any, start: Any, start_row: Any, c: Any, c_row: Any, columns: Any,
    ) -> Any:  # fmt: skip
        return types.void(*[types.int64] * 12), emit

    return panel
