"""`dropout` in CUDA C++: the launcher of `cuda.cu`. The bits, and so y, are the reference's."""

from __future__ import annotations

import numpy as np

from .. import cuda_launch
from ..arrays import Array
from ..cuda_geometry import THREADS, blocks_for
from ..cuda_launch import contiguous, out_with_gaps, output


@out_with_gaps
def dropout(x: Array, *, p: float, seed: int, offset: int, out: Array | None = None) -> Array:
    """Drop with probability p and scale what stays, as `reference.dropout`."""
    x = contiguous(x)
    y = output(out, x.shape, x)
    if x.size == 0:
        return y
    width = cuda_launch.vector_width(x, y)
    run = cuda_launch.kernel("dropout/cuda.cu", "dropout", x, (f"-DVEC={width}",))
    numbers = (
        np.int64(x.size),
        np.float32(1 / (1 - p) if p < 1 else 1.0),
        np.uint64(int(p * 2**32)),
        np.uint64(seed),
        np.uint64(offset),
    )
    run((blocks_for(-(-x.size // 4), run, x),), (THREADS,), (x, y, *numbers))
    return y
