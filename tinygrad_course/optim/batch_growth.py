"""A growing batch instead of a falling learning rate, and the noise that both bring down.

These are functions of the epoch: the number of steps in an epoch changes with the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import ArgumentError
from .formula import Formula, count, formula, increasing, number


def noise_scale(lr: float, batch_size: int, samples: int, momentum: float = 0.0) -> float:
    """How noisy stochastic gradient descent is.

    g = lr samples / (batch_size (1 - momentum))

    What a run ends at depends on this quotient as long as the rate is small and the batch much
    smaller than the data (the exact form has samples / batch_size - 1). So dividing the rate by 5
    and multiplying the batch by 5 are two ways to the same noise; they are not the same run: the
    larger batch makes a fifth of the updates, at a rate that may prove unstable.

    Args:
        lr: the learning rate.
        batch_size: the samples of a batch, at least 1. (Course slides sometimes print R for it.)
        samples: the samples of the training set, at least 1.
        momentum: of the velocity, 0 to below 1.

    Raises:
        ArgumentError: a number out of its range.

    Example:
        >>> noise_scale(0.5, batch_size=100, samples=50_000, momentum=0.5)
        500.0

    References:
        Smith and Le 2018, "A Bayesian Perspective on Generalization and Stochastic Gradient
        Descent", section 4. With momentum: Smith, Kindermans, Ying and Le 2018, section 2.
    """
    if not number("noise_scale", "momentum", momentum) < 1:
        raise ArgumentError(
            f"noise_scale: momentum expects a number in [0, 1), but got {momentum!r}"
        )
    size = count("noise_scale", "batch_size", batch_size)
    noise = number("noise_scale", "lr", lr) * count("noise_scale", "samples", samples) / size
    return noise / (1 - momentum)


def _growing_batch(
    step: int, batch_size: int, milestones: tuple[int, ...], factor: float, largest: int
) -> int:
    reached = sum(milestone <= step for milestone in milestones)
    return min(round(batch_size * factor**reached), largest)


def growing_batch(
    batch_size: int, milestones: Sequence[int], factor: float = 5.0, largest: int = 2**31
) -> Formula:
    """The batch size in each epoch: multiplied by a factor where a staircase would divide the rate.

    B(epoch) = min(round(batch_size factor^n), largest),   n counting the milestones reached

    A batch larger than memory is what `accumulate` is for. Where `largest` holds the batch down,
    the rate has to fall in its place: see `growing_batch_rate`.

    Args:
        batch_size: the size before the first milestone, at least 1.
        milestones: increasing epochs, counted from 0.
        factor: the growth at each milestone, at least 1.
        largest: the largest size; the paper keeps it to a tenth of the training set.

    Returns:
        A function of the epoch.

    Raises:
        ArgumentError: an argument out of its range, or milestones out of order.

    Example:
        >>> size = growing_batch(128, milestones=[60, 120, 160], factor=5, largest=5120)
        >>> [size(epoch) for epoch in (0, 59, 60, 120, 160)]
        [128, 128, 640, 3200, 5120]

    References:
        Smith, Kindermans, Ying and Le 2018, "Don't Decay the Learning Rate, Increase the Batch
        Size", section 5.1.
    """
    arguments = _checked("growing_batch", batch_size, milestones, factor, largest)
    return formula(_growing_batch, **arguments)


def _growing_batch_rate(
    step: int,
    lr: float,
    batch_size: int,
    milestones: tuple[int, ...],
    factor: float,
    largest: int,
) -> float:
    reached = sum(milestone <= step for milestone in milestones)
    size = _growing_batch(step, batch_size, milestones, factor, largest)
    return lr * size / (batch_size * factor**reached)


def growing_batch_rate(
    lr: float,
    batch_size: int,
    milestones: Sequence[int],
    factor: float = 5.0,
    largest: int = 2**31,
) -> Formula:
    """The learning rate beside `growing_batch`: lr, as long as the batch may grow.

    a(epoch) = lr B(epoch) / (batch_size factor^n)

    So the noise scale falls by exactly `factor` at each milestone, rounding and `largest` included.

    Args:
        lr: the rate in the first epoch.
        batch_size: as in `growing_batch`, and so are the others.
        milestones: increasing epochs.
        factor: the growth at each milestone.
        largest: the largest batch.

    Returns:
        A function of the epoch.

    Raises:
        ArgumentError: an argument out of its range, or milestones out of order.

    Example:
        >>> rate = growing_batch_rate(0.1, 128, [60, 120, 160], factor=5, largest=5120)
        >>> [round(rate(epoch), 6) for epoch in (0, 60, 120, 160)]
        [0.1, 0.1, 0.1, 0.032]

    References:
        Smith, Kindermans, Ying and Le 2018, section 5.1.
    """
    arguments = _checked("growing_batch_rate", batch_size, milestones, factor, largest)
    rate = number("growing_batch_rate", "lr", lr)
    return formula(_growing_batch_rate, lr=rate, **arguments)


def _checked(
    name: str, batch_size: int, milestones: Sequence[int], factor: float, largest: int
) -> dict[str, Any]:
    return {
        "batch_size": count(name, "batch_size", batch_size),
        "milestones": increasing(name, "milestones", milestones),
        "factor": number(name, "factor", factor, least=1.0),
        "largest": count(name, "largest", largest),
    }
