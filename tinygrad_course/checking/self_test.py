"""The checker's own test: mistakes are planted, found, and named; the scores say how often.

Every mutant of the bank, and every generic mistake in every operation, is given to `gradcheck` (is
it found?) and to `diagnose` (is it named?). Right backwards are given to both as well. Three more
figures tell how good the rules are without the bank: each mutant with itself left out, pairs of
mistakes, and how often several names fit. Read first: `planted.py`, which makes the cases.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ..errors import ArgumentError
from .diagnosis import Diagnosis, diagnose
from .mutants import OPERATIONS, Operation, operation
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
        """The figures as plain numbers, for `--json`; those of the whole for each operation too."""
        out = asdict(self)
        for name, tally in self.per_op.items():
            out["per_op"][name] = {
                "recall": _share(tally.found, tally.planted),
                "false_alarms": tally.false_alarms,
                "named": _share(tally.named, tally.diagnosed),
                "misnamed": _share(tally.misnamed, tally.diagnosed),
                "missed": tally.missed,
                "counts": {k: v for k, v in vars(tally).items() if isinstance(v, int)},
            }
        return out


def score(quick: bool = True, dtype: str = "float64", *, seed: int = 0, jobs: int = 1) -> Scores:
    """Plant mistakes and see which are found and named.

    Args:
        quick: a sample, in half a minute; else everything, in about ten.
        dtype: "float64" or "float32": what the planted backwards compute in.
        seed: seeds the probes; each operation draws its own, so that `jobs` changes nothing.
        jobs: how many processes share the operations.

    Returns:
        The scores, of all operations and of each.

    Raises:
        ArgumentError: another dtype.
    """
    if dtype not in BOUNDS:
        raise ArgumentError(f"score: dtype must be 'float64' or 'float32', but it is {dtype!r}")
    tasks = [(op.name, quick, dtype, seed) for op in OPERATIONS]
    outcomes = [_of_operation(*task) for task in tasks] if jobs == 1 else _shared(tasks, jobs)
    per_op = {op.name: outcome.tally for op, outcome in zip(OPERATIONS, outcomes, strict=True)}
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
        _shares([verdict for outcome in outcomes for verdict in outcome.left_out]),
        _shares([verdict for outcome in outcomes for verdict in outcome.pairs]),
        per_op,
    )


class Outcome(NamedTuple):
    """What became of one operation's mistakes.

    Attributes:
        tally: the counts.
        left_out: what was said of each mutant with itself removed.
        pairs: what was said of two at once.
    """

    tally: Tally
    left_out: list[str]
    pairs: list[str]


def _of_operation(name: str, quick: bool, dtype: str, seed: int) -> Outcome:
    """All that is planted in one operation."""
    own = [operation(name)]
    rng = np.random.default_rng([seed, list(OPERATIONS).index(own[0])])
    tally = Tally()
    for number, case in enumerate(cases(rng, dtype, numeric=not quick, operations=own)):
        _count(tally, case, find=not quick or number % SAMPLE == 0)
    for case in right_cases(rng, dtype, 1 if quick else RIGHT, own):
        _count_right(tally, case)
    every = SAMPLE if quick else 1
    left = list(left_out(rng, dtype, every, own))
    return Outcome(tally, left, list(both(rng, dtype, every, own)))


def _shared(tasks: list[tuple[str, bool, str, int]], jobs: int) -> list[Outcome]:
    """The same in several processes, the longest task first."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        waiting = [pool.submit(_of_operation, *task) for task in tasks[::-1]]
        return [w.result() for w in waiting[::-1]]


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


def left_out(
    rng: np.random.Generator,
    dtype: str,
    every: int = 1,
    operations: Sequence[Operation] = OPERATIONS,
) -> Iterator[str]:
    """Each mutant of the bank (or one in `every`), diagnosed with itself removed."""
    planted = cases(rng, dtype, generic=False, operations=operations)
    for number, case in enumerate(planted):
        if number % every == 0 and case.deviation > BOUNDS[dtype]:
            without = frozenset({case.label})
            yield judge(case, diagnose(case.evidence, without=without), without)


def both(
    rng: np.random.Generator,
    dtype: str,
    every: int = 1,
    operations: Sequence[Operation] = OPERATIONS,
) -> Iterator[str]:
    """Two mistakes at once: named if both names are told."""
    for number, case in enumerate(pairs(rng, dtype, operations)):
        if number % every == 0 and case.deviation > BOUNDS[dtype]:
            yield judge(case, diagnose(case.evidence))


VERDICTS = ("named", "described", "misnamed", "unnamed")


def _shares(told: Sequence[str]) -> dict[str, float]:
    return {verdict: _share(told.count(verdict), len(told)) for verdict in VERDICTS}
