"""The embedding on a CPU: rows are copied by all threads, and added column range by column range.

Two words of a batch may be the same, so threads that shared the words would add to one row at
once. Each thread takes its own columns instead and walks all the words in their order: nothing is
sorted, and the bits do not depend on the number of threads. Read `reference.py` first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import workspace
from ..arrays import Array
from ..compiled import kernel, prange

WORTH_THREADS = 1 << 14
"""Numbers moved from which waking the pool (2 us) pays."""
WORDS = 64
"""Rows that one thread copies at a time."""
COLUMNS = 64
"""Columns that one thread adds at a time: four lines of the cache in float32."""


@kernel(parallel=True)
def _read(weight: Any, index: Any, padding: int, y: Any) -> None:
    N, D = y.shape
    for block in prange((N + WORDS - 1) // WORDS):
        for n in range(block * WORDS, min(N, block * WORDS + WORDS)):
            row, result = weight[index[n]], y[n]
            if index[n] == padding:
                result[:] = weight.dtype.type(0)
            else:
                for d in range(D):
                    result[d] = row[d]


@kernel(parallel=True)
def _add(dy: Any, index: Any, padding: int, dw: Any) -> None:
    V, D = dw.shape
    for block in prange((V + WORDS - 1) // WORDS):
        dw[block * WORDS : block * WORDS + WORDS] = dw.dtype.type(0)
    for block in prange((D + COLUMNS - 1) // COLUMNS):
        start, end = block * COLUMNS, min(D, block * COLUMNS + COLUMNS)
        for n in range(index.size):
            if index[n] != padding:
                row, grad = dw[index[n], start:end], dy[n, start:end]
                for d in range(row.size):
                    row[d] += grad[d]


def embedding(
    weight: Array, index: Array, *, padding_index: int | None, out: Array | None = None
) -> Array:
    """As the reference, exactly."""
    D = weight.shape[1]
    y = workspace.empty((*index.shape, D), weight.dtype) if out is None else out
    if y.size:
        run = _read if y.size >= WORTH_THREADS else _read.serial
        words = np.ascontiguousarray(index).reshape(-1)
        run(np.ascontiguousarray(weight), words, _number(padding_index), y.reshape(-1, D))
    return y


def embedding_grad(
    dy: Array, index: Array, *, rows: int, padding_index: int | None, out: Array | None = None
) -> Array:
    """As the reference, in the same order, and so with the same bits."""
    D = dy.shape[-1]
    dw = workspace.empty((rows, D), dy.dtype) if out is None else out
    if dw.size:
        run = _add if dy.size + dw.size >= WORTH_THREADS else _add.serial
        words = np.ascontiguousarray(index).reshape(-1)
        run(np.ascontiguousarray(dy).reshape(-1, D), words, _number(padding_index), dw)
    return dw


def _number(padding_index: int | None) -> int:
    """The row that stands for nothing, or a number that no word has."""
    return -1 if padding_index is None else padding_index
