"""The definitions of the activations that a kernel can end with, and of their gradients.

Each derivative is written by the result y, which the network keeps anyway: the sum x + b is never
stored.
"""

from __future__ import annotations

from ..arrays import Array, array_module

KINDS = ("identity", "relu", "tanh", "sigmoid")
"""The functions f whose derivative is a function of y = f(x)."""


def activation(x: Array, b: Array | None, *, kind: str, out: Array | None = None) -> Array:
    """The activation of a layer, with the layer's bias: y = f(x + b).

        identity   f(z) = z                 relu      f(z) = max(z, 0)
        tanh       f(z) = tanh z            sigmoid   f(z) = 1 / (1 + e^-z)

    Error: 1 eps |x + b| for the sum, which f does not enlarge, and about 3 eps of y for f itself.

    Args:
        x: (..., C), or any shape where b is None.
        b: (C,), or None for no bias.
        kind: one of `KINDS`.
        out: array of x's shape to write y into, x itself for one, or None for a new array.

    Returns:
        y, of x's shape.

    Example:
        >>> import numpy as np
        >>> activation(np.array([[-1.0, 2.0]]), np.array([0.5, 0.5]), kind="relu")
        array([[0. , 2.5]])
    """
    xp = array_module(x)
    z = x if b is None else xp.add(x, b, out=out)
    y: Array
    if kind == "relu":
        y = xp.maximum(z, 0, out=out)
    elif kind == "tanh":
        y = xp.tanh(z, out=out)
    elif kind == "sigmoid":
        # e^-|z| never overflows, and keeps the small values of a very negative z exact.
        e = xp.exp(-abs(z))
        y = xp.divide(xp.where(z < 0, e, xp.ones_like(e)), 1 + e, out=out)
    elif out is None:
        y = x.copy() if b is None else z
    else:
        if b is None:
            out[...] = x
        y = out
    return y


def activation_grad(dy: Array, y: Array, *, kind: str, out: Array | None = None) -> Array:
    """The gradient of `activation` for x, written by its result.

        identity   dx = dy                  relu      dx = dy sign(y)
        tanh       dx = dy (1 - y^2)        sigmoid   dx = dy y (1 - y)

    db is the sum of dx over all axes but the last. Where y is 0, relu's dx is 0.
    Error: 3 eps |dy|.

    Args:
        dy: the gradient for y, of y's shape.
        y: what `activation` returned.
        kind: as there.
        out: array of y's shape to write dx into, or None for a new array.

    Returns:
        dx, of y's shape.

    Example:
        >>> import numpy as np
        >>> activation_grad(np.ones(2), np.array([0.0, 2.5]), kind="relu")
        array([0., 1.])
    """
    xp = array_module(y)
    dx: Array
    if kind == "relu":
        dx = xp.multiply(dy, xp.sign(y), out=out)
    elif kind == "tanh":
        dx = xp.multiply(dy, 1 - y * y, out=out)
    elif kind == "sigmoid":
        dx = xp.multiply(dy, y * (1 - y), out=out)
    elif out is None:
        dx = dy.copy()
    else:
        out[...] = dy
        dx = out
    return dx
