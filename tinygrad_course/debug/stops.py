"""Breakpoints: `nan`, `zero`, `norm > 10`, or the name of an op, a variable or a layer.

A condition is a line of text; it becomes a test of one place of the tape. Used by `session.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from ..errors import ArgumentError, nearest
from .health import health_of
from .trace import Place, Trace


class Stop(NamedTuple):
    """A breakpoint.

    Attributes:
        text: as it was typed.
        test: the reason why a place meets the condition; "" if it does not.
    """

    text: str
    test: Callable[[Place], str]


def parse(text: str, trace: Trace) -> Stop:
    """The breakpoint that a line of text asks for.

    Raises:
        ArgumentError: no such condition, and no such name on this tape.
    """
    words = " ".join(text.split())
    norm = re.fullmatch(r"norm\s*>?\s*([\d.eE+-]+)", words)
    if words.lower() == "nan":
        return Stop("nan", _makes_nan)
    if words.lower() == "zero":
        return Stop("zero", _makes_zero)
    if norm:
        try:
            bound = float(norm.group(1))
        except ValueError as error:
            raise ArgumentError(f"break: {norm.group(1)!r} is no number: norm > 10") from error
        return Stop(f"norm > {bound:g}", lambda place: _large(place, bound))
    wanted = words.removeprefix("op ").strip()
    if not any(_named(place, wanted) for place in trace.places):
        names = {n for place in trace.places for n in names_of(place)}
        raise ArgumentError(
            f"break: expects nan, zero, norm > NUMBER, or an op, a variable or a layer of this "
            f"tape, but got {wanted!r}; {nearest(wanted, names)}"
        )
    return Stop(wanted, lambda place: _named(place, wanted))


def names_of(place: Place) -> list[str]:
    """The names that lead to a place: its op's class, its variable, its layer."""
    kind = "leaf" if place.is_leaf else type(place.node).__name__
    return [n for n in (kind, place.name, place.layer) if n]


def _named(place: Place, wanted: str) -> str:
    low = wanted.lower()
    for name in names_of(place):
        if name.lower() == low or (name == place.layer and name.lower().startswith(f"{low}.")):
            return f"it is {name}"
    return ""


def _outgoing(place: Place) -> list[tuple[str, Any]]:
    return [(i.name, i.gradient) for i in place.inlets if i.gradient is not None]


def _incoming(place: Place) -> list[Any]:
    arrived = place.gradient if isinstance(place.gradient, (tuple, list)) else [place.gradient]
    return [g for g in arrived if g is not None]


def _makes_nan(place: Place) -> str:
    """A NaN or an infinity that was not there before."""
    arrived = [health_of(g).bad for g in _incoming(place)]
    if any(arrived):
        came = any(health_of(share.gradient).bad for share in place.shares)
        return "" if came else f"{next(filter(None, arrived))} of dL/dy"
    for name, g in _outgoing(place):
        bad = health_of(g).bad
        if bad:
            return f"it made {bad} of dL/d{name}"
    return ""


def _makes_zero(place: Place) -> str:
    """A gradient that is all zeros, made of one that was not."""
    arrived = [health_of(g).zero for g in _incoming(place)]
    if arrived and all(arrived):
        shares = [health_of(share.gradient).zero for share in place.shares]
        return "" if not shares or all(shares) else "the gradients that meet here cancel"
    for name, g in _outgoing(place):
        if health_of(g).zero:
            return f"it made dL/d{name} all zeros"
    return ""


def _large(place: Place, bound: float) -> str:
    pairs = [("dL/dy", g) for g in _incoming(place)]
    pairs += [(f"dL/d{name}", g) for name, g in _outgoing(place)]
    for name, g in pairs:
        norm = health_of(g).norm
        if norm > bound:
            return f"the norm of {name} is {norm:.4g}"
    return ""
