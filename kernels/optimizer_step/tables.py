"""Many arrays in one compiled call: the tables that the optimizers' kernels take.

A network has dozens of arrays, most of them small, and gradients that are new arrays in every
step. Handing them to Numba one by one costs 0.2 us each, and a compilation for every count and
number of axes. So a kernel takes two tables of integers, where the arrays are and how long, and
works through all their numbers in blocks. Every kernel is the same three lines around the formula
of its reference, written for one number:

    for block in prange(block_count(sizes)):
        p, dp, v, _, _ = block_of(objects, sizes, block, constants)
        for i in range(p.size):

Read next: `numba_cpu.py`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arrays import Array
from ..compiled import ParallelKernel, device_function
from ..simd import array_at

BLOCK = 16384
"""Numbers a thread takes at a time: 64 KiB of each array, of which Adam has four."""
_WORTH_THREADS = 100_000
"""Numbers from which the thread pool pays: LeNet-5's 61,706 take 12 us by one thread, 15 by two."""

_HEADER = object.__basicsize__
"""Bytes from where an array object stands to where it holds the address of its numbers."""
_probe = np.zeros(1)
_address_found = ctypes.c_void_p.from_address(id(_probe) + _HEADER).value
assert _address_found == _probe.ctypes.data, "NumPy's array objects have another layout"  # noqa: S101


def run(
    step: ParallelKernel[..., None],
    lists: Sequence[Sequence[Array]],
    constants: Sequence[float],
    *more: Any,
) -> None:
    """Run a kernel of this folder on all arrays of these lists, parameters and gradients first.

    Asking NumPy for the address of an array (`a.ctypes.data`) takes 0.7 us, for ten parameters
    with velocities longer than the step itself. An array object begins with Python's header and
    then holds that address, so `id` (0.02 us) is enough: `block_of` looks up the rest.

    Args:
        step: the kernel; it takes where the array objects stand (lists, arrays), how many numbers
            are in each array (arrays,), the constants as an array of the arrays' dtype, and `more`.
        lists: arrays of one dtype, lists of one length.
        constants: the step's numbers.
        *more: what else the kernel takes.
    """
    count = len(lists[0])
    if count == 0:
        return None
    dtype = lists[0][0].dtype
    objects = [
        id(array)
        for arrays in lists
        for array in arrays
        if array.flags.c_contiguous and array.dtype == dtype
    ]
    if len(objects) < count * len(lists):
        return _run_on_copies(step, lists, constants, *more)
    sizes = [array.size for array in lists[0]]
    chosen = step if sum(sizes) >= _WORTH_THREADS else step.serial
    table = np.array(objects, np.int64).reshape(len(lists), count)
    return chosen(table, np.array(sizes, np.int64), np.array(constants, dtype), *more)


def _run_on_copies(
    step: ParallelKernel[..., None],
    lists: Sequence[Sequence[Array]],
    constants: Sequence[float],
    *more: Any,
) -> None:
    """The same where an array is a view with gaps: all are copied, and all but gradients back."""
    dtype = lists[0][0].dtype
    copies = [[np.array(array, dtype, order="C") for array in arrays] for arrays in lists]
    run(step, copies, constants, *more)
    for which, (arrays, written) in enumerate(zip(lists, copies, strict=True)):
        if which != 1:
            for array, copy in zip(arrays, written, strict=True):
                array[...] = copy


@device_function
def block_count(sizes: Any) -> Any:
    """How many blocks there are, of all arrays together."""
    count = 0
    for size in sizes:
        count += (size + BLOCK - 1) // BLOCK
    return count


@device_function
def find_block(block: Any, sizes: Any) -> Any:
    """The array that a block is of, and the block's first number there."""
    k = 0
    while block * BLOCK >= sizes[k]:
        block -= (sizes[k] + BLOCK - 1) // BLOCK
        k += 1
    return k, block * BLOCK


@device_function
def block_of(objects: Any, sizes: Any, block: Any, constants: Any) -> Any:
    """A block's numbers in each list: five views, of which the last ones repeat the last list's."""
    k, start = find_block(block, sizes)
    return (
        _numbers(objects, 0, k, start, sizes, constants),
        _numbers(objects, 1, k, start, sizes, constants),
        _numbers(objects, 2, k, start, sizes, constants),
        _numbers(objects, 3, k, start, sizes, constants),
        _numbers(objects, 4, k, start, sizes, constants),
    )


@device_function
def _numbers(objects: Any, which: Any, k: Any, start: Any, sizes: Any, constants: Any) -> Any:
    which = min(which, len(objects) - 1)
    address = array_at(objects[which, k] + _HEADER, 1, sizes)[0] + start * constants.itemsize
    return array_at(address, min(BLOCK, sizes[k] - start), constants)


@device_function
def decayed(gradient: Any, parameter: Any, weight_decay: Any) -> Any:
    """The gradient of the loss and of weight_decay / 2 times the parameter's square."""
    return gradient + weight_decay * parameter if weight_decay else gradient
