"""What a profile looks like: the table of ops, the table of layers, the trace for a browser."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import ArgumentError
from ..files import replace_file

if TYPE_CHECKING:
    from .rows import LayerRow, Row

SHOWN = 30
"""How many rows a table shows; `rows` has them all."""


class Event(NamedTuple):
    """A stretch of time: an op or a layer.

    Attributes:
        name: of the op, or the layer's path.
        category: its phase, or "layer".
        start: in nanoseconds of the performance counter.
        duration: in nanoseconds.
        args: what a click on it shows.
        live: bytes alive at its end; None for a layer.
    """

    name: str
    category: str
    start: int
    duration: int
    args: dict[str, Any]
    live: int | None


class Layers(list["LayerRow"]):
    """The rows of `Profile.by_layer()`; printing them gives the table."""

    def __init__(self, rows: Sequence[LayerRow], total: float) -> None:
        super().__init__(rows)
        self.total = total

    def __str__(self) -> str:
        head = ("layer", "kind", "calls", "forward ms", "backward ms", "share", "output", "kept")
        body = [
            (r.layer or "(no layer)", r.kind, f"{r.calls}", _ms(r.forward_seconds),
             _ms(r.backward_seconds), _share(r.forward_seconds + r.backward_seconds, self.total),
             size(r.output_bytes), size(r.kept_bytes))
            for r in self
        ]  # fmt: skip
        return _columns(head, body, left=2) + "\na layer includes the layers inside it"


def table(rows: Sequence[Row], seconds: float, peak: int) -> str:
    """The table of ops and, below, what is not in it."""
    total = sum(row.seconds for row in rows)
    head = ("op", "layer", "phase", "calls", "ms", "share", "output", "kept", "live")
    body = [
        (r.op, r.layer or "(no layer)", r.phase, f"{r.calls}", _ms(r.seconds),
         _share(r.seconds, total), size(r.output_bytes), size(r.kept_bytes), size(r.live_bytes))
        for r in rows[:SHOWN]
    ]  # fmt: skip
    lines = [_columns(head, body, left=3)]
    if len(rows) > SHOWN:
        rest = rows[SHOWN:]
        spent = sum(row.seconds for row in rest)
        lines.append(f"and {len(rest)} more rows with {_share(spent, total)} of the time: p.rows")
    lines.append(
        f"{_ms(total)} ms in ops, {_ms(max(seconds - total, 0.0))} ms elsewhere; "
        f"at most {size(peak)} alive"
    )
    return "\n".join(lines)


def write_trace(path: str | Path, events: Sequence[Event], start: int, traced: bool) -> Path:
    """The events as JSON in the Trace Event Format; see `Profile.chrome_trace`."""
    if not traced:
        raise ArgumentError(
            "chrome_trace: expected the calls one by one, but they were not kept; profile with "
            "trace=True"
        )
    place = {"pid": os.getpid(), "tid": threading.get_native_id()}
    entries: list[dict[str, Any]] = [
        {"ph": "M", "name": "process_name", "args": {"name": "tinygrad_course"}, **place}
    ]
    for event in sorted(events, key=lambda e: (e.start, -e.duration)):
        entries.append(
            {"ph": "X", "name": event.name, "cat": event.category, "args": event.args,
             "ts": (event.start - start) / 1e3, "dur": event.duration / 1e3, **place}
        )  # fmt: skip
        if event.live is not None:
            end = (event.start + event.duration - start) / 1e3
            entries.append(
                {"ph": "C", "name": "memory", "ts": end, "args": {"live bytes": event.live},
                 **place}
            )  # fmt: skip
    content = json.dumps({"traceEvents": entries, "displayTimeUnit": "ms"})
    return replace_file(path, content.encode())


def size(count: int) -> str:
    """Bytes in the unit that reads best.

    Example:
        >>> size(0), size(999), size(1234567)
        ('0 B', '999 B', '1.23 MB')
    """
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000.0:
            return f"{value:.3g} {unit}" if unit != "B" else f"{count} B"
        value /= 1000.0
    return f"{value:.3g} GB"


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.3f}"


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def _columns(head: Sequence[str], body: Sequence[Sequence[str]], *, left: int) -> str:
    """Columns as wide as their widest cell, the first `left` of them flush left."""
    widths = [max(len(line[i]) for line in (head, *body)) for i in range(len(head))]

    def text(line: Sequence[str]) -> str:
        cells = [
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    return "\n".join([text(head), rule, *map(text, body), rule])
