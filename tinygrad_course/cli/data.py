"""`tgc data list | fetch | verify`: which data sets there are, and whether they are sound here."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from ..errors import DataError
from .options import DATA, common, print_json

if TYPE_CHECKING:
    from ..data import FileStatus

COLOURS = {"present": "green", "absent": "yellow", "corrupt": "red", "generated": "green"}
WORDS = {"present": "ready", "absent": "not here", "corrupt": "damaged", "generated": "ready"}


HELP = """List, fetch and verify the data sets; alone it lists them.

\b
tgc data list           what there is
tgc data fetch mnist    download it (11.6 MB) into the cache
tgc data verify         compare every file with its checksum

A file is looked for in the folder that the environment variable TGC_DATA names, then in the cache;
what is downloaded goes into the cache.
"""


@click.group(name="data", help=HELP, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Without a subcommand, list."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_, as_json=False)


@command.command(name="list")
@common
def list_(as_json: bool) -> None:
    """List the data sets: what they hold, and whether they are on this machine."""
    from .. import data

    sets = {name: (data.info(name), data.status(name)) for name in data.names()}
    if as_json:
        for info, files in sets.values():
            print_json({**asdict(info), "state": worst(files), "files": [asdict(f) for f in files]})
        return
    from rich.text import Text

    from .terminal import console, table

    rows = [
        (
            Text(name, style="bold"),
            "x".join(map(str, info.input_shape)),
            len(info.classes),
            f"{info.train_size:,}",
            f"{info.test_size:,}",
            Text(WORDS[worst(files)], style=COLOURS[worst(files)]),
            info.description,
        )
        for name, (info, files) in sets.items()
    ]
    columns = ("name", "sample", "classes", "train", "test", "state", "")
    screen = console()
    screen.print(table(columns, rows, right=(1, 2, 3, 4)))
    missing = [name for name, (_, files) in sets.items() if worst(files) != "present"]
    missing = [name for name in missing if sets[name][0].origin == "download"]
    screen.print()
    if missing:
        screen.print(f"`tgc data fetch {missing[0]}` downloads {missing[0]}.", style="dim")
    screen.print("`tgc train --data NAME` learns one of them.", style="dim")


@command.command()
@click.argument("names", nargs=-1, required=True, type=DATA, metavar="NAME...")
@common
def fetch(names: tuple[str, ...], as_json: bool) -> None:
    """Download what is absent or damaged into the cache."""
    from .. import data

    for name in names:
        _show(data.fetch(name, progress=not as_json), as_json)


@command.command()
@click.argument("names", nargs=-1, type=DATA, metavar="[NAME]...")
@common
def verify(names: tuple[str, ...], as_json: bool) -> None:
    """Compare every file with its checksum; the exit code is 1 where one is damaged.

    A data set that was never fetched is no fault, unless it is named.
    """
    from .. import data

    files = [file for name in names or data.names() for file in data.status(name)]
    _show(files, as_json)
    for file in files:
        if file.state == "corrupt":
            raise DataError(f"{file.path}: {file.detail}; {remedy_for(file)}")
    for name in names:
        data.verify(name)


def _show(files: list[FileStatus], as_json: bool) -> None:
    if as_json:
        for file in files:
            print_json(asdict(file))
        return
    from rich.text import Text

    from .terminal import console, here, size, table

    def row(file: FileStatus) -> tuple[Any, ...]:
        state = Text(WORDS[file.state], style=COLOURS[file.state])
        if file.state == "generated":
            return file.dataset, state, "", "computed, there is no file"
        where = here(file.path) if file.state != "absent" else f"would be {here(file.path)}"
        return file.dataset, state, size(file.size or file.expected_size), where

    console().print(table(("data set", "state", "size", "file"), map(row, files), right=(2,)))


def remedy_for(file: FileStatus) -> str:
    """What to do about a damaged file."""
    return {
        "package": "install tinygrad_course again",
        "TGC_DATA": "put the published file there, or unset TGC_DATA",
    }.get(file.place, f"delete it and run `tgc data fetch {file.dataset}`")


def worst(files: list[FileStatus]) -> str:
    """The state of a data set: that of its worst file."""
    states = Counter(file.state for file in files)
    return next(s for s in ("corrupt", "absent", "present", "generated") if states[s])
