"""`tgc doctor`: what this machine offers, what is wrong with it, and what helps.

The checks are in `checks.py`; this file prints what they find.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .options import common, print_json

if TYPE_CHECKING:
    from .findings import Finding

MARKS = {"ok": ("✓", "green"), "note": ("!", "yellow"), "broken": ("✗", "red")}
PLAIN_MARKS = {"ok": "ok", "note": "note", "broken": "BROKEN"}


@click.command()
@common
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Check this machine: Python, packages, processor, BLAS, GPU, folders, data, kernels.

    Every problem comes with its remedy. The exit code is 1 if something is broken; a note (!)
    breaks nothing.
    """
    from .checks import CHECKS
    from .findings import BROKEN, NOTE

    found: list[Finding] = []
    for check in CHECKS:
        findings = list(check())
        found += findings
        if as_json:
            for finding in findings:
                print_json({"event": "finding", **finding._asdict()})
        else:
            _show(findings)
    broken = sum(finding.state == BROKEN for finding in found)
    notes = sum(finding.state == NOTE for finding in found)
    if as_json:
        print_json({"event": "verdict", "broken": broken, "notes": notes})
    else:
        _verdict(broken, notes)
    if broken:
        ctx.exit(1)


def _show(findings: list[Finding]) -> None:
    """One section: a mark, a name, a value; under a problem its remedy."""
    from rich.table import Table
    from rich.text import Text

    from .terminal import console, unicode_works

    screen = console()
    pretty = screen.is_terminal and unicode_works(screen)
    screen.print(Text(findings[0].section, style="bold"))
    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(no_wrap=True)
    made.add_column(no_wrap=True, min_width=15)
    made.add_column(overflow="fold")
    for finding in findings:
        mark, colour = MARKS[finding.state]
        sign = Text("  " + (mark if pretty else PLAIN_MARKS[finding.state]), style=colour)
        made.add_row(sign, Text(finding.name), Text(finding.value))
        if finding.remedy:
            made.add_row("", "", Text(f"{'→' if pretty else '->'} {finding.remedy}", style=colour))
    screen.print(made)
    screen.print()


def _verdict(broken: int, notes: int) -> None:
    from .terminal import console

    def things(count: int) -> str:
        return "1 thing" if count == 1 else f"{count} things"

    could = f"{things(notes)} could be better"
    if broken:
        also = f", and {could}" if notes else ""
        is_are = "is" if broken == 1 else "are"
        console().print(f"[bold red]{things(broken)} {is_are} broken[/]{also}: see the remedies.")
    elif notes:
        console().print(f"[bold green]Everything works[/]; {could}.")
    else:
        console().print("[bold green]Everything works.[/] Now: tgc train")
