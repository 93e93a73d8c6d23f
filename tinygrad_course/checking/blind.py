"""Probes that cannot see: a check that passes on inputs where a mistake would pass as well.

Square shapes hide a transpose, a batch of one hides a missing sum, an all-ones upstream gradient
hides most of what a normalisation does. Said as notes, where everything was found right.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..gradients import grad
from ..node import Leaf
from ..observer import observing
from ..tensor import wrap
from .numeric import EPS, scale_of
from .preflight import Magnitudes
from .rows import weights
from .subject import Array, Subject

SUMS = {"Sum", "Mean"}
NOTHING = 1e4 * EPS
"""A gradient so much smaller than |y| / |x| is none."""


def blind_spots(subject: Subject, seed: int) -> list[str]:
    """What these inputs could not have shown, a sentence each.

    Args:
        subject: what was checked and found right, frozen.
        seed: draws an upstream gradient.
    """
    notes = []
    for number, argument in enumerate(subject.arguments):
        notes += _shape_notes(argument.label, argument.value, first=number == 0)
        if argument.label in subject.labels and _is_flat(argument.value):
            notes.append(
                f"all elements of {argument.label} are equal: gradients in the wrong order would "
                "fit too; use random values"
            )
    leaves = [wrap(a.value.copy(order="K"), Leaf()) for a in subject.arguments]
    sizes = Magnitudes()
    with observing(sizes):
        ys = [y for y in subject.call(leaves) if y.node is not None and y.dtype.kind == "f"]
    if not ys:
        return notes
    node: Any = ys[0].node
    shapes = getattr(node, "input_shapes", None) or ((),)
    if ys[0].size == 1 and type(node).__name__ in SUMS and int(np.prod(shapes[0])) > 1:
        notes.append(
            f"f ends in a {type(node).__name__.lower()}, so what stands before it gets equal "
            "upstream gradients, under which mistakes of a softmax or a normalisation vanish: "
            "return the tensor itself, and every output is weighted differently"
        )
    return notes + _dead(subject, leaves, ys[0], sizes.largest, seed)


def _shape_notes(label: str, x: Array, *, first: bool) -> list[str]:
    shape, notes = x.shape, []
    if x.ndim == 2 and shape[0] == shape[1] > 1:
        notes.append(
            f"{label} is square, {shape}: a transposed gradient would fit it too; use axes of "
            f"different lengths, as {(shape[0], shape[1] + 1)}"
        )
    if first and x.ndim > 1 and shape[0] == 1:
        notes.append(
            f"{label} has a batch of one: a missing sum over the batch, or a forgotten 1/N, cannot "
            "be seen; use two samples or more"
        )
    return notes


def _is_flat(x: Array) -> bool:
    return bool(x.size > 1 and (x == x.reshape(-1)[0]).all())


def _dead(subject: Subject, leaves: list[Any], y: Any, largest: float, seed: int) -> list[str]:
    """Inputs on which the output does not depend at all, though the graph leads to them."""
    u = weights(np.random.default_rng(seed), y.shape)
    grads = grad([y], leaves, [u])
    size = max(float(abs(u * y.data).sum()), largest)
    dead = []
    for argument, g in zip(subject.arguments, grads, strict=True):
        moves = abs(g.data * scale_of(argument.value)).max(initial=0.0)
        if argument.value.size > 1 and moves <= NOTHING * size:
            dead.append(argument.label)
    if not dead:
        return []
    note = (
        f"the output does not change with {', '.join(dead)} at all (as the sum of a normalised "
        "output or of a softmax does not): a gradient of zeros is right here, and a mistake in "
        "between may not show; check the output before it is summed"
    )
    return [note]
