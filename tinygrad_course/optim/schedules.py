"""Schedules: pure functions from the optimizer's step count to the value of a hyper-parameter.

They import no optimizer: `SGD(parameters, lr=cosine(0.1, 1000))` calls the schedule with 0, 1,
2, ... and nothing is patched. Here are the constant, the warm-up, what makes schedules of others,
and `by_name`. Read next: `decays.py`, then `cyclical.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..errors import ArgumentError, ArgumentTypeError, nearest
from .cyclical import cosine_restarts, exp_range, one_cycle, triangular, triangular2
from .decays import cosine, exponential, inverse, multi_step, polynomial, step_decay
from .formula import Formula, Schedule, count, formula, increasing, number

__all__ = [
    "NAMES",
    "Formula",
    "Schedule",
    "by_name",
    "constant",
    "cosine",
    "cosine_restarts",
    "exp_range",
    "exponential",
    "inverse",
    "join",
    "linear_warmup",
    "multi_step",
    "one_cycle",
    "polynomial",
    "scaled",
    "step_decay",
    "triangular",
    "triangular2",
]


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
    return formula(_constant, value=number("constant", "value", value))


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
    return formula(
        _linear_warmup,
        value=number("linear_warmup", "value", value),
        steps=count("linear_warmup", "steps", steps),
        start=number("linear_warmup", "start", start),
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
    steps = increasing("join", "boundaries", boundaries)
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
    return formula(_join, schedules=tuple(schedules), boundaries=steps)


def _scaled(step: int, schedule: Schedule, factor: float) -> float:
    return schedule(step) * factor


def scaled(schedule: Schedule, factor: float) -> Formula:
    """A schedule times a factor: a layer's own rate that follows the common one.

    Args:
        schedule: any schedule, a user's own included.
        factor: what its values are multiplied by, not negative.

    Raises:
        ArgumentTypeError: no function, or no number.
        ArgumentError: a negative factor.

    Example:
        >>> rate = scaled(cosine(0.5, steps=100), 0.5)
        >>> rate(0), rate(50)
        (0.25, 0.125)
    """
    if not callable(schedule):
        raise ArgumentTypeError(
            f"scaled: schedule expects a function of the step, but got {schedule!r}; multiply a "
            "number yourself"
        )
    return formula(_scaled, schedule=schedule, factor=number("scaled", "factor", factor))


def _warmup_cosine(lr: float, total_steps: int) -> Formula:
    warm = max(total_steps // 20, 1)
    rise = linear_warmup(lr, warm, start=lr / warm)
    return join([rise, cosine(lr, max(total_steps - warm, 1))], [warm])


def _two_steps(lr: float, total_steps: int) -> Formula:
    milestones = sorted({max(total_steps // 2, 1), max(total_steps * 3 // 4, 1)})
    return multi_step(lr, milestones, gamma=0.1)


def _three_stairs(lr: float, total_steps: int) -> Formula:
    return step_decay(lr, max(-(-total_steps // 3), 1), gamma=0.1)


def _three_waves(lr: float, total_steps: int) -> Formula:
    return cosine_restarts(lr, total_steps // 7 + 1, growth=2)


_NAMED: dict[str, Callable[[float, int], Schedule]] = {
    "constant": lambda lr, _: constant(lr),
    "multi-step": _two_steps,
    "step": _three_stairs,
    "inverse": lambda lr, steps: inverse(lr, 9 / steps),
    "exponential": lambda lr, steps: exponential(lr, 0.01 ** (1 / steps)),
    "linear": polynomial,
    "polynomial": lambda lr, steps: polynomial(lr, steps, power=2),
    "cosine": cosine,
    "cosine-restarts": _three_waves,
    "one-cycle": one_cycle,
    "triangular": lambda lr, steps: triangular(lr / 10, lr, max(round(steps / 4), 1)),
    "triangular2": lambda lr, steps: triangular2(lr / 10, lr, max(round(steps / 4), 1)),
    "warmup-cosine": _warmup_cosine,
}

NAMES = tuple(_NAMED)
"""The names that `by_name` knows."""


def by_name(name: str, lr: float, total_steps: int) -> Schedule:
    """The schedule that `tgc train --schedule NAME` means, fitted to a run's length.

    lr is the highest rate of the run, and most of them go on from there to 0:

        constant                      lr
        multi-step                    a tenth at 1/2 of the run, and again at 3/4
        step                          a tenth at 1/3, and again at 2/3
        inverse, exponential          down to a tenth, to a hundredth, of lr
        linear, polynomial, cosine    a line, a parabola (power 2), half a wave, down to 0
        cosine-restarts               three waves, each twice as long as the one before
        one-cycle                     up to lr in the first 3/10, then down
        triangular, triangular2       two triangles that rise from lr / 10, the second of
                                      triangular2 half as high
        warmup-cosine                 a line up to lr over the first twentieth, then cosine

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
    return _NAMED[name](number("by_name", "lr", lr), count("by_name", "total_steps", total_steps))
