"""An operation of the bank: its forward and backward as lines of NumPy, and its wrong backwards.

A *mutant* replaces one line of the backward pass by a wrong one; so the formula that a hint prints
is the formula that runs. Read next: `linear.py`, the first entries of the bank.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import CodeType
from typing import Any

import numpy as np

from . import arrays

Array = Any
Values = dict[str, Any]

NAMESPACE: Mapping[str, Any] = {
    "np": np,
    **{name: getattr(arrays, name) for name in arrays.__all__},
}


_GLOBALS = dict(NAMESPACE)
"""What `eval` looks names up in behind the values; it adds the builtins."""


@cache
def lines(program: str) -> tuple[tuple[str, str], ...]:
    """The assignments of a program as (name, expression).

    Example:
        >>> lines("dx = dy @ w.T")
        (('dx', 'dy @ w.T'),)
    """
    rows = [row.strip() for row in program.strip().splitlines() if row.strip()]
    parts = [row.split(" = ", 1) for row in rows]
    return tuple([(name.strip(), expression.strip()) for name, expression in parts])


@cache
def _compiled(expression: str) -> CodeType:
    return compile(expression, f"<{expression}>", "eval")


def run(
    program: str, values: Mapping[str, Any], instead: Mapping[str, str] | None = None
) -> Values:
    """Evaluate a program line by line.

    Args:
        program: lines `name = expression`, in NumPy and the helpers of `arrays.py`.
        values: what the lines may read.
        instead: expressions that replace those of the lines they name.

    Returns:
        The values, those that the lines computed among them.

    Example:
        >>> run("s = x + x", {"x": 2.0}, {"s": "x * x * x"})["s"]
        8.0
    """
    known = dict(values)
    for name, expression in lines(program):
        line = expression if instead is None else instead.get(name, expression)
        value = eval(_compiled(line), _GLOBALS, known)  # never a user's text
        known.update(_assigned(name, value))
    return known


def _assigned(names: str, value: Any) -> Values:
    """What `names = value` assigns."""
    if ", " not in names:
        return {names: value}
    return dict(zip(names.split(", "), value, strict=True))


@cache
def needed(program: str, target: str) -> frozenset[str]:
    """The names that a line's value is computed from, its own among them.

    Example:
        >>> sorted(needed("a = x * x", "a"))
        ['a', 'x']
    """
    names = {target}
    for assigned, expression in reversed(lines(program)):
        if names & set(assigned.split(", ")):
            names |= set(_compiled(expression).co_names) - set(NAMESPACE)
    return frozenset(names)


@cache
def _affected(program: str, target: str, *spoilt: str) -> tuple[tuple[str, str], ...]:
    """The lines between those that are spoilt and the target."""
    wanted, changed, out = needed(program, target), set(spoilt), []
    for assigned, expression in lines(program):
        names = set(assigned.split(", "))
        if assigned in spoilt or changed & set(_compiled(expression).co_names):
            changed |= names
            if names & wanted:
                out.append((assigned, expression))
    return tuple(out)


@dataclass(frozen=True)
class Mutant:
    """A plausible wrong backward pass: one line of the right one, mistaken.

    Attributes:
        name: what the mistake is, within its operation: "weights_not_transposed".
        line: the wrong line, "dx = dy @ w".
        what: the mistake in a sentence.
        cause: where it is met: a lecture, a thread, or the exercises of courses.
        also: generic names that are as true of it ("factor:N").
        square: whether it needs a square probe, other shapes raising in NumPy.
    """

    name: str
    line: str
    what: str
    cause: str = "the exercises of courses"
    also: tuple[str, ...] = ()
    square: bool = False

    @property
    def instead(self) -> dict[str, str]:
        """The replaced line, as `run` takes it."""
        return dict(lines(self.line))


@dataclass(frozen=True)
class Operation:
    """An operation that courses teach, in NumPy.

    Attributes:
        name: its name, as in `tg.functional` where that has it.
        arguments: the names of its inputs, in order.
        checked: those that have a gradient.
        forward: lines that end in `y = ...`.
        backward: lines that read `dy` and make `dx` for each checked x.
        sample: draws inputs away from kinks; its second argument asks for square shapes.
        mutants: the wrong backwards.
        defaults: lines for arguments that a caller left out; they may read the output `y`.
        words: other names it goes by.
        choices: values to try for numbers that a caller left out, for they may stand in the code.
        layouts: other orders of axes it is written in: per argument (and "y") the transposition to
            the one here, such as channels first.
    """

    name: str
    arguments: tuple[str, ...]
    checked: tuple[str, ...]
    forward: str
    backward: str
    sample: Callable[[np.random.Generator, bool], Values]
    mutants: tuple[Mutant, ...]
    defaults: str = ""
    words: tuple[str, ...] = ()
    choices: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    layouts: tuple[Mapping[str, tuple[int, ...]], ...] = ()

    def output(self, inputs: Mapping[str, Any]) -> Array:
        """The value of forward."""
        return np.asarray(run(self.forward, inputs)["y"])

    def gradients(
        self, inputs: Mapping[str, Any], dy: Array, mutant: Mutant | None = None
    ) -> dict[str, Array]:
        """The gradients of the checked inputs, right ones or a mutant's.

        Args:
            inputs: by name, those left out have been filled in.
            dy: the upstream gradient, of the output's shape.
            mutant: whose line to take instead.
        """
        known = run(self.forward, inputs)
        known["dy"] = dy
        found = run(self.backward, known, mutant.instead if mutant else None)
        return {name: np.asarray(found["d" + name]) for name in self.checked}

    def state(self, inputs: Mapping[str, Any], dy: Array) -> Values:
        """Every value that forward and the right backward pass compute, by name."""
        return run(self.backward, {**run(self.forward, inputs), "dy": dy})

    def spoilt(self, name: str, state: Values, instead: Mapping[str, str]) -> Array:
        """One input's gradient with other expressions in some lines, forward's among them.

        Only the lines that change are evaluated: the rest stands in `state`.

        Args:
            name: the input.
            state: what `state` returned.
            instead: the expressions, by the lines' names.
        """
        values = dict(state)
        for target, expression in _affected(
            f"{self.forward}\n{self.backward}", "d" + name, *instead
        ):
            line = instead.get(target, expression)
            value = eval(_compiled(line), _GLOBALS, values)  # never a user's text
            values.update(_assigned(target, value))
        return np.asarray(values["d" + name])

    def line(self, name: str) -> str:
        """The right line that computes `name`."""
        return f"{name} = {dict(lines(self.forward) + lines(self.backward))[name]}"

    def mutant(self, name: str) -> Mutant:
        """A mutant by its name."""
        return next(m for m in self.mutants if m.name == name)
