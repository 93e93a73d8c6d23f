"""The learning-rate range test as a run: a rate that rises until the loss explodes.

`optim/range_test.py` has the rising rate and reads the losses; here is the run. Read next:
`search.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..data import Dataset
from ..errors import ArgumentError
from ..optim import RangeReading, lr_range, read_range_test
from ..train import train_epoch
from .environment import using_threads
from .methods import METHODS
from .recipe import Recipe, assemble


class RangeTest(NamedTuple):
    """A range test and its reading.

    Attributes:
        rates: the learning rate of each step.
        losses: the loss of each mini-batch, before its step.
        reading: where the loss falls fastest, is lowest, explodes.
        suggestion: a highest rate for a schedule that begins and ends low.
    """

    rates: list[float]
    losses: list[float]
    reading: RangeReading
    suggestion: float


def range_test(
    recipe: Recipe,
    dataset: Dataset,
    *,
    low: float = 1e-5,
    high: float = 10.0,
    steps: int = 150,
    tell: Callable[[int], None] = lambda step: None,
) -> RangeTest:
    """Train with a rate that rises from `low` to `high` by the same factor at each step.

    It stops where the loss has exploded. Where it was lowest, the rate has begun to be too much:
    the suggestion is a third of that rate, and a fifth for optimizers that divide by the size of
    the gradient. (With these the test came out near the rates that were best on digits and
    mnist-12k.)

    Args:
        recipe: model, optimizer, batch size, seed.
        dataset: what to learn; not scaled.
        low: the first rate.
        high: the last.
        steps: how many.
        tell: called with the number of steps made.

    Raises:
        ArgumentError: a range that is none, or a loss that explodes at once.

    References:
        Smith 2017, "Cyclical Learning Rates for Training Neural Networks", section 3.3.
    """
    if recipe.optimizer == "rprop":
        raise ArgumentError(
            "lr-range: rprop adapts the step of every weight by itself, so there is no rate to "
            "find; choose another optimizer"
        )
    run = assemble(replace(recipe, schedule="constant", lr=1.0), dataset)
    rising = lr_range(low, high, steps)
    run.optimizer = METHODS[recipe.optimizer].make(run.model.named_parameters(), rising, run.recipe)
    losses: list[float] = []
    smooth = 0.0
    lowest = math.inf
    with using_threads(run.threads), np.errstate(all="ignore"):
        while len(losses) < steps:
            for _ in train_epoch(run, lambda event: None):
                assert run.batch is not None  # noqa: S101 - train_epoch sets it
                losses.append(run.batch.loss)
                tell(len(losses))
                smooth = 0.9 * smooth + 0.1 * run.batch.loss
                mean = smooth / (1 - 0.9 ** len(losses))
                lowest = min(lowest, mean)
                exploded = not math.isfinite(mean) or mean > 5 * lowest > 0
                if len(losses) == steps or exploded:
                    break
            else:
                run.progress.next_epoch()
                continue
            break
    rates = [rising(step) for step in range(len(losses))]
    try:
        reading = read_range_test(rates, losses)
    except ArgumentError as error:
        raise ArgumentError(
            f"lr-range: the loss explodes within {len(losses)} steps, from the lowest rate on; "
            f"begin lower than {low:g}"
        ) from error
    share = 3 if METHODS[recipe.optimizer].follows_slope else 5
    return RangeTest(rates, losses, reading, _round(reading.lowest / share))


def _round(rate: float) -> float:
    """Two digits: more of them would say more than the test knows."""
    return float(f"{rate:.1e}")
