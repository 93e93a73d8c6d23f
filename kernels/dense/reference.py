"""The definition of `dense`, on the array's own module."""

from __future__ import annotations

import math

from ..activation.reference import activation as activate
from ..arrays import Array, array_module


def dense(
    x: Array,
    w: Array,
    b: Array | None,
    *,
    activation: str | None = None,
    out: Array | None = None,
) -> Array:
    """The fully connected layer, y = f(x w + b).

        y[..., o] = f(b[o] + sum over i of x[..., i] w[i, o])

    All leading axes of x are flattened into one, so that there is a single matrix product.
    Error: |y - exact| <= (I + 1) eps (|x| |w| + |b|) entry by entry,
    before f.

    Args:
        x: (..., I), any number of leading axes, none included.
        w: (I, O).
        b: (O,), or None for no bias.
        activation: the kind of f (`../activation`), or None for the identity.
        out: C-contiguous (..., O) to write y into, or None for a new array.

    Returns:
        y (..., O), of the inputs' dtype.

    Example:
        >>> import numpy as np
        >>> dense(np.array([1.0, 2.0]), np.array([[3.0], [4.0]]), np.array([0.5]))
        array([11.5])
    """
    xp = array_module(x)
    if x.ndim == 2:
        y: Array = xp.matmul(x, w, out=out)
    else:
        in_features, out_features = w.shape
        y = xp.empty((*x.shape[:-1], out_features), dtype=x.dtype) if out is None else out
        count = math.prod(x.shape[:-1])  # -1 could not be worked out beside a width of 0
        xp.matmul(x.reshape(count, in_features), w, out=y.reshape(count, out_features))
    if activation is not None:
        return activate(y, b, kind=activation, out=y)
    if b is not None:
        y += b
    return y
