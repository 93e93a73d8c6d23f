"""`dense` on a GPU: cuBLAS for the product, and one pass of our own kernel for bias and activation.

Through the module's own `matmul`, which is cuBLAS in CuPy and the BLAS of NumPy in the emulator.
"""

from __future__ import annotations

import math

from ..activation.cuda import activation as activate
from ..arrays import Array, array_module
from ..cuda_launch import out_with_gaps, output


@out_with_gaps
def dense(
    x: Array,
    w: Array,
    b: Array | None,
    *,
    activation: str | None = None,
    out: Array | None = None,
) -> Array:
    """y = f(x w + b), as `reference.dense`."""
    in_features, out_features = w.shape
    y = output(out, (*x.shape[:-1], out_features), x)
    count = math.prod(x.shape[:-1])
    rows = y.reshape(count, out_features)
    array_module(x).matmul(x.reshape(count, in_features), w, out=rows)
    if b is None and activation is None:
        return y
    return activate(y, b, kind=activation or "identity", out=y)
