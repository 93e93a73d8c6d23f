"""How a download is shown: a bar on a terminal, two lines where the output is piped.

Everything goes to standard error, so that what a command prints stays clean.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def show(name: str, size: int, url: str, enabled: bool) -> Iterator[Callable[[int], None]]:
    """Show the download of one file.

    Args:
        name: the file.
        size: its bytes.
        url: where it comes from.
        enabled: False shows nothing.

    Yields:
        A function to call with the number of bytes that have arrived since the last call.
    """
    if not enabled:
        yield lambda _: None
    elif sys.stderr.isatty():
        with _bar(name, size) as step:
            yield step
    else:
        _line(f"downloading {name} ({size / 1e6:.1f} MB) from {url}")
        arrived = 0

        def count(bytes_: int) -> None:
            nonlocal arrived
            arrived += bytes_

        yield count
        _line(f"received {name} ({arrived:,} bytes)")


def _line(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


@contextmanager
def _bar(name: str, size: int) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(name, total=size)
        yield lambda bytes_: bar.advance(task, bytes_)
