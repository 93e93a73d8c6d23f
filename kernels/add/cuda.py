"""The sum of two arrays in CUDA C++: the launcher of `cuda.cu`.

Error: as the reference's.
"""

from __future__ import annotations

import numpy as np

from .. import cuda_launch
from ..activation.cuda import kind_number
from ..arrays import Array
from ..cuda_geometry import THREADS, blocks_for
from ..cuda_launch import contiguous, out_with_gaps, output


@out_with_gaps
def add(a: Array, b: Array, *, activation: str | None = None, out: Array | None = None) -> Array:
    """y = f(a + b), as `reference.add`."""
    a, b = contiguous(a), contiguous(b)
    y = output(out, a.shape, a)
    if a.size == 0:
        return y
    width = cuda_launch.vector_width(a, b, y)
    run = cuda_launch.kernel("add/cuda.cu", "add", a, (f"-DVEC={width}",))
    blocks = blocks_for(-(-a.size // width), run, a)
    run((blocks,), (THREADS,), (a, b, y, np.int64(a.size), kind_number(activation)))
    return y
