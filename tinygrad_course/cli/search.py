"""`tgc search`: grid or random search over the settings of a run, in parallel, resumable."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ..errors import ArgumentError, DataError
from . import folders
from .failure import InterruptedRunError
from .options import common, print_json
from .settings import (
    ALL,
    given_of,
    recipe_and_data,
    recipe_of,
    recipe_options,
    title_of,
)

HELP = """Try many settings of a run, and tell which are the best.

\b
tgc search --set batch_size=32,64 --set optimizer=adam,sgd
tgc search mlp --set lr=0.001:0.1:log --set momentum=0.5:0.99 --trials 20
tgc search --resume runs/search-NAME

Lists alone are tried in every combination; with --trials, settings are drawn at random, a range
with `log` evenly over its orders of magnitude. Trials are judged on a part of the training data
that is held out; the test data stay untouched for the winner.
"""
SHOWN = 10


@click.command(help=HELP)
@recipe_options(ALL, without=("target_accuracy",))
@click.option("--set", "space", multiple=True, metavar="FIELD=...",
              help="What to vary: FIELD=LOW:HIGH, FIELD=LOW:HIGH:log or FIELD=A,B,C.")  # fmt: skip
@click.option("--trials", type=click.IntRange(min=1), metavar="N",
              help="So many random trials. [default: every combination]")  # fmt: skip
@click.option("--processes", type=click.IntRange(min=1), metavar="N",
              help="Trials at a time. [default: one a core]")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), metavar="FOLDER",
              help="Where trials, table and picture go. [default: below runs/]")  # fmt: skip
@click.option("--resume", type=click.Path(path_type=Path), metavar="FOLDER",
              help="Go on with a search; with a higher --trials, add to it.")  # fmt: skip
@common
def command(
    space: tuple[str, ...],
    trials: int | None,
    processes: int | None,
    out: Path | None,
    resume: Path | None,
    as_json: bool,
    **settings: Any,
) -> None:
    """Make a plan of the options, or read one, and try it."""
    from ..training.search import Plan, SearchFolder, search
    from .machine import cores

    given = given_of(settings)
    if resume is not None:
        folder = SearchFolder(resume)
        plan = folder.read_plan()
        if given or space or out is not None:
            raise click.UsageError(
                "--resume: a search goes on as it began; only --trials and --processes can change"
            )
        if trials is not None:
            if plan.trials is None:
                raise click.UsageError("--trials: this search tries every combination, once each")
            plan = replace(plan, trials=trials)
            folder.write_plan(plan)
    else:
        recipe, dataset = recipe_and_data(given)
        plan = Plan(recipe, space, trials)
        whole_plan(plan)
        name = f"search-{title_of(recipe, dataset)}"
        folder = SearchFolder(folders.new_folder(name) if out is None else own_folder(out))
        folder.write_plan(plan)
    total = len(plan.settings)
    at_once = max(int(cores()[1]), 1) if processes is None else processes
    if as_json:
        print_json({"event": "start", **plan.to_dict(), "settings": total, "out": folder.path})
    else:
        _heading(plan, total, len(folder.finished()), at_once, folder.path)
    try:
        for trial in search(plan, folder, processes=at_once):
            if as_json:
                print_json({"event": "trial", **trial})
            else:
                click.echo(line_of(trial, total, len(folder.finished())))
    except KeyboardInterrupt:
        raise InterruptedRunError(
            f"{len(folder.finished())} of {total} trials are kept. Go on with:\n"
            f"  tgc search --resume {shlex.quote(str(folder.path))}"
        ) from None
    _end(plan, folder, as_json)


def whole_plan(plan: Any) -> None:
    """Look at every combination before the first trial begins: an error is told now."""
    for settings in plan.settings:
        recipe_of({**plan.base.to_dict(), **settings})


def own_folder(folder: Path) -> Path:
    """Make the folder that the user named.

    Raises:
        DataError: there is a search in it already, or it is a file.
    """
    if (folder / "search.json").exists():
        raise DataError(
            f"--out: {folder} holds a search already; go on with it: `tgc search --resume {folder}`"
        )
    return folders.given_folder(folder)


def line_of(trial: dict[str, Any], total: int, done: int) -> str:
    """A finished trial as a line.

    Example:
        >>> trial = {"trial": 3, "settings": {"lr": 0.1}, "score": 0.9712, "seconds": 4.06,
        ...          "fault": None}
        >>> line_of(trial, 20, 2)
        '   2/20  0.9712    4.1 s  lr 0.1'
    """
    score = f"{trial['score']:.4f}" if trial["score"] is not None else "failed"
    fault = f"  ({trial['fault'].splitlines()[0]})" if trial["fault"] else ""
    return f"{done:>4}/{total}  {score:>6}  {trial['seconds']:>5.1f} s  {words(trial)}{fault}"


def words(trial: dict[str, Any]) -> str:
    """The settings of a trial."""
    return ", ".join(f"{name.replace('_', ' ')} {value}"
                     for name, value in trial["settings"].items())  # fmt: skip


def _heading(plan: Any, total: int, done: int, at_once: int, folder: Path) -> None:
    from ..training.search import chance_of_the_top
    from .terminal import console, path_markup

    screen = console()
    recipe = plan.base
    how = "random draws" if plan.trials is not None else "combinations"
    screen.print(f"[bold]{recipe.model}[/] on [bold]{recipe.data}[/]: {total} {how} of "
                 f"{', '.join(each.field for each in plan.dimensions)}; "
                 f"{recipe.epochs} epochs each, {at_once} at a time", soft_wrap=True)  # fmt: skip
    if plan.trials is not None:
        screen.print(
            f"[dim]The best of {total} lies in the top 5 % of the space with a probability of "
            f"{100 * chance_of_the_top(total):.0f} %[/]", soft_wrap=True,
        )  # fmt: skip
    screen.print(f"[dim]Judged on {100 * plan.validation:.0f} % of the training data, held out; "
                 f"kept in[/] {path_markup(folder)}", soft_wrap=True)  # fmt: skip
    if done:
        screen.print(f"[dim]{done} trials are finished already[/]")
    screen.print()


def _end(plan: Any, folder: Any, as_json: bool) -> None:
    """The table, the picture, and the command that trains the best."""
    from .. import viz
    from ..training.recipe import Recipe
    from ..training.search import ranked
    from .session import command_of

    trials = ranked(folder.finished())
    best = trials[0]
    if best["score"] is None:
        raise ArgumentError(
            f"search: all {len(trials)} trials failed, the first with: {best['fault']}; lower the "
            "rates, or try one by itself with `tgc train`"
        )
    log = [each.field for each in plan.dimensions if each.log]
    score = "R2" if _is_regression(plan) else "accuracy"
    picture = viz.save_png(viz.search_trials(trials, log=log, score=score),
                           folder.path / "search.png")  # fmt: skip
    winner = command_of(Recipe.from_dict({**plan.base.to_dict(), **best["settings"]}))
    if as_json:
        print_json({"event": "end", "trials": len(trials), "best": best, "command": winner,
                    "picture": picture})  # fmt: skip
        return
    from .terminal import console, path_markup, table

    screen = console()
    fields = list(best["settings"])
    rows = [
        (trial["trial"], *(trial["settings"][field] for field in fields),
         trial["fault"] or f"{trial['score']:.4f}",
         "" if trial["loss"] is None else f"{trial['loss']:.4f}", f"{trial['seconds']:.1f} s")
        for trial in trials[:SHOWN]
    ]  # fmt: skip
    columns = ("trial", *(field.replace("_", " ") for field in fields), score, "loss", "time")
    screen.print()
    screen.print(table(columns, rows, right=(0, *range(len(columns) - 3, len(columns)))))
    if len(trials) > SHOWN:
        screen.print(f"[dim]and {len(trials) - SHOWN} more[/]")
    screen.print(f"\n[dim]Drawn in[/] {path_markup(picture)}", soft_wrap=True)
    screen.print(f"[dim]Train the best on all training data, and test it:[/]\n  [cyan]{winner}[/]",
                 soft_wrap=True)  # fmt: skip


def _is_regression(plan: Any) -> bool:
    from ..training.preparation import load_data

    return load_data(plan.base).task == "regression"
