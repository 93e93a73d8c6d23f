"""Right, except on a part: zero, doubled or negated on a border, a row, a channel, below zero.

Where no description fits, the part is at least located: which share of the elements, and where.
Read next: `pairs.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .evidence import Evidence
from .guess import Guess, tolerance

Array = Any
Part = Callable[[Evidence], Array]

DONE: dict[str, tuple[float, str]] = {
    "zero": (0.0, "zero"),
    "doubled": (2.0, "twice too large"),
    "negated": (-1.0, "of the wrong sign"),
    "halved": (0.5, "half as large as it should be"),
}


def on_a_part(evidence: Evidence) -> Iterator[Guess]:
    """Zero, doubled, negated or halved on a part that has a name."""
    if np.shape(evidence.found) != evidence.right.shape:
        return
    grad = f"d{evidence.input}"
    for part, where in parts(evidence):
        for called, (factor, words) in DONE.items():
            yield Guess(
                f"{called}:{part}",
                lambda e, w=where, f=factor: np.where(w(e), f * e.right, e.right),  # type: ignore[misc]
                f"{grad} is right, but {words} at the {part}.",
                f"The elements at the {part} are missed or met twice: look at the bounds of "
                "the loop, at slices and masks.",
                found=f"{grad}[{part}] = {factor:g} * (right {grad})[{part}]",
            )


def parts(evidence: Evidence) -> Iterator[tuple[str, Part]]:
    """Parts of a gradient that have a name, as masks."""
    for axis in range(evidence.right.ndim):
        yield f"first of axis {axis}", lambda e, a=axis: _at(e, a, 0)  # type: ignore[misc]
        yield f"last of axis {axis}", lambda e, a=axis: _at(e, a, -1)  # type: ignore[misc]
        yield f"rest of axis {axis} behind the first", lambda e, a=axis: ~_at(e, a, 0)  # type: ignore[misc]
        yield f"rest of axis {axis} before the last", lambda e, a=axis: ~_at(e, a, -1)  # type: ignore[misc]
    if evidence.right.ndim == 4:
        yield "border", _border
    for name, value in {**evidence.arrays(), "dy": evidence.upstream}.items():
        if np.shape(value) == evidence.right.shape:
            for text, test in TESTS.items():
                yield text.format(name), lambda e, n=name, t=test: t(_value(e, n))  # type: ignore[misc]


TESTS: dict[str, Callable[[Array], Array]] = {
    "elements where {0} < 0": lambda a: a < 0,
    "elements where {0} > 0": lambda a: a > 0,
    "elements where {0} == 0": lambda a: a == 0,
    "elements where abs({0}) > 1": lambda a: abs(a) > 1,
    "elements where abs({0}) < 1": lambda a: abs(a) < 1,
    "largest {0}": lambda a: a == a.max(),
}


def _value(e: Evidence, name: str) -> Array:
    return e.upstream if name == "dy" else e.arrays()[name]


def _at(e: Evidence, axis: int, index: int) -> Array:
    mask = np.zeros(e.right.shape, bool)
    np.moveaxis(mask, axis, 0)[index] = True
    return mask


def _border(e: Evidence) -> Array:
    mask = np.ones(e.right.shape, bool)
    mask[:, 1:-1, 1:-1] = False
    return mask


def not_finite(evidence: Evidence) -> Iterator[Guess]:
    """NaN or infinity where the right gradient is finite."""
    bad = ~np.isfinite(np.asarray(evidence.found))
    grad = f"d{evidence.input}"
    if bad.any():
        yield Guess(
            "not-finite",
            lambda e: e.found,
            f"{grad} is NaN or infinite in {int(bad.sum())} of {bad.size} elements; the right one "
            "is finite.",
            "Look for a division by zero, the logarithm of zero, or an exponential that overflows.",
            exact=False,
        )


def located(evidence: Evidence) -> Iterator[Guess]:
    """No name, but a place: which share of the elements is wrong, and what is the same of them."""
    found, right = np.asarray(evidence.found), evidence.right
    if found.shape != right.shape or not np.isfinite(found).all():
        return
    wrong = abs(found - right) > tolerance(evidence) * max(abs(right).max(initial=0.0), 1e-12)
    share = float(wrong.mean())
    place = _place(wrong) or _named_part(evidence, wrong)
    if not 0.0 < share < (0.95 if place else 0.7):
        return
    ratios = found[wrong] / np.where(right[wrong] == 0.0, np.nan, right[wrong])
    constant = bool(np.ptp(ratios) < 1e-6) if np.isfinite(ratios).all() else False
    kind = "zero" if not found[wrong].any() else f"{ratios[0]:.6g} times" if constant else "wrong"
    grad = f"d{evidence.input}"
    yield Guess(
        f"part:{place or 'elements'}",
        lambda e: e.found,
        f"{grad} is {kind} in {share:.3g} of the elements{' (' + place + ')' if place else ''}, "
        "and right in the others.",
        f"Look at what is special about {place or 'these elements'}.",
        exact=False,
    )


def _named_part(evidence: Evidence, wrong: Array) -> str:
    """The smallest part with a name that holds all wrong elements, if it is less than all."""
    held = [(float(where(evidence).mean()), part) for part, where in parts(evidence)
            if not (wrong & ~where(evidence)).any()]  # fmt: skip
    size, part = min(held, default=(1.0, ""))
    return part if size < 1.0 else ""


def _place(wrong: Array) -> str:
    """The indices that the wrong elements share."""
    shared = []
    for axis, indices in enumerate(np.nonzero(wrong)):
        if np.unique(indices).size == 1 and wrong.shape[axis] > 1:
            shared.append(f"index {indices[0]} of axis {axis}")
    return ", ".join(shared)
