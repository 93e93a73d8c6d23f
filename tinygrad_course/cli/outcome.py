"""The end of a run: what it reached as a table, and the report with its pictures.

Read next: `evaluate.py`, which shows the same of a checkpoint.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import kernels, metrics
from .display import clock

if TYPE_CHECKING:
    from rich.console import Console

    from ..training.recipe import Run
    from ..train import Evaluation

CONFUSIONS = 3


def result_of(run: Run, tested: Evaluation) -> dict[str, Any]:
    """What the run reached, as the last JSON object of `tgc train --json` has it."""
    return {
        "test_accuracy": tested.accuracy,
        "test_loss": tested.loss,
        "train_seconds": run.progress.seconds,
        "epochs": run.progress.epoch,
        "seed": run.recipe.seed,
    }


def write_report(folder: Path, run: Run, tested: Evaluation, command: str) -> Path:
    """Write report.html and its pictures into the run's folder."""
    from .. import viz
    from ..training import environment

    x, y = run.dataset.test
    recipe = {key: value for key, value in run.recipe.to_dict().items() if value is not None}
    images: dict[str, Any] = {"images": x} if is_image(x.shape[1:]) else {}
    return viz.write_report(
        folder,
        {
            "title": f"{run.recipe.model} on {run.recipe.data}",
            "subtitle": f"{run.dataset.description}. Seed {run.recipe.seed}.",
            "command": command,
            "results": {**result_of(run, tested), "parameters": run.model.num_parameters()},
            "settings": recipe,
            "environment": environment.describe(),
        },
        run.progress.history,
        class_names=run.dataset.classes,
        targets=y,
        predictions=tested.predictions,
        confidences=tested.confidences,
        **images,
    )


def is_image(shape: tuple[int, ...]) -> bool:
    """Whether samples of this shape can be shown as pictures."""
    return len(shape) == 3 and shape[-1] in (1, 3)


def show_result(
    screen: Console, run: Run, tested: Evaluation, folder: Path, report: Path | None
) -> None:
    """The table at the end of a run, and where everything lies."""
    from rich.text import Text

    from .terminal import facts, here

    progress = run.progress
    checkpoints = sorted(path.name for path in folder.glob("*.safetensors"))
    reached = Text(f"{100 * tested.accuracy:.2f} %", style="bold green")
    reached.append(f"  {wrong(tested, run.dataset.test.y)}", style="not bold dim")
    rows: list[tuple[str, object]] = [("test accuracy", reached)]
    mistakes = confusions(tested, run.dataset.test.y, run.dataset.classes)
    if mistakes:
        rows.append(("most confused", mistakes))
    epochs = "1 epoch" if progress.epoch == 1 else f"{progress.epoch} epochs"
    rows += [
        ("training time", f"{clock(progress.seconds)} for {epochs}"),
        ("kernels", kernels_used()),
        ("checkpoints", ", ".join(checkpoints)),
    ]
    if report is not None:
        pictures = sorted(path.name for path in folder.glob("*.png"))
        link = f"cyan link {report.absolute().as_uri()}"
        rows += [("pictures", ", ".join(pictures)), ("report", Text(here(report), style=link))]
    screen.print()
    screen.print(facts(rows))


def show_next(screen: Console, run: Run, folder: Path) -> None:
    """What to do with a trained model."""
    from .terminal import path_markup

    screen.print()
    shape = run.dataset.input_shape
    if is_image(shape) and shape[-1] == 1:
        screen.print("[dim]Show it an image:[/] [cyan]tgc predict --sample 7[/]", soft_wrap=True)
    screen.print(
        f"[dim]Class by class:[/]   [cyan]tgc evaluate[/] {path_markup(folder)}", soft_wrap=True
    )


def wrong(tested: Evaluation, y: Any) -> str:
    """How many mistakes that is, in words.

    Example:
        >>> from tinygrad_course.train import Evaluation
        >>> wrong(Evaluation(0.1, 0.5, np.array([1, 2]), np.array([1.0, 1.0])), np.array([1, 1]))
        '1 of 2 wrong'
    """
    count = int((tested.predictions != np.asarray(y)).sum())
    return f"{count:,} of {len(tested.predictions):,} wrong"


def confusions(tested: Evaluation, y: Any, classes: tuple[str, ...]) -> str:
    """The most frequent mistakes: "4 as 9 (5), 7 as 2 (3)"."""
    matrix = metrics.confusion_matrix(tested.predictions, y, len(classes))
    np.fill_diagonal(matrix, 0)
    order = np.argsort(-matrix, axis=None, kind="stable")[:CONFUSIONS]
    pairs = [np.unravel_index(flat, matrix.shape) for flat in order]
    return ", ".join(f"{classes[i]} as {classes[j]} ({matrix[i, j]})" for i, j in pairs
                     if matrix[i, j])  # fmt: skip


def kernels_used() -> str:
    """Which implementations ran: "reference 10 ops", and which of them were fall-backs."""
    report = kernels.report()
    ops_by_name: dict[str, int] = {}
    for by_name in report.ran.values():
        for name in by_name:
            ops_by_name[name] = ops_by_name.get(name, 0) + 1
    words = ", ".join(f"{name} for {count} ops" for name, count in sorted(ops_by_name.items()))
    return words or "none ran"
