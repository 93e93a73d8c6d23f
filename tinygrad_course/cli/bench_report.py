"""What `tgc bench` does with its rows: print, store, compare with a baseline, write a page.

A report is the machine, the command and the rows, as JSON:
`{"kind": "steps", "machine": {...}, "rows": [{...}, ...]}`.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..bench.baseline import compare, read_report
from ..bench.columns import COLUMNS, cells_of
from ..bench.timing import OtherPrograms
from ..errors import nearest
from ..files import replace_file
from . import machine as facts
from .failure import warn
from .options import print_json

if TYPE_CHECKING:
    from ..bench.ceiling import Ceiling

Row = dict[str, Any]
BUSY = 0.1
"""The share of the processors that other programs may take before the figures are doubted."""
SETTINGS = ("OPENBLAS_CORETYPE", "NUMBA_THREADING_LAYER", "NUMBA_CPU_NAME", "TGC_SIMD_WIDTH")
"""Variables that change what is measured; a report names those that are set."""


class Run:
    """One call of `tgc bench`: its options, what is known of the machine, the rows so far."""

    def __init__(
        self,
        kind: str,
        *,
        threads: int | None,
        rounds: int,
        html: Path | None,
        out: Path | None,
        baseline: Path | None,
        tolerance: float,
        as_json: bool,
    ) -> None:
        self.kind, self.rounds, self.as_json = kind, rounds, as_json
        self.html, self.out, self.tolerance = html, out, tolerance
        self.threads = threads if threads is not None else max(1, int(facts.cores()[1]))
        self.baseline = None if baseline is None else read_report(baseline)
        self.rows: list[Row] = []
        self.others = OtherPrograms()
        self.ceilings: list[Row] = []
        self.facts: Row = {}
        self.words: list[str] = []
        self._said = 0

    def say(self, text: str) -> None:
        """What happens now, on a line that the next one replaces; nothing where that is no use."""
        stream = sys.stderr
        if stream.isatty():
            stream.write("\r" + text.ljust(self._said)[:79])
            stream.flush()
            self._said = len(text)

    def add(self, row: Row) -> None:
        """A row that is finished."""
        self.rows.append(row)

    def report(self) -> Row:
        """All of it, as it is stored."""
        described = {**machine(self.threads), **self.facts}
        share = self.others.share()
        if share is not None:
            described["other programs"] = f"{100 * share:.0f} % of the processors"
            if share > BUSY:
                warn(
                    f"other programs kept {100 * share:.0f} % of the processors busy: close them, "
                    "and measure again"
                )
        report: Row = {"kind": self.kind, "machine": described, "rows": self.rows}
        return report | ({"ceilings": self.ceilings} if self.ceilings else {})

    def finish(self) -> int:
        """Print, store, compare: the exit code."""
        self.say("")
        self.say("\r")
        report = self.report()
        if self.out is not None:
            replace_file(self.out, (json.dumps(report, indent=1) + "\n").encode())
        if self.html is not None:
            from ..bench.page import write_page

            write_page(self.html, report)
        verdicts = []
        if self.baseline is not None:
            verdicts = compare(self.baseline, report, self.tolerance)
            report["regressions"] = [verdict.text for verdict in verdicts if verdict.slower]
        if self.as_json:
            print_json(report)
        else:
            self._show(report)
        slower = [verdict for verdict in verdicts if verdict.slower]
        if self.baseline is not None and not self.as_json:
            for verdict in verdicts:
                click.echo(verdict.text)
            if not verdicts:
                click.echo("nothing differs from the baseline by more than the tolerance")
        return int(bool(slower))

    def _show(self, report: Row) -> None:
        from .terminal import console, facts, table

        screen = console()
        columns = COLUMNS[self.kind]
        right = [i for i, column in enumerate(columns) if column.number]
        made = table(
            [column.title for column in columns],
            [cells_of(self.kind, row) for row in self.rows],
            right=right,
        )
        screen.print(made)
        for row in self.rows:
            if row.get("fault"):
                screen.print(f"{row['implementation']}: {row['fault']}", style="red", markup=False)
        for line in self.words:
            screen.print(line, markup=False)
        for note in dict.fromkeys(row["note"] for row in self.rows if row.get("note")):
            screen.print(f"note: {note}", style="yellow", markup=False)
        screen.print()
        screen.print(facts([(name, value) for name, value in report["machine"].items()]))


def machine(threads: int) -> dict[str, str]:
    """The facts without which a figure says nothing: processor, features, threads, versions."""
    from .. import __version__
    from ..training.environment import blas

    packages = ("numpy", "numba", "torch", "jax")
    versions = {name: facts.installed(name) for name in packages}
    names = facts.SHOWN_FEATURES
    found = facts.features()
    described = {
        "processor": facts.processor(),
        "features": " ".join(names[name] for name in names if name in found),
        "cores": f"{facts.cores()[1]:g} of {facts.cores()[0]}",
        "threads": str(threads),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "tinygrad_course": __version__,
        **{name: version for name, version in versions.items() if version},
        "blas": blas(),
    }
    return described | {name: os.environ[name] for name in SETTINGS if name in os.environ}


def ceiling_rows(found: Ceiling) -> list[Row]:
    """A ceiling as rows: memory by level, and arithmetic."""
    rows = [
        {"what": f"memory, {_size(size)}", "threads": found.threads, "bytes": size,
         "gigabytes_per_second": speed, "gigaflops": None}
        for size, speed in found.bandwidth
    ]  # fmt: skip
    arithmetic = {"what": "multiply-add", "threads": found.threads, "bytes": None,
                  "gigabytes_per_second": None, "gigaflops": found.gigaflops}  # fmt: skip
    return [*rows, arithmetic]


def _size(bytes_: int) -> str:
    """A power of two as memory is counted.

    Example:
        >>> _size(1 << 14), _size(1 << 20)
        ('16 KiB', '1 MiB')
    """
    return f"{bytes_ >> 20} MiB" if bytes_ >= 1 << 20 else f"{bytes_ >> 10} KiB"


def chosen(what: str, names: Iterable[str], valid: Sequence[str]) -> list[str]:
    """The names given, or all; an unknown one is an error with the nearest."""
    for name in names:
        if name not in valid:
            raise click.UsageError(f"there is no {what} {name!r}; {nearest(name, valid)}")
    return list(dict.fromkeys(names)) or list(valid)


def chosen_peers(text: str | None, run: Run) -> list[str]:
    """The peers named that are installed; the others are told of, and done without."""
    from ..bench.step_worker import PEERS
    from ..bench.steps import missing

    if text is None:
        wanted = ["torch", "torch-channels-last"]
    elif text == "none":
        wanted = []
    else:
        wanted = chosen("peer", text.split(","), list(PEERS))
    absent = missing(wanted)
    for reason in dict.fromkeys(absent.values()):
        warn(f"{reason}; our figures stand alone")
    return [peer for peer in wanted if peer not in absent]
