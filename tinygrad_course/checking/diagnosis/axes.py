"""Axes in the wrong order: transposed, flipped, shifted, read in another order; factors transposed.

Read next: `sums.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, permutations, product
from typing import Any

import numpy as np

from .evidence import Evidence
from .guess import Guess, close, tolerance

Array = Any


def rearranged(evidence: Evidence) -> Iterator[Guess]:
    """The right values in other places."""
    ndim, grad = evidence.right.ndim, f"d{evidence.input}"
    for order in permutations(range(ndim)):
        if order != tuple(range(ndim)):
            yield Guess(
                f"transposed:{order}",
                lambda e, o=order: e.right.transpose(o),  # type: ignore[misc]
                f"{grad} is the right gradient transposed, with its axes in the order {order}.",
                "A transposition is missing, or the factors stand the wrong way round.",
                right=f"{grad} = (your {grad}) with its axes put back",
                found=f"{grad} = (right {grad}).transpose({order})",
            )
    for axes in _subsets(ndim):
        named = ",".join([str(a) for a in axes])
        yield Guess(
            f"flipped:axis{named}",
            lambda e, a=axes: np.flip(e.right, a),  # type: ignore[misc]
            f"{grad} is the right gradient flipped along axis {named}.",
            "An index runs backwards: a kernel flipped once too often, or not at all?",
            found=f"{grad} = flip((right {grad}), axis=({named}))",
        )
    for axis, step in product(range(ndim), (1, -1)):
        yield Guess(
            f"shifted:axis{axis}",
            lambda e, a=axis, s=step: np.roll(e.right, s, a),  # type: ignore[misc]
            f"{grad} is the right gradient shifted by {step} along axis {axis}.",
            "An index is off by one.",
            found=f"{grad} = roll((right {grad}), {step}, axis={axis})",
        )
    if ndim > 1:
        for order in permutations(range(ndim)):
            yield Guess(
                "reordered",
                lambda e, o=order: e.right.transpose(o).reshape(e.right.shape),  # type: ignore[misc]
                f"{grad} has the right values in the wrong places: reshape where a transposition "
                "belongs.",
                "reshape reads the elements row by row; it moves no axis. Use transpose.",
                found=f"{grad} = (right {grad}).transpose({order}).reshape(...)",
            )
            yield Guess(
                "reordered",
                lambda e, o=order: _unordered(e.right, o),  # type: ignore[misc]
                f"{grad} has the right values in the wrong places: reshape where a transposition "
                "belongs.",
                "reshape reads the elements row by row; it moves no axis. Use transpose.",
                found=f"{grad} = (right {grad}).reshape(...).transpose({order})",
            )


def _subsets(ndim: int) -> Iterator[tuple[int, ...]]:
    for count in range(1, ndim + 1):
        yield from combinations(range(ndim), count)


def _unordered(right: Array, order: tuple[int, ...]) -> Array:
    """right read into the transposed shape, then transposed back."""
    shape = [right.shape[k] for k in order]
    return right.reshape(shape).transpose(np.argsort(order))


def products(evidence: Evidence) -> Iterator[Guess]:
    """A product of two matrices of the call, where the right gradient is another one."""
    grad = f"d{evidence.input}"
    right = [pair for pair in _pairs(evidence) if _multiplies(evidence, pair, evidence.right)]
    if not right:
        return
    should = f"{grad} = {right[0][0]} @ {right[0][1]}"
    for pair in _pairs(evidence):
        found = f"{grad} = {pair[0]} @ {pair[1]}"
        turned = [a for a, b in zip(pair, right[0], strict=True) if a != b and a[0] == b[0]]
        same = [p.removesuffix(".T") for p in pair] == [p.removesuffix(".T") for p in right[0]]
        name = f"transposed-factor:{turned[0].removesuffix('.T')}" if same and turned else ""
        yield Guess(
            name or f"product:{pair[0]} @ {pair[1]}",
            lambda e, p=pair: _matrix(e, p[0]) @ _matrix(e, p[1]),  # type: ignore[misc]
            f"`{found}` gives exactly what was found; right is `{should}`.",
            "A matrix is transposed that should not be, or stands on the wrong side.",
            right=should,
            found=found,
        )


def _pairs(e: Evidence) -> list[tuple[str, str]]:
    named = [n for n, v in e.arrays().items() if v.ndim == 2] + ["dy"] * (e.upstream.ndim == 2)
    turned = [t for n in named for t in (n, f"{n}.T")]
    return [(a, b) for a in turned for b in turned if _matrix(e, a).shape[1] == len(_matrix(e, b))]


def _matrix(e: Evidence, text: str) -> Array:
    name = text.removesuffix(".T")
    value = e.upstream if name == "dy" else e.arrays()[name]
    return value.T if text.endswith(".T") else value


def _multiplies(e: Evidence, pair: tuple[str, str], expected: Array) -> bool:
    return close(_matrix(e, pair[0]) @ _matrix(e, pair[1]), expected, max(1e-7, tolerance(e)))
