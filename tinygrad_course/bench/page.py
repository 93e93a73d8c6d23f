"""The results as one HTML page that needs nothing else: the roofline, the table, the machine.

Its text is in `templates/bench.html`, the drawing's coordinates come from `roofline.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from ..files import replace_file
from .columns import COLUMNS, cells_of
from .roofline import roofline

TITLES = {
    "steps": "Training steps",
    "kernels": "Kernels",
    "overhead": "What one operation costs",
    "ceiling": "What the machine can do",
    "profile": "Where the time of a step goes",
}


def write_page(path: Path, report: Mapping[str, Any]) -> Path:
    """Write the page of a report.

    Raises:
        FileError: it cannot be written; what stood there is unchanged.
    """
    kind, machine = report["kind"], report["machine"]
    rows = [{"cells": cells_of(kind, row), "fault": _fault(row)} for row in report["rows"]]
    drawn = None
    if kind == "kernels":
        drawn = roofline(report["rows"], report.get("ceilings", []))
    page = _template().render(
        title=TITLES[kind],
        subtitle=f"tgc bench {kind} on {machine['processor']}, {machine['threads']} threads",
        roofline=drawn,
        columns=COLUMNS[kind],
        rows=rows,
        machine=list(machine.items()),
    )
    return replace_file(path, page.encode())


def _fault(row: Mapping[str, Any]) -> str:
    return f"{row['implementation']}: {row['fault']}" if row.get("fault") else ""


def _template() -> Any:
    """The page's template, with every value escaped and every missing name an error."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    text = resources.files(__package__).joinpath("templates/bench.html").read_text("utf-8")
    return environment.from_string(text)
