"""A line of the right backward pass with one small edit: a forgotten factor, another name.

It needs the operation, but no bank: the edits are made from the right formula itself.
Read next: `terms.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..mutants import Mutant
from ..mutants.edits import edits
from ..mutants.operation import lines, run
from .evidence import Evidence
from .guess import Guess, close, tolerance
from .known import Recognised


def edited_lines(seen: Recognised) -> Iterator[Guess]:
    """Right backward passes with one edit, those that give the found gradient in this probe."""
    e = seen.evidence
    for name in seen.names:
        call = seen.known(e, name)
        operation = call.operation
        known = run(operation.forward, call.inputs)
        known = run(operation.backward, {**known, "dy": call.upstream(e.upstream)})
        needed = _needed(operation.backward, f"d{seen.own_name(e, name)}")
        names = tuple([n for n, v in known.items() if isinstance(v, np.ndarray) and v.ndim > 0])
        before = set(known) - {n for n, _ in lines(operation.backward)}
        for target, expression in lines(operation.backward):
            if target not in needed:
                continue
            usable = tuple([n for n in names if n in before])
            before.add(target)
            for text, words in edits(expression, usable):
                mutant = Mutant("edited", f"{target} = {text}", words)
                if _gives(seen, e, name, mutant):
                    yield _guess(seen, name, mutant, f"{target} = {expression}")


def _needed(program: str, target: str) -> set[str]:
    """The lines that a result depends on."""
    needed = {target}
    for name, expression in reversed(lines(program)):
        if name in needed:
            words = expression.replace(".", " ").replace("(", " ").replace(")", " ")
            needed |= set("".join([c if c.isalnum() or c == "_" else " " for c in words]).split())
    return needed


def _gives(seen: Recognised, e: Evidence, name: str, mutant: Mutant) -> bool:
    try:
        made = seen.gradient(e, name, mutant)
    except (AttributeError, ZeroDivisionError, KeyError):
        return False
    return close(e.found, made, tolerance(e))


def _guess(seen: Recognised, name: str, mutant: Mutant, right: str) -> Guess:
    found, should = seen.renamed(name, mutant.line), seen.renamed(name, right)
    return Guess(
        f"edit:{name}:{mutant.line}",
        lambda e: seen.gradient(e, name, mutant),
        f"d{seen.evidence.input} is exactly what `{found}` gives, where `{should}` is right: "
        f"{mutant.what}.",
        mutant.what[0].upper() + mutant.what[1:] + ".",
        right=should,
        found=found,
        where=f"Look at the line that computes {next(iter(mutant.instead))}.",
    )
