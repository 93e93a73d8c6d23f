"""The found gradient as a sum of one or two terms, found by regression on a vocabulary of terms.

It names what no bank holds: a product rule of which one term is missing, a slope of another
function, a sum over the wrong axis. The coefficients have to be the same on all probes together.
Read next: `pairs.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from .evidence import Array, Evidence
from .guess import Guess
from .known import Recognised
from .vocabulary import vocabulary

MOST_ROWS = 600
"""So many elements of each probe are looked at; the guess has to fit all of them."""
FEWEST = 4
"""In so many elements a term has to be something else than zero."""
NEAR = 1e-9
"""The squared relative residual below which a pair of terms is looked at with care."""
EXACT = 1e-7
ALIKE = 0.03
"""Below this 1 - cos^2 two terms are too alike to be a pair."""
TRIED = 40
FEW_WRONG = 0.12
"""Where a smaller share of the elements is wrong, a place says more than a formula."""
SCALES: dict[str, Callable[[Evidence], float]] = {
    "": lambda e: 1.0,
    " / N": lambda e: 1.0 / e.batch,
    " / size": lambda e: 1.0 / e.right.size,
}
"""What all terms of a mean have in front of them."""


class Sum(NamedTuple):
    """A sum of terms: (coefficient, text) of each, and the scale of all."""

    parts: tuple[tuple[float, str], ...]
    scale: str

    def __str__(self) -> str:
        text = ""
        for k, (coefficient, term) in enumerate(self.parts):
            sign = "-" if coefficient < 0 else "+"
            size = _number(abs(coefficient))
            first = "-" if sign == "-" else ""
            text += (first if k == 0 else f" {sign} ") + (f"{size} * " if size else "") + term
        return f"({text}){self.scale}" if self.scale and len(self.parts) > 1 else text + self.scale


def regressed(evidence: Evidence, seen: Recognised) -> Iterator[Guess]:
    """The found gradient as one or two terms, the simplest way in which it can be written."""
    if any(np.shape(e.found) != e.right.shape for e in evidence.all()) or evidence.right.size < 2:
        return
    off = abs(evidence.found - evidence.right)
    if (off > 1e-6 * off.max()).mean() < FEW_WRONG:
        return
    tables = {id(e): vocabulary(e, seen) for e in evidence.all()}
    table = _Table(evidence, tables)
    scales = SCALES if evidence.upstream.ndim == 0 else {"": SCALES[""]}
    for scale, factor in scales.items():
        found = table.column([e.found / factor(e) for e in evidence.all()])
        terms = table.fitted(found)
        if terms is None:
            continue
        right = table.fitted(
            table.column([e.right / factor(e) for e in evidence.all()]), without="(right"
        )
        yield _guess(evidence, tables, Sum(terms, scale), Sum(right, scale) if right else None)
        return


class _Table:
    """All terms as columns, one row per element of every probe."""

    def __init__(self, evidence: Evidence, tables: dict[int, dict[str, Array]]) -> None:
        self.evidence = evidence
        shared = set.intersection(*[set(t) for t in tables.values()])
        texts = [t for t in tables[id(evidence)] if t in shared]
        columns = np.stack(
            [self.column([tables[id(e)][t] for e in evidence.all()]) for t in texts], axis=1
        )
        good = np.isfinite(columns).all(axis=0) & ((columns != 0.0).sum(axis=0) >= FEWEST)
        self.texts = [t for t, ok in zip(texts, good, strict=True) if ok]
        self.columns = columns[:, good]
        self.norms = np.linalg.norm(self.columns, axis=0)
        self.unit = self.columns / self.norms
        self.cosines = self.unit.T @ self.unit

    def column(self, values: Sequence[Array]) -> Array:
        """One value per probe as a column."""
        return np.concatenate([np.asarray(v, np.float64).ravel()[:MOST_ROWS] for v in values])

    def fitted(self, found: Array, without: str = "") -> tuple[tuple[float, str], ...] | None:
        """The simplest one or two terms that make `found`."""
        size = float(np.linalg.norm(found))
        if size == 0.0 or not np.isfinite(size) or len(found) < 6 or not self.texts:
            return None
        usable = np.array([not (without and t.startswith(without)) for t in self.texts])
        share = (self.unit.T @ found) / size
        share = np.where(usable, share, 0.0)
        single = np.flatnonzero(1.0 - share**2 < NEAR)
        best = self._simplest(found, [(int(i),) for i in single])
        if best is not None:
            return best
        apart = 1.0 - self.cosines**2
        both = share[:, None] ** 2 + share[None, :] ** 2
        both = both - 2.0 * self.cosines * share[:, None] * share[None, :]
        # Two terms that differ in an element or two could explain any one wrong element.
        free = apart > ALIKE
        explained = np.where(free, both / np.where(free, apart, 1.0), 0.0)
        pairs = np.argwhere(np.triu((1.0 - explained < NEAR) & usable[:, None] & usable, 1))
        return self._simplest(found, [(int(i), int(j)) for i, j in pairs])

    def _simplest(
        self, found: Array, candidates: list[tuple[int, ...]]
    ) -> tuple[tuple[float, str], ...] | None:
        candidates.sort(key=lambda c: sum(_complexity(self.texts[i]) for i in c))
        fits = []
        for chosen in candidates[:TRIED]:
            columns = self.columns[:, list(chosen)]
            coefficients = np.linalg.lstsq(columns, found, rcond=None)[0]
            off = abs(columns @ coefficients - found).max()
            if off <= EXACT * abs(found).max() and (abs(coefficients) > 1e-9).all():
                parts = [
                    (_nice(float(c)), self.texts[i])
                    for c, i in zip(coefficients, chosen, strict=True)
                ]
                fits.append(tuple(sorted(parts, key=lambda p: (p[0] < 0, p[1]))))
        return min(fits, key=_cost, default=None)


def _complexity(text: str) -> int:
    return len(text) + (12 if text.startswith("(right") else 0) + 9 * text.count(" / ")


def _cost(parts: tuple[tuple[float, str], ...]) -> int:
    return sum([_complexity(t) + 2 * len(_number(abs(c))) for c, t in parts])


def _nice(value: float) -> float:
    """The number itself, or the simple fraction that it is but for rounding."""
    simple = float(Fraction(value).limit_denominator(12))
    return simple if abs(simple - value) < 1e-7 * max(abs(value), 1e-3) else value


def _number(value: float) -> str:
    """A coefficient as text, "" for 1."""
    if value == 1.0:
        return ""
    fraction = Fraction(value).limit_denominator(12)
    if float(fraction) == value and fraction.denominator not in (1, 2, 4, 5, 8, 10):
        return f"{fraction.numerator} / {fraction.denominator}"
    return f"{value:.6g}"


def _guess(
    evidence: Evidence, tables: dict[int, dict[str, Array]], found: Sum, right: Sum | None
) -> Guess:
    scale = SCALES[found.scale]

    def predict(e: Evidence) -> Array:
        table = tables[id(e)]
        total = np.zeros(e.right.shape)
        for coefficient, text in found.parts:
            total = total + coefficient * table[text]
        return total * scale(e)

    grad = f"d{evidence.input}"
    line = f"{grad} = {found}"
    what = f"Differentiate forward again and compare with `{found}`."
    told = f"`{line}` gives exactly what was found"
    if right is not None:
        lost = [p for p in right.parts if p not in found.parts]
        told += f", where `{grad} = {right}` is right"
        if len(lost) == 1 and len(right.parts) > len(found.parts):
            what = f"The term `{_term(*lost[0])}` is missing: a product has one term per factor."
            told += f": the term `{_term(*lost[0])}` is missing"
    else:
        told += ", and that is not the derivative"
    return Guess(
        f"formula:{found}",
        predict,
        told + ".",
        what,
        right=f"{grad} = {right}" if right is not None else "",
        found=line,
    )


def _term(coefficient: float, text: str) -> str:
    return str(Sum(((coefficient, text),), ""))
