"""`html(loss)`: the recorded backward pass as a page that needs nothing else, or in a notebook.

One fold per place, the newest first, since backward starts there. No script, no font, no address:
it can be mailed and opened anywhere. Its text is in `templates/step.html`.
"""

from __future__ import annotations

import itertools
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from ..files import replace_file
from .frames import said
from .heat import colour, in_words, map_of, numbers
from .session import traced
from .trace import Place, Trace

MOST = 400
"""The most places on one page."""

_count = itertools.count(1).__next__


class Page:
    """A backward pass as HTML: a notebook shows it, `save` writes it.

    Attributes:
        trace: what it shows.
    """

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self._html = _render(trace)  # now: the graph may be released before it is looked at

    def _repr_html_(self) -> str:
        return self._html

    def __str__(self) -> str:
        return self._html

    def __repr__(self) -> str:
        return f"Page({len(self.trace.places)} places; .save('step.html') writes it)"

    def save(self, path: str | Path) -> Path:
        """Write the page to a file.

        Raises:
            FileError: it cannot be written; what stood there is unchanged.
        """
        page = (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="color-scheme" content="light dark"><title>A backward pass</title></head>\n'
            f"<body>\n{self._html}\n</body></html>\n"
        )
        return replace_file(path, page.encode())


def html(loss: Any, gradient: Any = None) -> Page:
    """The backward pass of `loss` as HTML: shown by a notebook, written by `.save(path)`.

    Every place of the tape with its formula, gradients, maps, small Jacobians and kept values, as
    `step` prints them. The graph and every `.grad` stay as they are.

    Args:
        loss: the tensor on which you would call `backward()`, or a function that returns it.
        gradient: dL/d(loss), where it is no scalar.

    Raises:
        ArgumentTypeError: `loss` is no Tensor.
        GraphError: it has no graph, or the graph was released.

    Example:
        >>> import tinygrad_course as tg
        >>> x = tg.tensor([1.0, -2.0], requires_grad=True)
        >>> tg.debug.html(tg.relu(x).sum())
        Page(3 places; .save('step.html') writes it)
    """
    return Page(traced(loss, gradient))


@cache
def _template() -> Any:
    from jinja2 import Environment

    text = resources.files(__package__).joinpath("templates/step.html").read_text("utf-8")
    return Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(text)


def _render(trace: Trace) -> str:
    count = len(trace.places)
    shown = trace.places[::-1][:MOST]
    summary = (
        f"The loss is {numbers(trace.value)}. {count} places; backward goes from {count} to 1, "
        "and so does this list."
    )
    if count > MOST:
        summary += f" The oldest {count - MOST} are left out."
    page: str = _template().render(
        id=f"tgc-step-{_count()}",
        summary=summary,
        error=None if trace.error is None else str(trace.error),
        places=[_place(trace, p) for p in shown],
    )
    return page


def _place(trace: Trace, place: Place) -> dict[str, Any]:
    several = isinstance(place.gradient, (tuple, list))
    label = "dL/dthis" if place.is_leaf else "dL/dy"
    parts = place.gradient if several else [place.gradient]
    arrived = [
        _value(f"{label}[{i}]" if several else label, g)
        for i, g in enumerate(parts)
        if g is not None
    ]
    shares = [
        _value("", s.gradient, f"through {s.name}, from", trace.place(s.place), small=True)
        for s in place.shares
    ]
    if len(shares) == 1 and arrived:
        arrived[0].update(note="from", to=shares[0]["to"], link=shares[0]["link"])
    handed = []
    for i, inlet in enumerate(place.inlets):
        if inlet.gradient is None:
            continue
        handed.append(_value(f"dL/d{inlet.name}", inlet.gradient, "to", trace.place(inlet.place)))
        jacobian = place.jacobian(i)
        if jacobian is not None and jacobian.size > 1:
            handed.append(_value(f"dy/d{inlet.name}", jacobian, "local Jacobian", most=64))
    kept = [_value(name, v, "kept") for name, v in place.kept.items() if hasattr(v, "dtype")]
    return {
        "number": place.number,
        "title": place.title,
        "shape": "" if place.shape is None else str(place.shape),
        "where": said(place.where) if place.where else "",
        "layer": place.layer,
        "formula": place.formula,
        "open": place.number == len(trace.places),
        "arrived": arrived,
        "shares": shares if len(shares) > 1 else [],
        "handed": handed,
        "kept": kept,
    }


def _value(
    label: str, value: Any, note: str = "", link: Place | None = None, *, small: bool = False,
    most: int = 24,
) -> dict[str, Any]:  # fmt: skip
    """An array as the template wants it."""
    heat = None if small else map_of(value)
    rows = [] if heat is None else [
        [{"colour": colour(v, heat.top), "text": f"{v:.4g}"} for v in row] for row in heat.cells
    ]  # fmt: skip
    scalar = not getattr(value, "ndim", 0) and not small
    return {
        "label": label,
        "words": in_words(value),
        "note": note,
        "to": link.number if link is not None else 0,
        "link": "" if link is None else f"{link.number} {link.title}",
        "numbers": "" if small or scalar else numbers(value, most),
        "rows": rows,
        "of": "" if heat is None else heat.of,
    }
