"""`tgc lr-range`: find a learning rate by letting it rise until the loss explodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .options import common, print_json
from .settings import (
    DATA_OPTIONS,
    LENGTH_OPTIONS,
    MACHINE_OPTIONS,
    METHOD_OPTIONS,
    given_of,
    recipe_and_data,
    recipe_options,
    title_of,
)


@click.command()
@recipe_options(
    DATA_OPTIONS,
    LENGTH_OPTIONS,
    METHOD_OPTIONS,
    MACHINE_OPTIONS,
    without=("epochs", "lr", "schedule"),
)
@click.option(
    "--low", default=1e-5, show_default=True, type=float, metavar="X", help="The first rate."
)
@click.option(
    "--high", default=10.0, show_default=True, type=float, metavar="X", help="The last rate."
)
@click.option(
    "--steps",
    default=150,
    show_default=True,
    type=click.IntRange(min=3),
    metavar="N",
    help="Steps from the first to the last.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The picture to write. [default: lr-range-MODEL-DATA.png]",
)
@common
def command(
    low: float, high: float, steps: int, out: Path | None, as_json: bool, **settings: Any
) -> None:
    """Train MODEL for a few steps with a rate that rises, and read off which rates it can stand.

    Too low, the loss hardly moves; too high, it explodes. The rate to take lies below the one at
    which the loss was lowest. (Smith 2017, section 3.3.)
    """
    from .. import viz
    from ..training.rate_finding import range_test

    recipe, dataset = recipe_and_data(given_of(settings))
    found = range_test(recipe, dataset, low=low, high=high, steps=steps)
    picture = Path(f"lr-range-{title_of(recipe, dataset)}.png") if out is None else out
    viz.save_png(
        viz.rate_range(found.rates, found.losses, found.reading, found.suggestion), picture
    )
    reading = found.reading
    if as_json:
        print_json(
            {
                "event": "lr-range",
                "model": recipe.model,
                "data": dataset.name,
                "optimizer": recipe.optimizer,
                "steepest": reading.steepest,
                "lowest": reading.lowest,
                "diverged": reading.diverged,
                "suggestion": found.suggestion,
                "rates": found.rates,
                "losses": found.losses,
                "picture": picture,
            }
        )
        return
    from .session import command_of
    from .terminal import console, facts, path_markup

    screen = console()
    usual = recipe.complete(dataset.task).lr
    steps_made = f"{len(found.rates)} steps from {low:g} to {found.rates[-1]:.2g}"
    screen.print(f"[bold]{recipe.model}[/] on {dataset.name}, {recipe.optimizer}: {steps_made}\n")
    never = f"never up to {high:g}" if reading.diverged is None else f"{reading.diverged:.2g}"
    screen.print(
        facts(
            [
                ("falls fastest at", f"{reading.steepest:.2g}"),
                ("lowest at", f"{reading.lowest:.2g}"),
                ("explodes at", never),
                ("take up to", f"{found.suggestion:.2g}   (the usual one: {usual:g})"),
            ]
        )
    )
    screen.print(f"\n[dim]Drawn in[/] {path_markup(picture)}", soft_wrap=True)
    screen.print(
        f"[dim]Try it:[/]  [cyan]{command_of(recipe)} --lr {found.suggestion:.2g}[/]",
        soft_wrap=True,
    )
