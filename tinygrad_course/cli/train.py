"""`tgc train`: from the options a recipe, from the recipe a run, and its display, log and report.

Read next: `display.py`, then `session.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import folders
from .failure import warn
from .options import common
from .settings import (
    DATA_OPTIONS,
    LENGTH_OPTIONS,
    MACHINE_OPTIONS,
    METHOD_OPTIONS,
    STOP_OPTIONS,
    given_of,
    recipe_and_data,
    recipe_options,
    title_of,
)

if TYPE_CHECKING:
    from ..training.recipe import Run

HELP = """Train MODEL and write a report of what it learned.

\b
tgc train                                 LeNet-5 on 10,000 handwritten digits
tgc train mlp --data spirals --epochs 50  a small network on points
tgc train --data pets/                    your pictures, a folder a class
tgc train --data flats.csv --target rent  a table, one column to predict
tgc train --resume runs/NAME              go on with an interrupted run

Without MODEL it is what suits the samples: lenet5 for grey pictures, vgg-small for coloured ones,
mlp for tables and points.

Ctrl-C ends a run after the current batch and keeps a checkpoint to go on from.
"""


@click.command(help=HELP)
@recipe_options(DATA_OPTIONS, LENGTH_OPTIONS, METHOD_OPTIONS, STOP_OPTIONS, MACHINE_OPTIONS)
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
@click.option("--tensorboard", is_flag=True, help="Write TensorBoard's events into the folder too.")
@common
def command(
    out: Path | None,
    resume: Path | None,
    no_report: bool,
    tensorboard: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Make a run of the options, or go on with one, and train it."""
    from ..training.events import check as tensorboard_is_installed
    from .session import Session

    given = given_of(settings)
    if tensorboard:
        tensorboard_is_installed()
    if resume is not None:
        if out is not None:
            raise click.UsageError("--out: a resumed run stays in its folder; leave --out away")
        run, folder = resumed(resume, given)
    else:
        run, folder = fresh(given, out)
    Session(run, folder, as_json=as_json, report=not no_report, events=tensorboard).train()


def fresh(given: dict[str, Any], out: Path | None) -> tuple[Run, Path]:
    """A run from its beginning, and the folder it gets."""
    from ..training.recipe import assemble

    recipe, dataset = recipe_and_data(given)
    run = assemble(recipe, dataset)
    name = title_of(recipe, dataset) + ("-classic" if recipe.classic else "")
    name += f"-seed{recipe.seed}"
    return run, folders.new_folder(name) if out is None else folders.given_folder(out)


def resumed(place: Path, given: dict[str, Any]) -> tuple[Run, Path]:
    """The run that goes on, and its folder; options that would change it are refused."""
    from .. import checkpoint

    path = folders.checkpoint_in(place)
    recipe = checkpoint.load(path).recipe.complete()
    threads, device = given.pop("threads", None), given.pop("device", None)
    for name, value in given.items():
        was = getattr(recipe, name)
        if value != was:
            option = "MODEL" if name == "model" else f"--{name.replace('_', '-')}"
            raise click.UsageError(
                f"{option}: the run in {path} has {name.replace('_', ' ')} {was}, and a resumed "
                f"run goes on as it began, but {value} is asked for; leave it away, or start a "
                "new run"
            )
    run, differences = checkpoint.resume(path, threads=threads, device=device)
    for difference in differences:
        warn(difference)
    return run, path.parent
