"""The gather tile: the register tile for a matrix A that is never built, only pointed at.

A convolution is a matrix product whose left matrix holds every window of the images. Each entry of
it is one of the images' own numbers, and where that number stands is a sum of two terms: where the
window begins, plus how far into the window. So two short tables of offsets stand for the whole
matrix, for any stride, dilation and padding, and nothing is copied. Read next:
`conv2d/numba_direct.py`, which makes the tables.

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


def make_gather_tile(rows: int = TILE_ROWS, vectors: int = TILE_VECTORS) -> Any:
    """A function for kernels that computes one block of `rows` x (`vectors` * WIDTH) floats.

        c[c_rows[i] + j] = max(lowest,
            start[i, j] + sum over k of a[a_rows[i] + a_steps[k]] b[k, j])

    tile(a, a_rows, a_steps, steps, b, b_step, start, start_row, lowest, c, c_rows, columns)

    `a`, `b`, `start`, `c` are addresses of floats; `a_rows`, `a_steps`, `c_rows` are addresses of
    tables of int64, which count floats; `b_step` and `start_row` are strides in floats. Only the
    first `columns` of each row are written, but b and `start` are read in full. `lowest` is 0 for
    a ReLU, minus infinity for none; a NaN stays. The order of the sum is that of k, whatever the
    size of the tile: a number's bits do not depend on the tile it falls into.
    """
    sums = [(i, j) for i in range(rows) for j in range(vectors)]
    keep_rows = rows <= _ROWS_IN_REGISTERS or vectors == 1

    def emit(context: Any, builder: Any, sig: Any, args: tuple[Any, ...]) -> Any:
        (a, a_rows, a_steps, steps, b, b_step, start, start_row, lowest, c, c_rows, columns) = args
        sum_of = {place: ir.variable(builder) for place in sums}
        for i, j in sums:
            row = ir.offset(builder, start, builder.mul(ir.int64(i), start_row))
            builder.store(ir.load(builder, ir.offset(builder, row, j * WIDTH)), sum_of[i, j])

        def table(address: Any, index: int) -> Any:
            return builder.inttoptr(builder.add(address, ir.int64(8 * index)), ir.POINTER)

        kept = [builder.load(table(a_rows, i), typ=ir.INT64) for i in range(rows)]
        with ir.loop(builder, steps) as step:
            place = builder.add(a_steps, builder.shl(step.index, ir.int64(3)))
            a_here = ir.offset(builder, a, builder.load(table(place, 0), typ=ir.INT64))
            b_here = ir.offset(builder, b, builder.mul(step.index, b_step))
            right = [
                ir.load(builder, ir.offset(builder, b_here, j * WIDTH)) for j in range(vectors)
            ]
            for i in range(rows):
                if keep_rows:
                    row = kept[i]
                else:  # an atomic load is an ordinary load that the compiler may not hoist
                    row = builder.load_atomic(table(a_rows, i), "monotonic", 8, typ=ir.INT64)
                left = ir.load(builder, ir.offset(builder, a_here, row), ir.FLOAT)
                left = ir.broadcast(builder, left)
                for j in range(vectors):
                    before = builder.load(sum_of[i, j], typ=ir.FLOATS)
                    builder.store(ir.fma(builder, left, right[j], before), sum_of[i, j])

        least = ir.broadcast(builder, lowest)
        for i, j in sums:
            total = builder.load(sum_of[i, j], typ=ir.FLOATS)
            total = builder.select(builder.fcmp_ordered("<", total, least), least, total)
            builder.store(total, sum_of[i, j])

        def write(masked: bool) -> None:
            for i in range(rows):
                row = ir.offset(builder, c, builder.load(table(c_rows, i), typ=ir.INT64))
                for j in range(vectors):
                    total = builder.load(sum_of[i, j], typ=ir.FLOATS)
                    place = ir.offset(builder, row, j * WIDTH)
                    if masked:
                        left = builder.sub(columns, ir.int64(j * WIDTH))
                        ir.masked_store(builder, total, place, ir.first_lanes(builder, left))
                    else:
                        ir.store(builder, total, place)

        whole = builder.icmp_signed(">=", columns, ir.int64(vectors * WIDTH))
        with builder.if_else(whole) as (all_columns, some_columns):
            with all_columns:
                write(masked=False)
            with some_columns:
                write(masked=True)
        return context.get_dummy_value()

    integers = [types.int64] * 8
    kind = types.void(*integers, types.float32, *[types.int64] * 3)

    @ir.intrinsic
    def tile(
        typingctx: Any, a: Any, a_rows: Any, a_steps: Any, steps: Any, b: Any, b_step: Any,
        start: Any, start_row: Any, lowest: Any, c: Any, c_rows: Any, columns: Any,
    ) -> Any:  # fmt: skip
        return kind, emit

    return tile
