"""How large the grids of CUDA kernels are: by the work, the registers of a kernel and the device.

Stands beside `cuda_launch.py`. Read next: `cuda_common.cuh`, whose loops walk over these grids.

Registers a thread, as ptxas 13.0 gives them for sm_90 (none spills; the grids follow from them):

    activation          40    gradient 29
    dropout             25
    add                 32
    softmax             30    gradient 29
    cross-entropy       16 of 10 classes, 62 of 1,000, 20 of more; gradient 20, 80 and 27
    sgd_step            32    adam_step 40
    sum_rows            38
    batch_norm          moments 48, statistics 40, normalise 40; gradient: sums 57, dx 60
    group_norm          32    gradient: dx 29, sums 39
    embedding           32    gradient 28
    local_response_norm 28    gradient 31
    max_pool2d          48    gradient 14 and 16
    avg_pool2d          46    gradient 48
    conv2d, dx, dw      124, 124, 122: at most 128, so that two blocks share a multiprocessor
    matmul              117
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from . import cuda_launch
from .arrays import Array
from .cuda_launch import Launch

THREADS = 256
"""Threads of a block, as in `cuda_common.cuh`."""

_EMULATED_PROCESSORS = 2
"""Few, so that small arrays already take more than one step a thread."""

_LIMIT_Y = 65535
"""Blocks of a grid along its second axis."""

_SHARED_WITHOUT_ASKING = 48 << 10

_EMULATED_SHARED = 99 << 10
"""As on cards with the least of what a block may be allowed (compute capability 8.6 and 8.9)."""


def blocks_for(items: int, run: Launch, like: Array) -> int:
    """How many blocks of the kernel `run` share `items`: as many as run at once, or fewer.

    A thread of theirs then works through a long array in large steps, and no block waits for
    a place until the others are done.

    Example:
        >>> blocks_for(1000, print, np.zeros(1))
        4
    """
    return max(1, min(-(-items // THREADS), _blocks_at_once(run) * _processors(like)))


@functools.cache
def _blocks_at_once(run: Any) -> int:
    """Blocks that one multiprocessor holds: 2,048 threads, if 65,536 registers are enough.

    CuPy knows how many registers the compiler gave the kernel; the emulator's kernels have none.
    """
    registers = -(-getattr(run, "num_regs", 32) // 8) * 8  # they are given out by eights
    return int(max(1, min(2048, 65536 // registers) // THREADS))


def slices_for(blocks: int, most: int, like: Array) -> int:
    """Into how many slices to cut a sum, so that `blocks` tiles of results fill the device.

    A tile that needs 128 registers of each of 256 threads leaves room for two blocks on a
    multiprocessor. Where the tiles fill them, a second pass over parts would only cost.

    Example:
        >>> slices_for(1, 2, np.zeros(1)), slices_for(100, 2, np.zeros(1))
        (2, 1)
    """
    return max(1, min(2 * _processors(like) // blocks, most, _LIMIT_Y))


class Columns:
    """How blocks share the M rows of C columns, `vector` columns at a time.

    All run at once, and a thread gets at least `rows` rows: the parts of a reduction take a second
    stage, which is not worth it for less. The division, and so the bits of a sum, depend on the
    device, but never on the run.

    Attributes:
        width: packs of columns that a block owns.
        tiles: blocks side by side.
        slices: blocks one below another, each with its share of the rows.

    Example:
        >>> columns = Columns(100, 6, 1, print, np.zeros(1))
        >>> columns.width, columns.tiles, columns.slices
        (6, 1, 1)
    """

    def __init__(
        self, M: int, C: int, vector: int, run: Launch, like: Array, *, rows: int = 16
    ) -> None:
        packs = C // vector
        self.width = min(packs, THREADS)
        self.tiles = -(-packs // self.width)
        rows_at_once = THREADS // self.width
        wanted = -(-_blocks_at_once(run) * _processors(like) // self.tiles)
        self.slices = max(1, min(wanted, M // (rows * rows_at_once), _LIMIT_Y))


def allow_shared(kernel: Any, wanted: int, like: Array) -> bool:
    """Whether a block of `kernel` may have `wanted` bytes of dynamic shared memory.

    Above 48 KiB CUDA asks for a permission, which is given here as far as the device goes.
    """
    if wanted > _most_shared(like):
        return False
    if wanted > _SHARED_WITHOUT_ASKING:
        kernel.max_dynamic_shared_size_bytes = wanted
    return True


def _most_shared(like: Array) -> int:
    """Bytes of shared memory that a block may ask for, less 1 KiB for static arrays."""
    return _attribute(like, "MaxSharedMemoryPerBlockOptin", _EMULATED_SHARED) - 1024


def _processors(like: Array) -> int:
    return _attribute(like, "MultiProcessorCount", _EMULATED_PROCESSORS)


def _attribute(like: Array, name: str, emulated: int) -> int:
    """What CUDA says of the device that `like` lies on; for the emulator, a number of ours."""
    if isinstance(like, np.ndarray):
        return emulated
    return cuda_launch.attribute(int(like.device.id), name)
