"""Sums over broadcast axes: missing, too many, over the wrong axis, a mean or one row instead.

Read next: `terms.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import numpy as np

from .evidence import Evidence
from .formulas import elementwise, formula_names
from .guess import Guess, close, tolerance

Array = Any


def summed(evidence: Evidence) -> Iterator[Guess]:
    """By the gradient's shape: a sum that is missing, or one too many."""
    grad, shape = f"d{evidence.input}", np.shape(evidence.right)
    for axes in _axes(np.ndim(evidence.found)):
        named = ",".join([str(a) for a in axes])
        yield Guess(
            f"missing-sum:axis{named}",
            lambda e, a=axes: _spread(e, a),  # type: ignore[misc]
            f"{grad} has shape {np.shape(evidence.found)} instead of {shape}: summed over axis "
            f"{named} it is right, the axis along which {evidence.input} was broadcast.",
            f"Forward copied {evidence.input} along axis {named}; the gradients of copies add up.",
            right=f"{grad} = (your {grad}).sum(axis={axes if len(axes) > 1 else axes[0]})",
            found=f"{grad} without the sum",
        )
    for axes in _axes(np.ndim(evidence.right)):
        named = ",".join([str(a) for a in axes])
        for keep in (False, True):
            yield Guess(
                f"extra-sum:axis{named}",
                lambda e, a=axes, k=keep: e.right.sum(axis=a, keepdims=k),  # type: ignore[misc]
                f"{grad} has shape {np.shape(evidence.found)} instead of {shape}: it is summed "
                f"over axis {named}, which {evidence.input} has itself.",
                f"Sum only over axes that {evidence.input} was stretched along.",
                found=f"{grad} = (right {grad}).sum(axis={axes if len(axes) > 1 else axes[0]})",
            )
            yield Guess(
                f"extra-sum:axis{named}",
                lambda e, a=axes: _filled(e, a),  # type: ignore[misc]
                f"{grad} is the same along axis {named}: it is summed over that axis and spread.",
                f"Sum only over axes that {evidence.input} was stretched along.",
                found=f"{grad} = (right {grad}).sum(axis=({named}))",
            )
    if np.shape(evidence.found) != shape and np.size(evidence.found) == evidence.right.size:
        yield Guess(
            "wrong-shape",
            lambda e: e.right.reshape(np.shape(e.found)),
            f"{grad} has the right values in shape {np.shape(evidence.found)}; it should be "
            f"{shape}, the shape of {evidence.input}.",
            "A gradient has the shape of its input: reshape it, or use keepdims.",
            right=f"{grad}.reshape({shape})",
        )


def _spread(e: Evidence, axes: tuple[int, ...]) -> Array | None:
    """The found gradient, if its sum over `axes` is right."""
    found = np.asarray(e.found)
    total = found.sum(axis=axes, keepdims=True)
    if found.ndim == e.right.ndim and found.shape == e.right.shape:
        return None
    if total.size != e.right.size or not close(total.reshape(e.right.shape), e.right, tolerance(e)):
        return None
    return found


def _filled(e: Evidence, axes: tuple[int, ...]) -> Array:
    return np.broadcast_to(e.right.sum(axis=axes, keepdims=True), e.right.shape)


def _braced(text: str) -> str:
    return f"({text})" if " " in text else text


def _axes(ndim: int) -> Iterator[tuple[int, ...]]:
    for count in range(1, ndim + 1):
        yield from combinations(range(ndim), count)


INSTEAD: dict[str, tuple[Callable[[Array, tuple[int, ...]], Array], str]] = {
    "mean-for-sum": (lambda t, a: t.mean(axis=a), "the mean"),
    "max-for-sum": (lambda t, a: t.max(axis=a), "the maximum"),
    "first-for-sum": (lambda t, a: np.take(t, 0, axis=a[0]), "only the first term"),
    "last-for-sum": (
        lambda t, a: np.take(t, -1, axis=a[0]),
        "only the last term, overwritten each",
    ),
    "prefix-for-sum": (lambda t, a: t.sum(axis=a) - np.take(t, -1, axis=a[0]), "all but the last"),
}


def instead_of_a_sum(evidence: Evidence) -> Iterator[Guess]:
    """Where the right gradient is a sum of an elementwise product: what stands instead of it."""
    grad, ndim = f"d{evidence.input}", evidence.right.ndim
    terms = [n for n in formula_names(evidence) if elementwise(evidence, n).ndim > 0]
    for term in terms:
        whole = elementwise(evidence, term)
        for axes in _axes(whole.ndim):
            if whole.ndim - len(axes) != ndim:
                continue
            if not close(whole.sum(axis=axes), evidence.right, max(1e-7, tolerance(evidence))):
                continue
            for called, (reduce, words) in INSTEAD.items():
                short = {"first-for-sum": "slice-for-sum", "last-for-sum": "slice-for-sum"}
                yield Guess(
                    f"{short.get(called, called)}:axis{','.join(map(str, axes))}",
                    lambda e, t=term, a=axes, r=reduce: r(elementwise(e, t), a),  # type: ignore[misc]
                    f"{grad} is {words} of {term} over axis {axes}, where the sum belongs.",
                    f"{evidence.input} was broadcast along axis {axes}: its gradient is the sum.",
                    right=f"{grad} = {_braced(term)}.sum(axis={axes})",
                    found=f"{grad} = {words} of {term}",
                )
            for other in _axes(whole.ndim):
                if other != axes and len(other) == len(axes):
                    yield Guess(
                        f"wrong-axis:{','.join(map(str, other))}",
                        lambda e, t=term, a=other: elementwise(e, t).sum(axis=a),  # type: ignore[misc]
                        f"{grad} sums {term} over axis {other} instead of {axes}.",
                        f"{evidence.input} was broadcast along axis {axes}: sum over that one.",
                        right=f"{grad} = {_braced(term)}.sum(axis={axes})",
                        found=f"{grad} = {_braced(term)}.sum(axis={other})",
                    )
