"""The sum on a CPU: one reading of each array and one writing, on all threads.

NumPy adds on one thread, and a large result costs it fresh pages. Each number is one addition
and one comparison, so cutting the work into strips changes no bit. Read `reference.py` first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import workspace
from ..activation.numba_cpu import activation as activation_of
from ..arrays import Array
from ..compiled import kernel, prange

ZERO = np.float32(0)
STRIP = 1 << 12
"""Numbers that a thread takes at a time."""
WORTH_THREADS = 1 << 15
"""Numbers from which waking the pool (2 us) pays."""


@kernel(parallel=True)
def _add(a: Any, b: Any, is_relu: bool, y: Any) -> None:
    for s in prange((y.size + STRIP - 1) // STRIP):
        # Slices, whose indices start at 0: of others Numba asks each time whether they are below.
        start, end = s * STRIP, s * STRIP + STRIP
        left, right, result = a[start:end], b[start:end], y[start:end]
        if is_relu:
            for i in range(result.size):
                total = left[i] + right[i]
                result[i] = ZERO if total <= ZERO else total  # noqa: FURB136  (max drops NaN)
        else:
            for i in range(result.size):
                result[i] = left[i] + right[i]


def add(a: Array, b: Array, *, activation: str | None = None, out: Array | None = None) -> Array:
    """`reference.add`, with its error bound; tanh and sigmoid read and write y once more."""
    y = workspace.empty(a.shape, a.dtype) if out is None else out
    if a.size:
        run = _add if a.size >= WORTH_THREADS else _add.serial
        flat_a, flat_b = (np.ascontiguousarray(x).reshape(-1) for x in (a, b))
        run(flat_a, flat_b, activation == "relu", y.reshape(-1))
    if activation in ("tanh", "sigmoid"):
        activation_of(y, None, kind=activation, out=y)
    return y
