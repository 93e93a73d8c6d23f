"""Numbers as users write them: options of ops and layers, checked once and made floats."""

from __future__ import annotations

import math
import operator
from typing import Any

from ..errors import ArgumentError, ArgumentTypeError


def number(owner: str, name: str, value: Any) -> float:
    """A real number, NaN and infinity among them; `owner` is the op or layer it is an option of.

    Raises:
        ArgumentTypeError: not a number.
    """
    try:
        if isinstance(value, (bool, str)) or not hasattr(value, "__float__"):
            raise TypeError
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise ArgumentTypeError(
            f"{owner}: {name} must be a number, but it is {value!r} ({type(value).__name__})"
        ) from None


def finite(owner: str, name: str, value: Any) -> float:
    """A finite number.

    Raises:
        ArgumentTypeError: not a number.
        ArgumentError: NaN or infinite.
    """
    found = number(owner, name, value)
    if not math.isfinite(found):
        raise ArgumentError(f"{owner}: {name} must be finite, but it is {value!r}")
    return found


def fraction(owner: str, name: str, value: Any) -> float:
    """A number from 0 to 1.

    Raises:
        ArgumentTypeError: not a number.
        ArgumentError: outside 0 .. 1, or NaN.
    """
    found = finite(owner, name, value)
    if not 0.0 <= found <= 1.0:
        raise ArgumentError(f"{owner}: {name} must lie in 0 .. 1, but it is {value!r}")
    return found


def positive(owner: str, name: str, value: Any) -> float:
    """A number above 0.

    Raises:
        ArgumentTypeError: not a number.
        ArgumentError: 0, negative or NaN.
    """
    found = number(owner, name, value)
    if not found > 0.0:
        raise ArgumentError(f"{owner}: {name} must be positive, but it is {value}")
    return found


def not_negative(owner: str, name: str, value: Any) -> float:
    """A finite number of at least 0.

    Raises:
        ArgumentTypeError: not a number.
        ArgumentError: negative, NaN or infinite.
    """
    found = finite(owner, name, value)
    if found < 0.0:
        raise ArgumentError(f"{owner}: {name} must be at least 0, but it is {value}")
    return found


def whole(owner: str, name: str, value: Any, *, least: int) -> int:
    """An integer of at least `least`.

    Raises:
        ArgumentTypeError: not an integer.
        ArgumentError: a smaller one.
    """
    try:
        found = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        found = None
    if found is None:
        raise ArgumentTypeError(
            f"{owner}: {name} must be an integer of at least {least}, but it is {value!r} "
            f"({type(value).__name__})"
        )
    if found < least:
        raise ArgumentError(f"{owner}: {name} must be at least {least}, but it is {found}")
    return found
