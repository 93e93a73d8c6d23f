"""Schedules that fall: inverse, exponential, polynomial, in steps, along a cosine.

Each formula stands directly above the function that documents it. Read next: `cyclical.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import ArgumentError
from .formula import Formula, count, factor, formula, half_wave, increasing, number

_MULTIPLIED = "the value is multiplied by gamma at each milestone, so write 0.1 to divide it by ten"


def _inverse(step: int, value: float, gamma: float, power: float) -> float:
    return value * float((1 + gamma * step) ** -power)


def inverse(value: float, gamma: float, power: float = 1.0) -> Formula:
    """Falls as one over the step.

    a(step) = value (1 + gamma step)^-power

    With power 1 the rates sum to infinity and their squares do not, which is what Robbins and Monro
    ask of a rate under which stochastic approximation converges.

    Args:
        value: the value at step 0.
        gamma: how fast it falls; the value is halved at step 1 / gamma where power is 1.
        power: the exponent; 0.5 falls as one over the root.

    Raises:
        ArgumentError: a negative or non-finite number.

    Example:
        >>> rate = inverse(0.5, gamma=0.1)
        >>> [rate(step) for step in (0, 10, 40)]
        [0.5, 0.25, 0.1]

    References:
        Robbins and Monro 1951, "A Stochastic Approximation Method", equation 6.
    """
    return formula(
        _inverse,
        value=number("inverse", "value", value),
        gamma=number("inverse", "gamma", gamma),
        power=number("inverse", "power", power),
    )


def _exponential(step: int, value: float, gamma: float) -> float:
    return value * float(gamma**step)


def exponential(value: float, gamma: float) -> Formula:
    """The same factor at every step.

    a(step) = value gamma^step

    The form value exp(-k step) has gamma = exp(-k).

    Args:
        value: the value at step 0.
        gamma: the factor of one step, above 0 and at most 1.

    Raises:
        ArgumentError: a gamma outside (0, 1], or a negative value.

    Example:
        >>> rate = exponential(0.5, gamma=0.5)
        >>> [rate(step) for step in range(4)]
        [0.5, 0.25, 0.125, 0.0625]
    """
    remedy = "the value is multiplied by gamma at each step"
    gamma = factor("exponential", "gamma", gamma, remedy)
    return formula(_exponential, value=number("exponential", "value", value), gamma=gamma)


def _polynomial(step: int, value: float, steps: int, power: float, end: float) -> float:
    return end + (value - end) * float((1 - min(step / steps, 1.0)) ** power)


def polynomial(value: float, steps: int, power: float = 1.0, end: float = 0.0) -> Formula:
    """A power of what is left of the run, then `end` for ever.

    a(step) = end + (value - end) (1 - min(step / steps, 1))^power

    Power 1 is a straight line.

    Args:
        value: the value at step 0.
        steps: the length of the descent, at least 1; usually every step of the run.
        power: the exponent, above 0.
        end: the value from step `steps` on.

    Raises:
        ArgumentError: an argument out of its range.

    Example:
        >>> rate = polynomial(0.5, steps=4, power=2)
        >>> [rate(step) for step in (0, 1, 2, 4, 9999)]
        [0.5, 0.28125, 0.125, 0.0, 0.0]
    """
    if number("polynomial", "power", power) == 0:
        raise ArgumentError(
            "polynomial: power expects a number above 0, but got 0; 1 is a straight line"
        )
    return formula(
        _polynomial,
        value=number("polynomial", "value", value),
        steps=count("polynomial", "steps", steps),
        power=float(power),
        end=number("polynomial", "end", end),
    )


def _step_decay(step: int, value: float, every: int, gamma: float) -> float:
    return value * float(gamma ** (step // every))


def step_decay(value: float, every: int, gamma: float = 0.1) -> Formula:
    """An even staircase: the value is multiplied by gamma after every so many steps.

    a(step) = value gamma^floor(step / every)

    Args:
        value: the value on the first stair.
        every: the length of a stair in steps, at least 1.
        gamma: the factor, above 0 and at most 1.

    Raises:
        ArgumentError: an argument out of its range.

    Example:
        >>> rate = step_decay(0.5, every=10, gamma=0.5)
        >>> [rate(step) for step in (0, 9, 10, 20)]
        [0.5, 0.5, 0.25, 0.125]
    """
    gamma = factor("step_decay", "gamma", gamma, _MULTIPLIED)
    value = number("step_decay", "value", value)
    return formula(_step_decay, value=value, every=count("step_decay", "every", every), gamma=gamma)


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
    gamma = factor("multi_step", "gamma", gamma, _MULTIPLIED)
    steps = increasing("multi_step", "milestones", milestones)
    value = number("multi_step", "value", value)
    return formula(_multi_step, value=value, milestones=steps, gamma=gamma)


def _cosine(step: int, value: float, steps: int, end: float) -> float:
    return half_wave(value, end, min(step / steps, 1.0))


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
    return formula(
        _cosine,
        value=number("cosine", "value", value),
        steps=count("cosine", "steps", steps),
        end=number("cosine", "end", end),
    )
