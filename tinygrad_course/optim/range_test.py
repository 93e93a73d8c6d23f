"""The learning-rate range test: a rate that rises through a short run, and how its losses are read.

    optimizer = optim.SGD(model.parameters(), lr=optim.lr_range(1e-5, 10.0, steps=100))
    ... train 100 steps, keeping each step's loss ...
    optim.read_range_test(rates, losses)

This file holds the rate and the reading; the run is the trainer's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from ..errors import ArgumentError
from .formula import Formula, count, formula, number


def _lr_range(step: int, low: float, high: float, steps: int, linear: bool) -> float:
    part = min(step / max(steps - 1, 1), 1.0)
    return low + (high - low) * part if linear else low * float((high / low) ** part)


def lr_range(low: float, high: float, steps: int, *, linear: bool = False) -> Formula:
    """A rate that rises from `low` to `high`, by the same factor at each step.

    a(step) = low (high / low)^(step / (steps - 1)),   or a straight line if `linear`

    Args:
        low: the rate at step 0, above 0.
        high: the rate at step `steps` - 1 and from there on, at least `low`.
        steps: the length of the test, at least 1.
        linear: the straight line of the paper, for a range of less than a power of ten.

    Raises:
        ArgumentError: an argument out of its range.

    Example:
        >>> rate = lr_range(0.001, 1.0, steps=4)
        >>> [round(rate(step), 6) for step in range(4)]
        [0.001, 0.01, 0.1, 1.0]

    References:
        Smith 2017, "Cyclical Learning Rates for Training Neural Networks", section 3.3.
    """
    if not 0 < number("lr_range", "low", low) <= number("lr_range", "high", high):
        raise ArgumentError(
            f"lr_range: expects 0 < low <= high, but got low {low!r} and high {high!r}"
        )
    length = count("lr_range", "steps", steps)
    return formula(_lr_range, low=float(low), high=float(high), steps=length, linear=bool(linear))


class RangeReading(NamedTuple):
    """What a range test says.

    Attributes:
        steepest: the rate at which the loss fell fastest (per factor of the rate): a safe choice,
            or the base of a cycle.
        lowest: the rate at which it was lowest: more is too much; the peak of a cycle lies below.
        diverged: the first rate at which it had exploded; None where it never did.
        smooth: the averaged losses up to there, for a plot.
    """

    steepest: float
    lowest: float
    diverged: float | None
    smooth: list[float]


def read_range_test(
    rates: Sequence[float],
    losses: Sequence[float],
    *,
    memory: float = 0.9,
    explosion: float = 4.0,
) -> RangeReading:
    """Read a range test: where the loss falls fastest, is lowest, and explodes.

    s(t) = (1 - memory) sum over i <= t of memory^(t - i) loss(i) / (1 - memory^(t + 1))

    s is the running mean, corrected as Adam corrects its own; the slope is that of s over log rate.

    Args:
        rates: the learning rates, rising.
        losses: the loss of the mini-batch at each; may be longer, the rest is not read.
        memory: how much of the running mean stays, 0 to below 1; 0 reads the raw losses.
        explosion: the loss has exploded where s exceeds this many times its least value so far (or
            is no number).

    Raises:
        ArgumentError: fewer than three rates before the explosion, rates that do not rise, or an
            argument out of its range.

    Example:
        >>> rates = [0.001, 0.01, 0.1, 1.0, 10.0]
        >>> reading = read_range_test(rates, [1.0, 0.9, 0.3, 0.2, 9.0], memory=0.0)
        >>> reading.steepest, reading.lowest, reading.diverged
        (0.1, 1.0, 10.0)

    References:
        Smith 2017, section 3.3.
    """
    if not number("read_range_test", "memory", memory) < 1:
        raise ArgumentError(
            f"read_range_test: memory expects a number in [0, 1), but got {memory!r}"
        )
    number("read_range_test", "explosion", explosion, least=1.0)
    smooth: list[float] = []
    mean, diverged = 0.0, None
    for rate, loss in zip(rates, losses, strict=False):
        mean = memory * mean + (1 - memory) * float(loss)
        value = mean / (1 - memory ** (len(smooth) + 1))
        if not math.isfinite(value) or (smooth and value > explosion * min(smooth) > 0):
            diverged = float(rate)
            break
        smooth.append(value)
    kept = [number("read_range_test", "rates", rate) for rate in rates[: len(smooth)]]
    if len(kept) < 3 or kept[0] <= 0 or any(later <= rate for rate, later in pairwise(kept)):
        raise ArgumentError(
            "read_range_test: expects at least three rising rates above 0 before the loss "
            f"explodes, but got {kept[:4]}{' ...' if len(kept) > 4 else ''}; begin the test at a "
            "lower rate"
        )
    slopes = [
        (smooth[i + 1] - smooth[i]) / math.log(kept[i + 1] / kept[i]) for i in range(len(kept) - 1)
    ]
    return RangeReading(
        steepest=kept[slopes.index(min(slopes)) + 1],
        lowest=kept[smooth.index(min(smooth))],
        diverged=diverged,
        smooth=smooth,
    )
