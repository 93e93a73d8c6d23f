"""SIMD for Numba kernels: vectors of floats, and the register tile that multiplies matrices.

This is the only folder that speaks LLVM IR, the compiler's own language. Everything here is called
from inside a `kernel`; nothing here is called from Python.

    cpu.py      how wide this machine's vectors are, how many registers it has
    ir.py       the few LLVM instructions used, with names
    vector.py   a vector as a value: load, store, + - * /, comparisons, borders by lane count
    functions.py  fma, select, maximum, ...: of vectors, or of single floats; sums of the lanes
    math.py     exp, log, tanh, sigmoid, erf: of a vector, or of one float in a loop
    tile.py     the register tile: C += A B on a block that never leaves the registers
    panel.py    such tiles one below the other, for any number of rows
    gather.py   the same for a matrix A that is only pointed at: the windows of a convolution
    winograd.py   small squares times small matrices from both sides, for Winograd's convolution
    transpose.py  a block turned over inside the registers
    rows.py, wide.py  a row of any length; four vectors side by side
    philox.py   random bits, the same on every machine

Why a tile? A matrix product of (M, K) by (K, N) does 2 M K N operations on few numbers, yet the
textbook's three loops run at a few per cent of the machine: each multiply-add loads two numbers and
stores one, and the memory units, not the multipliers, set the pace. Take an AVX-512 core. It
starts two fused multiply-adds per cycle, each on a vector of 16 floats, and each takes 4 cycles to
finish. It can load two vectors per cycle. Two conditions follow.

* Enough work in flight: 2 a cycle x 4 cycles = 8 multiply-adds must be independent of one another,
  so at least 8 different sums, each in a register of its own.
* Enough work per load: a block of R rows by S vectors of C needs, for one k, S loads of b and R
  broadcasts of a, and does R S multiply-adds. R = 12, S = 2: 24 multiply-adds (12 cycles) for 14
  loads (7 cycles). The multipliers are the bottleneck, as they should be.

The block of C sits in R S = 24 registers from the first k to the last; 2 more hold b, the last ones
a: 27 of the 32 that AVX-512 has. A larger block, 7 x 4 = 28 sums and 4 of b and one of a, does not
fit: the compiler spills sums to memory and the speed halves (141 instead of 285 GFLOP/s). The
machine's peak is 2 x 16 x 2 operations a cycle; the loop's own instructions and the first and last
k of each block are what remains, and they cost 5 %.
With the 16 registers of AVX2 the same arithmetic gives 6 x 2. `tile.py` writes the loop.
"""

from .cpu import TILE_ROWS, TILE_VECTORS, WIDTH
from .functions import (
    absolute,
    broadcast,
    copy_sign,
    exponent,
    first,
    floor,
    fma,
    max_lanes,
    maximum,
    minimum,
    select,
    significand,
    sqrt,
    sum_lanes,
    two_to_the,
)
from .tile import make_tile
from .transpose import transpose_block
from .vector import address, array_at, load, load_first, store, store_first, store_places

__all__ = [
    "TILE_ROWS",
    "TILE_VECTORS",
    "WIDTH",
    "absolute",
    "address",
    "array_at",
    "broadcast",
    "copy_sign",
    "exponent",
    "first",
    "floor",
    "fma",
    "load",
    "load_first",
    "make_tile",
    "max_lanes",
    "maximum",
    "minimum",
    "select",
    "significand",
    "sqrt",
    "store",
    "store_first",
    "store_places",
    "sum_lanes",
    "transpose_block",
    "two_to_the",
]
