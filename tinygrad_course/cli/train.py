"""`tgc train`: from the options a recipe, from the recipe a run, and its display, log and report.

Read next: `display.py`, then `session.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ArgumentError, ArgumentTypeError, DeviceError
from ..training.recipe import Recipe
from . import folders
from .failure import warn
from .options import DATA, MODEL, common, with_classes

if TYPE_CHECKING:
    from ..training.recipe import Run

HELP = """Train MODEL (default: lenet5) and write a report of what it learned.

\b
tgc train                                 LeNet-5 on 10,000 handwritten digits
tgc train mlp --data spirals --epochs 50  a small network on points
tgc train --data mnist --epochs 10        all of MNIST
tgc train --resume runs/NAME              go on with an interrupted run

Ctrl-C ends a run after the current batch and keeps a checkpoint to go on from.
"""

USUAL = Recipe()


def setting(name: str, kind: Any, words: str, **more: Any) -> Callable[[Any], Any]:
    """An option for one field of the recipe; the default that help shows is the recipe's own."""
    usual = getattr(USUAL, name)
    if usual is not None and not more.get("is_flag"):
        words += f" [default: {usual}]"
    if not more.get("is_flag"):
        more = {"type": kind, "metavar": {int: "N", float: "X"}.get(kind, "NAME"), **more}
    return click.option(f"--{name.replace('_', '-')}", name, default=None, help=words, **more)


@click.command(help=HELP)
@click.argument("model", required=False, type=MODEL)
@setting("data", DATA, "The data set; `tgc data list` has them all.")
@setting("epochs", int, "How often to go through the training data.")
@setting("batch_size", int, "Samples a batch.")
@setting("optimizer", str, "sgd, momentum, nesterov, adam or adamw.")
@setting("lr", float, "The highest learning rate. [default: the optimizer's usual one]")
@setting("schedule", str, "constant, multi-step, cosine, one-cycle or warmup-cosine.")
@setting("momentum", float, "Of the optimizers momentum and nesterov.")
@setting("weight_decay", float, "How strongly weights are pulled towards zero.")
@setting("shift", int, "Move training images by up to N pixels. [default: 2 for MNIST, else 0]")
@setting("accumulate", int, "Batches that make one optimizer step.")
@setting("clip", float, "The largest norm of the gradient. [default: no limit]")
@setting("patience", int, "Stop after N epochs without a better test accuracy.")
@setting("seed", int, "Of weights, order, shifts and dropout: the same seed, the same run.")
@setting("dtype", str, "float32 or float64.")
@setting("device", str, "Where to train.")
@setting("threads", int, "Threads of the matrix products while training.")
@setting("classic", bool, "lenet5 as published: tanh and average pooling.", is_flag=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where checkpoints, log and report go. [default: runs/MODEL-DATA-seedN, numbered]",
)
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Go on with an interrupted run: its folder, or a checkpoint in it.",
)
@click.option("--no-report", is_flag=True, help="Draw no pictures and write no report.")
@common
def command(
    out: Path | None,
    resume: Path | None,
    no_report: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Make a run of the options, or go on with one, and train it."""
    from .session import Session

    given = {name: value for name, value in settings.items() if value is not None}
    if resume is not None:
        if out is not None:
            raise click.UsageError("--out: a resumed run stays in its folder; leave --out away")
        run, folder = resumed(resume, given)
    else:
        run, folder = fresh(given, out)
    Session(run, folder, as_json=as_json, report=not no_report).train()


def fresh(given: dict[str, Any], out: Path | None) -> tuple[Run, Path]:
    """A run from its beginning, and the folder it gets."""
    from ..training.recipe import assemble

    recipe = recipe_of(given)
    with_classes(recipe.data)
    run = assemble(recipe)
    name = f"{recipe.model}-{recipe.data}-seed{recipe.seed}"
    name = name.replace("-seed", "-classic-seed") if recipe.classic else name
    return run, folders.new_folder(name) if out is None else folders.given_folder(out)


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


def resumed(place: Path, given: dict[str, Any]) -> tuple[Run, Path]:
    """The run that goes on, and its folder; options that would change it are refused."""
    from .. import checkpoint

    path = folders.checkpoint_in(place)
    recipe = checkpoint.load(path).recipe.complete()
    threads = given.pop("threads", None)
    for name, value in given.items():
        was = getattr(recipe, name)
        if value != was:
            option = "MODEL" if name == "model" else f"--{name.replace('_', '-')}"
            raise click.UsageError(
                f"{option}: the run in {path} has {name.replace('_', ' ')} {was}, and a resumed "
                f"run goes on as it began, but {value} is asked for; leave it away, or start a "
                "new run"
            )
    run, differences = checkpoint.resume(path, threads=threads)
    for difference in differences:
        warn(difference)
    return run, path.parent
