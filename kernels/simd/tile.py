"""The register tile: a block of C += A B whose sums stay in registers from the first k to the last.

The folder's `__init__.py` says why it reaches the machine's peak. Read next:
`matmul/numba_cpu.py`, which covers a whole matrix with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir as llvm  # type: ignore[import-untyped]
from numba import types

from . import ir
from .cpu import TILE_ROWS, TILE_VECTORS, WIDTH


def make_tile(rows: int = TILE_ROWS, vectors: int = TILE_VECTORS, *, edge: bool = False) -> Any:
    """A function for kernels that computes one block of `rows` x (`vectors` * WIDTH) floats.

        c[i, :] = max(lowest,
            start[i, :] + sum over segments s and steps k of a[i, s, k] b[s, k, :])

    tile(a, a_row, a_segment, a_step, b, b_segment, b_step, segments, steps,
         start, start_row, lowest, c, c_row)
    tile(..., c_row, valid_rows, valid_columns)                            with edge=True

    `a`, `b`, `start`, `c` are addresses (see `address`), everything else counts floats. One row
    of b is contiguous; a's entries stand anywhere. `start` is 0 to start the sums at zero,
    `c` itself to add to what is there, or a bias with `start_row` 0. `lowest` is 0 for a ReLU,
    minus infinity for none; a NaN stays. Segments are for a convolution, whose windows are rows of
    an image one behind the other; a matrix product has one. The sum runs in the order of k,
    whatever the size of the tile: a number's bits do not depend on the tile it falls into.

    Args:
        rows: rows of the block.
        vectors: vectors in one of its rows.
        edge: only `valid_rows` and `valid_columns` of the block exist. The rows beyond are
            computed from the last valid row of a and not written; b must be readable in full.
    """

    def emit(context: Any, builder: Any, sig: Any, args: tuple[Any, ...]) -> Any:
        emit_tile(builder, rows, vectors, args)
        return context.get_dummy_value()

    border = [types.int64] * (2 if edge else 0)
    kind = types.void(*[types.int64] * 11, types.float32, types.int64, types.int64, *border)
    if edge:

        @ir.intrinsic
        def tile(
            typingctx: Any, a: Any, a_row: Any, a_segment: Any, a_step: Any, b: Any,
            b_segment: Any, b_step: Any, segments: Any, steps: Any, start: Any, start_row: Any,
            lowest: Any, c: Any, c_row: Any, valid_rows: Any, valid_columns: Any,
        ) -> Any:  # fmt: skip
            return kind, emit
    else:

        @ir.intrinsic
        def tile(
            typingctx: Any, a: Any, a_row: Any, a_segment: Any, a_step: Any, b: Any,
            b_segment: Any, b_step: Any, segments: Any, steps: Any, start: Any, start_row: Any,
            lowest: Any, c: Any, c_row: Any,
        ) -> Any:  # fmt: skip
            return kind, emit

    return tile


def emit_tile(builder: Any, rows: int, vectors: int, args: Sequence[Any]) -> None:
    """Append the code of one tile; `args` are the tile's, with or without the two of the edge."""
    sums = [(i, j) for i in range(rows) for j in range(vectors)]
    (a, a_row, a_segment, a_step, b, b_segment, b_step, segments, steps) = args[:9]
    start, start_row, lowest, c, c_row = args[9:14]
    block = _Block(builder, *args[14:])
    sum_of = {place: ir.variable(builder) for place in sums}

    begins_at_zero = builder.icmp_signed("==", start, ir.int64(0))
    with builder.if_else(begins_at_zero) as (zero, given):
        with zero:
            for place in sums:
                builder.store(ir.floats(0), sum_of[place])
        with given:
            for i, j in sums:
                row = block.row(start, start_row, i)
                builder.store(block.load(row, j), sum_of[i, j])

    with ir.loop(builder, segments) as segment:
        a_here = ir.offset(builder, a, builder.mul(segment.index, a_segment))
        b_here = ir.offset(builder, b, builder.mul(segment.index, b_segment))
        a_rows = [block.row(a_here, a_row, i) for i in range(rows)]
        with ir.loop(builder, steps) as step:
            a_offset = builder.mul(step.index, a_step)
            b_row = ir.offset(builder, b_here, builder.mul(step.index, b_step))
            columns = [
                ir.load(builder, ir.offset(builder, b_row, j * WIDTH)) for j in range(vectors)
            ]
            for i in range(rows):
                entry = ir.load(builder, ir.offset(builder, a_rows[i], a_offset), ir.FLOAT)
                entry = ir.broadcast(builder, entry)
                for j in range(vectors):
                    before = builder.load(sum_of[i, j], typ=ir.FLOATS)
                    builder.store(ir.fma(builder, entry, columns[j], before), sum_of[i, j])

    floor = ir.broadcast(builder, lowest)
    for i in range(rows):
        with block.if_valid(i):
            for j in range(vectors):
                result = builder.load(sum_of[i, j], typ=ir.FLOATS)
                too_low = builder.fcmp_ordered("<", result, floor)
                result = builder.select(too_low, floor, result)
                block.store(result, block.row(c, c_row, i), j)


class _Block:
    """The block's own borders: all of it, or only its first rows and columns."""

    def __init__(self, builder: Any, valid_rows: Any = None, valid_columns: Any = None) -> None:
        self.builder = builder
        self.valid_rows = valid_rows
        self.valid_columns = valid_columns

    def row(self, first: Any, stride: Any, i: int) -> Any:
        """The address of row i, or of the last valid row before it."""
        index = ir.int64(i)
        if self.valid_rows is not None:
            last = self.builder.sub(self.valid_rows, ir.int64(1))
            inside = self.builder.icmp_signed("<", index, self.valid_rows)
            index = self.builder.select(inside, index, last)
        return ir.offset(self.builder, first, self.builder.mul(index, stride))

    def if_valid(self, i: int) -> Any:
        """A block of code that runs only if row i exists."""
        exists = llvm.Constant(llvm.IntType(1), 1)
        if self.valid_rows is not None:
            exists = self.builder.icmp_signed("<", ir.int64(i), self.valid_rows)
        return self.builder.if_then(exists)

    def _mask(self, j: int) -> Any:
        left = self.builder.sub(self.valid_columns, ir.int64(j * WIDTH))
        return ir.first_lanes(self.builder, left)

    def load(self, row: Any, j: int) -> Any:
        place = ir.offset(self.builder, row, j * WIDTH)
        if self.valid_columns is None:
            return ir.load(self.builder, place)
        return ir.masked_load(self.builder, place, self._mask(j))

    def store(self, value: Any, row: Any, j: int) -> None:
        place = ir.offset(self.builder, row, j * WIDTH)
        if self.valid_columns is None:
            ir.store(self.builder, value, place)
        else:
            ir.masked_store(self.builder, value, place, self._mask(j))
