"""`tgc runs`: what was trained, several runs in one picture, and when each could have stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ArgumentError, CheckpointError, nearest
from . import folders
from .options import Name, common, print_json

if TYPE_CHECKING:
    from ..checkpoint import Checkpoint

HELP = """List the runs, compare them, replay them; alone it lists them.

\b
tgc runs list                   the runs below runs/, the newest first
tgc runs compare A B C          their curves in one picture
tgc runs replay A               where 14 criteria would have stopped it
"""
PLACE = click.Path(path_type=Path)


@click.group(name="runs", help=HELP, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Without a subcommand, list."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_, as_json=False)


@command.command(name="list")
@common
def list_(as_json: bool) -> None:
    """List the runs below runs/, the newest first: what they learned and how well."""
    rows = [listed(folder) for folder in folders.newest_first()]
    if as_json:
        for row in rows:
            print_json(row)
        return
    from rich.text import Text

    from .display import clock
    from .terminal import console, table

    screen = console()
    if not rows:
        screen.print(f"No runs in {folders.RUNS.absolute()}; `tgc train` makes one.")
        return

    def cells(row: dict[str, Any]) -> tuple[object, ...]:
        if "fault" in row:
            return Text(row["run"], style="bold"), Text("damaged", style="red")
        score = row["best"]
        shown = (
            ""
            if score is None
            else f"{score:.4f}"
            if row["score"] == "r2"
            else (f"{100 * score:.2f} %")
        )
        return (
            Text(row["run"], style="bold"),
            f"{row['epoch']}/{row['epochs']}",
            shown,
            row["best_epoch"] or "",
            clock(row["seconds"]),
            row["optimizer"],
            f"{row['lr']:g}",
            row["state"],
        )

    columns = ("run", "epochs", "best test", "epoch", "time", "optimizer", "rate", "")
    screen.print(table(columns, map(cells, rows), right=(1, 2, 3, 4, 6)))
    if len(rows) > 1:
        two = " ".join(Path(row["run"]).name for row in rows[:2])
        screen.print(f"\n[dim]`tgc runs compare {two}` draws the curves of two.[/]")


def listed(folder: Path) -> dict[str, Any]:
    """The run in a folder as one record, or what is wrong with it."""
    from .. import checkpoint

    try:
        return record_of(folder, checkpoint.load(folders.checkpoint_in(folder)))
    except CheckpointError as error:
        return {"event": "run", "run": folder.as_posix(), "fault": str(error)}


def record_of(folder: Path, saved: Checkpoint) -> dict[str, Any]:
    """A run in one record."""
    from ..training.callbacks import best_epoch, score_of

    recipe, progress = saved.recipe.complete(), saved.progress
    best = best_epoch(progress.history)
    finished = progress.epoch >= recipe.epochs
    return {
        "event": "run",
        "run": folder.as_posix(),
        "model": recipe.model,
        "data": recipe.data,
        "epoch": progress.epoch,
        "epochs": recipe.epochs,
        "score": "accuracy" if saved.classes else "r2",
        "best": None if best is None else score_of(best),
        "best_epoch": None if best is None else best["epoch"],
        "seconds": progress.seconds,
        "optimizer": recipe.optimizer,
        "lr": recipe.lr,
        "seed": recipe.seed,
        "state": "finished" if finished else "not finished",
    }


@command.command()
@click.argument("runs", nargs=-1, required=True, type=PLACE, metavar="RUN...")
@click.option(
    "--out",
    type=PLACE,
    default=Path("compared.png"),
    show_default=True,
    metavar="FILE",
    help="The picture to write.",
)
@click.option(
    "--against",
    type=Name("axis", lambda: ("epoch", "seconds")),
    default="epoch",
    show_default=True,
    metavar="NAME",
    help="What lies across: epoch or seconds.",
)
@common
def compare(runs: tuple[Path, ...], out: Path, against: str, as_json: bool) -> None:
    """Draw the curves of several runs in one picture, and list what sets them apart."""
    from .. import viz

    found = {place: logged(place) for place in runs}
    names = short_names([folder for folder, _ in found.values()])
    logs = {name: log for name, (_, log) in zip(names, found.values(), strict=True)}
    viz.save_png(viz.compare_runs(logs, against=against), out)
    recipes = [settings_of(folder) for folder, _ in found.values()]
    differing = [
        key
        for key in {k: None for recipe in recipes for k in recipe}
        if len({json.dumps(recipe.get(key)) for recipe in recipes}) > 1
    ]
    rows = [
        summary_of(name, log, {key: recipe.get(key) for key in differing})
        for (name, log), recipe in zip(logs.items(), recipes, strict=True)
    ]
    if as_json:
        for row in rows:
            print_json({"event": "run", **row})
        print_json({"event": "picture", "path": out})
        return
    from .display import clock
    from .terminal import console, path_markup, table

    def cells(row: dict[str, Any]) -> tuple[object, ...]:
        return (
            row["run"],
            *("" if row[key] is None else row[key] for key in differing),
            f"{row['best']:.4f}",
            row["best_epoch"],
            clock(row["seconds"]),
        )

    screen = console()
    columns = ("run", *(key.replace("_", " ") for key in differing), "best test", "epoch", "time")
    right = tuple(range(len(columns) - 3, len(columns)))
    screen.print(table(columns, map(cells, rows), right=right))
    screen.print(f"\n[dim]Drawn in[/] {path_markup(out)}", soft_wrap=True)


@command.command()
@click.argument("run", required=False, type=PLACE, metavar="[RUN]")
@click.option(
    "--every",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="N",
    help="Use the test loss of each N epochs only, as the paper does with 5.",
)
@common
def replay(run: Path | None, every: int, as_json: bool) -> None:
    """Ask Prechelt's 14 criteria where each would have stopped RUN (default: the newest).

    `loss %`: by how much the lowest test loss seen by then lies above the lowest of the whole run.
    `time %`: the share of the run's time spent by then. A good criterion has both small.
    """
    from ..training.early_stopping import replay as replayed
    from ..training.early_stopping import table

    folder, log = logged(run)
    stops = replayed(log, every=every)
    if as_json:
        for stop in stops:
            print_json({"event": "stop", **stop._asdict()})
        return
    from .terminal import console, path_markup

    screen = console()
    screen.print(
        f"{len(log)} epochs of {path_markup(folder)}, and where each criterion would have ended it:"
        "\n",
        soft_wrap=True,
    )
    click.echo(table(stops))
    cheap = [stop for stop in stops if stop.loss <= 1 and stop.epoch < len(log)]
    if cheap:
        best = min(cheap, key=lambda stop: stop.time)
        word = best.criterion.replace(" ", "").lower()
        screen.print(
            f"\n[dim]{best.criterion} would have saved {100 * (1 - best.share):.0f} % of the time "
            f"for at most 1 % of the loss:[/] [cyan]tgc train --early-stopping {word}[/]",
            soft_wrap=True,
        )
    else:
        screen.print("\n[dim]None would have saved time without giving up 1 % of the loss.[/]")


def logged(place: Path | None) -> tuple[Path, list[dict[str, Any]]]:
    """A run's folder and the records of its epochs; a bare name is looked for below runs/ too.

    Raises:
        CheckpointError: no run there, or no whole epoch in its log.
    """
    if place is not None and not (place.exists() or (folders.RUNS / place).exists()):
        known = [path.name for path in folders.newest_first()]
        hint = nearest(place.name, known) if known else "`tgc train` makes one"
        raise CheckpointError(f"{place}: there is no such run; {hint}")
    folder = folders.checkpoint_in(place).parent
    file = folder / "log.jsonl"
    try:
        lines = file.read_text("utf-8").splitlines()
        records = [json.loads(line) for line in lines]
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{file}: expected the log of a run, a JSON record a line, but it cannot be read "
            f"({error}); name another run"
        ) from error
    if not records:
        raise CheckpointError(f"{file}: no epoch of this run is whole yet; let it go on first")
    return folder, records


def settings_of(folder: Path) -> dict[str, Any]:
    """The recipe of the run in a folder; nothing of one whose checkpoint cannot be read."""
    from .. import checkpoint

    try:
        return checkpoint.load(folders.checkpoint_in(folder)).recipe.complete().to_dict()
    except (CheckpointError, ArgumentError):
        return {}


def summary_of(name: str, log: list[dict[str, Any]], apart: dict[str, Any]) -> dict[str, Any]:
    """A run in one row of the comparison."""
    from ..training.callbacks import best_epoch, score_of

    best = best_epoch(log)
    assert best is not None  # noqa: S101 - logged() saw to it
    score = score_of(best)
    seconds = sum(float(record["seconds"]) for record in log)
    return {
        "run": name,
        **apart,
        "best": best["train_loss"] if score is None else score,
        "best_epoch": best["epoch"],
        "seconds": seconds,
    }


def short_names(paths: list[Path]) -> list[str]:
    """The folders' own names, or the whole paths where two are called the same.

    Example:
        >>> short_names([Path("runs/a"), Path("runs/b")]), short_names([Path("x/a"), Path("y/a")])
        (['a', 'b'], ['x/a', 'y/a'])
    """
    names = [path.resolve().name for path in paths]
    return names if len(set(names)) == len(names) else [path.as_posix() for path in paths]
