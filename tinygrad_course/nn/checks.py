"""The checks of what a layer's `__init__` is given; each names the layer and the argument."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArgumentTypeError
from ..ops.numbers import finite, fraction, whole

__all__ = ["finite", "float_dtype", "fraction", "size"]


def size(layer: str, name: str, value: Any) -> int:
    """A number of units, channels or features: an integer of at least 1.

    Raises:
        ArgumentTypeError: not an integer.
        ArgumentError: zero or negative.
    """
    return whole(layer, name, value, least=1)


def float_dtype(layer: str, dtype: Any) -> np.dtype[Any]:
    """`dtype` as a NumPy dtype that gradients can have.

    Raises:
        ArgumentTypeError: unknown, or no float.
    """
    found: np.dtype[Any] | None
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    if dtype is None or found is None or found.kind != "f":
        raise ArgumentTypeError(
            f"{layer}: dtype must be a float dtype, such as 'float32' or 'float64', but it is "
            f"{dtype!r}"
        )
    return found
