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

from .kinks import Slopes, slopes_of
from .numeric import EPS, FIRST, Line, central, noise_level
from .rows import Rows
from .undecided import Numbers, why

Array = Any

RIGHT, KINK, WRONG, UNDECIDABLE = 0, 1, 2, 3

LADDERS = 14
LEVELS = 4
LOWEST, HIGHEST = FIRST - 36, FIRST + 16
CONFIRMING = (FIRST - 16, FIRST - 24, FIRST - 32)
"""Ladders tried before anything is called wrong."""
ROUNDING = 1e-10
"""A derivative known to this fraction of |f| / step is known as well as f's values allow."""
RESOLUTION = 1e-6
"""A slope this much smaller than what f does over 1e-6 of the input's scale is none (x^2 at 0)."""


@dataclass
class Settled:
    """The outcome along one line, per row.

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


class Ladder(NamedTuple):
    """A numeric derivative from steps around 2^exponent, per row."""

    exponent: int
    value: Array
    bar: Array
    rounding: Array
    truncation: Array
    jump: Array


class Evidence(NamedTuple):
    """What is measured before anything is called wrong: see `kinks.slopes_of` and `noise_level`."""

    slopes: Slopes
    noise: Array
    last_bits: Array
    analytic: Array


def settle(
    line: Line,
    rows: Rows,
    analytic: Array,
    tolerance: Array,
    loose: Array,
    absorbed: float,
    analytic_noise: Callable[[], Array],
) -> Settled:
    """Compare `analytic` with the derivative of f along `line`.

    Args:
        line: f along the line.
        rows: what is looked at of f's outputs.
        analytic: the derivatives that backward claims, (rows,).
        tolerance: how far they may be off and still be called right.
        loose: the same relative to the largest gradient: the fallback where rounding hides more.
        absorbed: a change that may vanish in the numbers f adds it to.
        analytic_noise: measures the rounding of `analytic` itself; called before "wrong" is said.
    """
    return _Comparison(line, rows, analytic, tolerance, loose, absorbed, analytic_noise).run()


class _Comparison:
    """The state of `settle`: which rows are pending, and the best derivative of each so far."""

    def __init__(
        self,
        line: Line,
        rows: Rows,
        analytic: Array,
        tolerance: Array,
        loose: Array,
        absorbed: float,
        analytic_noise: Callable[[], Array],
    ) -> None:
        self.line, self.rows = line, rows
        self.analytic, self.tolerance, self.loose = analytic, tolerance, loose
        self.absorbed = absorbed
        self.analytic_noise = analytic_noise
        count = analytic.shape[0]
        nothing = np.full(count, np.nan)
        self.out = Settled(np.zeros(count, int), nothing, np.full(count, np.inf), np.ones(count))
        self.pending = np.ones(count, bool)
        self.natural = np.zeros(count)
        """|f| / step: the slope that rounding errors are measured against."""
        self.stale = np.zeros(count, int)
        """Ladders since the error bar last became smaller."""
        self.ladders: list[Ladder] = []
        self.found: Evidence | None = None

    def run(self) -> Settled:
        exponent: int | None = FIRST
        while exponent is not None and len(self.ladders) < LADDERS and self.pending.any():
            ladder = self._climb(exponent)
            off = self._off(ladder.value)
            agrees = self.pending & (off <= self.tolerance) & np.isfinite(ladder.bar)
            agrees |= self.pending & self._absorbed(ladder)
            self._keep(ladder, agrees)
            self.pending &= ~agrees
            self._note_kinks(ladder, agrees)
            contradicted = self._contradicted(ladder, off)
            self.ladders.append(ladder)
            if contradicted.any():
                self._judge(
                    contradicted, self._evidence(np.where(contradicted, 0.05 * off, np.inf))
                )
            exponent = self._next(off)
        if self.pending.any():
            needed = np.where(self.pending, 0.05 * self._off(self.out.numeric), np.inf)
            self._give_up(self._evidence(needed))
        self.out.slopes = None if self.found is None else self.found.slopes
        return self.out

    def _off(self, numeric: Array) -> Array:
        return np.where(np.isfinite(self.analytic), abs(self.analytic - numeric), np.inf)

    def _climb(self, exponent: int) -> Ladder:
        """One ladder. Steps beyond the input's scale count only where smaller ones agree.

        There Taylor's series may no longer hold: quotients of a function that saturates converge
        too, to 0. And so small that f no longer changes at all, they say nothing either.
        """
        slope = central(self.line, exponent, LEVELS, self.rows)
        bar = slope.truncation + slope.rounding
        if exponent > FIRST:
            trusted = abs(slope.value) > 10.0 * bar
            for other in self.ladders:
                trusted &= abs(slope.value - other.value) <= 4.0 * (bar + other.bar)
            bar = np.where(trusted, bar, np.inf)
        elif exponent < FIRST:
            seen = np.zeros(bar.shape, bool)
            for other in self.ladders:
                seen |= abs(other.value) > 10.0 * other.bar
            bar = np.where((slope.value == 0.0) & seen, np.inf, bar)
        smallest = 2.0 ** (exponent - LEVELS + 1)
        bar = np.where(slope.value == 0.0, np.maximum(bar, 0.25 * self.absorbed / smallest), bar)
        return Ladder(exponent, slope.value, bar, slope.rounding, slope.truncation, slope.jump)

    def _absorbed(self, ladder: Ladder) -> Array:
        """Where f does not change in a single bit, and the claim is too small to expect it."""
        still = (ladder.value == 0.0) & (ladder.truncation == 0.0)
        return still & (abs(self.analytic) <= self.absorbed)

    def _keep(self, ladder: Ladder, agrees: Array) -> None:
        """Update the best: smaller error bars win; where ladders disagree, smaller steps do.

        Not so where rounding dominates: then the bars grow as the steps shrink.
        """
        out = self.out
        smaller = ladder.bar < out.bar
        if ladder.exponent < FIRST and self.ladders:
            sharper = ladder.bar <= 2.0 * self.ladders[-1].bar
            sharper &= ladder.bar <= 0.01 * abs(out.numeric)
            smaller |= sharper & (abs(ladder.value - out.numeric) > 4.0 * (ladder.bar + out.bar))
        better = agrees | (self.pending & smaller)
        self.stale = np.where(better, 0, self.stale + 1)
        out.numeric = np.where(better, ladder.value, out.numeric)
        out.bar = np.where(better, ladder.bar, out.bar)
        out.step = np.where(better, 2.0 ** (ladder.exponent - LEVELS + 1), out.step)
        self.natural = np.where(better, ladder.rounding / EPS, self.natural)

    def _contradicted(self, ladder: Ladder, off: Array) -> Array:
        """Where this ladder and an earlier one agree with each other and not with `analytic`."""
        found = np.zeros(off.shape, bool)
        for other in self.ladders:
            apart = abs(ladder.value - other.value)
            close = 0.1 * np.minimum(abs(ladder.value), abs(other.value))
            close += 10.0 * (ladder.rounding + other.rounding)
            sharp = (ladder.bar <= 0.1 * off) & (other.bar <= 0.1 * off)
            found |= sharp & (apart <= 0.1 * off) & (apart <= close)
        return found & self.pending

    def _next(self, off: Array) -> int | None:
        """The next ladder: larger steps where rounding dominates, smaller ones everywhere else."""
        last = self.ladders[-1]
        low = min(ladder.exponent for ladder in self.ladders)
        high = max(ladder.exponent for ladder in self.ladders)
        unclear = self.pending & ~(last.bar <= 0.1 * off)
        noisy = (last.truncation <= 50.0 * last.rounding) | (self.stale >= 2)
        larger = (unclear & noisy).any() and not (unclear & ~noisy).any()
        if larger and high + 4 <= HIGHEST:
            return high + 4
        return low - 4 if low - 4 >= LOWEST else None

    def _evidence(self, needed: Array) -> Evidence:
        if self.found is None:
            noise, last_bits = noise_level(self.line)
            size, jitter = self.rows.size, self.rows.jitter
            self.found = Evidence(
                slopes_of(self.line, self.rows, needed),
                size(np.maximum(noise, jitter)),
                size(np.maximum(last_bits, jitter)),
                self.analytic_noise(),
            )
        return self.found

    def _note_kinks(self, ladder: Ladder, agrees: Array) -> None:
        """A gradient that is right may stand at a kink all the same (abs at 0): report it."""
        jump = abs(ladder.jump)
        bent = agrees & (jump > 1e4 * self.tolerance) & (jump > 100.0 * ladder.bar)
        if bent.any():
            kinked = self._evidence(np.where(bent, jump, np.inf)).slopes.kinked
            self.out.status = np.where(bent & kinked, KINK, self.out.status)

    def _judge(self, contradicted: Array, found: Evidence) -> None:
        """Two ladders contradict `analytic`: a kink, or wrong, if the noise is far below."""
        out, slopes = self.out, found.slopes
        beyond = slopes.outside(self.analytic)
        kink = contradicted & slopes.kinked & (beyond <= self.tolerance + slopes.bar)
        outside = contradicted & slopes.kinked & (beyond > self.tolerance + 4.0 * slopes.bar)
        off = self._off(out.numeric)
        middle = (slopes.low + slopes.high) / 2.0
        near = np.minimum(0.2 * off, 0.2 * abs(out.numeric)) + slopes.bar
        smooth = contradicted & ~slopes.kinked & (abs(middle - out.numeric) <= near)
        certain = off > 4.0 * (out.bar + found.noise / out.step) + 8.0 * found.analytic
        wrong = outside | (smooth & certain)
        wrong &= ~self._otherwise(off) if wrong.any() else wrong
        out.status = np.where(kink, KINK, np.where(wrong, WRONG, out.status))
        self.pending &= ~(kink | wrong)

    def _otherwise(self, off: Array) -> Array:
        """Where much smaller steps say something else: f's own scale is not the input's."""
        found = np.zeros(off.shape, bool)
        for exponent in CONFIRMING:
            ladder = self._climb(exponent)
            apart = abs(ladder.value - self.out.numeric)
            found |= (ladder.bar <= 0.1 * off) & (apart > 0.3 * off)
        return found

    def _give_up(self, found: Evidence) -> None:
        """No ladder decided: one side only, a kink, rounding; else undecidable, with a reason."""
        out, slopes, pending, analytic = self.out, found.slopes, self.pending, self.analytic
        there: Array = np.isfinite(slopes.right)
        one_side = pending & (there != np.isfinite(slopes.left))
        value: Array = np.where(there, slopes.right, slopes.left)
        side_off = self._off(value)
        fits = one_side & (side_off <= np.maximum(self.tolerance, slopes.bar))
        sharp = slopes.bar <= np.minimum(1e-3 * abs(value), 0.1 * side_off)
        kink = pending & slopes.kinked & (slopes.outside(analytic) <= self.tolerance)
        # Agreement to within the rounding of f's own values is all that can be asked of a gradient
        # that is tiny beside |f| / |x|, such as the zero gradient of a sum of softmax.
        off = self._off(out.numeric)
        slack = 8.0 * (out.bar + found.last_bits / out.step)
        rounded = (off <= slack + 8.0 * found.analytic) & (slack <= ROUNDING * self.natural)
        far = np.fmax(
            abs(self.line(2.0**FIRST) - self.line.here),
            abs(self.line(-(2.0**FIRST)) - self.line.here),
        )
        change = np.minimum(slopes.change, self.rows.size(far) / 2.0**FIRST)
        flat = ~slopes.kinked & (off <= RESOLUTION * change)
        rounded |= off <= self.absorbed
        right = fits | kink | (pending & (rounded | flat | (off <= self.loose)))
        wrong = one_side & ~right & sharp
        lost = pending & ~right & ~wrong
        out.numeric = np.where(one_side, value, out.numeric)
        out.status = np.where(wrong, WRONG, np.where(kink, KINK, out.status))
        out.status = np.where(lost, UNDECIDABLE, out.status)
        if lost.any():
            far = np.where(lost, np.nan_to_num(self._off(out.numeric), nan=np.inf), -1.0)
            k = int(np.argmax(far))
            size, noise = float(self.natural[k] * out.step[k]), float(found.last_bits[k])
            numbers = Numbers(out.numeric[k], out.bar[k], far[k], size, noise)
            out.reason = why(k, self.line, self.rows, slopes, numbers)
