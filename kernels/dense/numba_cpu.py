"""The dense layer from register tiles: bias and ReLU on the way out, while y is in registers.

The sums of a tile begin at the bias instead of at zero, and what falls below the ReLU's floor is
lifted before it is stored: the layer costs what its matrix product costs. tanh and sigmoid follow
in a pass of their own. Read first: `../matmul/numba_cpu.py`.
"""

from __future__ import annotations

import math

import numpy as np

from .. import workspace
from ..activation.numba_cpu import activation as activate
from ..arrays import Array
from ..matmul.numba_cpu import product, rows_and_strides


def dense(
    x: Array,
    w: Array,
    b: Array | None,
    *,
    activation: str | None = None,
    out: Array | None = None,
) -> Array:
    """See `reference.dense`; float32.

    Error: |y - exact| <= (I + 1) eps (|x| |w| + |b|) entry by entry before f: the bias is the first
    term of the sum. The same bits for any number of threads.
    """
    I, O = w.shape
    y = workspace.empty((*x.shape[:-1], O), x.dtype) if out is None else out
    if y.size == 0:
        return y
    count = math.prod(x.shape[:-1])
    flat = y.reshape(-1)
    bias = flat[:0] if b is None else np.ascontiguousarray(b)
    lowest = 0.0 if activation == "relu" else -np.inf
    product(
        *rows_and_strides(x.reshape(count, I)), *rows_and_strides(w),
        bias, lowest, flat, (count, I, O),
    )  # fmt: skip
    if activation in {"tanh", "sigmoid"}:
        activate(y, None, kind=activation, out=y)
    return y
