"""The definition of `matmul`, on the array's own module."""

from __future__ import annotations

from ..arrays import Array, array_module


def matmul(a: Array, b: Array, *, out: Array | None = None) -> Array:
    """The matrix product y = a b, one for each leading index.

        y[..., i, j] = sum over k of a[..., i, k] b[..., k, j]

    The module's own product is BLAS; this kernel gives it a name that can be timed and replaced.
    Error: |y - exact| <= K eps (|a| |b|) entry by entry, whatever the order of summation.

    Args:
        a: (..., M, K).
        b: (..., K, N); leading axes broadcast against those of `a`.
        out: where to write y, or None for a new array.

    Returns:
        y (..., M, N), of the inputs' dtype.

    Example:
        >>> import numpy as np
        >>> matmul(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]))
        array([[11.]])

    References:
        Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., 2002, section 3.5.
    """
    y: Array = array_module(a).matmul(a, b, out=out)
    return y
