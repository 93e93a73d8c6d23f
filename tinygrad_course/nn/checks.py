"""The checks of what a layer's `__init__` is given; each names the layer and the argument."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ..errors import ArgumentError, ArgumentTypeError


def size(layer: str, name: str, value: Any) -> int:
    """A number of units, channels or features: an integer of at least 1.

    Raises:
        ArgumentTypeError: not an integer.
        ArgumentError: zero or negative.
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None:
        raise ArgumentTypeError(
            f"{layer}: {name} must be an integer of at least 1, but it is {value!r} "
            f"({type(value).__name__})"
        )
    if number < 1:
        raise ArgumentError(f"{layer}: {name} must be at least 1, but it is {number}")
    return number


def fraction(layer: str, name: str, value: Any) -> float:
    """A number from 0 to 1.

    Raises:
        ArgumentTypeError: not a number.
        ArgumentError: outside 0 .. 1, or NaN.
    """
    number = finite(layer, name, value)
    if not 0.0 <= number <= 1.0:
        raise ArgumentError(f"{layer}: {name} must lie in 0 .. 1, but it is {value!r}")
    return number


def finite(layer: str, name: str, value: Any) -> float:
    """A finite number.

    Raises:
        ArgumentTypeError: not a number.
        ArgumentError: NaN or infinite.
    """
    if isinstance(value, (bool, str)) or not hasattr(value, "__float__"):
        raise ArgumentTypeError(
            f"{layer}: {name} must be a number, but it is {value!r} ({type(value).__name__})"
        )
    number = float(value)
    if not math.isfinite(number):
        raise ArgumentError(f"{layer}: {name} must be finite, but it is {value!r}")
    return number


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
