"""How mistakes are planted: ways to spoil a gradient, and what that looks like on several probes.

Read next: `planted.py`, the cases.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from .diagnosis import Evidence
from .mutants import Blunder, Mutant, Operation
from .mutants.generic import Call
from .mutants.operation import Values

Array = Any
Spoil = Callable[[Operation, str, Values, Array, Values], "Array | None"]
"""(operation, input, inputs, dy, inputs of the call before) -> a gradient."""


def cast(values: Values, dtype: str) -> Values:
    """The float arrays among the values in another dtype."""
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


def proved_gradients(op: Operation, inputs: Values, dy: Array) -> dict[str, Array]:
    """The bank's right gradients, held against values of forward along random directions.

    Where one misses the slope there, all are computed from values instead.
    """
    right = op.gradients(inputs, dy)
    rng = np.random.default_rng(3)
    for name, gradient in right.items():
        x = np.asarray(inputs[name], np.float64)
        for _ in range(2):
            d = rng.choice([-1.0, 1.0], x.shape)
            slopes = []
            for h in (2.0**-9, 2.0**-10, 2.0**-11):
                up, down = [op.output({**inputs, name: x + t * d}) for t in (h, -h)]
                slopes.append(float((dy * (up - down)).sum()) / (2.0 * h))
            first = [(4.0 * b - a) / 3.0 for a, b in pairwise(slopes)]
            slope = (16.0 * first[1] - first[0]) / 15.0
            if gradient.shape != x.shape or not (
                abs(slope - (gradient * d).sum()) <= 1e-8 * max(abs(gradient).sum(), 1e-3)
            ):
                return numeric_gradients(op, inputs, dy)
    return right


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
        numeric: hold the right gradients of the bank's formulas against values of forward.

    Returns:
        The evidence; None if the mistake cannot be made in these shapes.
    """
    made: list[Evidence] = []
    for _ in range(probes):
        inputs = op.sample(rng, square)
        output = op.output(inputs)
        dy = np.asarray(rng.standard_normal(output.shape))
        before = {**_like(op, inputs, rng), "dy": rng.standard_normal(output.shape)}
        right = proved_gradients(op, inputs, dy) if numeric else op.gradients(inputs, dy)
        low, low_dy = cast(inputs, dtype), dy.astype(dtype)
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
