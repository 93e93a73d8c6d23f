"""The terminal as it is: colours and live drawing where they work, plain lines where they do not.

Everything that is drawn goes through one `Console` of rich, imported here when a command runs.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

PIPED_WIDTH = 200


def console(*, stderr: bool = False) -> Console:
    """A console on standard output, or standard error.

    Piped output has no width to be wrapped at: it gets 200 columns, or `COLUMNS`.
    """
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None
    if not stream.isatty():
        width = shutil.get_terminal_size((PIPED_WIDTH, 24)).columns
    return Console(stderr=stderr, width=width, highlight=False, soft_wrap=False, emoji=False)


def is_live(screen: Console) -> bool:
    """Whether lines can be drawn again in place: a terminal that moves its cursor."""
    return screen.is_terminal and not screen.is_dumb_terminal and not os.environ.get("CI")


def unicode_works(screen: Console) -> bool:
    """Whether block characters arrive as such."""
    return screen.encoding.lower().replace("-", "").startswith("utf")


def table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[int] = ()
) -> Table:
    """A table without a frame: a heading in bold, the columns in `right` to the right."""
    from rich.table import Table

    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for index, column in enumerate(columns):
        made.add_column(column, justify="right" if index in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(_shown(cell) for cell in row))
    return made


def facts(rows: Iterable[tuple[str, object]]) -> Table:
    """Two columns, name and value, the names dimmed."""
    from rich.table import Table

    made = Table.grid(padding=(0, 3, 0, 0))
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in rows:
        made.add_row(name, _shown(value))
    return made


def _shown(cell: object) -> Text:
    """A cell as it is if it is a `Text`; anything else is never read as markup."""
    from rich.text import Text

    return cell if isinstance(cell, Text) else Text(str(cell))


def path_markup(path: object) -> str:
    """A path in colour, for a line with markup; brackets in its name stay brackets."""
    from rich.markup import escape

    return f"[cyan]{escape(here(path))}[/]"


def here(path: object) -> str:
    """A path as one would type it here: relative where it lies below the current folder."""
    text = os.fspath(path)  # type: ignore[call-overload]
    try:
        relative = os.path.relpath(text)
    except ValueError:  # another drive on Windows
        return str(text)
    return str(text) if relative.startswith("..") else relative


def size(bytes_: int) -> str:
    """A size as people say it.

    Example:
        >>> size(45_374), size(9_912_422), size(512)
        ('45 kB', '9.9 MB', '512 B')
    """
    if bytes_ < 1000:
        return f"{bytes_} B"
    if bytes_ < 1_000_000:
        return f"{bytes_ / 1000:.0f} kB"
    return f"{bytes_ / 1e6:.1f} MB" if bytes_ < 1e9 else f"{bytes_ / 1e9:.1f} GB"
