"""The end of a run: what it reached as a table, and the report with its pictures.

Read next: `evaluate.py`, which shows the same of a checkpoint.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import kernels, metrics
from ..evaluation import Evaluation, Regression
from ..training.callbacks import time_to
from .display import clock

if TYPE_CHECKING:
    from rich.console import Console

    from ..training.recipe import Run

CONFUSIONS = 3
LEVELS = (0.5, 0.8, 0.9, 0.95, 0.97, 0.98, 0.985, 0.99, 0.995)
"""The accuracies whose times are told, as far as they were reached."""


def result_of(run: Run, tested: Evaluation | Regression) -> dict[str, Any]:
    """What the run reached, as the last JSON object of `tgc train --json` has it."""
    times = times_to_accuracy(run)
    return {
        **scores_of(tested, "test", run.scaling.unit),
        **({f"time_to_{run.score}": times} if times else {}),
        "train_seconds": run.progress.seconds,
        "epochs": run.progress.epoch,
        "seed": run.recipe.seed,
    }


def scores_of(tested: Evaluation | Regression, part: str, unit: float = 1.0) -> dict[str, float]:
    """What was measured, by name; errors of a regression in the unit of its targets.

    Args:
        tested: what was measured.
        part: "test" or "train".
        unit: by what the targets were divided.

    Example:
        >>> from tinygrad_course.train import Regression
        >>> scores_of(Regression(0.25, 0.75, np.zeros((2, 1))), "test", unit=10.0)
        {'test_r2': 0.75, 'test_mse': 25.0, 'test_rmse': 5.0, 'test_loss': 0.25}
    """
    if isinstance(tested, Evaluation):
        return {f"{part}_accuracy": tested.accuracy, f"{part}_loss": tested.loss}
    mse = tested.loss * unit**2
    return {
        f"{part}_r2": tested.r2,
        f"{part}_mse": mse,
        f"{part}_rmse": mse**0.5,
        f"{part}_loss": tested.loss,
    }


def times_to_accuracy(run: Run) -> dict[str, float]:
    """Seconds of training until an epoch reached each round accuracy (or R2) that was reached.

    The wanted one stands among them, if the recipe has one.
    """
    wanted = run.recipe.target_accuracy
    levels = sorted({*LEVELS, *([] if wanted is None else [wanted])})
    found = {level: time_to(run.progress.history, level) for level in levels}
    reached = {level: seconds for level, seconds in found.items() if seconds is not None}
    last = sorted(reached)[-4:]
    return {f"{level:g}": reached[level] for level in last}


def write_report(folder: Path, run: Run, tested: Evaluation | Regression, command: str) -> Path:
    """Write report.html and its pictures into the run's folder."""
    from .. import viz
    from ..training import environment

    x, y = run.dataset.test
    listed = run.recipe.to_dict().items()
    recipe = {k: v for k, v in listed if v not in (None, [], False)}
    results: dict[str, Any] = {}
    if isinstance(tested, Evaluation):
        results = {"class_names": run.dataset.classes, "targets": y,
                   "predictions": tested.predictions,
                   "confidences": tested.confidences}  # fmt: skip
        if is_image(x.shape[1:]):
            results["images"] = x
    else:
        results = {"targets": run.scaling.predictions(y),
                   "predictions": run.scaling.predictions(tested.predictions)}  # fmt: skip
    score = "R2" if run.regression else "accuracy"
    reached = result_of(run, tested)
    times = reached.pop(f"time_to_{run.score}", {}).items()
    return viz.write_report(
        folder,
        {
            "title": f"{run.recipe.model} on {run.dataset.name}",
            "subtitle": f"{run.dataset.description}. Seed {run.recipe.seed}.",
            "command": command,
            "results": {**reached, "parameters": run.model.num_parameters()},
            f"time to {score}": {
                (level if run.regression else f"{100 * float(level):g} %"): clock(seconds)
                for level, seconds in times
            },
            "settings": recipe,
            "environment": environment.describe(),
        },
        run.progress.history,
        **results,
    )


def is_image(shape: tuple[int, ...]) -> bool:
    """Whether samples of this shape can be shown as pictures."""
    return len(shape) == 3 and shape[-1] in (1, 3)


def show_result(
    screen: Console, run: Run, tested: Evaluation | Regression, folder: Path, report: Path | None
) -> None:
    """The table at the end of a run, and where everything lies."""
    from rich.text import Text

    from .terminal import facts, here

    progress = run.progress
    checkpoints = sorted(path.name for path in folder.glob("*.safetensors"))
    y = run.dataset.test.y
    rows = [*score_rows(tested, y, run.dataset.classes, run.scaling.unit, "test ")]
    times = times_to_accuracy(run)
    if times:
        words = [
            f"{level if run.regression else f'{100 * float(level):g} %'} after {clock(seconds)}"
            for level, seconds in times.items()
        ]
        rows.append((f"time to {'R2' if run.regression else 'accuracy'}", ", ".join(words)))
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
    more = [("What next?", "advise")]
    if not run.regression:
        more.insert(0, ("Class by class:", "evaluate"))
    if is_image(run.dataset.input_shape):
        screen.print("[dim]Show it an image:[/] [cyan]tgc predict --sample 7[/]", soft_wrap=True)
    for words, command in more:
        screen.print(
            f"[dim]{words:<18}[/] [cyan]tgc {command}[/] {path_markup(folder)}", soft_wrap=True
        )


def score_rows(
    tested: Evaluation | Regression, y: Any, classes: tuple[str, ...], unit: float, part: str = ""
) -> list[tuple[str, object]]:
    """What was measured, as rows of a table: accuracy and mistakes, or R2 and errors."""
    from rich.text import Text

    if isinstance(tested, Evaluation):
        reached = Text(f"{100 * tested.accuracy:.2f} %", style="bold green")
        reached.append(f"  {wrong(tested, y)}", style="not bold dim")
        mistakes = confusions(tested, y, classes)
        return [(f"{part}accuracy", reached), *([("most confused", mistakes)] if mistakes else [])]
    scores = scores_of(tested, "test", unit)
    return [
        (f"{part}R2", Text(f"{tested.r2:.4f}", style="bold green")),
        (f"{part}MSE", f"{scores['test_mse']:.4g}"),
        (f"{part}error", f"{scores['test_rmse']:.4g} in the unit of the target (root of the MSE)"),
    ]


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
