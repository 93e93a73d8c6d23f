"""Compiled kernels that do nothing useful, as fast as this machine can: moving, multiplying.

Imported by `ceiling.py` where Numba is there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels.compiled import kernel, prange
from ..kernels.simd import TILE_ROWS, TILE_VECTORS, WIDTH, address, make_tile

STEPS = 128
"""Length of the tile's sums: its two operands then stay in the first-level cache."""

_tile = make_tile(TILE_ROWS, TILE_VECTORS)
_COLUMNS = TILE_VECTORS * WIDTH


@kernel(parallel=True)
def copy_pieces(source: Any, target: Any, times: int) -> None:
    """Copy each row of `source` (P, n) to `target`, `times` times over, a thread a row.

    Each time something else is added: of copies that are all the same, a compiler keeps one.
    """
    for piece in prange(source.shape[0]):
        for time in range(times):
            more = np.float32(time + 1)  # of a 0, nothing would be left
            for i in range(source.shape[1]):
                target[piece, i] = source[piece, i] + more


@kernel(parallel=True)
def update_pieces(source: Any, target: Any, times: int) -> None:
    """Add a number to each row of `target` (P, n) in place; `source` is not looked at."""
    for piece in prange(target.shape[0]):
        for time in range(times):
            more = np.float32(time + 1)  # of a 0, nothing would be left
            for i in range(target.shape[1]):
                target[piece, i] += more


@kernel(parallel=True)
def multiply_add(a: Any, b: Any, c: Any, times: int) -> None:
    """One register tile per row of `c`, computed `times` times over."""
    for piece in prange(c.shape[0]):
        for _ in range(times):
            _tile(
                address(a, 0),
                STEPS,
                0,
                1,
                address(b, 0),
                0,
                _COLUMNS,
                1,
                STEPS,
                address(c, piece * TILE_ROWS * _COLUMNS),
                _COLUMNS,
                np.float32(-np.inf),
                address(c, piece * TILE_ROWS * _COLUMNS),
                _COLUMNS,
            )


def tile_arrays(pieces: int) -> tuple[Any, Any, Any, float]:
    """Operands for `multiply_add` that keep its sums finite, and its operations per time."""
    a = np.full((TILE_ROWS, STEPS), 1e-3, np.float32)
    b = np.full((STEPS, _COLUMNS), 1e-3, np.float32)
    c = np.zeros((pieces, TILE_ROWS, _COLUMNS), np.float32)
    return a, b, c, 2.0 * TILE_ROWS * _COLUMNS * STEPS * pieces
