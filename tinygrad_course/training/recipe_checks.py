"""What a recipe's values must be: names that exist, numbers in their range. Read `recipe.py`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import PurePath
from typing import Any

from ..data import names as data_names
from ..errors import ArgumentError, ArgumentTypeError, nearest

WHOLE = {"epochs": 1, "batch_size": 1, "seed": 0, "accumulate": 1, "threads": 1,
         "shift": 0, "patience": 1}  # fmt: skip
"""The least value of each whole number."""
REAL = {"lr": (0.0, math.inf), "momentum": (0.0, 1.0), "weight_decay": (0.0, math.inf),
        "clip": (0.0, math.inf), "target_accuracy": (0.0, 1.0)}  # fmt: skip
"""Each real number's interval, the ends excluded, except 0 for momentum and weight decay."""
TEXT = ("device", "target", "early_stopping")
SWITCHES = ("classic", "flip", "one_hot")


def check_name(field: str, value: Any, valid: Iterable[str]) -> None:
    """Raise unless it is one of the names."""
    check_text(field, value)
    if value not in valid:
        raise ArgumentError(f"Recipe: there is no {field} {value!r}; {nearest(value, valid)}")


def check_data(value: Any) -> None:
    """Raise unless it is the name of a data set, or can only be a path."""
    check_text("data", value)
    if not looks_like_a_path(value):
        check_name("data", value, data_names())


def looks_like_a_path(text: str) -> bool:
    """Whether this is a path rather than a name: a separator, an ending, or a dot in front.

    Example:
        >>> [looks_like_a_path(text) for text in ("./pets", "flats.csv", "mnist-12k")]
        [True, True, False]
    """
    return (
        text.startswith((".", "~")) or any(c in text for c in "/\\") or bool(PurePath(text).suffix)
    )


def check_text(field: str, value: Any) -> None:
    """Raise unless it is a string."""
    if not isinstance(value, str):
        raise ArgumentTypeError(f"Recipe: {field} must be a name, but it is {value!r}")


def check_switch(field: str, value: Any) -> None:
    """Raise unless it is True or False."""
    if not isinstance(value, bool):
        raise ArgumentTypeError(f"Recipe: {field} must be True or False, but it is {value!r}")


def check_whole(field: str, value: Any, low: int) -> None:
    """Raise unless it is a whole number from `low` on."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ArgumentTypeError(f"Recipe: {field} must be a whole number, but it is {value!r}")
    if not low <= value < 2**63:
        most = "" if value < low else " and below 2**63"
        raise ArgumentError(f"Recipe: {field} must be at least {low}{most}, but it is {value}")


def check_real(field: str, value: Any, low: float, high: float, *, zero: bool) -> None:
    """Raise unless it is a number between the two, or 0 if that is allowed."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ArgumentTypeError(f"Recipe: {field} must be a number, but it is {value!r}")
    if not (low < value < high or (zero and value == 0)):
        least = "at least 0" if zero else "above 0"
        most = "finite" if math.isinf(high) else f"below {high:g}"
        raise ArgumentError(f"Recipe: {field} must be {least} and {most}, but it is {value!r}")


def check_size(value: Any) -> None:
    """Raise unless it is a side, or (height, width)."""
    sides = value if isinstance(value, tuple) else (value,)
    if len(sides) > 2:
        raise ArgumentError(f"Recipe: size must be N or (height, width), but it is {value!r}")
    for side in sides:
        check_whole("size", side, 1)
