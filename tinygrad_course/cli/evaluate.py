"""`tgc evaluate`: a trained model measured on a data set. Read next: `predict.py`."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import CheckpointError
from ..evaluation import Evaluation, Regression
from . import folders
from .options import PLACE, Name, common, print_json
from .outcome import score_rows, scores_of

if TYPE_CHECKING:
    from rich.table import Table

    from ..checkpoint import Checkpoint
    from ..data import Dataset


@click.command()
@click.argument("run", required=False, type=click.Path(path_type=Path), metavar="[RUN]")
@click.option(
    "--data", type=PLACE, metavar="NAME|PATH", help="Other data than the run's own, of its kind."
)
@click.option(
    "--split",
    default="test",
    show_default=True,
    type=Name("split", lambda: ("test", "train")),
    help="Which part of it: test or train.",
)
@click.option("--best", is_flag=True, help="The checkpoint of the best epoch, not the last.")
@click.option(
    "--batch-size", default=250, show_default=True, metavar="N", type=click.IntRange(min=1),
    help="Samples at a time.",
)  # fmt: skip
@click.option(
    "--threads", metavar="N", type=click.IntRange(min=1),
    help="Threads of the matrix products. [default: as in training]",
)  # fmt: skip
@common
def command(
    run: Path | None,
    data: str | None,
    split: str,
    best: bool,
    batch_size: int,
    threads: int | None,
    as_json: bool,
) -> None:
    """Measure a trained model: RUN is its folder or checkpoint (default: the newest run).

    The accuracy on test data is what counts: the model has never seen them.
    """
    from .. import checkpoint
    from ..train import evaluate, evaluate_regression
    from ..training.environment import using_threads

    saved = checkpoint.load(folders.checkpoint_in(run, folders.BEST if best else folders.LAST))
    model, recipe = saved.model(), saved.recipe
    dataset = fitting(saved, data or recipe.data)
    samples = saved.scaling.part(dataset.test if split == "test" else dataset.train)
    how = evaluate if dataset.classes else evaluate_regression
    with using_threads(threads or recipe.threads):
        tested = how(model, *samples, batch_size)
    if as_json:
        print_json(record_of(saved, dataset, split, tested))
    else:
        _show(saved, dataset, split, samples.y, tested)


def fitting(saved: Checkpoint, name: str) -> Dataset:
    """The data set as it was stored, if the checkpoint's model can take its samples.

    Raises:
        CheckpointError: it was trained on samples of another shape, or with other classes.
    """
    from ..training.preparation import load_data

    recipe = saved.recipe
    dataset = load_data(recipe if name == recipe.data else replace(recipe, data=name))
    shape = tuple(saved.facts["input_shape"])
    if dataset.input_shape != shape or dataset.classes != saved.classes:
        raise CheckpointError(
            f"checkpoint {saved.path}: expects samples of shape {shape} in {len(saved.classes)} "
            f"classes, but those of {name} are {dataset.input_shape} in {len(dataset.classes)}; it "
            f"was trained on {recipe.data}"
        )
    return dataset


def record_of(
    saved: Checkpoint, dataset: Dataset, split: str, tested: Evaluation | Regression
) -> dict[str, Any]:
    """What was measured, for `--json`."""
    return {
        "event": "evaluation",
        "checkpoint": str(saved.path),
        "model": saved.recipe.model,
        "epochs": saved.progress.epoch,
        "data": dataset.name,
        "split": split,
        "samples": len(tested.predictions),
        **scores_of(tested, split, saved.scaling.unit),
    }


def _show(
    saved: Checkpoint, dataset: Dataset, split: str, y: Any, tested: Evaluation | Regression
) -> None:
    from rich.text import Text

    from .terminal import console, facts, here

    screen = console()
    epochs = saved.progress.epoch
    after = f"after {epochs} epoch{'' if epochs == 1 else 's'}"
    rows: list[tuple[str, object]] = [
        ("model", f"{saved.recipe.model}, {after}"),
        ("checkpoint", Text(here(saved.path), style="cyan")),
        ("data", f"{dataset.name}, {split} part"),
        *score_rows(tested, y, dataset.classes, saved.scaling.unit),
        ("loss", f"{tested.loss:.4f}"),
    ]
    screen.print(facts(rows))
    if isinstance(tested, Evaluation):
        screen.print()
        screen.print(_by_class(tested, y, dataset.classes))


def _by_class(tested: Evaluation, y: Any, names: tuple[str, ...]) -> Table:
    from ..metrics import confusion_matrix, precision, recall
    from .terminal import table

    matrix = confusion_matrix(tested.predictions, y, len(names))
    found, trusted = recall(matrix), precision(matrix)

    def percent(share: float) -> str:
        return "—" if math.isnan(share) else f"{100 * share:.1f} %"

    classes = [
        (name, f"{matrix[k].sum():,}", percent(found[k]), percent(trusted[k]))
        for k, name in enumerate(names)
    ]
    return table(("class", "samples", "recall", "precision"), classes, right=(1, 2, 3))
