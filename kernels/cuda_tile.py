"""The shapes that the tile of `cuda_tile.cuh` is compiled for: how wide, and read how.

Read next: `conv2d/cuda.py` and `matmul/cuda.py`, which launch kernels made of it.
"""

from __future__ import annotations

import functools

BM, BK = 128, 8
"""Rows of a tile, and terms of the sum at a time."""

_PARTS = {128: (8, 8), 64: (8, 4), 32: (4, 4)}
"""By the columns of a tile: the rows and columns of one thread's part in it."""


def columns_of_a_tile(columns: int) -> tuple[int, int]:
    """The width of a tile that wastes least on this many columns, and how many tiles there are.

    Example:
        >>> columns_of_a_tile(40), columns_of_a_tile(300)
        ((64, 1), (128, 3))
    """
    width = 128 if columns > 64 else 64 if columns > 32 else 32
    return width, -(-columns // width)


@functools.cache
def tile_options(width: int, vector_a: int, vector_b: int) -> tuple[str, ...]:
    """The definitions for tiles of this width, whose two matrices are read 1 or 4 numbers at once.

    Example:
        >>> tile_options(32, 1, 4)
        ('-DBM=128', '-DBN=32', '-DTM=4', '-DTN=4', '-DVEC_A=1', '-DVEC_B=4')
    """
    TM, TN = _PARTS[width]
    values = {"BM": BM, "BN": width, "TM": TM, "TN": TN, "VEC_A": vector_a, "VEC_B": vector_b}
    return tuple(f"-D{name}={value}" for name, value in values.items())
