"""The options that stand for the fields of a recipe, shared by all commands that train.

Which names are valid comes from where they are defined; nothing is listed twice. Read next:
`train.py`, which uses all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..backend import check_device
from ..errors import ArgumentError, ArgumentTypeError, DataError, DeviceError
from ..training.recipe import METHODS, MOMENTUM, SCHEDULES, Recipe, one_of
from .options import MODEL, PLACE, Size

if TYPE_CHECKING:
    from ..data import Dataset

USUAL = Recipe()


class Option:
    """One option: the recipe's field, its kind, its help, and what click is told beside."""

    def __init__(self, name: str, kind: Any, words: str, **more: Any) -> None:
        self.name, self.kind, self.words, self.more = name, kind, words, more

    def decorate(self, function: Any) -> Any:
        """Add it to a command; the default that help shows is the recipe's own."""
        words, more, usual = self.words, dict(self.more), getattr(USUAL, self.name)
        dashed = self.name.replace("_", "-")
        named = f"--{dashed}/--no-{dashed}" if more.pop("both", False) else f"--{dashed}"
        if usual not in (None, False, ()):
            words += f" [default: {usual}]"
        if self.kind is not bool:
            metavar = {int: "N", float: "X"}.get(self.kind, "NAME")
            more = {"type": self.kind, "metavar": metavar, **more}
        return click.option(named, self.name, default=None, help=words, **more)(function)


DATA_OPTIONS = (
    Option("data", PLACE, "A data set (`tgc data list` has them all), or the path of your own: a "
           "folder with a folder of pictures per class, FILE.npz, FILE.csv.",
           metavar="NAME|PATH"),
    Option("target", str, "Of a table: the column to predict.", metavar="COLUMN"),
    Option("task", str, "Of your own data: classification or regression. [default: by the target]"),
    Option("drop", str, "Of a table: a column to leave out; may be given again.", multiple=True,
           metavar="COLUMN"),
    Option("one_hot", bool, "Of a table: turn columns of text into numbers.", is_flag=True),
    Option("missing", str, "Of a table: drop rows with missing values, or fill in the mean. "
           "[default: refuse them]"),
    Option("size", Size(), "Of a folder: resize the pictures.", metavar="N|HxW"),
)  # fmt: skip
LENGTH_OPTIONS = (
    Option("epochs", int, "How often to go through the training data."),
    Option("batch_size", int, "Samples a batch."),
)
METHOD_OPTIONS = (
    Option("optimizer", str, f"{one_of(tuple(METHODS))}."),
    Option("lr", float, "The highest learning rate. [default: the optimizer's usual one]"),
    Option("schedule", str, f"{one_of(SCHEDULES)}."),
    Option("momentum", float, f"Of the optimizers {one_of(MOMENTUM)}."),
    Option("weight_decay", float, "How strongly weights are pulled towards zero."),
    Option("shift", int, "Move training images by up to N pixels. [default: 2 for MNIST, 4 for "
           "CIFAR-10, else 0]"),
    Option("flip", bool, "Mirror half of the training images. [default: CIFAR-10 only]",
           both=True),
    Option("accumulate", int, "Batches that make one optimizer step."),
    Option("clip", float, "The largest norm of the gradient. [default: no limit]"),
)  # fmt: skip
STOP_OPTIONS = (
    Option("patience", int, "Stop after N epochs without a better test accuracy."),
    Option("early_stopping", str, "Stop by one of Prechelt's criteria: gl5, pq0.75, up3, ...",
           metavar="RULE"),
    Option("target_accuracy", float, "Stop once this test accuracy is reached (0.98), or R2."),
)  # fmt: skip
MACHINE_OPTIONS = (
    Option("seed", int, "Of weights, order, shifts and dropout: the same seed, the same run."),
    Option("dtype", str, "float32 or float64."),
    Option("device", str, "Where to train: cpu, or cuda for a GPU."),
    Option("threads", int, "Threads while training. [default: all processors]"),
    Option("classic", bool, "lenet5 as published: tanh and average pooling.", is_flag=True),
)
ALL = (*DATA_OPTIONS, *LENGTH_OPTIONS, *METHOD_OPTIONS, *STOP_OPTIONS, *MACHINE_OPTIONS)


def recipe_options(
    *groups: tuple[Option, ...], without: Collection[str] = ()
) -> Callable[[Any], Any]:
    """A decorator: the argument MODEL and the options of these groups.

    The command gets them by the names of the recipe's fields, None where they were not given.
    """

    def decorate(function: Any) -> Any:
        for option in reversed([each for group in groups for each in group]):
            if option.name not in without:
                function = option.decorate(function)
        return click.argument("model", required=False, type=MODEL)(function)

    return decorate


def given_of(settings: dict[str, Any]) -> dict[str, Any]:
    """What the user gave."""
    return {name: value for name, value in settings.items() if value not in (None, ())}


def recipe_of(given: dict[str, Any]) -> Recipe:
    """The recipe of the options; what is wrong with one is a usage error.

    Example:
        >>> recipe_of({"epochs": 3}).epochs
        3
        >>> recipe_of({"epochs": 0})
        Traceback (most recent call last):
        click.exceptions.UsageError: --epochs must be at least 1, but it is 0
    """
    try:
        return Recipe(**given)
    except (ArgumentError, ArgumentTypeError, DeviceError) as error:
        message = str(error).removeprefix("Recipe: ")
        for name in given:
            if message.startswith(f"{name} must"):
                message = f"--{name.replace('_', '-')}{message.removeprefix(name)}"
        raise click.UsageError(message, click.get_current_context(silent=True)) from error


def recipe_and_data(given: dict[str, Any]) -> tuple[Recipe, Dataset]:
    """The recipe and its data, loaded; where no model was named, the usual one for such samples.

    An option that means nothing for the data is a usage error.
    """
    from .. import models
    from ..training.preparation import load_data

    recipe = recipe_of(given)
    try:
        check_device(recipe.device)
    except DeviceError as error:
        raise click.UsageError(str(error), click.get_current_context(silent=True)) from error
    try:
        dataset = load_data(recipe)
    except ArgumentError as error:
        context = click.get_current_context(silent=True)
        raise click.UsageError(_as_options(str(error)), context) from error
    except DataError as error:
        raise DataError(_as_options(str(error))) from error
    if "model" not in given:
        recipe = recipe_of({**given, "model": models.usual(dataset.input_shape)})
    return recipe, dataset


def _as_options(message: str) -> str:
    """An error of `load` in the words of the command line.

    Example:
        >>> _as_options("load: target means nothing for mnist (name), which takes no such options")
        '--target means nothing for mnist (name), which takes no such options'
        >>> _as_options("load_csv: which column is to be predicted? Give target=COLUMN, one of a")
        'which column is to be predicted? Give --target COLUMN, one of a'
        >>> _as_options("load_folder: all pictures must have one size; size=(24, 32) resizes them")
        'all pictures must have one size; --size 24x32 resizes them'
    """
    head, _, rest = message.partition(": ")
    text = rest if head.startswith("load") else message
    text = re.sub(r"one_hot=\[[^]]*\]|one_hot=True", "--one-hot", text)
    text = re.sub(r"drop=\[(['\"].*?['\"])\]", r"--drop \1", text)
    text = re.sub(r"size=\((\d+), (\d+)\)", r"--size \1x\2", text)
    for option in DATA_OPTIONS:
        dashed = f"--{option.name.replace('_', '-')}"
        text = text.replace(f"{option.name}=", f"{dashed} ")
        if text.startswith(f"{option.name} "):
            text = dashed + text.removeprefix(option.name)
    return text


def title_of(recipe: Recipe, dataset: Dataset) -> str:
    """The name that a folder of this run gets, without its seed."""
    return f"{recipe.model}-{Path(dataset.name).name}"
