"""`tgc evaluate`: a trained model measured on a data set. Read next: `predict.py`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import CheckpointError
from . import folders
from .options import DATA, Name, common, print_json

if TYPE_CHECKING:
    from ..checkpoint import Checkpoint
    from ..data import Dataset
    from ..train import Evaluation


@click.command()
@click.argument("run", required=False, type=click.Path(path_type=Path), metavar="[RUN]")
@click.option("--data", type=DATA, metavar="NAME", help="Another data set than the run's own.")
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
    from ..training.environment import using_threads
    from ..train import evaluate

    saved = checkpoint.load(folders.checkpoint_in(run, folders.BEST if best else folders.LAST))
    model, recipe = saved.model(), saved.recipe
    dataset = fitting(saved, data or recipe.data)
    samples = dataset.test if split == "test" else dataset.train
    with using_threads(threads or recipe.threads):
        tested = evaluate(model, *samples, batch_size)
    if as_json:
        print_json(record_of(saved, dataset, split, tested))
    else:
        _show(saved, dataset, split, samples.y, tested)


def fitting(saved: Checkpoint, name: str) -> Dataset:
    """The data set, if the checkpoint's model can take its samples.

    Raises:
        CheckpointError: it was trained on samples of another shape, or with other classes.
    """
    from .. import data

    info = data.info(name)
    shape = tuple(saved.facts["input_shape"])
    if info.input_shape != shape or info.classes != saved.classes:
        raise CheckpointError(
            f"checkpoint {saved.path}: expects samples of shape {shape} in {len(saved.classes)} "
            f"classes, but those of {name} are {info.input_shape} in {len(info.classes)}; it was "
            f"trained on {saved.recipe.data}"
        )
    return data.load(name, dtype=saved.recipe.dtype)


def record_of(
    saved: Checkpoint, dataset: Dataset, split: str, tested: Evaluation
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
        f"{split}_accuracy": tested.accuracy,
        f"{split}_loss": tested.loss,
    }


def _show(saved: Checkpoint, dataset: Dataset, split: str, y: Any, tested: Evaluation) -> None:
    from rich.text import Text

    from ..metrics import confusion_matrix, precision, recall
    from .outcome import confusions, wrong
    from .terminal import console, facts, here, table

    screen = console()
    reached = Text(f"{100 * tested.accuracy:.2f} %", style="bold green")
    reached.append(f"  {wrong(tested, y)}", style="not bold dim")
    epochs = saved.progress.epoch
    after = f"after {epochs} epoch{'' if epochs == 1 else 's'}"
    rows: list[tuple[str, object]] = [
        ("model", f"{saved.recipe.model}, {after}"),
        ("checkpoint", Text(here(saved.path), style="cyan")),
        ("data", f"{dataset.name}, {split} part"),
        ("accuracy", reached),
        ("loss", f"{tested.loss:.4f}"),
    ]
    mistakes = confusions(tested, y, dataset.classes)
    if mistakes:
        rows.append(("most confused", mistakes))
    screen.print(facts(rows))
    screen.print()
    matrix = confusion_matrix(tested.predictions, y, len(dataset.classes))
    found, trusted = recall(matrix), precision(matrix)

    def percent(share: float) -> str:
        return "—" if math.isnan(share) else f"{100 * share:.1f} %"

    classes = [
        (name, f"{matrix[k].sum():,}", percent(found[k]), percent(trusted[k]))
        for k, name in enumerate(dataset.classes)
    ]
    screen.print(table(("class", "samples", "recall", "precision"), classes, right=(1, 2, 3)))
