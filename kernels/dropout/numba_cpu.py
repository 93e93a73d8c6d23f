"""Dropout on the CPU: random bits in vectors, the very bits of the reference.

An element's bits depend on its place alone, so the threads need to agree on nothing. Read
`philox.py` and `reference.py` first, then `../simd/philox.py`, which draws 4 WIDTH at once.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from .. import workspace
from ..arrays import Array
from ..compiled import kernel, prange
from ..simd import WIDTH, load, load_first, select, store, store_first
from ..simd.philox import kept

_PIECE = 4096
"""Elements a thread takes at a time; a multiple of 4 WIDTH on every machine."""
_WORTH_THREADS = 16_384
"""Elements from which the thread pool pays: 5 us of work, and waking it costs 2."""


@kernel(parallel=True)
def _drop(x: Any, y: Any, seed: Any, offset: Any, threshold: Any, scale: Any) -> None:
    nothing = np.float32(0)
    for piece in prange((x.size + _PIECE - 1) // _PIECE):
        start = piece * _PIECE
        stop = min(start + _PIECE, x.size)
        for e in range(start, stop, 4 * WIDTH):
            keep = kept(e // 4, offset, seed, threshold)
            if e + 4 * WIDTH <= stop:
                for v in range(4):
                    i = e + v * WIDTH
                    store(y, i, select(keep[v], load(x, i) * scale, nothing))
            else:
                for v in range(4):
                    i = e + v * WIDTH
                    scaled = load_first(x, i, stop - i) * scale
                    store_first(y, i, select(keep[v], scaled, nothing), stop - i)


def dropout(x: Array, *, p: float, seed: int, offset: int, out: Array | None = None) -> Array:
    """`reference.dropout`, bit for bit."""
    y = workspace.empty(x.shape, x.dtype) if out is None else out
    x = np.ascontiguousarray(x)
    scale = np.float32(1 / (1 - p) if p < 1 else 1.0)
    bits_of = ctypes.c_int64  # the bits of an unsigned number as a signed one, which Numba keeps
    run = _drop if x.size >= _WORTH_THREADS else _drop.serial
    run(x, y, bits_of(seed).value, bits_of(offset).value, int(p * 2**32), scale)
    return y
