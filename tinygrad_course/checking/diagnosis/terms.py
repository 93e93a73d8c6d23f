"""Terms too many or missing: a constant, weight decay, the share of a mean or of a variance.

The difference between the found and the right gradient is compared with the arrays of the call.
Read next: `partial.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np

from .evidence import Evidence
from .guess import Guess, multiple, nearest_multiple
from .ratio import comparable, values_like

Array = Any


def terms(evidence: Evidence, *, same: bool) -> Iterator[Guess]:
    """found = right + c a, with a an array of the call (or 1) and c a number.

    Args:
        evidence: the wrong gradient.
        same: whether c has to be the same number in all probes.
    """
    if np.shape(evidence.found) != evidence.right.shape or evidence.right.size < 2:
        return
    grad = f"d{evidence.input}"
    for name in ["constant", *comparable(evidence)]:
        measured = multiple(evidence.found - evidence.right, _base(evidence, name))
        if measured is None:
            continue
        c = float(measured.ravel()[0])
        term = f"{c:.6g}" + ("" if name == "constant" else f" * {name}")
        yield Guess(
            f"extra-term:{name}",
            lambda e, n=name, c=c: e.right + c * _base(e, n) if same else _plus(e, _base(e, n)),  # type: ignore[misc]
            f"{grad} is the right gradient plus {term}: a term is too many, or missing.",
            f"The difference to the right gradient is {term}, in all elements.",
            found=f"{grad} = (right {grad}) + {term}",
        )


def slice_terms(evidence: Evidence) -> Iterator[Guess]:
    """found = right + c a, with one c per channel, per row, ...: a statistic taken as constant."""
    ndim = evidence.right.ndim
    if np.shape(evidence.found) != evidence.right.shape or ndim < 1:
        return
    grad = f"d{evidence.input}"
    for count in range(1, ndim + 1):
        for reduced in combinations(range(ndim), count):
            kept = tuple([k for k in range(ndim) if k not in reduced])
            along = ",".join([str(k) for k in reduced])
            if np.prod([evidence.right.shape[k] for k in reduced]) < 3:
                continue
            for name in ["constant", *comparable(evidence)]:
                called = f"missing-mean:axis{along}" if name == "constant" else ""
                what = "constant" if name == "constant" else f"a multiple of {name}"
                yield Guess(
                    called or f"missing-term:{name} along axis{along}",
                    lambda e, n=name, k=kept: _plus(e, _base(e, n), k),  # type: ignore[misc]
                    f"The difference between {grad} and the right gradient is {what} along axis "
                    f"{along}: the part of the gradient that goes through a mean or a sum over "
                    "that axis is missing, or wrong.",
                    f"A statistic over axis {along} depends on {evidence.input}; its derivative "
                    "belongs to the gradient.",
                    found=f"{grad} = (right {grad}) + ({what} along axis {along})",
                )
            for name in [n for n in comparable(evidence) if n in evidence.inputs]:
                if np.prod([evidence.right.shape[k] for k in reduced]) < 4:
                    continue
                yield Guess(
                    f"statistic-constant:axis{along}",
                    lambda e, n=name, k=reduced: _linear(e, n, k),  # type: ignore[misc]
                    f"The difference between {grad} and the right gradient is linear in {name} "
                    f"along axis {along}: mean and variance over it are taken for constants.",
                    f"Mean and variance over axis {along} depend on {evidence.input}; both have a "
                    "derivative.",
                    found=f"{grad} = (right {grad}) + a + b {name}",
                )


def _base(e: Evidence, name: str) -> Array:
    return np.ones_like(e.right) if name == "constant" else values_like(e, name)


def _plus(e: Evidence, base: Array, kept: tuple[int, ...] = ()) -> Array | None:
    """right + (the multiple of base nearest to the difference)."""
    term = nearest_multiple(e.found - e.right, base, kept)
    return None if term is None else e.right + term


def _linear(e: Evidence, name: str, reduced: tuple[int, ...]) -> Array:
    """right + a + b x, with a and b fitted per index of the axes that are not reduced."""
    x, off = values_like(e, name), e.found - e.right
    centred = x - x.mean(axis=reduced, keepdims=True)
    squares = (centred * centred).sum(axis=reduced, keepdims=True)
    slope = (centred * off).sum(axis=reduced, keepdims=True) / np.where(squares > 0, squares, 1.0)
    return e.right + off.mean(axis=reduced, keepdims=True) + slope * centred
