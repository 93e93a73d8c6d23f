"""What a gradient formula asks for, read from the names of its parameters.

`def grad_a(self, grad, b)` says: to pull a gradient back to `a`, keep `b`. A class is read once,
when it is defined; for each set of inputs that need a gradient, a `Plan` then says what a call
keeps. Used by `function.py` alone.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

from .errors import ArgumentTypeError, GraphError

OUTPUT = -1
VARIADIC = -2


class Formula(NamedTuple):
    """A gradient formula and the names of the values it asks for after `grad`."""

    function: Callable[..., Any]
    needs: tuple[str, ...]


Call: TypeAlias = tuple[Callable[..., Any], tuple[int, ...]]
"""A formula, and the positions in kept of what it asks for."""


class Plan(NamedTuple):
    """What one call keeps, and how each formula gets its share of it.

    Attributes:
        sources: where each kept value comes from: an input's position, OUTPUT, VARIADIC (all
            inputs from the starred one on), or the name of an attribute that forward set.
        places: the same if all of them are inputs' positions or OUTPUT, the usual case; or None.
        calls: per input, (formula, positions in kept), or None where no gradient is owed.
        joint: the class's `backward` in the same form, or None.
        upstream: its `upstream`, or None.
    """

    sources: tuple[int | str, ...]
    places: tuple[int, ...] | None
    calls: tuple[Call | None, ...]
    joint: Call | None
    upstream: Call | None


class Formulas(NamedTuple):
    """All that a class says of its gradients.

    Attributes:
        owner: the class's name.
        inputs: the names of forward's parameters.
        variadic: whether the last of them is starred.
        by_input: its `grad_*` formulas, by the input's name.
        joint: its `backward`, or None.
        upstream: its `upstream`, which dL/dy goes through before any other formula, or None.
    """

    owner: str
    inputs: tuple[str, ...]
    variadic: bool
    by_input: dict[str, Formula]
    joint: Formula | None
    upstream: Formula | None

    def name(self, i: int) -> str:
        """The name of input `i`; a starred parameter names all inputs from its place on."""
        return self.inputs[min(i, len(self.inputs) - 1)]

    def source(self, name: str) -> int | str:
        """Where the value of that name comes from."""
        if name in self.inputs:
            place = self.inputs.index(name)
            return VARIADIC if self.variadic and place == len(self.inputs) - 1 else place
        return OUTPUT if name == "y" else name

    def plan(self, wanted: Sequence[bool]) -> Plan:
        """What to keep when the inputs marked in `wanted` need a gradient.

        Raises:
            GraphError: one of them has no formula.
        """
        sources: dict[int | str, int] = {}

        def positions(formula: Formula) -> tuple[int, ...]:
            return tuple([sources.setdefault(self.source(n), len(sources)) for n in formula.needs])

        def call(formula: Formula) -> Call:
            return formula.function, positions(formula)

        upstream = None if self.upstream is None else call(self.upstream)
        joint = None if self.joint is None else call(self.joint)
        calls: list[Call | None] = []
        for i, needed in enumerate(wanted if joint is None else ()):
            formula = self.by_input.get(self.name(i))
            if not needed:
                calls.append(None)
            elif formula is None:
                raise GraphError(
                    f"{self.owner} has no gradient with respect to {self.name(i)}; "
                    "pass a constant there, or tensor.detach()"
                )
            else:
                calls.append(call(formula))
        places = tuple([s for s in sources if isinstance(s, int) and s != VARIADIC])
        usual = len(places) == len(sources)
        return Plan(tuple(sources), places if usual else None, tuple(calls), joint, upstream)


def read_formulas(cls: Any) -> Formulas:
    """The formulas of a Function's subclass.

    Raises:
        ArgumentTypeError: a formula for an input that forward does not have, or one without `grad`.
    """
    parameters = list(inspect.signature(cls.forward).parameters.values())[1:]
    names = tuple([p.name for p in parameters])
    for attribute in vars(cls):
        if attribute.startswith("grad_") and attribute[5:] not in names:
            raise ArgumentTypeError(
                f"{cls.__name__}.{attribute}: forward has no parameter {attribute[5:]!r} "
                f"(it has {', '.join(names)}); name the formula grad_<parameter>"
            )
    return Formulas(
        owner=cls.__name__,
        inputs=names,
        variadic=any(p.kind is p.VAR_POSITIONAL for p in parameters),
        by_input={n: _formula(cls, f"grad_{n}") for n in names if hasattr(cls, f"grad_{n}")},
        joint=_formula(cls, "backward") if hasattr(cls, "backward") else None,
        upstream=_formula(cls, "upstream") if hasattr(cls, "upstream") else None,
    )


def _formula(cls: Any, name: str) -> Formula:
    """A formula of the class, with the names of its parameters after `self` and `grad`."""
    function = getattr(cls, name)
    parameters = list(inspect.signature(function).parameters)
    if len(parameters) < 2:
        raise ArgumentTypeError(
            f"{cls.__name__}.{name} must take at least (self, grad): grad is dL/dy"
        )
    return Formula(function, tuple(parameters[2:]))
