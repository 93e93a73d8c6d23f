"""One line through the input, several numbers per line: right, wrong, or undecidable, and why.

`settle` tries ladder after ladder of steps until the numeric derivative either agrees with the
analytic one or contradicts it twice. A contradiction is believed only where two ladders sixteen
times apart agree with each other, the measured noise is far smaller, and no kink explains it.
Read next: `probes.py`, which chooses the lines.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .numeric import EPS, FIRST, ONE_SIDED, Line, Slope, central, noise_level, one_sided
from .rows import Rows

Array = Any

RIGHT, KINK, WRONG, UNDECIDABLE = 0, 1, 2, 3

LADDERS = 10
LEVELS = 4
LOWEST, HIGHEST = FIRST - 36, FIRST + 16


class Slopes(NamedTuple):
    """The derivatives from both sides, per projected output.

    Attributes:
        left: the derivative from the left.
        right: the derivative from the right.
        low: the smallest value between them that a gradient may have.
        high: the largest.
        bar: their error bar.
        kinked: where left and right differ by more than that.
    """

    left: Array
    right: Array
    low: Array
    high: Array
    bar: Array
    kinked: Array


@dataclass
class Settled:
    """The outcome along one line, per projected output.

    Attributes:
        status: RIGHT, KINK, WRONG or UNDECIDABLE.
        numeric: the best numeric derivative.
        bar: its error bar.
        step: the smallest step of the ladder it comes from.
        slopes: the one-sided derivatives, where they were needed.
        reason: why something is undecidable.
    """

    status: Array
    numeric: Array
    bar: Array
    step: Array
    slopes: Slopes | None = None
    reason: str = ""


def slopes_of(line: Line, rows: Rows) -> Slopes:
    """Both one-sided derivatives at the point itself, and what lies between them.

    Where several outputs are weighted into one number, each may choose its own value between its
    own two slopes, so the bounds are those of interval arithmetic.
    """
    r, l = one_sided(line, 1), one_sided(line, -1)  # noqa: E741
    r_bar, l_bar = r.truncation + r.rounding, l.truncation + l.rounding
    r_there, l_there = np.isfinite(r.value), np.isfinite(l.value)
    bars = np.where(r_there, r_bar, 0.0) + np.where(l_there, l_bar, 0.0)
    apart = abs(r.value - l.value) > 8.0 * bars
    middle = (r.value + l.value) / 2.0
    low = np.where(apart, np.minimum(r.value, l.value), middle)
    high = np.where(apart, np.maximum(r.value, l.value), middle)
    lower, upper = rows.hull(low, high)
    bar = rows.size(bars)
    return Slopes(
        rows.project(l.value), rows.project(r.value), lower, upper, bar, upper - lower > 4.0 * bar
    )


def settle(
    line: Line,
    rows: Rows,
    analytic: Array,
    tolerance: Array,
    loose: Array,
    analytic_noise: Callable[[], Array],
    pending: Array | None = None,
) -> Settled:
    """Compare `analytic` with the derivative of f along `line`.

    Args:
        line: f along the line.
        rows: what is looked at of f's outputs.
        analytic: the derivatives that backward claims, (rows,).
        tolerance: how far they may be off and still be called right.
        loose: the same relative to the largest gradient: the fallback where rounding hides more.
        analytic_noise: measures the rounding of `analytic` itself; called before "wrong" is said.
        pending: the rows to decide; the others are taken to be right.
    """
    count = analytic.shape[0]
    nothing = np.full(count, np.nan)
    out = Settled(np.zeros(count, int), nothing, np.full(count, np.inf), np.ones(count))
    pending = np.ones(count, bool) if pending is None else pending.copy()
    measured: list[Any] = []
    ladders: list[tuple[Slope, Array]] = []
    exponent: int | None = FIRST
    low = high = FIRST
    while exponent is not None and len(ladders) < LADDERS and pending.any():
        low, high = min(low, exponent), max(high, exponent)
        slope = central(line, exponent, LEVELS, rows)
        bar = slope.truncation + slope.rounding
        off = np.where(np.isfinite(analytic), abs(analytic - slope.value), np.inf)
        agrees = pending & (off <= tolerance)
        better = agrees | (pending & (bar < out.bar))
        out.numeric = np.where(better, slope.value, out.numeric)
        out.bar = np.where(better, bar, out.bar)
        out.step = np.where(better, 2.0 ** (exponent - LEVELS + 1), out.step)
        pending &= ~agrees
        contradicted = np.zeros(count, bool)
        for other, other_bar in ladders:
            near = abs(slope.value - other.value) <= 0.1 * off
            contradicted |= pending & near & (bar <= 0.1 * off) & (other_bar <= 0.1 * off)
        bent = agrees & (abs(slope.jump) > 1e4 * tolerance) & (abs(slope.jump) > 100.0 * bar)
        ladders.append((slope, bar))
        if (bent | contradicted).any():
            if not measured:
                measured = [slopes_of(line, rows), rows.size(noise_level(line)), analytic_noise()]
            out.status = np.where(bent & measured[0].kinked, KINK, out.status)
            pending &= ~_judge(out, contradicted, analytic, tolerance, *measured)
        exponent = _next(pending, slope, bar, off, low, high)
    if pending.any():
        if not measured:
            measured = [slopes_of(line, rows), rows.size(noise_level(line)), analytic_noise()]
        _give_up(out, pending, analytic, tolerance, loose, rows.size(abs(line.here)), *measured)
    out.slopes = measured[0] if measured else None
    return out


def _next(
    pending: Array, slope: Slope, bar: Array, off: Array, low: int, high: int
) -> int | None:
    """The next ladder: larger steps where rounding dominates, smaller ones everywhere else."""
    unclear = pending & ~(bar <= 0.1 * off)
    noisy = unclear & (slope.truncation <= 50.0 * slope.rounding)
    if noisy.any() and not (unclear & ~noisy).any() and high + 4 <= HIGHEST:
        return high + 4
    return low - 4 if low - 4 >= LOWEST else None


def _judge(
    out: Settled,
    contradicted: Array,
    analytic: Array,
    tolerance: Array,
    slopes: Slopes,
    noise: Array,
    analytic_noise: Array,
) -> Array:
    """Decide what two ladders contradict; returns where that was possible."""
    inside = (analytic >= slopes.low - tolerance - slopes.bar) & (
        analytic <= slopes.high + tolerance + slopes.bar
    )
    kink = contradicted & slopes.kinked & inside
    off = np.where(np.isfinite(analytic), abs(analytic - out.numeric), np.inf)
    beyond = np.maximum(analytic - slopes.high, slopes.low - analytic) > 4.0 * slopes.bar
    outside = contradicted & slopes.kinked & ~inside & (beyond | ~np.isfinite(analytic))
    middle = (slopes.low + slopes.high) / 2.0
    smooth = contradicted & ~slopes.kinked & (abs(middle - out.numeric) <= 0.2 * off + slopes.bar)
    certain = off > 4.0 * (out.bar + noise / out.step) + 8.0 * analytic_noise
    wrong = outside | (smooth & certain)
    out.status = np.where(kink, KINK, np.where(wrong, WRONG, out.status))
    return kink | wrong


def _give_up(
    out: Settled,
    pending: Array,
    analytic: Array,
    tolerance: Array,
    loose: Array,
    size: Array,
    slopes: Slopes,
    noise: Array,
    analytic_noise: Array,
) -> None:
    """No ladder decided: one side only, a kink, a zero, rounding; else undecidable, with a reason."""
    bar = out.bar + noise / out.step
    off = abs(analytic - out.numeric)
    one_side = np.isfinite(slopes.left) != np.isfinite(slopes.right)
    value = np.where(np.isfinite(slopes.right), slopes.right, slopes.left)
    one_side_off = np.where(np.isfinite(analytic), abs(analytic - value), np.inf)
    fits = pending & one_side & (one_side_off <= np.maximum(tolerance, slopes.bar))
    settled = slopes.bar <= np.minimum(1e-3 * abs(value), 0.1 * one_side_off)
    wrong = pending & one_side & ~fits & settled
    inside = (analytic >= slopes.low - tolerance) & (analytic <= slopes.high + tolerance)
    kink = pending & slopes.kinked & inside
    # A gradient that is nothing but the rounding of f's own values is zero.
    nothing = 4.0 * bar + 8.0 * analytic_noise
    zero = (abs(analytic) <= nothing) & (abs(out.numeric) <= nothing) & (nothing <= 1e-9 * size)
    right = fits | (pending & (zero | (off <= loose)))
    lost = pending & ~right & ~kink & ~wrong
    out.numeric = np.where(pending & one_side, value, out.numeric)
    out.status = np.where(wrong, WRONG, out.status)
    out.status = np.where(kink, KINK, np.where(lost, UNDECIDABLE, out.status))
    if lost.any():
        out.reason = _reason(lost, out, off, bar, noise, slopes, one_side, size)


def _reason(
    lost: Array,
    out: Settled,
    off: Array,
    bar: Array,
    noise: Array,
    slopes: Slopes,
    one_side: Array,
    size: Array,
) -> str:
    """Why the worst of the undecided cannot be decided."""
    k = int(np.argmax(np.where(lost, np.nan_to_num(off, nan=np.inf), -1.0)))
    if one_side[k]:
        side = "right" if np.isfinite(slopes.right[k]) else "left"
        return (
            f"f is finite only on the {side} of this input, and its slope there does not settle; "
            "move the input into the inside of f's domain"
        )
    if not np.isfinite(out.numeric[k]):
        return "f is not finite on either side of this input; move it into the inside of f's domain"
    if noise[k] > 64.0 * EPS * size[k]:
        digits = -np.log10(noise[k] / size[k]) if noise[k] < size[k] else 0.0
        return (
            f"the values of f jitter by {noise[k]:.1g} (they carry about {digits:.0f} digits; does f "
            "compute in float32 on the way?), which hides the difference"
        )
    jump = abs(slopes.right[k] - slopes.left[k]) * 2.0**ONE_SIDED
    if jump > 1e-6 * size[k] and not slopes.bar[k] <= 0.1 * abs(slopes.right[k]):
        return "f jumps at this input, so it has no slope there; move the input away from the jump"
    return (
        f"the numeric derivative does not settle (error bar {bar[k]:.1g}, difference {off[k]:.1g}): "
        "f is too rough, or its values too large beside their changes, at this input"
    )
