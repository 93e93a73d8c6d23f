"""The checker's own test: mistakes are planted, found, and named; the scores say how often.

Every mutant of the bank, and every generic mistake in every operation, is given to `gradcheck` (is
it found?) and to `diagnose` (is it named?). Right backwards are given to both as well. Three more
figures tell how good the rules are without the bank: each mutant with itself left out, pairs of
mistakes, and how often several names fit. Read first: `planted.py`, which makes the cases.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ..errors import ArgumentError
from .diagnosis import Diagnosis, diagnose
from .mutants import OPERATIONS
from .planted import Case, cases, pairs, right_cases

BOUNDS = {"float64": 1e-6, "float32": 1e-2}
"""The relative deviation from which on a mutant has to be found, per dtype."""


SAMPLE = 12
"""A quick self-test hands one in so many mistakes to `gradcheck`, the slowest part."""
RIGHT = 288
"""Rounds over all operations of a whole self-test: about 10,000 right functions."""


@dataclass
class Tally:
    """Counts of one operation, or of all.

    Attributes:
        planted: mistakes that deviate by more than the bound.
        found: those that `gradcheck` called wrong.
        right: right backwards that were checked.
        false_alarms: those that it did not call right, or that were given a name.
        diagnosed: mistakes that were handed to `diagnose`.
        named: those whose name was among the answers.
        misnamed: those with an exact answer, and none that is true.
        ambiguous: those with several answers.
        missed: the names of what was not found, not named or misnamed.
    """

    planted: int = 0
    found: int = 0
    right: int = 0
    false_alarms: int = 0
    diagnosed: int = 0
    named: int = 0
    misnamed: int = 0
    ambiguous: int = 0
    missed: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Count the other's cases too."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


def _share(count: int, of: int) -> float:
    return count / of if of else 1.0


@dataclass
class Scores:
    """The figures of a self-test, for one dtype.

    Attributes:
        dtype: the dtype in which the planted backwards compute.
        recall: the share of planted mistakes that were found.
        false_alarms: how many right backwards were not accepted.
        right: of how many.
        named: the share of single mistakes whose name was told.
        misnamed: the share that was given a wrong name.
        ambiguous: the share for which several names fit.
        left_out: the shares of named, described, misnamed and unnamed, each mutant removed.
        pairs: the same for two mistakes at once.
        per_op: the counts of each operation.
    """

    dtype: str
    recall: float
    false_alarms: int
    right: int
    named: float
    misnamed: float
    ambiguous: float
    left_out: dict[str, float]
    pairs: dict[str, float]
    per_op: dict[str, Tally]

    def as_dict(self) -> dict[str, Any]:
        """The figures as plain numbers, for `--json`."""
        return asdict(self)


def score(quick: bool = True, dtype: str = "float64", *, seed: int = 0) -> Scores:
    """Plant mistakes and see which are found and named.

    Args:
        quick: a sample, in about two minutes; else everything.
        dtype: "float64" or "float32": what the planted backwards compute in.
        seed: seeds the probes.

    Returns:
        The scores, of all operations and of each.

    Raises:
        ArgumentError: another dtype.
    """
    if dtype not in BOUNDS:
        raise ArgumentError(f"score: dtype must be 'float64' or 'float32', but it is {dtype!r}")
    rng = np.random.default_rng(seed)
    per_op = {op.name: Tally() for op in OPERATIONS}
    for number, case in enumerate(cases(rng, dtype, numeric=not quick)):
        _count(per_op[case.operation.name], case, find=not quick or number % SAMPLE == 0)
    for case in right_cases(rng, dtype, rounds=1 if quick else RIGHT):
        _count_right(per_op[case.operation.name], case)
    total = Tally()
    for tally in per_op.values():
        total.add(tally)
    return Scores(
        dtype,
        _share(total.found, total.planted),
        total.false_alarms,
        total.right,
        _share(total.named, total.diagnosed),
        _share(total.misnamed, total.diagnosed),
        _share(total.ambiguous, total.diagnosed),
        _shares(left_out(rng, dtype, SAMPLE if quick else 1)),
        _shares(both(rng, dtype, SAMPLE if quick else 1)),
        per_op,
    )


def _count(tally: Tally, case: Case, *, find: bool) -> None:
    """One planted mistake."""
    if case.deviation <= BOUNDS[case.dtype]:
        return
    if find:
        tally.planted += 1
        checked = case.verdict()
        tally.found += checked == "wrong"
        if checked != "wrong":
            tally.missed.append(f"{case.label}: not found: {checked}")
    answers = diagnose(case.evidence)
    tally.diagnosed += 1
    verdict = judge(case, answers)
    tally.named += verdict == "named"
    tally.misnamed += verdict == "misnamed"
    tally.ambiguous += len(answers) > 1
    if verdict != "named":
        told = ", ".join([d.name for d in answers]) or "nothing"
        tally.missed.append(f"{case.label}: {verdict}: {told}")


def _count_right(tally: Tally, case: Case) -> None:
    """One right backward."""
    tally.right += 1
    if case.verdict() != "right" or diagnose(case.evidence):
        tally.false_alarms += 1
        tally.missed.append(f"{case.label}: false alarm")


FORMULAS = ("mutant:", "edit:", "formula:", "product:", "altered:", "scattered:")
"""Names that state the whole found formula: where they hold, they are the mistake."""


def judge(case: Case, answers: list[Diagnosis], without: frozenset[str] = frozenset()) -> str:
    """What the answers are worth: "named", "described", "misnamed" or "unnamed".

    A name is true if it is the planted one, one of those that are as true of it, or a formula that
    gives the same gradient on fresh probes: the planted line, written differently. An answer that
    is none of these but holds on fresh probes too *describes* the mistake; one that does not is a
    wrong name.
    """
    if any(case.is_true(d.name) for d in answers):
        return "named"
    if not any(d.exact for d in answers):
        return "unnamed"
    fresh = case.fresh()
    again = {d.name for d in diagnose(fresh, without=without)} if fresh is not None else set()
    held = [d.name for d in answers if d.exact and d.name in again]
    if any(name.startswith(FORMULAS) for name in held):
        return "named"
    return "described" if held else "misnamed"


def left_out(rng: np.random.Generator, dtype: str, every: int = 1) -> Iterator[str]:
    """Each mutant of the bank (or one in `every`), diagnosed with itself removed."""
    for number, case in enumerate(cases(rng, dtype, generic=False)):
        if number % every == 0 and case.deviation > BOUNDS[dtype]:
            without = frozenset({case.label})
            yield judge(case, diagnose(case.evidence, without=without), without)


def both(rng: np.random.Generator, dtype: str, every: int = 1) -> Iterator[str]:
    """Two mistakes at once: named if both names are told."""
    for number, case in enumerate(pairs(rng, dtype)):
        if number % every == 0 and case.deviation > BOUNDS[dtype]:
            yield judge(case, diagnose(case.evidence))


VERDICTS = ("named", "described", "misnamed", "unnamed")


def _shares(verdicts: Iterator[str]) -> dict[str, float]:
    told = list(verdicts)
    return {verdict: _share(told.count(verdict), len(told)) for verdict in VERDICTS}
