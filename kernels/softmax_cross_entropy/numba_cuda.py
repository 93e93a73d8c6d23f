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
from ..numba_language import Count, Float, Floats, Labels, cuda, device_function, float32, kernel
from ..numba_launch import launch

THREADS = 128


@device_function
def largest_of(row: Floats, start: Count, classes: Count, part: Any) -> Float:
    """The maximum of the row that begins at `start`, known to every thread of the block."""
    thread = cuda.threadIdx.x
    found = float32(-math.inf)
    k = thread
    while k < classes:
        found = max(found, row[start + k])
        k += THREADS
    part[thread] = found
    half = THREADS // 2
    while half > 0:
        cuda.syncthreads()
        if thread < half:
            part[thread] = max(part[thread], part[thread + half])
        half //= 2
    cuda.syncthreads()
    return part[0]


@device_function
def total_of(row: Floats, start: Count, classes: Count, largest: Float, part: Any) -> Float:
    """The sum over that row of exp(z - largest), known to every thread of the block."""
    thread = cuda.threadIdx.x
    total = float32(0)
    k = thread
    while k < classes:
        total += math.exp(row[start + k] - largest)
        k += THREADS
    cuda.syncthreads()  # the largest has been read by all
    part[thread] = total
    half = THREADS // 2
    while half > 0:
        cuda.syncthreads()
        if thread < half:
            part[thread] += part[thread + half]
        half //= 2
    cuda.syncthreads()
    return part[0]


@kernel
def losses_of_rows(logits: Floats, targets: Labels, losses: Floats, classes: Count) -> None:
    """loss = log(sum exp(z - m)) - (z[t] - m), m the largest z."""
    part = cuda.shared.array(THREADS, float32)
    place = cuda.blockIdx.x
    start = place * classes
    largest = largest_of(logits, start, classes, part)
    total = total_of(logits, start, classes, largest, part)
    if cuda.threadIdx.x == 0:
        losses[place] = math.log(total) - (logits[start + targets[place]] - largest)


@kernel
def gradients_of_rows(
    dy: Floats, logits: Floats, targets: Labels, dz: Floats, classes: Count
) -> None:
    """dz[k] = dy (softmax(z)[k] - [k = t])."""
    part = cuda.shared.array(THREADS, float32)
    place = cuda.blockIdx.x
    start = place * classes
    largest = largest_of(logits, start, classes, part)
    total = total_of(logits, start, classes, largest, part)
    k = cuda.threadIdx.x
    while k < classes:
        probability = math.exp(logits[start + k] - largest) / total
        hit = float32(1) if k == targets[place] else float32(0)
        dz[start + k] = dy[place] * (probability - hit)
        k += THREADS


@out_with_gaps
def softmax_cross_entropy(logits: Array, targets: Array, *, out: Array | None = None) -> Array:
    """-log softmax(z)[t] for each row, as `reference.softmax_cross_entropy`."""
    losses = output(out, targets.shape, logits)
    if targets.size == 0:
        return losses
    arrays = contiguous(logits), _labels(targets), losses
    launch(losses_of_rows, (targets.size,), (THREADS,), *arrays, logits.shape[-1])
    return losses


@out_with_gaps
def softmax_cross_entropy_grad(
    dy: Array, logits: Array, targets: Array, *, out: Array | None = None
) -> Array:
    """dz = dy (softmax(z) - onehot(t)), as `reference.softmax_cross_entropy_grad`."""
    dz = output(out, logits.shape, logits)
    if targets.size == 0:
        return dz
    arrays = contiguous(dy), contiguous(logits), _labels(targets), dz
    launch(gradients_of_rows, (targets.size,), (THREADS,), *arrays, logits.shape[-1])
    return dz


def _labels(targets: Array) -> Array:
    """One integer type for all: the kernel has one."""
    packed: Array = array_module(targets).ascontiguousarray(targets, dtype=np.int64)
    return packed
