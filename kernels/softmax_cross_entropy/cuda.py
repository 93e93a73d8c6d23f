"""Softmax with cross-entropy in CUDA C++: the launchers of `cuda.cu`.

The logits are read once and the result written once, in both directions. Up to 1,024 classes a row
belongs to a warp or less, above to a block. Error: as the reference's, the sum being over parts.
"""

from __future__ import annotations

import numpy as np

from .. import cuda_launch
from ..arrays import Array, array_module
from ..cuda_geometry import THREADS, allow_shared
from ..cuda_launch import contiguous, out_with_gaps, output, rows_of

_SOURCE = "softmax_cross_entropy/cuda.cu"
_LONGEST_SHORT_ROW = 1024


@out_with_gaps
def softmax_cross_entropy(logits: Array, targets: Array, *, out: Array | None = None) -> Array:
    """-log softmax(z)[t] for each row, as `reference.softmax_cross_entropy`."""
    logits, targets = contiguous(logits), _as_int64(targets)
    losses = output(out, targets.shape, logits)
    rows, K = rows_of(logits)
    if rows == 0:
        return losses
    if K <= _LONGEST_SHORT_ROW:
        run, blocks = _short("losses_of_short_rows", logits, rows, K)
        run((blocks,), (THREADS,), (logits, targets, losses, np.int64(rows), np.int32(K)))
    else:
        width = cuda_launch.vector_width(logits, length=K)
        run = cuda_launch.kernel(_SOURCE, "losses_of_long_rows", logits, (f"-DVEC={width}",))
        run((rows,), (_threads(K, width),), (logits, targets, losses, np.int32(K)))
    return losses


@out_with_gaps
def softmax_cross_entropy_grad(
    dy: Array, logits: Array, targets: Array, *, out: Array | None = None
) -> Array:
    """dz = dy (softmax(z) - onehot(t)), as `reference.softmax_cross_entropy_grad`."""
    dy, logits, targets = contiguous(dy), contiguous(logits), _as_int64(targets)
    dz = output(out, logits.shape, logits)
    rows, K = rows_of(logits)
    if rows == 0:
        return dz
    if K <= _LONGEST_SHORT_ROW:
        run, blocks = _short("gradients_of_short_rows", logits, rows, K)
        run((blocks,), (THREADS,), (dy, logits, targets, dz, np.int64(rows), np.int32(K)))
        return dz
    width = cuda_launch.vector_width(logits, dz, length=K)
    run = cuda_launch.kernel(_SOURCE, "gradients_of_long_rows", logits, (f"-DVEC={width}",))
    bytes_of_row = 4 * K
    keep = allow_shared(run, bytes_of_row, logits)
    numbers = (np.int32(K), np.int32(keep))
    shared_mem = bytes_of_row if keep else 0
    run((rows,), (_threads(K, width),), (dy, logits, targets, dz, *numbers), shared_mem=shared_mem)
    return dz


def _short(name: str, logits: Array, rows: int, K: int) -> tuple[cuda_launch.Launch, int]:
    """The kernel for rows of K logits, compiled for as many lanes as they need, and its blocks."""
    lanes = next(lanes for lanes in (8, 16, 32) if lanes >= min(K, 32))
    items = 1
    while lanes * items < K:
        items *= 2
    options = (f"-DLANES={lanes}", f"-DITEMS={items}")
    return cuda_launch.kernel(_SOURCE, name, logits, options), -(-rows // (THREADS // lanes))


def _threads(K: int, width: int) -> int:
    """Threads for a row: about four packs each, 128 to 1,024 of them."""
    return int(min(1024, max(128, 1 << (K // (4 * width)).bit_length())))


def _as_int64(targets: Array) -> Array:
    """Targets as the kernels read them."""
    return contiguous(array_module(targets).asarray(targets, dtype=np.int64))
