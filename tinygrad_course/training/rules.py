"""What follows from a recipe while it runs: its learning rate, what lowers it, what stops it.

Read `recipe.py` first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import ArgumentError
from ..optim import by_name
from ..optim.schedules import NAMES as BY_STEP
from .early_stopping import EarlyStopping
from .plateau import ReduceOnPlateau
from .stopping_criteria import criterion

if TYPE_CHECKING:
    from .recipe import Recipe

PLATEAU = "plateau"
SCHEDULES = (*BY_STEP, PLATEAU)
"""The schedules: those of the step, and the one that waits for the test loss."""


def rate_and_rules(recipe: Recipe, steps: int) -> tuple[Any, list[Any]]:
    """The learning rate, and the callbacks that a recipe asks for, in the order to be told.

    Args:
        recipe: complete.
        steps: every optimizer step of the run.
    """
    from .callbacks import Patience, TargetScore  # it imports checkpoint.py, which imports recipes

    assert recipe.lr is not None  # noqa: S101 - complete() saw to it
    rules: list[Any] = []
    rate: Any
    if recipe.schedule == PLATEAU:
        rate = ReduceOnPlateau(recipe.lr, factor=0.1, patience=max(recipe.epochs // 10, 2) - 1)
        rules.append(rate)
    else:
        rate = by_name(recipe.schedule, recipe.lr, steps)
    if recipe.patience is not None:
        rules.append(Patience(recipe.patience))
    if recipe.early_stopping is not None:
        rules.append(EarlyStopping(criterion(recipe.early_stopping)))
    if recipe.target_accuracy is not None:
        rules.append(TargetScore(recipe.target_accuracy))
    return rate, rules


def check_full_batches(recipe: Recipe, samples: int) -> None:
    """Make sure that rprop gets the gradient of all samples.

    Raises:
        ArgumentError: a step has fewer.
    """
    if recipe.optimizer == "rprop" and recipe.batch_size * recipe.accumulate < samples:
        raise ArgumentError(
            f"rprop: expects the gradient of all {samples:,} training samples in each step, but a "
            f"step has {recipe.batch_size * recipe.accumulate:,}: in mini-batches signs turn by "
            f"chance, and its steps shrink to nothing; use a batch size of {samples}, or rmsprop, "
            "which was made of it for mini-batches"
        )
