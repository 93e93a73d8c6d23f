"""Known wrong formulas: is the found gradient exactly what a mutant of the bank makes?

The operation is recognised by what its forward computes, not by its name alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ..mutants import Known, Mutant, identify
from ..mutants.operation import Values
from .evidence import Evidence
from .guess import Guess, close, tolerance

Array = Any


class Recognised:
    """The operations of the bank that this evidence, on all its probes, can be calls of."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self._known: dict[int, dict[str, Known]] = {}
        for e in evidence.all():
            found = identify(e.op, e.inputs, e.output)
            self._known[id(e)] = {k.operation.name: k for k in found}
        self._states: dict[tuple[int, str], Values] = {}
        shared = set.intersection(*[set(k) for k in self._known.values()])
        self.names = [n for n in self._known[id(evidence)] if n in shared and self._judges(n)]

    def _judges(self, name: str) -> bool:
        """Whether the bank's right gradient is the true one: if not, it is another convention."""
        right = self.gradient(self.evidence, name, None)
        return right is not None and close(
            right, self.evidence.right, max(1e-6, tolerance(self.evidence))
        )

    def known(self, e: Evidence, name: str) -> Known:
        """The operation in one probe."""
        return self._known[id(e)][name]

    def own_name(self, e: Evidence, name: str) -> str | None:
        """What the operation calls the input that is looked at."""
        names = self.known(e, name).names
        return next((own for own, theirs in names.items() if theirs == e.input), None)

    def gradient(
        self, e: Evidence, name: str, mutant: Mutant | None, upstream: Array | None = None
    ) -> Array | None:
        """The gradient of the input looked at, the bank's right one or a mutant's."""
        own = self.own_name(e, name)
        known = self.known(e, name)
        if own not in known.operation.checked:
            return None
        try:
            if upstream is not None:
                return known.gradient(own, upstream, mutant)
            gradient = known.operation.spoilt(
                own, self.state(e, name), mutant.instead if mutant else {}
            )
            return known.turned_back(own, gradient)
        except (ValueError, TypeError, IndexError, AttributeError, ZeroDivisionError):
            return None

    def state(self, e: Evidence, name: str) -> Values:
        """All values of the operation's right forward and backward pass in one probe."""
        key = (id(e), name)
        if key not in self._states:
            known = self.known(e, name)
            self._states[key] = known.operation.state(known.inputs, known.upstream(e.upstream))
        return self._states[key]

    def altered(
        self, e: Evidence, name: str, changes: Mapping[str, Callable[[Any], Any]]
    ) -> Array | None:
        """The right gradient at inputs that are changed: by the operation's names of them."""
        own, known = self.own_name(e, name), self.known(e, name)
        if own not in known.operation.checked:
            return None
        inputs = dict(known.inputs)
        for changed, change in changes.items():
            inputs[changed] = change(inputs[changed])
        gradients = known.operation.gradients(inputs, known.upstream(e.upstream))
        return known.turned_back(own, gradients[own])

    def mutants(self, without: frozenset[str]) -> Iterator[tuple[str, Mutant]]:
        """The mutants that may have been made, as (operation, mutant)."""
        for name in self.names:
            for mutant in self.known(self.evidence, name).operation.mutants:
                if f"{name}.{mutant.name}" not in without:
                    yield name, mutant

    def renamed(self, name: str, line: str) -> str:
        """A formula of the bank in the caller's names; other layouts are told."""
        known = self.known(self.evidence, name)
        turned = ", ".join([f"{n}.transpose{axes}" for n, axes in known.layout.items()])
        line += f"   with {turned}" if turned else ""
        return _renamed(line, known.names)


def known_mutants(seen: Recognised, without: frozenset[str]) -> Iterator[Guess]:
    """Equality with a wrong formula of the bank."""
    for name, mutant in seen.mutants(without):
        operation = seen.known(seen.evidence, name).operation
        wrong = "; ".join([f"{n} = {e}" for n, e in mutant.instead.items()])
        right = "; ".join([operation.line(n) for n in mutant.instead])
        found, true = seen.renamed(name, wrong), seen.renamed(name, right)
        yield Guess(
            f"mutant:{name}.{mutant.name}",
            lambda e, n=name, m=mutant: seen.gradient(e, n, m),  # type: ignore[misc]
            f"d{seen.evidence.input} is exactly what `{found.split('   ')[0]}` gives: "
            f"{mutant.what}.",
            mutant.what[0].upper() + mutant.what[1:] + ".",
            right=true,
            found=found,
            where=f"Look at the line that computes {next(iter(mutant.instead))}.",
            also=mutant.also,
            cause="" if mutant.cause == Mutant.cause else mutant.cause,
        )


def ignores_upstream(seen: Recognised) -> Iterator[Guess]:
    """The gradient for an upstream of ones, or with the upstream gradient squared."""
    grad = f"d{seen.evidence.input}"
    for name in seen.names:
        yield Guess(
            "ignores-upstream",
            lambda e, n=name: seen.gradient(e, n, None, np.ones_like(e.upstream)),  # type: ignore[misc]
            f"{grad} does not depend on the upstream gradient: it is what dL/dy = 1 would give.",
            "The chain rule multiplies the local derivative by dL/dy, the upstream gradient.",
            right=f"{grad} = dy * (dy/d{seen.evidence.input})",
            found=f"{grad} = 1 * (dy/d{seen.evidence.input})",
        )
        yield Guess(
            "upstream-twice",
            lambda e, n=name: seen.gradient(e, n, None, e.upstream * e.upstream),  # type: ignore[misc]
            f"{grad} is what dL/dy squared would give: the upstream gradient enters twice.",
            "Backward is linear in dL/dy: it enters exactly once.",
            right=f"{grad} = dy * (dy/d{seen.evidence.input})",
            found=f"{grad} = dy * dy * (dy/d{seen.evidence.input})",
        )


def _renamed(line: str, names: Mapping[str, str]) -> str:
    """Replace the bank's names of inputs by the caller's, in identifiers of their own."""
    import re

    out = line
    for own, theirs in names.items():
        if own != theirs:
            out = re.sub(rf"\b(d?){own}\b(?!=)", rf"\g<1>{theirs}", out)
    return out
