"""A low precision's rounding pattern: tested before any factor, which it imitates.

A gradient that went through float16 has only values that float16 can hold, each within half a unit
in the last place of the right one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .evidence import Evidence
from .guess import Guess

Array = Any


def bfloat16(x: Array) -> Array:
    """x rounded to the nearest bfloat16, which keeps 8 significant bits.

    Example:
        >>> bfloat16(np.array([1.0, 1.001])).tolist()
        [1.0, 1.0]
    """
    bits = np.asarray(x, np.float32).view(np.uint32).astype(np.uint64)
    kept = (bits + 0x7FFF + ((bits >> np.uint64(16)) & np.uint64(1))) & np.uint64(0xFFFF0000)
    return kept.astype(np.uint32).view(np.float32).astype(np.float64)


def float16(x: Array) -> Array:
    """x rounded to the nearest float16.

    Example:
        >>> float16(np.array([1.0001])).tolist()
        [1.0]
    """
    return np.asarray(x).astype(np.float16).astype(np.float64)


def float32(x: Array) -> Array:
    """x rounded to the nearest float32.

    Example:
        >>> float32(np.array([1.00000001])).tolist()
        [1.0]
    """
    return np.asarray(x).astype(np.float32).astype(np.float64)


FORMATS: dict[str, tuple[Callable[[Array], Array], float, float]] = {
    "float32": (float32, 2.0**-24, 1e-37),
    "float16": (float16, 2.0**-11, 2.0**-24),
    "bfloat16": (bfloat16, 2.0**-8, 1e-37),
}
"""How to round, half a unit in the last place, and the smallest step near zero."""


def rounding(evidence: Evidence) -> Iterator[Guess]:
    """A gradient that was rounded to float32, float16 or bfloat16."""
    if evidence.dtype not in {"float64", "float32"}:
        return
    grad = f"d{evidence.input}"
    for name, (rounded, unit, least) in FORMATS.items():
        if name == evidence.dtype:
            continue
        yield Guess(
            f"rounding:{name}",
            lambda e, r=rounded, u=unit, s=least: _rounded(e, r, u, s),  # type: ignore[misc]
            f"{grad} is right up to rounding: all its values are {name} numbers, within about "
            f"{unit:.1g} of the right ones.",
            f"Somewhere the gradient passes through {name}; compute it in {evidence.dtype}.",
            right=f"{grad} in {evidence.dtype}",
            found=f"{grad}.astype({name})",
        )


def _rounded(e: Evidence, rounded: Callable[[Array], Array], unit: float, least: float) -> Any:
    """The found gradient, where it is the right one in that precision; else None."""
    found, right = np.asarray(e.found), np.asarray(e.right)
    if found.shape != right.shape or not np.isfinite(found).all():
        return None
    held = np.array_equal(rounded(found), found.astype(np.float64))
    size = abs(right).max(initial=0.0)
    near = abs(found - right) <= 4.0 * (unit * abs(right) + least) + 1e-9 * size
    return e.found if held and bool(near.all()) else None
