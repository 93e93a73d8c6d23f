"""Factors that are not constant: a forgotten gamma, an input too many, one factor per channel.

The found gradient is compared with the right one times (or over) each array of the call.
Read next: `axes.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import numpy as np

from .evidence import Evidence
from .guess import Guess, multiple, nearest_multiple
from .known import Recognised
from .vocabulary import arrays_of

Array = Any
Elementwise = Callable[[Array], Array]

OF_ONE: dict[str, tuple[str, Elementwise]] = {
    "extra-factor:{0}": ("{0}", lambda a: a),
    "missing-factor:{0}": ("1 / {0}", lambda a: 1.0 / a),
    "extra-factor:{0}**2": ("{0}**2", lambda a: a * a),
    "missing-factor:{0}**2": ("1 / {0}**2", lambda a: 1.0 / (a * a)),
    "extra-factor:1 - {0}": ("(1 - {0})", lambda a: 1.0 - a),
    "missing-factor:1 - {0}": ("1 / (1 - {0})", lambda a: 1.0 / (1.0 - a)),
    "extra-factor:1 + {0}": ("(1 + {0})", lambda a: 1.0 + a),
    "missing-factor:1 + {0}": ("1 / (1 + {0})", lambda a: 1.0 / (1.0 + a)),
    "extra-factor:{0} * (1 - {0})": ("{0} * (1 - {0})", lambda a: a * (1.0 - a)),
    "missing-factor:{0} * (1 - {0})": ("1 / ({0} * (1 - {0}))", lambda a: 1.0 / (a * (1.0 - a))),
    "extra-factor:sqrt({0})": ("sqrt({0})", np.sqrt),
    "missing-factor:sqrt({0})": ("1 / sqrt({0})", lambda a: a**-0.5),
    "extra-factor:sign({0})": ("sign({0})", np.sign),
    "extra-factor:abs({0})": ("abs({0})", abs),
    "missing-factor:abs({0})": ("1 / abs({0})", lambda a: 1.0 / abs(a)),
    "masked:{0} > 0": ("({0} > 0)", lambda a: a > 0),
    "masked:{0} < 0": ("({0} < 0)", lambda a: a < 0),
    "masked:abs({0}) < 1": ("(abs({0}) < 1)", lambda a: abs(a) < 1),
    "masked:abs({0}) > 1": ("(abs({0}) > 1)", lambda a: abs(a) > 1),
}
"""Name of the diagnosis, the factor as text, the factor."""

OF_RIGHT: dict[str, tuple[str, Elementwise, str]] = {
    "absolute": ("abs({0})", abs, "its sign is lost"),
    "sign-only": ("sign({0})", np.sign, "only its sign is left"),
    "squared": ("{0}**2", lambda a: a * a, "it is squared"),
    "clipped:negative": ("maximum({0}, 0)", lambda a: np.maximum(a, 0.0), "below zero it is cut"),
    "clipped:1": ("clip({0}, -1, 1)", lambda a: np.clip(a, -1.0, 1.0), "it is cut at 1"),
}


def values_like(evidence: Evidence, name: str) -> Array:
    """An array of the call, stretched to the gradient's shape; `dy` is the upstream gradient."""
    value = evidence.upstream if name == "dy" else evidence.arrays()[name]
    return np.broadcast_to(value, evidence.right.shape)


def comparable(evidence: Evidence) -> list[str]:
    """The arrays of the call that can be stretched to the gradient's shape."""
    names = []
    for name in [*evidence.arrays(), "dy"]:
        try:
            values_like(evidence, name)
        except ValueError:
            continue
        names.append(name)
    return names


def elementwise_factors(evidence: Evidence, seen: Recognised) -> Iterator[Guess]:
    """The right gradient times an array of the call, or over it; or a function of itself."""
    grad = f"d{evidence.input}"
    tables = {id(e): _factors_of(e, seen) for e in evidence.all()}
    met: set[bytes] = set()
    for name in tables[id(evidence)]:
        for pattern, (text, f) in OF_ONE.items():
            values = [np.asarray(f(t[name]), np.float64) for t in tables.values() if name in t]
            value = b"".join([v.tobytes() for v in values])
            if value in met:
                continue  # of zeros and ones, say, the square is the same
            met.add(value)
            called, factor = pattern.format(name), text.format(name)
            kind = called.split(":")[0]
            thing = {"extra-factor": "multiplied", "masked": "masked"}.get(kind, "not multiplied")
            by = called.split(":", 1)[1]
            if name == "dy" and pattern == "missing-factor:{0}":
                called = "ignores-upstream"
            if name == "dy" and pattern == "extra-factor:{0}":
                called = "upstream-twice"
            yield Guess(
                called,
                lambda e, n=name, g=f: e.right * g(tables[id(e)][n]),  # type: ignore[misc]
                f"{grad} is the right gradient times {factor}, element by element: it is {thing} "
                f"by {by}.",
                f"Compare where {by} enters: the found gradient has the factor {factor} too many.",
                found=f"{grad} = (right {grad}) * {factor}",
            )
    yield from of_the_gradient(evidence)


def of_the_gradient(evidence: Evidence) -> Iterator[Guess]:
    """A function of the right gradient itself: its absolute value, its sign, a clipped one."""
    grad = f"d{evidence.input}"
    for called, (text, f, words) in OF_RIGHT.items():
        yield Guess(
            called,
            lambda e, g=f: g(e.right),  # type: ignore[misc]
            f"{grad} is {text.format('the right gradient')}: {words}.",
            f"A function is applied to the gradient itself: {words}.",
            found=f"{grad} = {text.format(f'(right {grad})')}",
        )


def _factors_of(e: Evidence, seen: Recognised) -> dict[str, Array]:
    """The call's arrays, dy, and what forward computes on the way."""
    own = {name: values_like(e, name) for name in comparable(e)}
    return {**arrays_of(e, seen), **own}


def slice_factors(evidence: Evidence) -> Iterator[Guess]:
    """One factor per channel, per row, or per all but one axis."""
    ndim = evidence.right.ndim
    if ndim < 2:
        return
    grad = f"d{evidence.input}"
    families: list[tuple[int, ...]] = [(k,) for k in range(ndim)]
    families += [kept for n in range(2, ndim) for kept in combinations(range(ndim), n)]
    for kept in families:
        measured = multiple(evidence.found, evidence.right, kept, least=0)
        if measured is None or measured.size * 2 > evidence.right.size:
            continue
        if sum([_spare(e, kept) for e in evidence.all()]) < 3:
            continue
        low, high = float(measured.min()), float(measured.max())
        axes = ",".join([str(k) for k in kept])
        yield Guess(
            f"slice-factor:axis{axes}",
            lambda e, k=kept: nearest_multiple(e.found, e.right, k, least=0),  # type: ignore[misc]
            f"{grad} is the right gradient times a factor of its own per index of axis {axes} "
            f"(from {low:.4g} to {high:.4g}).",
            f"A vector along axis {axes} is forgotten, or enters once too often: a scale such as "
            "gamma, a standard deviation?",
            found=f"{grad} = (right {grad}) * (a factor per index of axis {axes})",
        )


def _spare(e: Evidence, kept: tuple[int, ...]) -> int:
    """How many nonzero elements more than factors a probe has."""
    others = tuple([i for i in range(e.right.ndim) if i not in kept])
    counts = (e.right != 0).sum(axis=others)
    return int(counts.sum() - (counts > 0).sum())
