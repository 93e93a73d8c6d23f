"""A guess: a name for a mistake, and what the gradient would be if it had been made.

A guess is taken when that gradient is the found one, on every probe. Where a mistake has a free
number (a factor, one factor per channel), what is predicted is the member of the family nearest to
the found gradient; families are only asked where they have far fewer numbers than the gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .evidence import Diagnosis, Evidence

Array = Any
Predict = Callable[[Evidence], "Array | None"]

TOLERANCE = {"float64": 1e-7, "float32": 1e-3, "float16": 3e-2, "bfloat16": 1e-1}
"""How far, of the largest element, a gradient may be from what a guess predicts."""


class Guess(NamedTuple):
    """A name with its prediction.

    Attributes:
        name: the diagnosis' name.
        predict: the gradient that the mistake would make, None where it could not be made.
        sentence: what to tell, `{input}` and the like already filled in.
        what: the second hint.
        right: the right formula.
        found: the found one.
        where: the first hint; "" for the standard one.
        exact: false where a guess only says where.
        also: other names that are as true.
        cause: where the mistake is met.
    """

    name: str
    predict: Predict
    sentence: str
    what: str
    right: str = ""
    found: str = ""
    where: str = ""
    exact: bool = True
    also: tuple[str, ...] = ()
    cause: str = ""

    def diagnosis(self, evidence: Evidence) -> Diagnosis:
        """The guess as an answer."""
        where = self.where or f"Look at the line that computes d{evidence.input}."
        formula = self.right or self.what
        return Diagnosis(
            self.name,
            self.sentence,
            (where, self.what, formula),
            self.right,
            self.found,
            self.exact,
            self.cause,
        )


def tolerance(evidence: Evidence) -> float:
    """How close counts as equal in the dtype of the user's code."""
    return TOLERANCE.get(evidence.dtype, 1e-7)


def close(found: Array, expected: Array | None, limit: float, size: float = 0.0) -> bool:
    """Whether two gradients are the same: shapes, and every element to `limit` of the largest.

    Args:
        found: one.
        expected: the other.
        limit: the relative tolerance.
        size: how large gradients are here, where both of these may be nothing but rounding.

    Example:
        >>> close(np.ones(2), np.ones(2) + 1e-12, 1e-7), close(np.ones(2), np.ones((2, 1)), 1e-7)
        (True, False)
    """
    if expected is None or np.shape(found) != np.shape(expected):
        return False
    largest = max(
        size,
        float(abs(np.asarray(found)).max(initial=0.0)),
        float(abs(np.asarray(expected)).max(initial=0.0)),
    )
    if not np.isfinite(largest):
        return False
    return bool(abs(np.asarray(found) - expected).max(initial=0.0) <= limit * max(largest, 1e-12))


def agrees(evidence: Evidence) -> bool:
    """Whether nothing is wrong here."""
    return close(evidence.found, evidence.right, tolerance(evidence))


def predicted(predict: Predict, evidence: Evidence) -> Array | None:
    """A prediction, or None where the formula does not fit these shapes."""
    try:
        with np.errstate(all="ignore"):
            return predict(evidence)
    except (
        ValueError,
        TypeError,
        IndexError,
        KeyError,
        AttributeError,
        ZeroDivisionError,
        np.linalg.LinAlgError,
    ):
        return None


def fits(guess: Guess, evidence: Evidence) -> bool:
    """Whether the prediction is the found gradient on every probe."""
    return all(
        close(e.found, predicted(guess.predict, e), tolerance(e), size_of(e.right))
        for e in evidence.all()
    )


def size_of(gradient: Array) -> float:
    """The largest finite element.

    Example:
        >>> size_of(np.array([1.0, -3.0]))
        3.0
    """
    return float(np.nan_to_num(abs(np.asarray(gradient)), posinf=0.0).max(initial=0.0))


def nearest_multiple(
    found: Array, base: Array, kept: tuple[int, ...] = (), *, least: int = 2
) -> Array | None:
    """The multiple of `base` nearest to `found`, with a factor of its own per index of `kept` axes.

    Args:
        found: what is looked at.
        base: of the same shape.
        kept: axes along which the factor may differ.
        least: how many nonzero elements more than factors there have to be.

    Returns:
        factor * base; None where there are not so many.

    Example:
        >>> nearest_multiple(np.array([2.0, 4.0]), np.array([1.0, 2.0])).tolist()
        [2.0, 4.0]
    """
    factor = multiple(found, base, kept, least=least)
    return None if factor is None else factor * base


def multiple(
    found: Array, base: Array, kept: tuple[int, ...] = (), *, least: int = 2
) -> Array | None:
    """The factors of `nearest_multiple`, with kept dimensions."""
    if np.shape(found) != np.shape(base):
        return None
    others = tuple([i for i in range(base.ndim) if i not in kept])
    squares = (base * base).sum(axis=others, keepdims=True)
    counts = (base != 0).sum(axis=others, keepdims=True)
    if not squares.any() or (kept and counts.sum() - (counts > 0).sum() < least):
        return None
    products = (found * base).sum(axis=others, keepdims=True)
    return np.where(squares > 0, products / np.where(squares > 0, squares, 1.0), 1.0)
