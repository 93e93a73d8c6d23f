"""The definition of `sum_rows`, on the array's own module."""

from __future__ import annotations

from .. import arrays
from ..arrays import Array, array_module


def sum_rows(x: Array, *, out: Array | None = None) -> Array:
    """The sum over all axes but the last: what a bias that was added to every row receives.

        y[c] = sum over all leading axes of x[..., c]

    Blocks of rows are summed by a matrix product. Error: |y - exact| <= (256 + M / 256) eps sum |x|
    with M rows.

    Args:
        x: (..., C).
        out: (C,) to write into, or None for a new array.

    Returns:
        y (C,), of x's dtype.

    Example:
        >>> import numpy as np
        >>> sum_rows(np.ones((4, 5, 2)))
        array([20., 20.])
    """
    xp = array_module(x)
    C = x.shape[-1]
    y: Array = xp.empty(C, dtype=x.dtype) if out is None else out
    rows = x.reshape(x.size // C, C) if C else x.reshape(0, 0)
    y[...] = arrays.sum_rows(rows)
    return y
