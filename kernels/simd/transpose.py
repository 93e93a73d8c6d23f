"""A block of WIDTH x WIDTH floats, turned over inside the registers.

Read element by element, a transposed matrix costs one load and one store per number. A block in
WIDTH registers takes log2(WIDTH) rounds of shuffles: round s swaps the off-diagonal quarters of
every 2s x 2s sub-block, for s = 1, 2, 4, ... Read next: `matmul/numba_cpu.py`, which packs with it.
"""

from __future__ import annotations

from typing import Any

from numba import types

from . import ir
from .cpu import WIDTH


@ir.intrinsic
def transpose_block(
    typingctx: Any, source: Any, source_row: Any, rows: Any, columns: Any, target: Any,
    target_row: Any,
) -> Any:  # fmt: skip
    """Write the transpose of a block of `rows` x `columns` floats, each from 0 to WIDTH.

    `source` and `target` are addresses, the strides count floats. All of WIDTH x WIDTH is
    written: zeros where the block ends early. Beyond the block nothing is read.
    """

    def emit(context: Any, builder: Any, sig: Any, args: tuple[Any, ...]) -> Any:
        source, source_row, rows, columns, target, target_row = args
        whole = ir.int64(WIDTH)
        is_whole = builder.and_(
            builder.icmp_signed("==", rows, whole), builder.icmp_signed("==", columns, whole)
        )
        loaded = [ir.variable(builder) for _ in range(WIDTH)]
        places = [
            ir.offset(builder, source, builder.mul(ir.int64(i), source_row)) for i in range(WIDTH)
        ]
        with builder.if_else(is_whole) as (all_of_it, a_part):
            with all_of_it:
                for place, vector in zip(places, loaded, strict=True):
                    builder.store(ir.load(builder, place), vector)
            with a_part:
                mask = ir.first_lanes(builder, columns)
                nothing = ir.first_lanes(builder, ir.int64(0))
                for i, (place, vector) in enumerate(zip(places, loaded, strict=True)):
                    exists = builder.icmp_signed("<", ir.int64(i), rows)
                    row_mask = builder.select(exists, mask, nothing)
                    builder.store(ir.masked_load(builder, place, row_mask), vector)
        block = [builder.load(vector, typ=ir.FLOATS) for vector in loaded]
        for i, vector in enumerate(_transposed(builder, block)):
            row = ir.offset(builder, target, builder.mul(ir.int64(i), target_row))
            ir.store(builder, vector, row)
        return context.get_dummy_value()

    kind = types.void(*[types.int64] * 6)
    return kind, emit


def _transposed(builder: Any, block: list[Any]) -> list[Any]:
    """The same numbers, row i of the block in lane i of every vector."""
    span = 1
    while span < WIDTH:
        # Lanes 0 to WIDTH - 1 of a shuffle are the first vector's, the next WIDTH the second's.
        upper = [k if not k & span else WIDTH + k - span for k in range(WIDTH)]
        lower = [k + span if not k & span else WIDTH + k for k in range(WIDTH)]
        turned = list(block)
        for i in range(WIDTH):
            if not i & span:
                pair = block[i], block[i + span]
                turned[i] = builder.shuffle_vector(*pair, ir.lanes(upper))
                turned[i + span] = builder.shuffle_vector(*pair, ir.lanes(lower))
        block = turned
        span *= 2
    return block
