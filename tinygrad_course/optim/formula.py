"""What a schedule is, and the checks that all of them share. Read next: `decays.py`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ..errors import ArgumentError, ArgumentTypeError

Schedule = Callable[[int], float]
"""Any function of the step count is a schedule, a user's own included."""


@dataclass(frozen=True, repr=False)
class Formula:
    """A schedule of this package: `rule(step, **arguments)`; it prints, compares and pickles."""

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
        """The function that made it."""
        return self.rule.__name__.removeprefix("_")

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{name}={value!r}' for name, value in self.arguments)})"


def formula(rule: Callable[..., float], **arguments: Any) -> Formula:
    """The schedule `rule(step, **arguments)`; the rule's name is the documented one behind a `_`.

    Example:
        >>> def _halving(step, value):
        ...     return value / 2**step
        >>> formula(_halving, value=1.0), formula(_halving, value=1.0)(3)
        (halving(value=1.0), 0.125)
    """
    return Formula(rule, tuple(arguments.items()))


def half_wave(start: float, end: float, fraction: float) -> float:
    """Half a cosine wave: `start` at fraction 0, `end` at fraction 1, level at both.

    Example:
        >>> half_wave(4.0, 2.0, 0.5)
        3.0
    """
    return end + (start - end) * (1 + math.cos(math.pi * fraction)) / 2


def number(function: str, argument: str, value: float, *, least: float = 0.0) -> float:
    """`value` as a finite float that is at least `least`, or an error that says so.

    Example:
        >>> number("cosine", "value", 1)
        1.0
    """
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


def count(function: str, argument: str, value: int) -> int:
    """`value` as an integer of at least 1, or an error that says so.

    Example:
        >>> count("cosine", "steps", 3)
        3
    """
    if not hasattr(value, "__index__"):
        raise ArgumentTypeError(
            f"{function}: {argument} expects a number of steps, but got {value!r} "
            f"({type(value).__name__}); round it to an integer"
        )
    if value < 1:
        raise ArgumentError(f"{function}: {argument} expects at least 1 step, but got {value}")
    return int(value)


def increasing(function: str, argument: str, values: Sequence[int]) -> tuple[int, ...]:
    """`values` as strictly increasing step counts from 1 on, or an error that says so.

    Example:
        >>> increasing("join", "boundaries", [2, 5])
        (2, 5)
    """
    if not hasattr(values, "__iter__") or isinstance(values, str):
        raise ArgumentTypeError(
            f"{function}: {argument} expects a sequence of step counts, but got {values!r}"
        )
    steps = tuple(count(function, argument, value) for value in values)
    if any(later <= earlier for earlier, later in pairwise(steps)):
        raise ArgumentError(
            f"{function}: {argument} expects increasing step counts, but got {list(steps)}; "
            "sort them and drop repetitions"
        )
    return steps


def factor(function: str, argument: str, value: float, remedy: str) -> float:
    """`value` as a factor in (0, 1], or an error that says so and names the remedy.

    Example:
        >>> factor("multi_step", "gamma", 0.1, "write 0.1 to divide by ten")
        0.1
    """
    if not 0 < number(function, argument, value) <= 1:
        raise ArgumentError(
            f"{function}: {argument} expects a factor in (0, 1], but got {value!r}; {remedy}"
        )
    return float(value)
