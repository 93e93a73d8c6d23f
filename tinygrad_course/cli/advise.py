"""`tgc advise RUN`: what is the matter with a run, and which experiment to try next."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ArgumentError
from . import folders
from .options import PLACE, common, print_json

if TYPE_CHECKING:
    from ..checkpoint import Checkpoint
    from ..data import Split
    from ..training.advice import Experiment, Facts

MOST = 5000
"""Samples of each part that are measured, drawn at random: enough for a score, and quick."""

GOALS = {"accuracy": 0.95, "R2": 0.9}


@click.command()
@click.argument("run", required=False, type=click.Path(path_type=Path), metavar="[RUN]")
@click.option(
    "--goal",
    type=float,
    metavar="X",
    help="The accuracy (or R2) that is good enough. [default: 0.95, or 0.9 for R2]",
)
@click.option(
    "--data",
    type=PLACE,
    metavar="NAME|PATH",
    help="Data from where the model is used: are they like the training data?",
)
@common
def command(run: Path | None, goal: float | None, data: str | None, as_json: bool) -> None:
    """Judge RUN (default: the newest), and say what to try next, as commands.

    High error on training data, on test data alone, or only where the model is used: the three
    have different remedies. (Goodfellow, Bengio and Courville 2016, chapter 11.)
    """
    from .. import checkpoint
    from ..training.advice import advise

    saved = checkpoint.load(folders.checkpoint_in(run))
    facts = facts_of(saved, data)
    wanted = GOALS[facts.score] if goal is None else goal
    if not 0 < wanted <= 1:
        raise ArgumentError(f"--goal: expects a number above 0 and at most 1, but got {wanted:g}")
    advice = advise(facts, wanted)
    if as_json:
        print_json(
            {
                "event": "advice",
                "run": str(saved.path.parent),
                "goal": wanted,
                "train": facts.train,
                "test": facts.test,
                "field": facts.field,
                "told_apart": facts.apart,
                "diagnosis": advice.diagnosis,
                "because": advice.because,
                "experiments": [
                    {"why": each.why, "command": command_for(each)} for each in advice.experiments
                ],
            }
        )
        return
    _show(saved, facts, wanted, goal is None, advice)


def facts_of(saved: Checkpoint, field: str | None) -> Facts:
    """Measure the run's model on its training and test data, and on others if there are."""
    import numpy as np

    from ..evaluation import evaluate, evaluate_regression
    from ..training.advice import Facts
    from ..training.environment import using_threads
    from ..training.shift import told_apart
    from .evaluate import fitting

    model, recipe = saved.model(), saved.recipe
    dataset = fitting(saved, recipe.data)
    elsewhere = None if field is None else fitting(saved, field)

    def score(part: Split) -> float:
        rows: Any = slice(None)
        if len(part.x) > MOST:
            rows = np.sort(np.random.default_rng(0).permutation(len(part.x))[:MOST])
        few = type(part)(part.x[rows], part.y[rows])
        if dataset.classes:
            return evaluate(model, *saved.scaling.part(few)).accuracy
        return evaluate_regression(model, *saved.scaling.part(few)).r2

    with using_threads(recipe.threads):
        train, test = score(dataset.train), score(dataset.test)
        there = None if elsewhere is None else score(elsewhere.test)
        other = dataset.test if elsewhere is None else elsewhere.test
        enough = min(len(dataset.train.x), len(other.x)) >= 20
        apart = told_apart(dataset.train.x, other.x) if enough else None
    return Facts(
        train=train,
        test=test,
        history=saved.progress.history,
        recipe=recipe.complete(dataset.task),
        input_shape=dataset.input_shape,
        classes=len(dataset.classes),
        field=there,
        apart=None if apart is None else apart.auc,
        apart_above=1.0 if apart is None else apart.above,
    )


def command_for(experiment: Experiment) -> str | None:
    """The command that makes an experiment."""
    from .session import command_of

    if experiment.recipe is None:
        return None
    if not experiment.command:
        return command_of(experiment.recipe)
    kept = {"data", "target", "task", "drop", "one_hot", "missing", "size", "optimizer", "classic"}
    if experiment.command == "lr-range":  # the right rate depends on these too
        kept |= {"batch_size", "momentum", "weight_decay", "shift", "flip", "accumulate", "clip"}
    words = command_of(experiment.recipe, only=kept)
    return words.replace("tgc train", f"tgc {experiment.command}", 1)


def _show(saved: Checkpoint, facts: Facts, goal: float, assumed: bool, advice: Any) -> None:
    from rich.text import Text

    from .terminal import console, path_markup
    from .terminal import facts as table_of_facts

    screen = console()
    note = "   (say another with --goal)" if assumed else ""
    rows: list[tuple[str, object]] = [
        ("goal", f"{facts.score} {facts.shown(goal)}{note}"),
        ("training data", facts.shown(facts.train)),
        ("test data", facts.shown(facts.test)),
    ]
    if facts.field is not None:
        rows.append(("where it is used", facts.shown(facts.field)))
    if facts.apart is not None:
        alike = "alike" if facts.apart <= facts.apart_above else "not alike"
        which = "test" if facts.field is None else "those"
        words = f"{alike}: a network tells training from {which} samples"
        rows.append(("samples", f"{words} with AUC {facts.apart:.2f} (0.5 is chance)"))
    screen.print(
        f"[bold]{saved.recipe.model}[/] of {path_markup(saved.path.parent)}, "
        f"{saved.progress.epoch} epochs\n",
        soft_wrap=True,
    )
    screen.print(table_of_facts(rows))
    colour = "green" if advice.diagnosis == "goal reached" else "yellow"
    screen.print()
    screen.print(
        Text.assemble((advice.diagnosis.capitalize(), f"bold {colour}"), ": ", advice.because, ".")
    )
    screen.print("\n[bold]Try next[/]" if len(advice.experiments) > 1 else "\n[bold]Try[/]")
    for number, each in enumerate(advice.experiments, 1):
        screen.print(f"  {number}. {each.why}")
        todo = command_for(each)
        if todo:
            screen.print(Text(f"     {todo}", style="cyan"), soft_wrap=True)
    if advice.diagnosis != "goal reached":
        screen.print("\n[dim]One change at a time. `tgc runs compare A B` shows what it did.[/]")
