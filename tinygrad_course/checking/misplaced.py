"""Right numbers in the wrong place: another input's gradient, or the right one in another shape.

Looked at before `diagnosis/`, which names wrong numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .diagnosis import Diagnosis
from .evidence import Shown

Array = Any


def misplaced(label: str, shown: Sequence[Shown]) -> list[Diagnosis]:
    """Whether what was returned for an input is right but for its place or shape.

    Args:
        label: the input.
        shown: its gradients on several probes.
    """
    usable = [s for s in shown if s.right.get(label) is not None and s.found.get(label) is not None]
    if not usable:
        return []
    if all(_same(_reshaped(s, label), s.right[label]) for s in usable):
        return [_shape_only(label, usable[0])]
    for other in usable[0].right:
        if other != label and all(_same(s.found[label], s.right.get(other)) for s in usable):
            return [_swapped(label, other)]
    return []


def _same(a: Array | None, b: Array | None) -> bool:
    if a is None or b is None or a.shape != b.shape or not a.size:
        return False
    size = float(abs(b).max())
    return size > 0 and bool(abs(a - b).max() <= 1e-7 * size)


def _reshaped(s: Shown, label: str) -> Array | None:
    found, right = s.found[label], s.right[label]
    if found is None or right is None or found.shape == right.shape or found.size != right.size:
        return None
    return found.reshape(right.shape)


def _shape_only(label: str, s: Shown) -> Diagnosis:
    found, right = np.asarray(s.found[label]).shape, np.asarray(s.right[label]).shape
    kept = [n for n in found if n != 1] == [n for n in right if n != 1]
    reshape = f"d{label}.reshape({label}.shape)"
    remedy = f"sum without keepdims=True, or {reshape}" if kept else reshape
    axes = "an axis of length 1 too many or too few" if kept else "other axes"
    return Diagnosis(
        "shape-only",
        f"The numbers of d{label} are right, but its shape is {found} where {label} has {right}.",
        (
            f"Look at the shape of d{label}.",
            f"d{label} has {axes}: {found} for {right}.",
            f"d{label} = {remedy}",
        ),
        f"d{label}.shape == {right}",
        f"d{label}.shape == {found}",
    )


def _swapped(label: str, other: str) -> Diagnosis:
    return Diagnosis(
        f"gradient-of:{other}",
        f"What backward returned for {label} is the gradient of {other}: its values stand in the "
        "wrong place.",
        (
            "Look at the order of what backward returns.",
            f"The gradient of {other} stands where that of {label} belongs.",
            "Return the gradients in the order of forward's inputs.",
        ),
        f"d{label} in the place of {label}",
        f"d{other} in the place of {label}",
    )
