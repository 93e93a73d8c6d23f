"""The gather tile: the register tile for a matrix A that is never built, only pointed at.

A convolution is a matrix product whose left matrix holds every window of the images. Each entry of
it is one of the images' own numbers, and where that number stands is a sum of two terms: where the
window begins, plus how far into the window. So two short tables of offsets stand for the whole
matrix, for any stride, dilation and padding, and nothing is copied. Read next:
`conv2d/plan.py`, which makes the tables.

Dukhan, The Indirect Convolution Algorithm, arXiv 1907.02129, 2019, does the same with pointers.
"""

from __future__ import annotations

from typing import Any

from numba import types

from . import ir
from .cpu import TILE_ROWS, TILE_VECTORS, WIDTH

_ROWS_IN_REGISTERS = 8
"""Up to this many row addresses stay in registers; a larger tile reads them from the table again
at each step. With 12 of them in the 16 integer registers of x86, LLVM's scheduler gives up on the
vector registers and spills sums: 12 x 2 ran at 140 GFLOP/s, and at 260 with the reloads."""


def make_gather_panel() -> Any:
    """A function for kernels that computes one panel of a product, up to PANEL columns.

        c[c_rows[i] + j] = max(lowest,
            start[i, j] + sum over k of a[a_rows[i] + a_steps[k]] b[k, j])

    panel(plan, a, a_rows, rows, a_steps, steps, b, b_step, start, start_row, lowest, c, c_rows,
          columns)

    `a`, `b`, `start`, `c` are addresses of floats; `a_rows`, `a_steps`, `c_rows` are addresses of
    tables of int64, which count floats; `b_step` and `start_row` are strides in floats. Only the
    first `columns` of each row are written, but b and `start` are read in whole vectors. `lowest`
    is 0 for a ReLU, minus infinity for none; a NaN stays. The order of the sum is that of k,
    whatever the size of the tile: a number's bits do not depend on the tile it falls into.

    Of `plan` only the type is used. Where its class is `channelwise`, every column j has an a of
    its own, a[a_rows[i] + a_steps[k] + j], read in whole vectors: a depthwise convolution.
    """

    def emit(context: Any, builder: Any, sig: Any, args: tuple[Any, ...]) -> Any:
        channelwise = sig.args[0].instance_class.channelwise
        heights = (6, 1) if channelwise else (TILE_ROWS, 4, 1)
        wide = builder.icmp_signed(">", args[13], ir.int64(WIDTH))
        with builder.if_else(wide) as (two_vectors, one_vector):
            for branch, vectors in ((two_vectors, TILE_VECTORS), (one_vector, 1)):
                with branch:
                    _Panel(builder, vectors, channelwise, args).cover(heights)
        return context.get_dummy_value()

    @ir.intrinsic
    def panel(
        typingctx: Any, plan: Any, a: Any, a_rows: Any, rows: Any, a_steps: Any, steps: Any, b: Any,
        b_step: Any, start: Any, start_row: Any, lowest: Any, c: Any, c_rows: Any, columns: Any,
    ) -> Any:  # fmt: skip
        numbers = [types.int64] * 9
        return types.void(plan, *numbers, types.float32, *[types.int64] * 3), emit

    return panel


class _Panel:
    """The code of one panel, `vectors` wide."""

    def __init__(
        self, builder: Any, vectors: int, channelwise: bool, args: tuple[Any, ...]
    ) -> None:
        self.builder = builder
        self.vectors = vectors
        self.channelwise = channelwise
        self.a, self.a_rows, self.rows, self.a_steps, self.steps = args[1:6]
        self.b, self.b_step, self.start, self.start_row, self.lowest = args[6:11]
        self.c, self.c_rows, self.columns = args[11:]

    def cover(self, heights: tuple[int, ...]) -> None:
        """Append tiles, one below the other."""
        ir.cover(self.builder, self.rows, heights, self._tile)

    def _tile(self, rows: int, first: Any) -> None:
        """Append one tile, from row `first` on."""
        builder, vectors = self.builder, self.vectors
        sum_of = {(i, j): ir.variable(builder) for i in range(rows) for j in range(vectors)}
        begin = ir.offset(builder, self.start, builder.mul(first, self.start_row))
        for (i, j), total in sum_of.items():
            row = ir.offset(builder, begin, builder.mul(ir.int64(i), self.start_row))
            builder.store(ir.load(builder, ir.offset(builder, row, j * WIDTH)), total)

        a_rows = [self._entry(self.a_rows, first, i) for i in range(rows)]
        keep_rows = rows <= _ROWS_IN_REGISTERS or vectors == 1
        kept = [builder.load(place, typ=ir.INT64) for place in a_rows]
        with ir.loop(builder, self.steps) as step:
            shift = builder.load(self._entry(self.a_steps, step.index, 0), typ=ir.INT64)
            a_here = ir.offset(builder, self.a, shift)
            b_here = ir.offset(builder, self.b, builder.mul(step.index, self.b_step))
            right = [
                ir.load(builder, ir.offset(builder, b_here, j * WIDTH)) for j in range(vectors)
            ]
            for i in range(rows):
                if keep_rows:
                    row = kept[i]
                else:  # an atomic load is an ordinary load that the compiler may not hoist
                    row = builder.load_atomic(a_rows[i], "monotonic", 8, typ=ir.INT64)
                left = self._left(ir.offset(builder, a_here, row))
                for j in range(vectors):
                    before = builder.load(sum_of[i, j], typ=ir.FLOATS)
                    builder.store(ir.fma(builder, left[j], right[j], before), sum_of[i, j])

        least = ir.broadcast(builder, self.lowest)
        for total in sum_of.values():
            value = builder.load(total, typ=ir.FLOATS)
            below = builder.fcmp_ordered("<", value, least)
            builder.store(builder.select(below, least, value), total)
        c_rows = [self._entry(self.c_rows, first, i) for i in range(rows)]
        whole = builder.icmp_signed(">=", self.columns, ir.int64(vectors * WIDTH))
        with builder.if_else(whole) as (all_columns, some_columns):
            for branch, masked in ((all_columns, False), (some_columns, True)):
                with branch:
                    self._write(sum_of, c_rows, masked)

    def _entry(self, table: Any, index: Any, further: int) -> Any:
        """A pointer to entry index + further of a table."""
        builder = self.builder
        at = builder.add(index, ir.int64(further))
        return builder.inttoptr(builder.add(table, builder.shl(at, ir.int64(3))), ir.POINTER)

    def _left(self, place: Any) -> list[Any]:
        """What each vector of b is multiplied by: one number, or the numbers that stand there."""
        if self.channelwise:
            return [
                ir.load(self.builder, ir.offset(self.builder, place, j * WIDTH))
                for j in range(self.vectors)
            ]
        number = ir.load(self.builder, place, ir.FLOAT)
        return [ir.broadcast(self.builder, number)] * self.vectors

    def _write(self, sum_of: dict[tuple[int, int], Any], c_rows: list[Any], masked: bool) -> None:
        builder = self.builder
        for (i, j), total in sum_of.items():
            row = ir.offset(builder, self.c, builder.load(c_rows[i], typ=ir.INT64))
            place = ir.offset(builder, row, j * WIDTH)
            value = builder.load(total, typ=ir.FLOATS)
            if masked:
                left = builder.sub(self.columns, ir.int64(j * WIDTH))
                ir.masked_store(builder, value, place, ir.first_lanes(builder, left))
            else:
                ir.store(builder, value, place)
