"""The debugger's printouts: the tape, one place with its gradients, whole arrays.

In colour where the terminal has it, plain where output is piped. The words are those of `heat.py`;
read next: `session.py`.
"""

from __future__ import annotations

import sys
from typing import IO, Any

import numpy as np

from .frames import said
from .health import host
from .heat import colour, in_words, letters, map_of, numbers, part_of
from .trace import Place, Trace

AROUND = 5
INDENT = 10
WIDTH = 40


class Screen:
    """Where it is printed: standard output, or `stream`."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        from rich.console import Console

        self.console = Console(
            file=stream or sys.stdout, highlight=False, markup=False, emoji=False, soft_wrap=True,
            force_jupyter=False,
        )  # fmt: skip
        self.coloured = self.console.is_terminal and self.console.color_system is not None

    def line(self, *parts: str | tuple[str, str]) -> None:
        """One line, of texts and (text, style) pairs."""
        from rich.text import Text

        self.console.print(Text.assemble(*parts))

    def tape(self, trace: Trace, cursor: int, *, everything: bool = False) -> None:
        """The places, the newest last, with a mark at the cursor."""
        places = trace.places
        first, last = max(1, cursor - AROUND), min(len(places), cursor + AROUND)
        if everything or len(places) <= 2 * AROUND + 1:
            first, last = 1, len(places)
        shown = places[first - 1 : last]
        width = min(WIDTH, max(len(p.title) for p in shown))
        if first > 1:
            self.line(("      ...", "dim"))
        for place in shown:
            here = place.number == cursor
            shape = "" if place.shape is None else str(place.shape)
            line = ">" if here else " "
            title = place.title if len(place.title) <= WIDTH else f"{place.title[: WIDTH - 3]}..."
            head = f"{line} {place.number:>4}  {title:<{width}}  {shape:<16}"
            tail = said(place.where) if place.where else ""
            layer = f"  in {place.layer}" if place.layer else ""
            style = "bold" if here else "" if place.gradient is not None else "dim"
            tail = f"{tail}{layer}".strip()
            self.line((head if tail else head.rstrip(), style), (tail, "cyan" if here else "dim"))
        if last < len(places):
            self.line(("      ...", "dim"))

    def place(self, trace: Trace, place: Place) -> None:
        """One place: formula, what arrived, what it handed on, what it kept."""
        self.line()
        self.line(
            (f"{place.number} of {len(trace.places)}: {place.title}", "bold"),
            (f"   {said(place.where)}" if place.where else "", "cyan"),
            (f"   in {place.layer}" if place.layer else "", "dim"),
        )
        for formula in place.formula:
            self.line(("  " + formula, "yellow"))
        if place.gradient is None:
            self.line("  no gradient reached this place")
            return
        self.arrived(trace, place)
        for i, inlet in enumerate(place.inlets):
            if inlet.place == 0:
                self.line(_label(f"d{inlet.name}"), f"none: {inlet.name} is a constant")
            elif inlet.gradient is None:
                self.line(_label(f"d{inlet.name}"), "none was returned")
            else:
                target = trace.place(inlet.place)
                self.array(f"d{inlet.name}", inlet.gradient, f"  to {_link(target)}")
                self.matrix(f"dy/d{inlet.name}", place.jacobian(i))
        for name, value in place.kept.items():
            if hasattr(value, "dtype"):
                self.array(name, value, "  kept", heat=False)
            else:
                self.line(_label(name), f"{value!r}  kept")

    def arrived(self, trace: Trace, place: Place) -> None:
        """dL/dy (a leaf's .grad), and who adds into it."""
        several = isinstance(place.gradient, (tuple, list))
        label = "grad" if place.is_leaf else "dy"
        parts = place.gradient if several else [place.gradient]
        sources = [f"{_link(trace.place(s.place))} ({s.name})" for s in place.shares]
        note = f"  from {sources[0]}" if len(sources) == 1 else ""
        for i, part in enumerate(parts):
            if part is None:
                self.line(_label(f"{label}[{i}]"), "nothing flowed into this output")
            else:
                self.array(f"{label}[{i}]" if several else label, part, note)
        if len(sources) > 1:
            self.line(f"{'':{INDENT}}the sum of {len(sources)}:")
            for share, source in zip(place.shares, sources, strict=True):
                self.line(f"{'':{INDENT}}  from {source}  {in_words(share.gradient)}")
        if not sources:
            self.line(f"{'':{INDENT}}the pass starts here")

    def array(self, label: str, value: Any, note: str = "", *, heat: bool = True) -> None:
        """An array: its shape and norm, some numbers, its map."""
        words = in_words(value)
        text = numbers(value)
        if not getattr(value, "ndim", 0):
            self.line(_label(label), words, (note, "dim"))
            return
        self.line(_label(label), words, (note, "dim"))
        part = part_of(host(value))[1]
        if part:
            self.line((f"{'':{INDENT}}the part {part}:", "dim"))
        for row in text.splitlines():
            self.line(f"{'':{INDENT}}{row}")
        if heat:
            self.heat(value)

    def heat(self, value: Any) -> None:
        """The map of an array: coloured cells, or signs and tenths."""
        small = map_of(value)
        if small is None or (not self.coloured and small.cells.size < 9):
            return  # in plain text the numbers say it
        for row in small.cells:
            cells = [
                ("  ", f"on {colour(v, small.top)}")
                if self.coloured and np.isfinite(v)
                else (letters(v, small.top), "bold white on #c400ff" if self.coloured else "")
                for v in row
            ]
            if self.coloured:
                self.line(" " * INDENT, *cells)
            else:
                self.line(" " * INDENT + " ".join(text for text, _ in cells))

    def matrix(self, label: str, jacobian: Any) -> None:
        """A local Jacobian, if there is one; of a diagonal one, the diagonal."""
        if jacobian is None or jacobian.size < 2:
            return
        rows, columns = jacobian.shape
        words = f"Jacobian, {rows} x {columns}"
        if rows == columns and not jacobian[~np.eye(rows, dtype=bool)].any():
            words, jacobian = f"{words}, zeros but for its diagonal", np.diag(jacobian)
        self.line(_label(label), words)
        for row in numbers(jacobian, most=64).splitlines():
            self.line(f"{'':{INDENT}}{row}")


def _label(name: str) -> tuple[str, str]:
    """A name at the left edge, in bold."""
    return f"  {name:<{INDENT - 3}} ", "bold"


def _link(place: Place) -> str:
    """A place in a few words: its number and its variable or op."""
    kind = "leaf" if place.is_leaf else type(place.node).__name__
    return f"{place.number} {place.name or kind}"
