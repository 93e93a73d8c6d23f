"""SGD's and Adam's steps on the CPU: all parameters in one compiled call, each number touched once.

A network has dozens of arrays, most of them small, and gradients that are new arrays in every
step. Handing them to Numba one by one costs 0.2 us each and a compilation for every count and
number of axes; so a kernel takes two tables of integers: where the arrays are, and how long.
Read `reference.py` first; `numba_variants.py` holds the other algorithms.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array
from ..compiled import ParallelKernel, device_function, kernel, prange
from ..simd import array_at
from . import reference

BLOCK = 16384
"""Numbers a thread takes at a time: 64 KiB of each array, of which Adam has four."""
_WORTH_THREADS = 100_000
"""Numbers from which the thread pool pays."""

# Tables of arrays ---------------------------------------------------------------------------------


class Table(NamedTuple):
    """Several lists of arrays as a kernel takes them.

    Attributes:
        objects: int64 (lists, arrays), where the array objects stand.
        sizes: int64 (arrays,), the numbers in each array.
        constants: the step's numbers, in the arrays' dtype.
        total: the sum of `sizes`.
    """

    objects: Array
    sizes: Array
    constants: Array
    total: int


def table(lists: Sequence[Sequence[Array]], constants: Sequence[float]) -> Table | None:
    """The table of these lists; None where there is no array, or one of them does not fit it.

    All must be C-contiguous and of one dtype.

    Asking NumPy for the address of an array (`a.ctypes.data`) takes 0.7 us, for ten parameters
    with velocities longer than the step itself. An array object begins with Python's header and
    then holds that address, so `id` (0.02 us) is enough: `numbers` looks up the rest.
    """
    count = len(lists[0])
    if count == 0:
        return None
    dtype = lists[0][0].dtype
    ids = [
        id(array)
        for arrays in lists
        for array in arrays
        if array.flags.c_contiguous and array.dtype == dtype
    ]
    if len(ids) < count * len(lists):
        return None
    objects = np.array(ids, np.int64).reshape(len(lists), count)
    sizes = [array.size for array in lists[0]]
    return Table(objects, np.array(sizes, np.int64), np.array(constants, dtype), sum(sizes))


_HEADER = object.__basicsize__
"""Bytes from where an array object stands to where it holds the address of its numbers."""
_probe = np.zeros(1)
_address_found = ctypes.c_void_p.from_address(id(_probe) + _HEADER).value
assert _address_found == _probe.ctypes.data, "NumPy's array objects have another layout"  # noqa: S101


def run(step: ParallelKernel[..., None], arrays: Table, *flags: bool) -> None:
    """Run a kernel of this folder on a table, on the pool where that pays."""
    chosen = step if arrays.total >= _WORTH_THREADS else step.serial
    chosen(arrays.objects, arrays.sizes, arrays.constants, *flags)


@device_function
def block_ends(sizes: Any) -> Any:
    """How many blocks there are up to the end of each array."""
    ends = np.empty(sizes.size, np.int64)
    total = 0
    for k in range(sizes.size):
        total += (sizes[k] + BLOCK - 1) // BLOCK
        ends[k] = total
    return ends


@device_function
def find_block(block: Any, ends: Any, sizes: Any) -> Any:
    """The array that a block is of, and the block's first number there."""
    k = 0
    while ends[k] <= block:
        k += 1
    before = ends[k] - (sizes[k] + BLOCK - 1) // BLOCK
    return k, (block - before) * BLOCK


@device_function
def numbers(objects: Any, which: Any, k: Any, start: Any, sizes: Any, constants: Any) -> Any:
    """A block of array k in list `which`."""
    address = array_at(objects[which, k] + _HEADER, 1, sizes)[0] + start * constants.itemsize
    return array_at(address, min(BLOCK, sizes[k] - start), constants)


# SGD ----------------------------------------------------------------------------------------------


@kernel(parallel=True)
def _descend(objects: Any, sizes: Any, constants: Any) -> None:
    lr, weight_decay = constants
    ends = block_ends(sizes)
    for block in prange(ends[-1]):
        k, start = find_block(block, ends, sizes)
        p = numbers(objects, 0, k, start, sizes, constants)
        dp = numbers(objects, 1, k, start, sizes, constants)
        for i in range(p.size):
            g = dp[i] + weight_decay * p[i] if weight_decay else dp[i]
            p[i] -= lr * g


@kernel(parallel=True)
def _roll(objects: Any, sizes: Any, constants: Any, nesterov: Any, first: Any) -> None:
    lr, weight_decay, momentum, let_in = constants
    ends = block_ends(sizes)
    for block in prange(ends[-1]):
        k, start = find_block(block, ends, sizes)
        p = numbers(objects, 0, k, start, sizes, constants)
        dp = numbers(objects, 1, k, start, sizes, constants)
        v = numbers(objects, 2, k, start, sizes, constants)
        for i in range(p.size):
            g = dp[i] + weight_decay * p[i] if weight_decay else dp[i]
            v[i] = g if first else momentum * v[i] + let_in * g
            p[i] -= lr * (g + momentum * v[i] if nesterov else v[i])


def sgd_step(
    parameters: Sequence[Array],
    gradients: Sequence[Array],
    velocities: Sequence[Array] | None,
    *,
    lr: float,
    momentum: float,
    dampening: float,
    nesterov: bool,
    weight_decay: float,
    first: bool,
) -> None:
    """`reference.sgd_step`. Error: 4 eps of the largest term, in each entry.

    That is one eps for each of g, v, the look-ahead and p; a product and its sum may round once.
    """
    arrays: Table | None
    if momentum and velocities is not None:
        constants = lr, weight_decay, momentum, 1 - dampening
        arrays = table((parameters, gradients, velocities), constants)
        if arrays is not None:
            return run(_roll, arrays, nesterov, first)
    else:
        arrays = table((parameters, gradients), (lr, weight_decay))
        if arrays is not None:
            return run(_descend, arrays)
    return reference.sgd_step(
        parameters,
        gradients,
        velocities,
        lr=lr,
        momentum=momentum,
        dampening=dampening,
        nesterov=nesterov,
        weight_decay=weight_decay,
        first=first,
    )


# Adam ---------------------------------------------------------------------------------------------


@kernel(parallel=True)
def _adam(objects: Any, sizes: Any, constants: Any) -> None:
    step_size, root_of_correction, beta1, beta2, new1, new2, eps, weight_decay, shrink = constants
    ends = block_ends(sizes)
    for block in prange(ends[-1]):
        k, start = find_block(block, ends, sizes)
        p = numbers(objects, 0, k, start, sizes, constants)
        dp = numbers(objects, 1, k, start, sizes, constants)
        m = numbers(objects, 2, k, start, sizes, constants)
        v = numbers(objects, 3, k, start, sizes, constants)
        for i in range(p.size):
            g = dp[i] + weight_decay * p[i] if weight_decay else dp[i]
            m[i] = beta1 * m[i] + new1 * g
            v[i] = beta2 * v[i] + new2 * (g * g)
            p[i] = shrink * p[i] - step_size * (m[i] / (np.sqrt(v[i]) / root_of_correction + eps))


def adam_step(
    parameters: Sequence[Array],
    gradients: Sequence[Array],
    first_moments: Sequence[Array],
    second_moments: Sequence[Array],
    *,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    step: int,
) -> None:
    """`reference.adam_step`. Error: 3 eps of the largest term of m and v, 8 of that of p.

    In each entry; the root and the two divisions add one each to the update.
    """
    constants = (
        lr / (1 - beta1**step),
        (1 - beta2**step) ** 0.5,
        beta1,
        beta2,
        1 - beta1,
        1 - beta2,
        eps,
        0.0 if decoupled else weight_decay,
        1 - lr * weight_decay if decoupled else 1.0,
    )
    lists = parameters, gradients, first_moments, second_moments
    arrays = table(lists, constants)
    if arrays is not None:
        return run(_adam, arrays)
    return reference.adam_step(
        *lists,
        lr=lr,
        beta1=beta1,
        beta2=beta2,
        eps=eps,
        weight_decay=weight_decay,
        decoupled=decoupled,
        step=step,
    )
