"""What to try next with a finished run: the flow chart of practical methodology as a function.

Is the error on the training data high? Then the model, the rate or the time is too small. Is it
high on test data alone? Then it learned by heart: more data, or regularisation. Is it low on both,
but high where the model is used? Then those data are others. Read next: `shift.py`, for the last.

References:
    Goodfellow, Bengio and Courville, "Deep Learning", 2016, chapter 11.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ..train import Record
from .methods import METHODS
from .preparation import DIGITS
from .recipe import PLATEAU, Recipe

MODELS = ("mlp", "lenet5", "vgg-small")
"""The networks for images, in the order of what they can learn."""


@dataclass(frozen=True)
class Facts:
    """What is known of a run when it is judged.

    Attributes:
        train: accuracy (R2 for regression) on the training part, without augmentation and dropout.
        test: on the test part.
        history: the epochs' records.
        recipe: how it was trained, complete.
        input_shape: the shape of one sample.
        classes: how many; 0 for regression.
        field: on data from where the model is used, or None.
        apart: how well training and test samples can be told apart, an AUC; None if unknown.
        apart_above: from which AUC on that is no chance.
    """

    train: float
    test: float
    history: Sequence[Record]
    recipe: Recipe
    input_shape: tuple[int, ...]
    classes: int
    field: float | None = None
    apart: float | None = None
    apart_above: float = 1.0

    @property
    def score(self) -> str:
        """What is measured."""
        return "accuracy" if self.classes else "R2"

    @property
    def image(self) -> bool:
        """Whether samples are images that a convolution can take."""
        return len(self.input_shape) == 3 and min(self.input_shape[:2]) >= 12

    def shown(self, value: float) -> str:
        """A score in its unit."""
        return f"{100 * value:.1f} %" if self.classes else f"{value:.3f}"


class Experiment(NamedTuple):
    """Something to try.

    Attributes:
        why: in words.
        recipe: the run to make, or None where no run will help.
        command: another command than `tgc train`: "overfit" or "lr-range"; empty otherwise.
    """

    why: str
    recipe: Recipe | None = None
    command: str = ""


class Advice(NamedTuple):
    """What is the matter, why, and what to try, the likeliest first.

    Attributes:
        diagnosis: "diverged", "training error", "validation error", "distribution shift" or
            "goal reached".
        because: in words.
        experiments: what to try.
    """

    diagnosis: str
    because: str
    experiments: list[Experiment]


def advise(facts: Facts, goal: float) -> Advice:
    """Walk the flow chart.

    Args:
        facts: of the run.
        goal: the accuracy (or R2) that is good enough.

    Example:
        >>> facts = Facts(0.999, 0.90, [], Recipe().complete(), (28, 28, 1), 10)
        >>> advice = advise(facts, goal=0.98)
        >>> advice.diagnosis, advice.experiments[0].recipe.data
        ('validation error', 'mnist')
    """
    shown = facts.shown
    if not (math.isfinite(facts.train) and math.isfinite(facts.test)):
        slower = replace(facts.recipe, lr=_nice((facts.recipe.lr or 1.0) / 10))
        return Advice(
            "diverged",
            "the losses are no numbers any more",
            [Experiment("a tenth of the learning rate", slower)],
        )
    if facts.train < goal:
        because = (
            f"on its own training data it reaches {shown(facts.train)}, below the goal of "
            f"{shown(goal)}: what it cannot learn there, it cannot know elsewhere"
        )
        return Advice("training error", because, list(_underfitting(facts)))
    if facts.test < goal:
        because = (
            f"it knows its training data ({shown(facts.train)}), but of others only "
            f"{shown(facts.test)}, and the goal is {shown(goal)}: part of it is learned by heart"
        )
        return Advice("validation error", because, list(_overfitting(facts)))
    if facts.field is not None and facts.field < min(goal, facts.test):
        because = (
            f"training data {shown(facts.train)}, test data {shown(facts.test)}, but only "
            f"{shown(facts.field)} where it is used: those samples are others than it was "
            "trained on"
        )
        return Advice("distribution shift", because, list(_shifted()))
    if facts.field is None and facts.apart is not None and facts.apart > facts.apart_above:
        because = (
            f"the goal is reached ({shown(facts.test)}), but a small network tells training from "
            f"test samples (AUC {facts.apart:.2f}, where 0.5 is chance): the two parts were not "
            "drawn alike, so one of them is not like the data that the model will meet"
        )
        return Advice("distribution shift", because, list(_shifted()))
    because = f"training data {shown(facts.train)}, test data {shown(facts.test)}: both are enough"
    return Advice("goal reached", because, list(_reached(facts)))


def _underfitting(facts: Facts) -> Iterator[Experiment]:
    recipe = facts.recipe
    chance = 1.5 / facts.classes if facts.classes else 0.1
    if facts.train < chance:
        yield Experiment(
            "it is hardly better than chance: can it learn 32 samples by heart? If "
            "not, something is broken",
            recipe,
            "overfit",
        )
    losses = [record["train_loss"] for record in facts.history]
    longer = replace(recipe, epochs=2 * recipe.epochs)
    if len(losses) < 3 or losses[-1] < 0.9 * losses[(2 * len(losses)) // 3 - 1]:
        yield Experiment("the training loss was still falling: twice as long", longer)
    elif recipe.schedule not in ("constant", PLATEAU):
        yield Experiment(
            "it came to rest because the schedule let the rate run out: twice as long", longer
        )
    if facts.image and recipe.model in MODELS[:-1]:
        larger = MODELS[MODELS.index(recipe.model) + 1]
        yield Experiment(
            "a network that can learn more", replace(recipe, model=larger, classic=False)
        )
    if recipe.optimizer != "rprop":
        yield Experiment("is the learning rate right?", recipe, "lr-range")
    usual = METHODS[recipe.optimizer].weight_decay
    if recipe.weight_decay and recipe.weight_decay > usual:
        yield Experiment(
            "less decay, which keeps weights small that it may need",
            replace(recipe, weight_decay=usual),
        )
    if recipe.optimizer == "sgd":
        yield Experiment(
            "an optimizer that gets along narrow valleys",
            replace(recipe, optimizer="nesterov", lr=None, weight_decay=None),
        )


def _overfitting(facts: Facts) -> Iterator[Experiment]:
    recipe = facts.recipe
    if recipe.data == "mnist-12k":
        yield Experiment("more data, which helps most: all of MNIST", replace(recipe, data="mnist"))
    elif recipe.data not in ("mnist", "cifar-10", "fashion-mnist"):
        yield Experiment("more data helps most: twice as many samples, if you can get them")
    if facts.image and not recipe.shift:
        yield Experiment(
            "images moved by up to 2 pixels: more data for nothing", replace(recipe, shift=2)
        )
    if facts.image and not recipe.flip and recipe.data not in DIGITS:
        yield Experiment(
            "mirrored images, if a mirrored one would have the same label",
            replace(recipe, flip=True),
        )
    losses = [record.get("test_loss") for record in facts.history]
    known = [loss for loss in losses if loss is not None]
    if len(known) >= 5 and known[-1] > 1.05 * min(known) and recipe.early_stopping is None:
        yield Experiment(
            f"the test loss was lowest in epoch {known.index(min(known)) + 1} of {len(known)}: "
            "stop early",
            replace(recipe, early_stopping="gl5"),
        )
    if recipe.optimizer != "rprop":
        decay = _nice(10 * recipe.weight_decay) if recipe.weight_decay else 1e-3
        yield Experiment(
            "ten times the decay: smaller weights, smoother functions",
            replace(recipe, weight_decay=decay),
        )


def _shifted() -> Iterator[Experiment]:
    yield Experiment(
        "collect samples from where the model is used, divide them, and train with "
        "one half of them among the others"
    )
    yield Experiment(
        "until then, make training samples look like those: light, size, noise, background"
    )


def _reached(facts: Facts) -> Iterator[Experiment]:
    recipe = facts.recipe
    yield Experiment(
        "another seed: how much of the score is luck?", replace(recipe, seed=recipe.seed + 1)
    )
    if facts.image and recipe.model in MODELS[1:]:
        smaller = MODELS[MODELS.index(recipe.model) - 1]
        yield Experiment(
            "would a smaller network do?", replace(recipe, model=smaller, classic=False)
        )


def _nice(value: float) -> float:
    return float(f"{value:.3g}")
