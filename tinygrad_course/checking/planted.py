"""Planted mistakes: a wrong backward of a known operation, as evidence and as a function to check.

How a gradient is spoilt stands in `planting.py`. Read next: `self_test.py`, which counts what
becomes of the cases.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import GraphError
from ..function import Function
from .check import gradcheck
from .diagnosis import Evidence
from .mutants import GENERIC, OPERATIONS, Mutant, Operation
from .mutants.operation import Values
from .planting import Spoil, affected, cast, evidence_of, of_blunder, of_mutant, right

Array = Any


@dataclass
class Case:
    """One planted mistake.

    Attributes:
        operation: what is computed.
        label: "dense.bias_mean", or "dense.x + sign" for a generic one.
        spoil: makes the wrong gradient.
        evidence: what it looks like.
        true_names: names that are true of it.
        dtype: what it computes in.
    """

    operation: Operation
    label: str
    spoil: Spoil
    evidence: Evidence
    true_names: tuple[str, ...]
    dtype: str

    @property
    def deviation(self) -> float:
        """The largest deviation from the right gradient, relative to its largest element."""
        return max(_deviation(e) for e in self.evidence.all())

    def is_true(self, name: str) -> bool:
        """Whether a diagnosis' name says what was planted."""
        ndim = max(1, np.ndim(self.evidence.right))
        own = self.evidence.input
        truths = [
            t.replace("axis-1", f"axis{ndim - 1}")
            .replace("axis -1", f"axis {ndim - 1}")
            .replace(":own", f":{own}")
            for t in self.true_names
        ]
        if _told(name, truths):
            return True
        if not name.startswith("mutant:"):
            return False
        op, mutant_name = name.removeprefix("mutant:").split(".", 1)
        if op != self.operation.name or "+" in mutant_name:
            return False
        mutant = self.operation.mutant(mutant_name)
        return any(_told(also, truths) for also in mutant.also) or self._is(mutant)

    def _is(self, mutant: Mutant) -> bool:
        """Whether a mutant of the bank is what was planted, by another name: on fresh probes."""
        fresh = self.fresh()
        if fresh is None:
            return False
        for e in fresh.all():
            theirs = self.operation.gradients(e.inputs, e.upstream, mutant)[e.input]
            if np.shape(theirs) != np.shape(e.found):
                return False
            if not np.allclose(theirs, e.found, 1e-6, 1e-9):
                return False
        return True

    def fresh(self) -> Evidence | None:
        """The same mistake on other probes, and more of them."""
        for square in (False, True):
            rng = np.random.default_rng(20)
            name = self.evidence.input
            made = evidence_of(self.operation, name, self.spoil, rng, square=square, probes=5)
            if made is not None:
                return made
        return None

    def verdict(self) -> str:
        """What `gradcheck` says of it."""
        e, op = max(self.evidence.all(), key=_deviation), self.operation
        names = [n for n in op.arguments if n in op.checked]
        rest = {n: v for n, v in e.inputs.items() if n not in names}
        earlier: list[Values] = []
        try:
            report = gradcheck(
                lambda *tensors: _Planted(self, names, rest, earlier).apply(*tensors),
                [e.inputs[n] for n in names],
                rtol=1e-6 if self.dtype == "float64" else 5e-3,
                diagnose=False,
            )
        except (ValueError, TypeError, RuntimeError, GraphError):
            return "wrong"
        verdicts = [f.verdict for f in report.findings]
        return next((v for v in ("wrong", "undecidable") if v in verdicts), "right")


def _told(name: str, truths: Sequence[str]) -> bool:
    """Whether a name is one of the true ones, or a closer description of one."""
    return any(name == t or name.startswith(t + ":") for t in truths)


def _deviation(e: Evidence) -> float:
    if np.shape(e.found) != np.shape(e.right):
        return np.inf
    size = float(abs(e.right).max(initial=0.0))
    return float(abs(e.found - e.right).max(initial=0.0)) / max(size, 1e-12)


class _Planted(Function):
    """The operation with its planted backward as a node.

    Args:
        case: the mistake.
        names: the checked inputs, in order.
        rest: the other inputs.
        earlier: where a call leaves its values for the next one.
    """

    def __init__(self, case: Case, names: list[str], rest: Values, earlier: list[Values]) -> None:
        self.case, self.names, self.rest, self.earlier = case, names, rest, earlier

    def forward(self, *xs: Array) -> Array:
        return self.case.operation.output({**dict(zip(self.names, xs, strict=True)), **self.rest})

    def backward(self, grad: Array, xs: Any) -> Sequence[Array]:
        case, op = self.case, self.case.operation
        values = {**dict(zip(self.names, xs, strict=True)), **self.rest}
        low, dy = cast(values, case.dtype), np.asarray(grad, case.dtype)
        out = op.gradients(low, dy)
        now = {**low, "dy": dy}
        before = self.earlier.pop() if self.earlier else now
        self.earlier.append(now)
        wrong = case.evidence.input
        found = case.spoil(op, wrong, low, dy, before)
        out[wrong] = out[wrong] if found is None else found
        return [np.asarray(out[n], np.float64) for n in self.names]


def cases(
    rng: np.random.Generator,
    dtype: str,
    *,
    generic: bool = True,
    numeric: bool = False,
    operations: Sequence[Operation] = OPERATIONS,
) -> Iterator[Case]:
    """Every mutant of the bank, and every generic mistake in every gradient."""
    for op in operations:
        for mutant in op.mutants:
            label = f"{op.name}.{mutant.name}"
            for name in affected(op, mutant, rng):
                spoil = of_mutant(mutant)
                e = evidence_of(
                    op, name, spoil, rng, dtype=dtype, square=mutant.square, numeric=numeric
                )
                if e is not None:
                    names = (f"mutant:{label}", *mutant.also)
                    yield Case(op, label, spoil, e, names, dtype)
        for name in op.checked if generic else ():
            for blunder in GENERIC:
                spoil = of_blunder(blunder)
                e = evidence_of(
                    op, name, spoil, rng, dtype=dtype, square=blunder.square, numeric=numeric
                )
                if e is not None:
                    label = f"{op.name}.{name} + {blunder.name}"
                    yield Case(op, label, spoil, e, blunder.names, dtype)


def right_cases(
    rng: np.random.Generator,
    dtype: str,
    rounds: int,
    operations: Sequence[Operation] = OPERATIONS,
) -> Iterator[Case]:
    """Right backwards on random inputs."""
    for _ in range(rounds):
        for op in operations:
            name = op.checked[int(rng.integers(len(op.checked)))]  # the check looks at all of them
            e = evidence_of(op, name, right, rng, dtype=dtype, probes=1)
            if e is not None:
                yield Case(op, f"{op.name}.{name}", right, e, (), dtype)


def pairs(
    rng: np.random.Generator, dtype: str, operations: Sequence[Operation] = OPERATIONS
) -> Iterator[Case]:
    """Two mistakes at once: a mutant of the bank with a factor, and with another mutant."""
    for op in operations:
        for i, mutant in enumerate(op.mutants):
            for name in affected(op, mutant, rng):
                for factor, called in ((-1.0, "factor:-1"), (2.0, "factor:2")):
                    spoil = _times(mutant, factor)
                    e = evidence_of(op, name, spoil, rng, dtype=dtype, square=mutant.square)
                    label = f"{op.name}.{mutant.name}"
                    if e is not None:
                        true = (f"mutant:{label} + {called}",)
                        yield Case(op, f"{label} + {called}", spoil, e, true, dtype)
            for other in op.mutants[i + 1 :]:
                if mutant.instead.keys() & other.instead.keys():
                    continue
                together = Mutant("both", f"{mutant.line}\n{other.line}", "")
                square = mutant.square or other.square
                shared = set(affected(op, mutant, rng)) & set(affected(op, other, rng))
                for name in sorted(shared):
                    spoil = of_mutant(together)
                    e = evidence_of(op, name, spoil, rng, dtype=dtype, square=square)
                    label = f"{op.name}.{mutant.name} + {op.name}.{other.name}"
                    if e is not None:
                        yield Case(op, label, spoil, e, (_both(op, mutant, other),), dtype)


def _both(op: Operation, one: Mutant, other: Mutant) -> str:
    return f"mutant:{op.name}.{one.name} + mutant:{op.name}.{other.name}"


def _times(mutant: Mutant, factor: float) -> Spoil:
    return lambda op, name, inputs, dy, before: factor * op.gradients(inputs, dy, mutant)[name]
