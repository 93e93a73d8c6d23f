"""The definition of the sum of two arrays, and what a residual block ends with: y = f(a + b)."""

from __future__ import annotations

from ..activation.reference import activation as activation_of
from ..arrays import Array, array_module


def add(a: Array, b: Array, *, activation: str | None = None, out: Array | None = None) -> Array:
    """The sum of two arrays of one shape, through the activation of a layer: y = f(a + b).

    Error: eps |a + b| / 2, one rounding, and about 3 eps of y for f itself.

    Args:
        a: any shape.
        b: a's shape.
        activation: "relu", "tanh" or "sigmoid"; None for no f.
        out: array of a's shape to write y into, or None for a new array.

    Returns:
        y, of a's shape.

    Example:
        >>> import numpy as np
        >>> add(np.array([-3.0, 2.0]), np.array([1.0, 1.0]), activation="relu")
        array([0., 3.])
    """
    y: Array = array_module(a).add(a, b, out=out)
    return y if activation is None else activation_of(y, None, kind=activation, out=out)
