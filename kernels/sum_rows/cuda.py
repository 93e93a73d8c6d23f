"""`sum_rows` in CUDA C++: the launcher of `cuda.cu`.

Error: |y - exact| <= (M / slices + log2 M) eps sum |x|, the slices being as many as keep the device
busy: about as many additions in a chain as one thread makes. Other kernels end with it too.
"""

from __future__ import annotations

import numpy as np

from .. import cuda_launch
from ..arrays import Array
from ..cuda_geometry import THREADS, Columns
from ..cuda_launch import contiguous, out_with_gaps, output, rows_of


@out_with_gaps
def sum_rows(x: Array, *, out: Array | None = None) -> Array:
    """The sum over all axes but the last, as `reference.sum_rows`."""
    x = contiguous(x)
    M, C = rows_of(x)
    y = output(out, (C,), x)
    if C == 0:
        return y
    width = cuda_launch.vector_width(x, y, length=C)
    run = cuda_launch.kernel("sum_rows/cuda.cu", "sum_rows", x, (f"-DVEC={width}",))
    columns = Columns(M, C, width, run, x)
    shape = (np.int32(C), np.int32(columns.width))
    if columns.slices == 1:
        run((columns.tiles, 1), (THREADS,), (x, y, np.int64(M), *shape))
    else:
        parts = output(None, (columns.slices, C), x)
        run((columns.tiles, columns.slices), (THREADS,), (x, parts, np.int64(M), *shape))
        run((columns.tiles, 1), (THREADS,), (parts, y, np.int64(columns.slices), *shape))
    return y
