"""Where f has two slopes: both of them, and what a gradient may be between them.

At a kink (relu at 0, a tie of a maximum) every value between the slope from the left and the slope
from the right is a valid gradient. Read next: `settle.py`.

References:
    Bolte, Pauwels, "Conservative set valued fields, automatic differentiation, stochastic gradient
    methods and deep learning", Mathematical Programming 2021.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .numeric import ONE_SIDED, Line, one_sided
from .rows import Rows

Array = Any


class Slopes(NamedTuple):
    """The derivatives from both sides, per row.

    Attributes:
        left: the derivative from the left.
        right: the derivative from the right.
        low: the smallest value between them that a gradient may have.
        high: the largest.
        bar: their error bar.
        change: how steep f is over the first, small step: what counts as a slope here at all.
        kinked: where left and right differ by more than the error bar.
    """

    left: Array
    right: Array
    low: Array
    high: Array
    bar: Array
    change: Array
    kinked: Array

    def outside(self, analytic: Array) -> Array:
        """How far `analytic` lies outside; 0 inside, inf if it is not finite."""
        far = np.maximum(np.maximum(analytic - self.high, self.low - analytic), 0.0)
        return np.where(np.isfinite(analytic), far, np.inf)


def slopes_of(line: Line, rows: Rows, needed: Array) -> Slopes:
    """Both one-sided derivatives at the point itself.

    Where several outputs are weighted into one number, each may choose its own value between its
    own two slopes, so the bounds are those of interval arithmetic.

    Args:
        line: f along the line.
        rows: what is looked at of f's outputs.
        needed: how small the error bars should be, per row; larger steps are tried until they are.
    """
    change: Any = None
    for exponent in ONE_SIDED:
        right, left = one_sided(line, 1, exponent, rows), one_sided(line, -1, exponent, rows)
        if change is None:
            change = rows.size(np.fmax(right.jump, left.jump))
        there = np.isfinite(right.value), np.isfinite(left.value)
        bars = np.where(there[0], right.truncation + right.rounding, 0.0)
        bars = bars + np.where(there[1], left.truncation + left.rounding, 0.0)
        apart = abs(right.value - left.value) > 8.0 * bars
        middle = (right.value + left.value) / 2.0
        low = np.where(apart, np.minimum(right.value, left.value), middle)
        high = np.where(apart, np.maximum(right.value, left.value), middle)
        lower, upper = rows.hull(low, high)
        bar = rows.size(bars)
        if (bar <= needed).all():
            break
    sides = rows.project(left.value), rows.project(right.value)
    return Slopes(*sides, lower, upper, bar, change, upper - lower > 4.0 * bar)
