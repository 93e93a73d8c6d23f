"""A short formula that gives exactly the found gradient: dy times a function of an array or two.

It names mistakes that no bank holds: y (1 + y) for y (1 - y), the output for the input.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from .evidence import Evidence
from .guess import Guess
from .vocabulary import FUNCTIONS

Array = Any

CONSTANTS = {"": 1.0, "-": -1.0, "2 * ": 2.0, "0.5 * ": 0.5, "-2 * ": -2.0, "3 * ": 3.0}


def formula_names(evidence: Evidence) -> list[str]:
    """The elementwise products of the upstream gradient with at most one array of the call."""
    shape = evidence.upstream.shape
    names = [n for n, v in evidence.arrays().items() if n != "y" and v.shape == shape]
    return ["dy", *[f"dy * {n}" for n in names]]


def elementwise(evidence: Evidence, text: str) -> Array:
    """The value of one of `formula_names`."""
    out = np.asarray(evidence.upstream)
    return out * evidence.arrays()[text[5:]] if text != "dy" else out


def long_formulas(evidence: Evidence) -> Iterator[Guess]:
    """dy (or nothing) times functions of two arrays of the call."""
    one = list(_values(evidence))
    yield from _fitting(evidence, [(*a, *b) for a, b in product(one, one) if a[0] < b[0]])


def _values(evidence: Evidence) -> dict[tuple[str, str], Array]:
    """(array, function) -> its values, where they are finite and not all the same."""
    right = evidence.right
    if np.shape(evidence.found) != right.shape or right.size < 2:
        return {}
    out = {}
    for name, array in evidence.arrays().items():
        for text, f in FUNCTIONS.items() if array.shape == right.shape else ():
            value = np.asarray(f(array), np.float64)
            if np.isfinite(value).all() and np.ptp(value) > 0:
                out[name, text] = value
    return out


def _fitting(evidence: Evidence, candidates: list[tuple[str, ...]]) -> Iterator[Guess]:
    """The candidates that are the found gradient in the first probe, up to a small constant.

    There are thousands, so all are compared at once: found and formula have to be parallel.
    """
    values = _values(evidence)
    if not values:
        return
    dy = np.asarray(evidence.upstream)
    stretched = dy.shape == evidence.right.shape or dy.ndim == 0
    found = np.asarray(evidence.found, np.float64).ravel()
    for upstream in ("dy", "") if stretched else ("",):
        base = (
            np.broadcast_to(dy, evidence.right.shape).ravel() if upstream else np.ones(found.size)
        )
        for parts in [(), *candidates]:
            formula = base
            for pair in zip(parts[::2], parts[1::2], strict=True):
                formula = formula * values[pair].ravel()
            squares: float = float(formula @ formula)
            constant = float(found @ formula) / squares if squares > 0.0 else 0.0
            for sign, c in CONSTANTS.items():
                if abs(constant - c) < 1e-2:
                    yield _guess(evidence, parts, upstream, sign, c)


def _guess(e: Evidence, parts: tuple[str, ...], upstream: str, sign: str, constant: float) -> Guess:
    """One formula."""

    def predict(e: Evidence) -> Array:
        out = np.asarray(constant, np.float64)
        if upstream:
            out = out * np.broadcast_to(e.upstream, e.right.shape)
        for name, text in zip(parts[::2], parts[1::2], strict=True):
            out = out * FUNCTIONS[text](e.arrays()[name])
        return np.broadcast_to(out, e.right.shape)

    factors = [t.format(n) for n, t in zip(parts[::2], parts[1::2], strict=True)]
    text = " * ".join(([upstream] if upstream else []) + factors) or "1"
    found = f"d{e.input} = {sign}{text}"
    return Guess(
        f"formula:{sign}{text}",
        predict,
        f"`{found}` gives exactly what was found, and that is not the derivative.",
        f"Differentiate forward again and compare with `{sign}{text}`.",
        found=found,
    )
