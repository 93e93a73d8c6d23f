"""Softmax with cross-entropy as GPU kernels in Python: a block owns a row, its threads share it.

Each thread looks at every 128th class; what they found is brought together in shared memory, by
halves: 64 threads take what the other 64 hold, then 32 of these, down to one. A barrier between two
steps, and one before the memory is used again. Error: as the reference's. Read beside it:
`cuda.cu`, whose threads hand numbers to one another without memory.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..arrays import Array, array_module
from ..cuda_launch import contiguous, out_with_gaps, output
from ..numba_language import cuda, device_function, float32, int32, kernel
from ..numba_launch import launch, rows

THREADS = 128


@device_function
def largest_of(row: Any, part: Any) -> Any:
    """The maximum of a row, known to every thread of the block."""
    thread = cuda.threadIdx.x
    found = float32(-math.inf)
    for k in range(thread, row.size, THREADS):
        found = row[k] if row[k] > found else found  # noqa: FURB136  (older Numba lacks max here)
    part[thread] = found
    half = int32(THREADS // 2)
    while half > 0:
        cuda.syncthreads()
        if thread < half and part[thread + half] > part[thread]:
            part[thread] = part[thread + half]
        half //= 2
    cuda.syncthreads()
    return part[0]


@device_function
def total_of(row: Any, largest: Any, part: Any) -> Any:
    """The sum over a row of exp(z - largest), known to every thread of the block."""
    thread = cuda.threadIdx.x
    total = float32(0)
    for k in range(thread, row.size, THREADS):
        total += math.exp(row[k] - largest)
    cuda.syncthreads()  # the largest has been read by all
    part[thread] = total
    half = int32(THREADS // 2)
    while half > 0:
        cuda.syncthreads()
        if thread < half:
            part[thread] += part[thread + half]
        half //= 2
    cuda.syncthreads()
    return part[0]


@kernel
def losses_of_rows(logits: Any, targets: Any, losses: Any) -> None:
    """loss = log(sum exp(z - m)) - (z[t] - m), m the largest z."""
    part = cuda.shared.array(THREADS, float32)
    place = cuda.blockIdx.x
    row = logits[place]
    largest = largest_of(row, part)
    total = total_of(row, largest, part)
    if cuda.threadIdx.x == 0:
        losses[place] = math.log(total) - (row[targets[place]] - largest)


@kernel
def gradients_of_rows(dy: Any, logits: Any, targets: Any, dz: Any) -> None:
    """dz[k] = dy (softmax(z)[k] - [k = t])."""
    part = cuda.shared.array(THREADS, float32)
    place = cuda.blockIdx.x
    row = logits[place]
    largest = largest_of(row, part)
    total = total_of(row, largest, part)
    for k in range(cuda.threadIdx.x, row.size, THREADS):
        probability = math.exp(row[k] - largest) / total
        hit = float32(1) if k == targets[place] else float32(0)
        dz[place, k] = dy[place] * (probability - hit)


@out_with_gaps
def softmax_cross_entropy(logits: Array, targets: Array, *, out: Array | None = None) -> Array:
    """-log softmax(z)[t] for each row, as `reference.softmax_cross_entropy`."""
    losses = output(out, targets.shape, logits)
    if targets.size == 0:
        return losses
    labels = _labels(targets)
    grid, block = (labels.size,), (THREADS,)
    launch(losses_of_rows, grid, block, rows(logits), labels, losses.reshape(-1))
    return losses


@out_with_gaps
def softmax_cross_entropy_grad(
    dy: Array, logits: Array, targets: Array, *, out: Array | None = None
) -> Array:
    """dz = dy (softmax(z) - onehot(t)), as `reference.softmax_cross_entropy_grad`."""
    dz = output(out, logits.shape, logits)
    if targets.size == 0:
        return dz
    labels = _labels(targets)
    upstream = contiguous(dy).reshape(-1)
    matrix = rows(logits)
    target = dz.reshape(matrix.shape)
    launch(gradients_of_rows, (labels.size,), (THREADS,), upstream, matrix, labels, target)
    return dz


def _labels(targets: Array) -> Array:
    """One integer type for all: each would be compiled anew."""
    flat: Array = array_module(targets).ascontiguousarray(targets, dtype=np.int64).reshape(-1)
    return flat
