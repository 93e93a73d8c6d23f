"""Two mistakes at once: a known or generic mistake, and on top of it a factor or another mutant.

Read next: `rules.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, combinations

from ..mutants import Mutant
from .axes import rearranged
from .evidence import Evidence
from .factor import named_factors
from .guess import Guess, fits, predicted
from .known import Recognised, known_mutants
from .partial import on_a_part
from .ratio import elementwise_factors


def two_mutants(seen: Recognised, without: frozenset[str]) -> Iterator[Guess]:
    """Two wrong lines of the same backward pass."""
    e = seen.evidence
    for (op, a), (other, b) in combinations(list(seen.mutants(without)), 2):
        if op != other or a.instead.keys() & b.instead.keys():
            continue
        both = Mutant("both", f"{a.line}\n{b.line}", "")
        guess = Guess(
            f"mutant:{op}.{a.name} + mutant:{op}.{b.name}",
            lambda e, n=op, m=both: seen.gradient(e, n, m),  # type: ignore[misc]
            f"d{e.input} shows two mistakes at once: {a.what}; and {b.what}.",
            f"Mend one after the other: {a.what}; {b.what}.",
            found=seen.renamed(op, f"{a.line}; {b.line}"),
        )
        yield guess


def known_with_a_factor(seen: Recognised, without: frozenset[str]) -> Iterator[Guess]:
    """A mistake of the bank, times a number with a name."""
    for guess in known_mutants(seen, without):
        yield from _factored(seen.evidence, guess)


def rule_with_a_factor(evidence: Evidence, seen: Recognised) -> Iterator[Guess]:
    """A mistake that a rule describes, times a number with a name."""
    rules = (rearranged(evidence), on_a_part(evidence), elementwise_factors(evidence, seen))
    for guess in chain(*rules):
        yield from _factored(evidence, guess)


def _factored(evidence: Evidence, guess: Guess) -> Iterator[Guess]:
    base = predicted(guess.predict, evidence)
    if base is None or not base.any():
        return
    for both in named_factors(
        evidence, guess.predict, f"{guess.name} + ", f"{guess.sentence} And "
    ):
        if fits(both, evidence):
            yield both._replace(what=f"Two mistakes at once. {guess.what} {both.what}")
            return
