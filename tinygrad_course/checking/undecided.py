"""Why a gradient could not be decided, in a sentence that says what to do.

Read next: `report.py`, which prints it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .kinks import Slopes
from .numeric import EPS, Line
from .rows import Rows


class Numbers(NamedTuple):
    """What is known of the undecided derivative.

    Attributes:
        numeric: the best numeric derivative.
        bar: its error bar.
        off: the difference to the analytic one.
        size: how large the values of f are.
        noise: how much they jitter.
    """

    numeric: float
    bar: float
    off: float
    size: float
    noise: float


def why(k: int, line: Line, rows: Rows, slopes: Slopes, numbers: Numbers) -> str:
    """The reason for row k: the domain's end, a jump, noise, or simply too rough."""
    if np.isfinite(slopes.left[k]) != np.isfinite(slopes.right[k]):
        side = "right" if np.isfinite(slopes.right[k]) else "left"
        return (
            f"f is finite only on the {side} of this input, and its slope there does not settle; "
            "move the input to the inside of f's domain"
        )
    if not np.isfinite(numbers.numeric):
        return "f is not finite on either side of this input; move it to the inside of f's domain"
    near = rows.size(abs(line(2.0**-30) - line(-(2.0**-30))))[k]
    far = rows.size(abs(line(2.0**-4) - line(-(2.0**-4))))[k]
    if near > 1e-4 * far and near > 100.0 * rows.size(rows.jitter)[k]:
        return "f jumps at this input, so it has no slope there; move it away from the jump"
    if numbers.noise > 64.0 * EPS * numbers.size:
        digits = -np.log10(numbers.noise / numbers.size) if numbers.noise < numbers.size else 0.0
        return (
            f"the values of f jitter by {numbers.noise:.1g} (they carry about {digits:.0f} digits; "
            "does f compute in float32 on the way?), which hides the difference"
        )
    return (
        f"the numeric derivative does not settle (error bar {numbers.bar:.1g}, difference "
        f"{numbers.off:.1g} along the line): f is too rough, or its values too large beside their "
        "changes, at this input"
    )
