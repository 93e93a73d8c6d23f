"""Sums over rows on the CPU: WIDE columns at a time, their sums in registers from row to row.

Blocks of 256 rows go to the threads; a block's sums are float32, the sum of the blocks float64.
The blocks do not depend on the number of threads, so neither do the bits. Read `reference.py`
first, then `../simd/wide.py`; `../batch_norm/numba_cpu.py` is built in the same way.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import workspace
from ..arrays import Array
from ..compiled import device_function, kernel, prange
from ..simd.wide import WIDE, add, load_wide, store_wide, wide

ROWS = 256
"""Rows of a block: with WIDE columns 64 KiB, which a second pass finds in cache again."""
WORTH_THREADS = 100_000
"""Numbers from which the thread pool pays: their sum takes 7 us, waking the pool 3."""


def wide_rows(x: Array) -> Array:
    """x (..., C) as a matrix whose rows are several rows of x, so that they fill WIDE columns.

    Six channels would leave 58 of 64 lanes empty; 32 rows of them are three times 64 numbers. The
    sum over the rows of this matrix is then summed over its groups of C columns. Where the number
    of rows has no such divisor, rows stay as they are, and lanes empty.

    Example:
        >>> wide_rows(np.zeros((64, 28, 28, 6))).shape
        (1568, 192)
    """
    C = x.shape[-1]
    M = x.size // C
    together = math.gcd(WIDE // math.gcd(C, WIDE), M)
    return np.ascontiguousarray(x).reshape(M // together, together * C)


def block_count(x: Array) -> int:
    """How many blocks of rows a matrix has."""
    return -(-len(x) // ROWS)


@device_function
def find_task(task: Any, x: Any) -> Any:
    """Task number `task` is WIDE columns of a block: the block, its rows, and the first column."""
    R, L = x.shape
    groups = (L + WIDE - 1) // WIDE
    block = task // groups
    return block, min(ROWS, R - block * ROWS), (task - block * groups) * WIDE


@device_function
def task_count(x: Any) -> Any:
    """The number of these tasks."""
    R, L = x.shape
    return ((R + ROWS - 1) // ROWS) * ((L + WIDE - 1) // WIDE)


@kernel(parallel=True)
def _sum_blocks(x: Any, sums: Any) -> None:
    """One row of `sums` for each block of rows of x."""
    L = x.shape[1]
    for task in prange(task_count(x)):
        block, rows, column = find_task(task, x)
        place = block * ROWS * L + column
        total = wide(np.float32(0))
        for r in range(rows):
            total = add(total, load_wide(x, place + r * L, L - column))
        store_wide(sums, block * L + column, total, L - column)


@kernel
def sum_up(sums: Any, y: Any) -> None:
    """Add all rows of `sums`, and their groups of C columns, in float64."""
    C = y.size
    total = np.zeros(C)
    for block in range(sums.shape[0]):
        for first in range(0, sums.shape[1], C):
            some = sums[block, first : first + C]
            for c in range(C):
                total[c] += some[c]
    for c in range(C):
        y[c] = total[c]


def sum_rows(x: Array, *, out: Array | None = None) -> Array:
    """`reference.sum_rows`. Error: |y - exact| <= 256 eps sum |x|, whatever the number of rows.

    A number passes through at most 255 additions within its block; those between blocks round in
    float64, and their result once more to float32.
    """
    y = np.empty(x.shape[-1:], x.dtype) if out is None else out
    if x.size == 0:
        y[...] = 0
        return y
    rows = wide_rows(x)
    sums = workspace.scratch("sum_rows", (block_count(rows), rows.shape[1]), rows)
    run = _sum_blocks if x.size >= WORTH_THREADS else _sum_blocks.serial
    run(rows, sums)
    sum_up(sums, y)
    return y
