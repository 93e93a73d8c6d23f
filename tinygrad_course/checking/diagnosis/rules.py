"""`diagnose`: the rules in their order, most specific first, and what each has to prove.

Each rule is a file: `rounding.py`, `known.py`, `stale.py`, `sums.py`, `factor.py`, `ratio.py`,
`axes.py`, `partial.py`, `edited.py`, `terms.py`, `formulas.py`, `pairs.py`. The first rule of which
a guess fits every probe answers; where several of its guesses fit, all are told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain

import numpy as np

from .altered import altered
from .axes import products, rearranged
from .copied import copied
from .edited import edited_lines
from .evidence import Diagnosis, Evidence
from .factor import factors, varying_factor
from .formulas import long_formulas
from .guess import Guess, agrees, fits
from .known import Recognised, ignores_upstream, known_mutants
from .pairs import known_with_a_factor, rule_with_a_factor, two_mutants
from .partial import located, not_finite, on_a_part
from .quantities import CONSTANTS
from .ratio import elementwise_factors, of_the_gradient, slice_factors
from .regressed import regressed
from .rounding import rounding
from .scattered import scattered
from .stale import left_behind, nothing_arrived
from .sums import instead_of_a_sum, summed
from .terms import slice_terms, terms


def diagnose(evidence: Evidence, *, without: frozenset[str] = frozenset()) -> list[Diagnosis]:
    """Name the mistake behind a wrong gradient.

    Args:
        evidence: the gradient, the right one, and the call; the more repeats, the surer the name.
        without: mutants of the bank to leave out, as "dense.bias_mean" (the self-test does).

    Returns:
        Diagnoses, most specific first. Several say that several names fit. None say that the
        gradient is right, or that no name was found.

    Example:
        >>> x, dy = np.array([1.0, 2.0, 5.0]), np.array([1.0, -1.0, 2.0])
        >>> right = dy * 2 * x
        >>> e = Evidence("square", "x", {"x": x}, x * x, dy, right, -right, {}, (), (), "float64")
        >>> [d.name for d in diagnose(e)]
        ['factor:-1']
    """
    wrong = [e for e in evidence.all() if not agrees(e)]
    if not wrong:
        return []
    if wrong[0] is not evidence:  # what is measured is measured where something is wrong
        others = [e for e in evidence.all() if e is not wrong[0]]
        evidence = replace(wrong[0], repeats=tuple([replace(e, repeats=()) for e in others]))
    broken = next((e for e in wrong if not np.isfinite(np.asarray(e.found)).all()), None)
    if broken is not None:
        return _told(list(not_finite(broken)), broken)
    with np.errstate(all="ignore"):
        for rule in rules(evidence, without):
            answers = [g for g in rule if fits(g, evidence)]
            if answers:
                return _told(answers + _as_simple(answers, evidence), evidence)
    return []


def rules(evidence: Evidence, without: frozenset[str]) -> Iterator[Iterable[Guess]]:
    """The rules' guesses, rule by rule; a later one is only asked if none before has answered."""
    yield rounding(evidence)
    seen = Recognised(evidence)
    yield known_mutants(seen, without)
    yield left_behind(evidence)
    other_shape = np.shape(evidence.found) != np.shape(evidence.right)
    yield chain(
        nothing_arrived(evidence),
        ignores_upstream(seen),
        summed(evidence) if other_shape else (),
    )
    yield copied(evidence)
    yield scattered(evidence)
    yield instead_of_a_sum(evidence)
    yield factors(evidence)
    yield rearranged(evidence)
    yield edited_lines(seen)
    yield altered(seen)
    yield elementwise_factors(evidence, seen)
    yield products(evidence)
    yield summed(evidence)
    yield on_a_part(evidence)
    yield terms(evidence, same=True)
    yield regressed(evidence, seen)
    yield known_with_a_factor(seen, without)
    yield two_mutants(seen, without)
    yield varying_factor(evidence)
    yield terms(evidence, same=False)
    yield slice_factors(evidence)
    yield slice_terms(evidence)
    yield long_formulas(evidence)
    yield rule_with_a_factor(evidence, seen)
    yield located(evidence)


def _as_simple(answers: list[Guess], evidence: Evidence) -> list[Guess]:
    """What is simpler than the bank's answer and fits as well: a plain factor, dy itself, zeros."""
    if not answers[0].name.startswith("mutant:"):
        return []
    also = {n for a in answers for n in (a.name, *a.also)}
    plain = {f"factor:{name}" for name in CONSTANTS}
    simple = [g for g in factors(evidence) if g.name in plain]
    if np.shape(evidence.found) == np.shape(evidence.right):
        lines = {a.found.partition(" = ")[2] for a in answers}
        whole = [g for g in copied(evidence) if "[" not in g.name]
        simple += [g for g in whole if g.name.removeprefix("formula:") not in lines]
        simple += [*nothing_arrived(evidence), *of_the_gradient(evidence)]
    return [g for g in simple if g.name not in also and fits(g, evidence)]


def _told(guesses: list[Guess], evidence: Evidence) -> list[Diagnosis]:
    """The guesses as answers, without repetitions."""
    answers: dict[str, Diagnosis] = {}
    for guess in guesses:
        answers.setdefault(guess.name, guess.diagnosis(evidence))
    return list(answers.values())
