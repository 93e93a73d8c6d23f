"""Can the model learn a handful of samples by heart? If it cannot, no amount of data will help.

The first thing to try where training fails: 32 samples, nothing random, no decay. A network with
more weights than that must bring its loss to nothing; one that does not has a fault in its layers,
its gradients, its loss, its labels or its rate. Read next: `advice.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..data import Dataset, Split
from ..errors import ArgumentError
from ..nn import Dropout, SpatialDropout
from ..train import Record, train_epoch
from .environment import using_threads
from .recipe import METHODS, Recipe, Run, assemble


class Overfit(NamedTuple):
    """How learning by heart went.

    Attributes:
        samples: how many there were.
        steps: optimizer steps made, each with all samples.
        loss: the mean loss in the end.
        score: the accuracy in the end, or R2 for a regression.
        learned: whether all of it was learned: every sample right (R2 above 0.98).
        history: loss and score of each step.
    """

    samples: int
    steps: int
    loss: float
    score: float
    learned: bool
    history: list[Record]


def few(dataset: Dataset, samples: int) -> Dataset:
    """The first samples of the training part, the classes in turn.

    Args:
        dataset: where they come from.
        samples: how many, at least 2.

    Raises:
        ArgumentError: less than 2, or more than there are.

    Example:
        >>> from tinygrad_course.data import load
        >>> few(load("digits"), 5).train.y
        array([0, 1, 2, 3, 4])
    """
    x, y = dataset.train
    if not 2 <= samples <= len(x):
        raise ArgumentError(
            f"overfit: samples must be 2 to {len(x)}, as many as there are to train on, but it is "
            f"{samples}"
        )
    if dataset.classes:
        places = [np.flatnonzero(y == label)[:samples] for label in range(len(dataset.classes))]
        turn = np.concatenate([np.arange(len(place)) for place in places])
        rows = np.concatenate(places)[np.argsort(turn, kind="stable")][:samples]
    else:
        rows = np.arange(samples)
    part = Split(x[rows], y[rows])
    return replace(dataset, train=part, test=part)


def overfit(
    recipe: Recipe,
    dataset: Dataset,
    *,
    samples: int = 32,
    steps: int = 1000,
    tell: Callable[[Record], None] = lambda record: None,
) -> Overfit:
    """Train on a handful of samples until they are known by heart.

    All samples make one batch. Dropout, augmentation, decay and schedule are left out, since each
    of them is there to prevent this.

    Args:
        recipe: model, optimizer, rate and seed; the usual rate is divided by 3, as there is no
            schedule to lower it.
        dataset: whose training part the samples are from; not scaled.
        samples: how many.
        steps: give up after so many.
        tell: called with the record of each step.

    Raises:
        ArgumentError: more samples than there are.

    Example:
        >>> from tinygrad_course.data import load
        >>> overfit(Recipe(model="mlp", optimizer="adam"), load("digits"), samples=8).learned
        True
    """
    plain = replace(
        recipe,
        epochs=steps,
        batch_size=samples,
        accumulate=1,
        schedule="constant",
        weight_decay=0.0,
        shift=0,
        flip=False,
        lr=METHODS[recipe.optimizer].lr / 3 if recipe.lr is None else recipe.lr,
    )
    run = assemble(plain, few(dataset, samples))
    for layer in run.model.modules():
        if isinstance(layer, (Dropout, SpatialDropout)):
            layer.p = 0.0
    history: list[Record] = []
    with using_threads(run.threads), np.errstate(all="ignore"):
        for step in range(1, steps + 1):
            for _ in train_epoch(run, lambda event: None):
                pass
            record = {"step": step, "loss": run.train_loss, "score": _score(run)}
            run.progress.next_epoch()
            history.append(record)
            tell(record)
            if not np.isfinite(record["loss"]) or _known(run, record):
                break
    last = history[-1]
    loss, score = float(last["loss"]), float(last["score"])
    return Overfit(samples, len(history), loss, score, _known(run, last), history)


def _score(run: Run) -> float:
    return float(getattr(run, f"train_{run.score}"))


def _known(run: Run, record: Record) -> bool:
    if run.regression:
        return bool(record["score"] > 0.98)
    return bool(record["score"] == 1.0 and record["loss"] < 0.1)
