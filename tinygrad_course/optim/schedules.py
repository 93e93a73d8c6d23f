"""Schedules: pure functions from the optimizer's step count to the value of a hyper-parameter.

They import no optimizer: `SGD(parameters, lr=cosine(0.1, 1000))` calls the schedule with 0, 1,
2, ... and nothing is patched. Each formula stands directly above the function that documents it
and checks its arguments. Read the optimizers next.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ..errors import ArgumentError, ArgumentTypeError, nearest

Schedule = Callable[[int], float]
"""Any function of the step count is a schedule, a user's own included."""


@dataclass(frozen=True, repr=False)
class Formula:
    """A schedule of this file: `rule(step, **arguments)`; it prints, compares and pickles."""

    rule: Callable[..., float]
    arguments: tuple[tuple[str, Any], ...]

    def __call__(self, step: int) -> float:
        """The value at a step, counted from 0."""
        if not hasattr(step, "__index__") or step < 0:
            raise (ArgumentError if hasattr(step, "__index__") else ArgumentTypeError)(
                f"{self.name}: step expects an integer from 0, but got {step!r}; "
                "pass the number of optimizer steps already made"
            )
        return self.rule(step, **dict(self.arguments))

    @property
    def name(self) -> str:
        """The function of this file that made it."""
        return self.rule.__name__.removeprefix("_")

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{name}={value!r}' for name, value in self.arguments)})"


def _formula(rule: Callable[..., float], **arguments: Any) -> Formula:
    return Formula(rule, tuple(arguments.items()))


def _constant(step: int, value: float) -> float:
    return value


def constant(value: float) -> Formula:
    """The same value at every step.

    Args:
        value: the value, finite and not negative.

    Example:
        >>> constant(0.1)(1_000_000)
        0.1
    """
    return _formula(_constant, value=_number("constant", "value", value))


def _multi_step(step: int, value: float, milestones: tuple[int, ...], gamma: float) -> float:
    reached = sum(milestone <= step for milestone in milestones)
    return value * float(gamma**reached)


def multi_step(value: float, milestones: Sequence[int], gamma: float = 0.1) -> Formula:
    """A staircase: the value is multiplied by gamma at each milestone.

    a(step) = value gamma^n, where n counts the milestones reached, not the steps. Course slides
    sometimes print value / gamma^n: that decays only if gamma is above 1, so with the usual
    gamma = 0.1 the rate would grow tenfold at each milestone. Here, as in Caffe and PyTorch, gamma
    multiplies, and a gamma above 1 is refused.

    Args:
        value: the value before the first milestone.
        milestones: increasing step counts; the new value holds from the milestone itself.
        gamma: the factor, above 0 and at most 1.

    Raises:
        ArgumentError: milestones out of order, or a gamma outside (0, 1].

    Example:
        >>> rate = multi_step(0.5, milestones=[100, 200], gamma=0.5)
        >>> [rate(step) for step in (0, 99, 100, 200, 9999)]
        [0.5, 0.5, 0.25, 0.125, 0.125]
    """
    if not 0 < _number("multi_step", "gamma", gamma) <= 1:
        raise ArgumentError(
            f"multi_step: gamma expects a factor in (0, 1], but got {gamma!r}; the value is "
            "multiplied by gamma at each milestone, so write 0.1 to divide it by ten"
        )
    steps = _increasing("multi_step", "milestones", milestones)
    value = _number("multi_step", "value", value)
    return _formula(_multi_step, value=value, milestones=steps, gamma=float(gamma))


def _linear_warmup(step: int, value: float, steps: int, start: float) -> float:
    return start + (value - start) * min(step / steps, 1.0)


def linear_warmup(value: float, steps: int, start: float = 0.0) -> Formula:
    """A straight line from `start` to `value`, then `value` for ever.

    a(step) = start + (value - start) min(step / steps, 1). With start = 0 the first step moves
    nothing; value / steps makes use of it.

    Args:
        value: the value from step `steps` on.
        steps: the length of the line, at least 1.
        start: the value at step 0.

    Raises:
        ArgumentError: a negative or non-finite value, or steps below 1.

    Example:
        >>> rate = linear_warmup(0.5, steps=4)
        >>> [rate(step) for step in (0, 1, 2, 4, 9999)]
        [0.0, 0.125, 0.25, 0.5, 0.5]

    References:
        Goyal et al. 2017, "Accurate, Large Minibatch SGD", section 2.2.
    """
    return _formula(
        _linear_warmup,
        value=_number("linear_warmup", "value", value),
        steps=_count("linear_warmup", "steps", steps),
        start=_number("linear_warmup", "start", start),
    )


def _half_wave(start: float, end: float, fraction: float) -> float:
    """Half a cosine wave: `start` at fraction 0, `end` at fraction 1, level at both."""
    return end + (start - end) * (1 + math.cos(math.pi * fraction)) / 2


def _cosine(step: int, value: float, steps: int, end: float) -> float:
    return _half_wave(value, end, min(step / steps, 1.0))


def cosine(value: float, steps: int, end: float = 0.0) -> Formula:
    """Half a cosine wave from `value` down to `end`, then `end` for ever.

    a(step) = end + (value - end) (1 + cos(pi min(step / steps, 1))) / 2

    Args:
        value: the value at step 0.
        steps: the length of the descent, at least 1; usually every step of the run.
        end: the value from step `steps` on.

    Raises:
        ArgumentError: a negative or non-finite value, or steps below 1.

    Example:
        >>> rate = cosine(0.5, steps=100)
        >>> [round(rate(step), 6) for step in (0, 25, 50, 75, 100, 9999)]
        [0.5, 0.426777, 0.25, 0.073223, 0.0, 0.0]

    References:
        Loshchilov and Hutter 2017, "SGDR", section 3, equation 5 (one period, no restart).
    """
    return _formula(
        _cosine,
        value=_number("cosine", "value", value),
        steps=_count("cosine", "steps", steps),
        end=_number("cosine", "end", end),
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
        return _half_wave(start, peak, step / summit)
    if summit >= last:
        return peak
    return _half_wave(peak, end, min((step - summit) / (last - summit), 1.0))


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
    if not 0 <= _number("one_cycle", "pct_start", pct_start) <= 1:
        raise ArgumentError(
            f"one_cycle: pct_start expects a share of the steps in [0, 1], but got {pct_start!r}; "
            "write 0.3 for 30 %"
        )
    return _formula(
        _one_cycle,
        peak=_number("one_cycle", "peak", peak),
        total_steps=_count("one_cycle", "total_steps", total_steps),
        pct_start=float(pct_start),
        div_factor=_number("one_cycle", "div_factor", div_factor, least=1.0),
        final_div_factor=_number("one_cycle", "final_div_factor", final_div_factor, least=1.0),
    )


def _join(step: int, schedules: tuple[Schedule, ...], boundaries: tuple[int, ...]) -> float:
    reached = sum(boundary <= step for boundary in boundaries)
    begin = boundaries[reached - 1] if reached else 0
    return schedules[reached](step - begin)


def join(schedules: Sequence[Schedule], boundaries: Sequence[int]) -> Formula:
    """Schedules one after the other, each counting its own steps from 0.

    Args:
        schedules: at least one schedule; a user's own functions are welcome.
        boundaries: increasing step counts, one fewer than schedules; schedule i + 1 takes over at
            boundaries[i].

    Raises:
        ArgumentError: boundaries out of order, or not one fewer than schedules.

    Example:
        >>> rate = join([linear_warmup(0.5, steps=2), cosine(0.5, steps=2)], boundaries=[2])
        >>> [round(rate(step), 6) for step in range(6)]
        [0.0, 0.25, 0.5, 0.25, 0.0, 0.0]
    """
    steps = _increasing("join", "boundaries", boundaries)
    if len(schedules) != len(steps) + 1:
        raise ArgumentError(
            f"join: boundaries expects one fewer than schedules, but got {len(steps)} boundaries "
            f"for {len(schedules)} schedules; give the step at which each next schedule begins"
        )
    for schedule in schedules:
        if not callable(schedule):
            raise ArgumentTypeError(
                f"join: schedules expects functions of the step, but got {schedule!r}; "
                "wrap a number as constant(...)"
            )
    return _formula(_join, schedules=tuple(schedules), boundaries=steps)


def _warmup_cosine(lr: float, total_steps: int) -> Formula:
    warm = max(total_steps // 20, 1)
    rise = linear_warmup(lr, warm, start=lr / warm)
    return join([rise, cosine(lr, max(total_steps - warm, 1))], [warm])


def _two_steps(lr: float, total_steps: int) -> Formula:
    milestones = sorted({max(total_steps // 2, 1), max(total_steps * 3 // 4, 1)})
    return multi_step(lr, milestones, gamma=0.1)


_NAMED: dict[str, Callable[[float, int], Schedule]] = {
    "constant": lambda lr, _: constant(lr),
    "multi-step": _two_steps,
    "cosine": cosine,
    "one-cycle": one_cycle,
    "warmup-cosine": _warmup_cosine,
}

NAMES = tuple(_NAMED)
"""The names that `by_name` knows."""


def by_name(name: str, lr: float, total_steps: int) -> Schedule:
    """The schedule that `tgc train --schedule NAME` means, fitted to a run's length.

    constant: lr. multi-step: a tenth at 1/2 and again at 3/4 of the run. cosine: from lr to 0.
    one-cycle: lr is the peak. warmup-cosine: a line up to lr over the first twentieth, then cosine.

    Args:
        name: one of `NAMES`.
        lr: the highest learning rate of the run.
        total_steps: every optimizer step of the run, at least 1.

    Raises:
        ArgumentError: an unknown name, or a number out of its range.

    Example:
        >>> by_name("cosine", lr=0.1, total_steps=500)
        cosine(value=0.1, steps=500, end=0.0)
    """
    if name not in _NAMED:
        raise ArgumentError(f"by_name: there is no schedule {name!r}; {nearest(name, _NAMED)}")
    return _NAMED[name](_number("by_name", "lr", lr), _count("by_name", "total_steps", total_steps))


def _number(function: str, argument: str, value: float, *, least: float = 0.0) -> float:
    """`value` as a finite float that is at least `least`, or an error that says so."""
    if isinstance(value, (str, bytes)) or not hasattr(value, "__float__"):
        raise ArgumentTypeError(
            f"{function}: {argument} expects a number, but got {value!r} ({type(value).__name__})"
        )
    if not (math.isfinite(value) and value >= least):
        raise ArgumentError(
            f"{function}: {argument} expects a finite number of at least {least:g}, "
            f"but got {value!r}"
        )
    return float(value)


def _count(function: str, argument: str, value: int) -> int:
    """`value` as an integer of at least 1, or an error that says so."""
    if not hasattr(value, "__index__"):
        raise ArgumentTypeError(
            f"{function}: {argument} expects a number of steps, but got {value!r} "
            f"({type(value).__name__}); round it to an integer"
        )
    if value < 1:
        raise ArgumentError(f"{function}: {argument} expects at least 1 step, but got {value}")
    return int(value)


def _increasing(function: str, argument: str, values: Sequence[int]) -> tuple[int, ...]:
    """`values` as strictly increasing step counts from 1 on, or an error that says so."""
    if not hasattr(values, "__iter__") or isinstance(values, str):
        raise ArgumentTypeError(
            f"{function}: {argument} expects a sequence of step counts, but got {values!r}"
        )
    steps = tuple(_count(function, argument, value) for value in values)
    if any(later <= earlier for earlier, later in pairwise(steps)):
        raise ArgumentError(
            f"{function}: {argument} expects increasing step counts, but got {list(steps)}; "
            "sort them and drop repetitions"
        )
    return steps
