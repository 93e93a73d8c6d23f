"""The definitions of softmax and log-softmax over the last axis, and of their gradients."""

from __future__ import annotations

from ..arrays import Array, array_module


def softmax(x: Array, *, out: Array | None = None) -> Array:
    """The numbers of each row as probabilities: positive, summing to 1.

        y[k] = exp(x[k] - m) / sum over j of exp(x[j] - m)          m = max over k of x[k]

    Subtracting the largest changes nothing in exact arithmetic, and no exponential overflows.
    Error: |y - exact| <= (K + 4) eps y, besides what rounding x - m costs: eps |x - m| y.

    Args:
        x: (..., K).
        out: C-contiguous array of x's shape, or None for a new one.

    Returns:
        y (..., K), of x's dtype. A row that holds NaN or +inf, or -inf alone, becomes NaN.

    Example:
        >>> import numpy as np
        >>> softmax(np.array([1e4, 1e4, -np.inf]))
        array([0.5, 0.5, 0. ])

    References:
        Blanchard, Higham and Higham, Accurately computing the log-sum-exp and softmax functions,
        2021, section 3.
    """
    y = _shifted(x, out)
    array_module(x).exp(y, out=y)
    y /= y.sum(axis=-1, keepdims=True)
    return y


def softmax_grad(dy: Array, y: Array, *, out: Array | None = None) -> Array:
    """dx, the gradient of `softmax`, written by its result.

        dx[k] = y[k] (dy[k] - sum over j of dy[j] y[j])

    Error: about (K + 3) eps y max |dy|.

    Args:
        dy: the gradient for y (..., K).
        y: the probabilities (..., K).
        out: C-contiguous array of y's shape, or None for a new one.

    Returns:
        dx (..., K), of y's dtype.

    Example:
        >>> import numpy as np
        >>> softmax_grad(np.array([1.0, 0.0]), np.array([0.5, 0.5]))
        array([ 0.25, -0.25])
    """
    dx: Array = array_module(y).empty(y.shape, dtype=y.dtype) if out is None else out
    array_module(y).multiply(dy, y, out=dx)
    total = dx.sum(axis=-1, keepdims=True)
    array_module(y).subtract(dy, total, out=dx)
    dx *= y
    return dx


def log_softmax(x: Array, *, out: Array | None = None) -> Array:
    """The logarithms of `softmax`, without taking the logarithm of a small number.

        y[k] = (x[k] - m) - log(sum over j of exp(x[j] - m))          m = max over k of x[k]

    Error: |y - exact| <= (K + 3) eps (1 + |y|).

    Args:
        x: (..., K).
        out: C-contiguous array of x's shape, or None for a new one.

    Returns:
        y (..., K), of x's dtype. A row that holds NaN or +inf, or -inf alone, becomes NaN.

    Example:
        >>> import numpy as np
        >>> log_softmax(np.array([0.0, -1e4]))
        array([     0., -10000.])
    """
    xp = array_module(x)
    y = _shifted(x, out)
    if y.shape[-1]:
        y -= xp.log(xp.exp(y).sum(axis=-1, keepdims=True))
    return y


def log_softmax_grad(dy: Array, y: Array, *, out: Array | None = None) -> Array:
    """dx, the gradient of `log_softmax`, written by its result.

        dx[k] = dy[k] - exp(y[k]) sum over j of dy[j]

    Error: about (K + 3) eps sum |dy|.

    Args:
        dy: the gradient for y (..., K).
        y: the logarithms (..., K).
        out: C-contiguous array of y's shape, or None for a new one.

    Returns:
        dx (..., K), of y's dtype.

    Example:
        >>> import numpy as np
        >>> log_softmax_grad(np.array([1.0, 0.0]), np.log([0.5, 0.5]))
        array([ 0.5, -0.5])
    """
    xp = array_module(y)
    dx: Array = xp.empty(y.shape, dtype=y.dtype) if out is None else out
    xp.exp(y, out=dx)
    dx *= dy.sum(axis=-1, keepdims=True)
    xp.subtract(dy, dx, out=dx)
    return dx


def _shifted(x: Array, out: Array | None) -> Array:
    """x minus the largest of its row, in `out` or a new array; rows may be empty."""
    xp = array_module(x)
    y: Array = xp.empty(x.shape, dtype=x.dtype) if out is None else out
    if x.shape[-1]:
        xp.subtract(x, x.max(axis=-1, keepdims=True), out=y)
    return y
