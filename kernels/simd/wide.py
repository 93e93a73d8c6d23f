"""Four vectors side by side, as one value: as many sums in flight as an adder wants.

An addition takes 4 cycles and one starts in each, so one running sum leaves three idle.
A kernel that sums over rows therefore takes WIDE = 4 WIDTH columns at a time. A wide value is a
tuple of four vectors, and like one it lives in registers. Read next: `sum_rows/numba_cpu.py`.
"""

from __future__ import annotations

from typing import Any

from ..compiled import device_function
from . import functions
from .cpu import WIDTH
from .vector import load, load_first, store, store_first

WIDE = 4 * WIDTH


@device_function
def wide(x: Any) -> Any:
    """A single float, or a vector, four times."""
    v = functions.broadcast(x)
    return v, v, v, v


@device_function
def load_wide(array: Any, index: Any, count: Any) -> Any:
    """The first `count` of the WIDE floats of `array` from `index` on; 0 beyond them."""
    if count >= WIDE:
        return (
            load(array, index),
            load(array, index + WIDTH),
            load(array, index + 2 * WIDTH),
            load(array, index + 3 * WIDTH),
        )
    return (
        load_first(array, index, count),
        load_first(array, index + WIDTH, count - WIDTH),
        load_first(array, index + 2 * WIDTH, count - 2 * WIDTH),
        load_first(array, index + 3 * WIDTH, count - 3 * WIDTH),
    )


@device_function
def store_wide(array: Any, index: Any, a: Any, count: Any) -> Any:
    """Write the first `count` floats of `a`, and nothing beyond them."""
    if count >= WIDE:
        store(array, index, a[0])
        store(array, index + WIDTH, a[1])
        store(array, index + 2 * WIDTH, a[2])
        store(array, index + 3 * WIDTH, a[3])
    else:
        store_first(array, index, a[0], count)
        store_first(array, index + WIDTH, a[1], count - WIDTH)
        store_first(array, index + 2 * WIDTH, a[2], count - 2 * WIDTH)
        store_first(array, index + 3 * WIDTH, a[3], count - 3 * WIDTH)


@device_function
def add(a: Any, b: Any) -> Any:
    """The sum a + b."""
    return a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]


@device_function
def subtract(a: Any, b: Any) -> Any:
    """The difference a - b."""
    return a[0] - b[0], a[1] - b[1], a[2] - b[2], a[3] - b[3]


@device_function
def multiply(a: Any, b: Any) -> Any:
    """The product a b."""
    return a[0] * b[0], a[1] * b[1], a[2] * b[2], a[3] * b[3]


@device_function
def divide(a: Any, b: Any) -> Any:
    """The quotient a / b."""
    return a[0] / b[0], a[1] / b[1], a[2] / b[2], a[3] / b[3]


@device_function
def fma(a: Any, b: Any, c: Any) -> Any:
    """The sum a b + c, rounded once."""
    return (
        functions.fma(a[0], b[0], c[0]),
        functions.fma(a[1], b[1], c[1]),
        functions.fma(a[2], b[2], c[2]),
        functions.fma(a[3], b[3], c[3]),
    )


@device_function
def at_least(a: Any, least: Any) -> Any:
    """The larger of a and the vector `least`; a NaN in `a` stays."""
    return (
        functions.select(a[0] < least, least, a[0]),
        functions.select(a[1] < least, least, a[1]),
        functions.select(a[2] < least, least, a[2]),
        functions.select(a[3] < least, least, a[3]),
    )
