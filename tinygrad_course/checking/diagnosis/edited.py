"""A line of the right backward pass with one small edit: a forgotten factor, another name.

It needs the operation, but no bank: the edits are made from the right formulas themselves, those of
forward too, where backward computes again what forward had.
Read next: `terms.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..mutants import Mutant
from ..mutants.edits import edits
from ..mutants.operation import lines, needed
from .evidence import Array, Evidence
from .guess import Guess, close, tolerance
from .known import Recognised


def edited_lines(seen: Recognised) -> Iterator[Guess]:
    """Right backward passes with one edit, those that give the found gradient in this probe."""
    e = seen.evidence
    for name, mutant, right in _edited(seen):
        made = seen.gradient(e, name, mutant)
        if close(e.found, made, tolerance(e)):
            yield _guess(seen, name, mutant, right)
        elif made is not None and made.shape == e.right.shape == np.shape(e.found):
            for factor, value in _factors(e).items():
                if close(e.found, made * value, tolerance(e)):
                    yield _too_late(_guess(seen, name, mutant, right), factor)


def _factors(e: Evidence) -> dict[str, Array]:
    """Vectors among the inputs that could be multiplied in at another place."""
    return {
        name: np.broadcast_to(value, e.right.shape)
        for name, value in e.arrays().items()
        if name != "y" and value.ndim < e.right.ndim and value.shape == e.right.shape[-value.ndim :]
    }


def _too_late(guess: Guess, factor: str) -> Guess:
    """The same edit, and a factor multiplied to the whole."""

    def predict(e: Evidence) -> Array | None:
        made = guess.predict(e)
        return None if made is None else made * _factors(e)[factor]

    grad = guess.found.partition(" = ")[0]
    return guess._replace(
        name=f"{guess.name} * {factor}",
        predict=predict,
        sentence=f"{guess.sentence[:-1]}, and the result is multiplied by {factor}: it enters in "
        "the wrong place.",
        found=f"{guess.found}, then {grad} * {factor} at the end",
    )


def _edited(seen: Recognised) -> Iterator[tuple[str, Mutant, str]]:
    """(operation, a line with one edit, the right line), forward's lines among them.

    Forward's own result is left alone: only what backward reads of it is edited.
    """
    e = seen.evidence
    for name in seen.names:
        operation = seen.known(e, name).operation
        program = f"{operation.forward}\n{operation.backward}"
        wanted = needed(operation.backward, f"d{seen.own_name(e, name)}")
        wanted = wanted | frozenset().union(*[needed(operation.forward, n) for n in wanted])
        state = seen.state(e, name)
        arrays = {n for n, v in state.items() if isinstance(v, np.ndarray) and v.ndim > 0}
        assigned = {n for names, _ in lines(program) for n in names.split(", ")}
        before = [n for n in state if n not in assigned] + ["dy"]
        for target, expression in lines(program):
            if target != "y" and wanted & set(target.split(", ")):
                usable = tuple([n for n in dict.fromkeys(before) if n in arrays])
                for text, words in edits(expression, usable):
                    mutant = Mutant("edited", f"{target} = {text}", words)
                    yield name, mutant, f"{target} = {expression}"
            before += target.split(", ")


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
