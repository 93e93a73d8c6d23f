"""Softmax and log-softmax in CUDA C++: the launchers of `cuda.cu`.

Error: as the references', the sums being over the parts of a row that threads hold.
"""

from __future__ import annotations

import numpy as np

from .. import cuda_launch
from ..arrays import Array
from ..cuda_geometry import THREADS
from ..cuda_launch import contiguous, out_with_gaps, output, rows_of

_PACKS_OF_A_WARP = 256
"""A row of more packs belongs to a whole block."""


@out_with_gaps
def softmax(x: Array, *, out: Array | None = None) -> Array:
    """Each row as probabilities, as `reference.softmax`."""
    return _run("softmax", (x,), out, logarithm=False)


@out_with_gaps
def softmax_grad(dy: Array, y: Array, *, out: Array | None = None) -> Array:
    """dx by the probabilities y, as `reference.softmax_grad`."""
    return _run("softmax_grad", (dy, y), out, logarithm=False)


@out_with_gaps
def log_softmax(x: Array, *, out: Array | None = None) -> Array:
    """The logarithms of the probabilities, as `reference.log_softmax`."""
    return _run("softmax", (x,), out, logarithm=True)


@out_with_gaps
def log_softmax_grad(dy: Array, y: Array, *, out: Array | None = None) -> Array:
    """dx by the logarithms y, as `reference.log_softmax_grad`."""
    return _run("softmax_grad", (dy, y), out, logarithm=True)


def _run(name: str, inputs: tuple[Array, ...], out: Array | None, *, logarithm: bool) -> Array:
    """One launch: as many threads to a row as it has packs, up to a warp; for long rows a block."""
    inputs = tuple([contiguous(array) for array in inputs])
    like = inputs[-1]
    result = output(out, like.shape, like)
    if like.size == 0:
        return result
    rows, K = rows_of(like)
    width = cuda_launch.vector_width(*inputs, result, length=K)
    packs = K // width
    if packs <= _PACKS_OF_A_WARP:
        team = min(32, 1 << (packs - 1).bit_length())
        block = (team, THREADS // team)
    else:
        block = (min(1024, max(128, 1 << (packs // 4).bit_length())), 1)
    run = cuda_launch.kernel("softmax/cuda.cu", name, like, (f"-DVEC={width}",))
    numbers = (np.int64(rows), np.int32(K), np.int32(logarithm))
    run((-(-rows // block[1]),), block, (*inputs, result, *numbers))
    return result
