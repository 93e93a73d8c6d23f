"""A short formula that gives exactly the found gradient: dy times a function of an array or two.

It names mistakes that no bank holds: y (1 + y) for y (1 - y), the output for the input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np

from .evidence import Evidence
from .guess import Guess, close, predicted, tolerance

Array = Any

FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "{0}": lambda a: a,
    "(1 - {0})": lambda a: 1.0 - a,
    "(1 + {0})": lambda a: 1.0 + a,
    "{0} * (1 - {0})": lambda a: a * (1.0 - a),
    "{0} * (1 + {0})": lambda a: a * (1.0 + a),
    "{0}**2": lambda a: a * a,
    "(1 - {0}**2)": lambda a: 1.0 - a * a,
    "(1 + {0}**2)": lambda a: 1.0 + a * a,
    "(1 - {0})**2": lambda a: (1.0 - a) ** 2,
    "1 / {0}": lambda a: 1.0 / a,
    "1 / {0}**2": lambda a: 1.0 / (a * a),
    "1 / (1 - {0})": lambda a: 1.0 / (1.0 - a),
    "1 / (1 + {0})": lambda a: 1.0 / (1.0 + a),
    "sqrt({0})": np.sqrt,
    "1 / sqrt({0})": lambda a: a**-0.5,
    "exp({0})": np.exp,
    "exp(-{0})": lambda a: np.exp(-a),
    "log({0})": np.log,
    "1 / log({0})": lambda a: 1.0 / np.log(a),
    "tanh({0})": np.tanh,
    "(1 - tanh({0}))": lambda a: 1.0 - np.tanh(a),
    "(1 - tanh({0})**2)": lambda a: 1.0 - np.tanh(a) ** 2,
    "sigmoid({0})": lambda a: 0.5 + 0.5 * np.tanh(a / 2.0),
    "sigmoid({0}) * (1 - sigmoid({0}))": lambda a: 0.25 * (1.0 - np.tanh(a / 2.0) ** 2),
    "sign({0})": np.sign,
    "abs({0})": abs,
    "({0} > 0)": lambda a: (a > 0).astype(float),
    "({0} < 0)": lambda a: (a < 0).astype(float),
    "({0} != 0)": lambda a: (a != 0).astype(float),
}
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


def formulas(evidence: Evidence) -> Iterator[Guess]:
    """dy (or nothing) times a function of an array of the call, and of two."""
    names = [n for n, v in evidence.arrays().items() if v.shape == evidence.right.shape]
    if np.shape(evidence.found) != evidence.right.shape or np.size(evidence.right) < 2:
        return
    one = [(n, text) for n in names for text in FUNCTIONS]
    two = [
        (a, text, b, other)
        for a, b in product(names, names)
        if a < b
        for text in FUNCTIONS
        for other in FUNCTIONS
    ]
    for parts in [(), *one, *two]:
        for upstream in ("dy", ""):
            for sign, constant in CONSTANTS.items():
                yield from _guess(evidence, parts, upstream, sign, constant)


def _guess(
    e: Evidence, parts: tuple[str, ...], upstream: str, sign: str, constant: float
) -> Iterator[Guess]:
    """One formula; only built if it fits the first probe, for there are thousands."""

    def predict(e: Evidence) -> Array:
        out = np.asarray(constant, np.float64)
        if upstream:
            out = out * np.broadcast_to(e.upstream, e.right.shape)
        for name, text in zip(parts[::2], parts[1::2], strict=True):
            out = out * FUNCTIONS[text](e.arrays()[name])
        return np.broadcast_to(out, e.right.shape)

    if not close(e.found, predicted(predict, e), tolerance(e)):
        return
    factors = [t.format(n) for n, t in zip(parts[::2], parts[1::2], strict=True)]
    text = " * ".join(([upstream] if upstream else []) + factors) or "1"
    found = f"d{e.input} = {sign}{text}"
    yield Guess(
        f"formula:{sign}{text}",
        predict,
        f"`{found}` gives exactly what was found, and that is not the derivative.",
        f"Differentiate forward again and compare with `{sign}{text}`.",
        found=found,
    )
