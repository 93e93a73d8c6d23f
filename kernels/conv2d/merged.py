"""Few filters: several neighbouring outputs of a row, computed as one with more filters.

Read next: `numba_direct.py`, which calls itself with what is made here.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Array
from ..simd import WIDTH


def neighbours(
    filters: int, size: int, outputs: int, stride: int, dilation: int, groups: int
) -> int:
    """How many neighbours of a row to merge: as many as fill a vector and divide the row.

    6 filters use 6 lanes of 16. Two neighbouring outputs together are one output of 12 filters,
    whose windows are a column wider and begin two columns apart; each of the 12 has a column of
    zeros. With 5 columns, that is 6 steps for two outputs instead of 5 for one.
    A zero times an infinity is a NaN: here one may spread to the neighbours.
    """
    if stride != 1 or dilation != 1 or groups != 1 or size == 1:
        return 1
    return max(s for s in range(1, max(1, WIDTH // filters) + 1) if outputs % s == 0)


def widen(w: Array, merged: int) -> Array:
    """The filters of `merged` neighbours: wide[i, j + s, c, (s, o)] = w[i, j, c, o]."""
    KH, KW, C, O = w.shape
    wide = np.zeros((KH, KW + merged - 1, C, merged, O), w.dtype)
    for s in range(merged):
        wide[:, s : s + KW, :, s] = w
    return wide.reshape(KH, KW + merged - 1, C, merged * O)


def narrow(wide: Array, merged: int, out: Array | None) -> Array:
    """The adjoint of `widen`: each weight's gradient is the sum over the neighbours."""
    KH, columns, C, _ = wide.shape
    KW = columns - merged + 1
    parts = wide.reshape(KH, columns, C, merged, -1)
    total: Array = np.empty((KH, KW, C, parts.shape[4]), wide.dtype) if out is None else out
    total[...] = parts[:, :KW, :, 0]
    for s in range(1, merged):
        total += parts[:, s : s + KW, :, s]
    return total
