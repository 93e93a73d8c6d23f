"""Planted mistakes: a wrong backward of a known operation, as evidence and as a function to check.

Read next: `self_test.py`, which counts what becomes of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ..errors import GraphError
from ..function import Function
from .check import gradcheck
from .diagnosis import Evidence
from .mutants import GENERIC, OPERATIONS, Blunder, Mutant, Operation
from .mutants.generic import Call
from .mutants.operation import Values

Array = Any
Spoil = Callable[[Operation, str, Values, Array, Values], "Array | None"]
"""(operation, input, inputs, dy, inputs of the call before) -> a gradient."""


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
        low, dy = _cast(values, case.dtype), np.asarray(grad, case.dtype)
        out = op.gradients(low, dy)
        now = {**low, "dy": dy}
        before = self.earlier.pop() if self.earlier else now
        self.earlier.append(now)
        wrong = case.evidence.input
        found = case.spoil(op, wrong, low, dy, before)
        out[wrong] = out[wrong] if found is None else found
        return [np.asarray(out[n], np.float64) for n in self.names]


def _cast(values: Values, dtype: str) -> Values:
    return {
        n: v.astype(dtype) if isinstance(v, np.ndarray) and v.dtype.kind == "f" else v
        for n, v in values.items()
    }


def numeric_gradients(op: Operation, inputs: Values, dy: Array) -> dict[str, Array]:
    """dL/dx of each checked input, from values of forward alone: four-point central differences."""
    out = {}
    for name in op.checked:
        x = np.asarray(inputs[name], np.float64)
        grad = np.zeros_like(x)
        for index in np.ndindex(x.shape):
            slopes = []
            for h in (2.0**-9, 2.0**-10, 2.0**-11):
                ends = []
                for sign in (1.0, -1.0):
                    moved = x.copy()
                    moved[index] += sign * h
                    ends.append(float((dy * op.output({**inputs, name: moved})).sum()))
                slopes.append((ends[0] - ends[1]) / (2.0 * h))
            first = [(4.0 * b - a) / 3.0 for a, b in pairwise(slopes)]
            grad[index] = (16.0 * first[1] - first[0]) / 15.0
        out[name] = grad
    return out


def evidence_of(
    op: Operation,
    name: str,
    spoil: Spoil,
    rng: np.random.Generator,
    *,
    dtype: str = "float64",
    square: bool = False,
    probes: int = 4,
    numeric: bool = False,
) -> Evidence | None:
    """What a planted mistake looks like on several probes.

    Args:
        op: the operation.
        name: the input whose gradient is spoilt.
        spoil: how.
        rng: draws the probes.
        dtype: the dtype of the backward.
        square: whether axes shall be of equal length.
        probes: how many, repeats included.
        numeric: take the right gradients from values of forward instead of the bank's formulas.

    Returns:
        The evidence; None if the mistake cannot be made in these shapes.
    """
    made: list[Evidence] = []
    for _ in range(probes):
        inputs = op.sample(rng, square)
        output = op.output(inputs)
        dy = np.asarray(rng.standard_normal(output.shape))
        before = {**_like(op, inputs, rng), "dy": rng.standard_normal(output.shape)}
        right = numeric_gradients(op, inputs, dy) if numeric else op.gradients(inputs, dy)
        low, low_dy = _cast(inputs, dtype), dy.astype(dtype)
        try:
            found = spoil(op, name, low, low_dy, before)
        except (ValueError, TypeError, IndexError):
            return None
        if found is None:
            return None
        earlier = op.gradients(before, before["dy"])[name]
        true_others = {n: (right[n], right[n]) for n in op.checked if n != name}
        made.append(
            Evidence(op.name, name, inputs, output, dy, right[name], np.asarray(found, np.float64),
                     true_others, (earlier,), (), dtype)
        )  # fmt: skip
    first = made[0]
    return Evidence(**{**vars(first), "repeats": tuple(made[1:])})


def _like(op: Operation, inputs: Values, rng: np.random.Generator) -> Values:
    """Other inputs of the same shapes: those of the call before."""
    fresh = {}
    for name, value in inputs.items():
        moved = isinstance(value, np.ndarray) and value.dtype.kind == "f" and name in op.checked
        fresh[name] = value * rng.uniform(0.8, 1.2, value.shape) if moved else value
    return fresh


def of_mutant(mutant: Mutant) -> Spoil:
    """How a mutant of the bank spoils a gradient."""
    return lambda op, name, inputs, dy, before: op.gradients(inputs, dy, mutant)[name]


def of_blunder(blunder: Blunder) -> Spoil:
    """How a generic mistake spoils a gradient."""

    def spoil(op: Operation, name: str, inputs: Values, dy: Array, before: Values) -> Any:
        gradients = op.gradients(inputs, dy)
        previous = op.gradients(before, before.get("dy", dy))[name]
        return blunder.spoil(Call(op, inputs, dy, name, gradients[name], previous, gradients))

    return spoil


def right(op: Operation, name: str, inputs: Values, dy: Array, before: Values) -> Array:
    """The right gradient: nothing is spoilt."""
    return op.gradients(inputs, dy)[name]


def affected(op: Operation, mutant: Mutant, rng: np.random.Generator) -> list[str]:
    """The inputs whose gradients a mutant changes."""
    changed = set()
    for _ in range(4):
        inputs = op.sample(rng, mutant.square)
        dy = np.asarray(rng.standard_normal(op.output(inputs).shape))
        true, wrong = op.gradients(inputs, dy), op.gradients(inputs, dy, mutant)
        changed |= {
            n
            for n in op.checked
            if true[n].shape != wrong[n].shape or not np.allclose(true[n], wrong[n], 1e-9, 1e-12)
        }
    return [n for n in op.checked if n in changed]


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


def right_cases(rng: np.random.Generator, dtype: str, rounds: int) -> Iterator[Case]:
    """Right backwards on random inputs."""
    for _ in range(rounds):
        for op in OPERATIONS:
            name = op.checked[int(rng.integers(len(op.checked)))]  # the check looks at all of them
            e = evidence_of(op, name, right, rng, dtype=dtype, probes=1)
            if e is not None:
                yield Case(op, f"{op.name}.{name}", right, e, (), dtype)


def pairs(rng: np.random.Generator, dtype: str) -> Iterator[Case]:
    """Two mistakes at once: a mutant of the bank with a factor, and with another mutant."""
    for op in OPERATIONS:
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
