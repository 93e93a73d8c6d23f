"""Schedules that rise and fall: cycles between two bounds, cosine restarts, one cycle.

Smith's triangles are written with x, the distance from the nearest peak in half cycles:

    cycle = floor(1 + step / (2 half_cycle))     x = |step / half_cycle - 2 cycle + 1|

Read next: `range_test.py`, which finds the bounds.
"""

from __future__ import annotations

import math

from ..errors import ArgumentError
from .formula import Formula, count, factor, formula, half_wave, number


def _height(step: int, half_cycle: float) -> tuple[int, float]:
    """(cycle, counted from 1; height: 0 at the base, 1 at the peak)."""
    cycle = math.floor(1 + step / (2 * half_cycle))
    return cycle, max(0.0, 1 - abs(step / half_cycle - 2 * cycle + 1))


def _bounds(name: str, base: float, peak: float, half_cycle: int) -> dict[str, float]:
    if number(name, "peak", peak) < number(name, "base", base):
        raise ArgumentError(
            f"{name}: peak expects at least the base {base!r}, but got {peak!r}; exchange them"
        )
    return {
        "base": float(base),
        "peak": float(peak),
        "half_cycle": count(name, "half_cycle", half_cycle),
    }


def _triangular(step: int, base: float, peak: float, half_cycle: int) -> float:
    return base + (peak - base) * _height(step, half_cycle)[1]


def triangular(base: float, peak: float, half_cycle: int) -> Formula:
    """Straight up from `base` to `peak`, straight down again, for ever.

    a(step) = base + (peak - base) max(0, 1 - x)

    Args:
        base: the lowest value, at step 0.
        peak: the highest value, at step `half_cycle`.
        half_cycle: the steps of one side of the triangle, at least 1; the paper advises 2 to 10
            epochs.

    Raises:
        ArgumentError: a peak below the base, or a number out of its range.

    Example:
        >>> rate = triangular(0.25, 0.75, half_cycle=2)
        >>> [rate(step) for step in range(6)]
        [0.25, 0.5, 0.75, 0.5, 0.25, 0.5]

    References:
        Smith 2017, "Cyclical Learning Rates for Training Neural Networks", section 3.1; the
        half cycle is its "stepsize".
    """
    return formula(_triangular, **_bounds("triangular", base, peak, half_cycle))


def _triangular2(step: int, base: float, peak: float, half_cycle: int) -> float:
    cycle, height = _height(step, half_cycle)
    return base + (peak - base) * height * 2.0 ** (1 - cycle)


def triangular2(base: float, peak: float, half_cycle: int) -> Formula:
    """`triangular`, each triangle half as high as the one before.

    a(step) = base + (peak - base) max(0, 1 - x) 2^(1 - cycle)

    Args and errors as in `triangular`; `peak` is that of the first cycle.

    Example:
        >>> rate = triangular2(0.25, 0.75, half_cycle=2)
        >>> [rate(step) for step in (2, 4, 6, 8, 10)]
        [0.75, 0.25, 0.5, 0.25, 0.375]

    References:
        Smith 2017, section 3.1.
    """
    return formula(_triangular2, **_bounds("triangular2", base, peak, half_cycle))


def _exp_range(step: int, base: float, peak: float, half_cycle: int, gamma: float) -> float:
    return base + (peak - base) * _height(step, half_cycle)[1] * float(gamma**step)


def exp_range(base: float, peak: float, half_cycle: int, gamma: float) -> Formula:
    """`triangular` under an exponential envelope.

    a(step) = base + (peak - base) max(0, 1 - x) gamma^step

    Args:
        base: the lowest value.
        peak: the highest value, were there no envelope.
        half_cycle: the steps of one side of the triangle, at least 1.
        gamma: the envelope's factor at each step, above 0 and at most 1.

    Raises:
        ArgumentError: a peak below the base, or a number out of its range.

    Example:
        >>> rate = exp_range(0.0, 1.0, half_cycle=2, gamma=0.5)
        >>> [rate(step) for step in (0, 1, 2, 4, 6)]
        [0.0, 0.25, 0.25, 0.0, 0.015625]

    References:
        Smith 2017, section 3.1.
    """
    gamma = factor("exp_range", "gamma", gamma, "it multiplies the cycle's height at each step")
    return formula(_exp_range, **_bounds("exp_range", base, peak, half_cycle), gamma=gamma)


def _cosine_restarts(step: int, value: float, steps: int, growth: int, end: float) -> float:
    while step >= steps and growth > 1:
        step, steps = step - steps, steps * growth
    return half_wave(value, end, step % steps / steps)


def cosine_restarts(value: float, steps: int, growth: int = 1, end: float = 0.0) -> Formula:
    """Half a cosine wave down to `end`, again and again, each `growth` times as long as the last.

    a = end + (value - end) (1 + cos(pi i / n)) / 2, at step i of a wave that is n steps long

    Args:
        value: the value at step 0 and at every restart.
        steps: the length of the first wave, at least 1.
        growth: the factor of the length from wave to wave, at least 1.
        end: what a wave goes down to; the restart comes one step before it is reached.

    Raises:
        ArgumentError: an argument out of its range.

    Example:
        >>> rate = cosine_restarts(0.5, steps=2, growth=2)
        >>> [round(rate(step), 6) for step in range(7)]
        [0.5, 0.25, 0.5, 0.426777, 0.25, 0.073223, 0.5]

    References:
        Loshchilov and Hutter 2017, "SGDR: Stochastic Gradient Descent with Warm Restarts",
        section 3, equation 5.
    """
    return formula(
        _cosine_restarts,
        value=number("cosine_restarts", "value", value),
        steps=count("cosine_restarts", "steps", steps),
        growth=count("cosine_restarts", "growth", growth),
        end=number("cosine_restarts", "end", end),
    )


def _one_cycle(
    step: int,
    *,
    peak: float,
    total_steps: int,
    pct_start: float,
    div_factor: float,
    final_div_factor: float,
) -> float:
    start = peak / div_factor
    end = start / final_div_factor
    last = total_steps - 1
    summit = max(pct_start * total_steps - 1, 0.0)
    if step < summit:
        return half_wave(start, peak, step / summit)
    if summit >= last:
        return peak
    return half_wave(peak, end, min((step - summit) / (last - summit), 1.0))


def one_cycle(
    peak: float,
    total_steps: int,
    *,
    pct_start: float = 0.3,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> Formula:
    """One rise and one long fall, both half cosine waves, in the form and words of PyTorch.

    With start = peak / div_factor and end = start / final_div_factor, the value rises from start
    to peak until step pct_start total_steps - 1 (a summit between two steps is passed, not
    reached) and falls to end at step total_steps - 1, where it stays.

    Args:
        peak: the highest value.
        total_steps: every step of the run, at least 1.
        pct_start: the share of the steps spent rising, in [0, 1].
        div_factor: peak / first value, at least 1.
        final_div_factor: first value / last value, at least 1.

    Raises:
        ArgumentError: an argument out of its range.

    Example:
        >>> rate = one_cycle(0.5, total_steps=10, pct_start=0.3)
        >>> [round(rate(step), 4) for step in (0, 1, 2, 5, 9)]
        [0.02, 0.26, 0.5, 0.3056, 0.0]

    References:
        Smith and Topin 2018, "Super-Convergence". The paper's cycle has two straight lines of
        equal length and a short third descent.
    """
    if not 0 <= number("one_cycle", "pct_start", pct_start) <= 1:
        raise ArgumentError(
            f"one_cycle: pct_start expects a share of the steps in [0, 1], but got {pct_start!r}; "
            "write 0.3 for 30 %"
        )
    return formula(
        _one_cycle,
        peak=number("one_cycle", "peak", peak),
        total_steps=count("one_cycle", "total_steps", total_steps),
        pct_start=float(pct_start),
        div_factor=number("one_cycle", "div_factor", div_factor, least=1.0),
        final_div_factor=number("one_cycle", "final_div_factor", final_div_factor, least=1.0),
    )
