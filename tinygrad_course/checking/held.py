"""Is a value of forward taken for a constant? The numeric gradient with that value held tells.

Every value that the user's forward computes on its way (a mean, a norm, a hidden layer) is held
fast in turn: if the gradient is then what backward returned, backward forgot that it depends on the
input. It needs no bank, only forward's source.
"""

from __future__ import annotations

import ast
import copy
import time
from collections.abc import Iterator, Sequence
from typing import Any

from .diagnosis import Diagnosis
from .diagnosis.guess import close
from .evidence import Shown
from .patching import Patch, Slot
from .source import SourceLine
from .whole import whole_gradient

SECONDS = 1.0
MOST_ELEMENTS = 200
MOST_VALUES = 50
NAME = "__held__"


def held(forward: Any, label: str, shown: Sequence[Shown]) -> tuple[Diagnosis, SourceLine] | None:
    """The value of forward that backward takes for a constant, if there is one.

    Args:
        forward: the user's forward.
        label: the input whose gradient is wrong.
        shown: its gradients on several probes.
    """
    usable = [s for s in shown if s.right.get(label) is not None and s.found.get(label) is not None]
    if not usable or usable[0].right[label].size > MOST_ELEMENTS:  # type: ignore[union-attr]
        return None
    try:
        patch = Patch(forward)
    except ValueError:
        return None
    start = time.process_time()
    # A value computed later depends on more: the first that explains the numbers is the cause.
    for slot in list(_values(patch, label))[:MOST_VALUES]:
        if time.process_time() - start > SECONDS:
            return None
        old = slot.node
        slot.put(ast.Call(ast.Name(NAME, ast.Load()), [old], []))
        try:
            if all(_explains(patch, s, label) for s in usable):
                text, inside = ast.unparse(old), slot.parent
                if isinstance(old, ast.Name) and isinstance(inside, ast.expr):
                    slot.put(old)
                    text = f"{text}` in `{ast.unparse(inside)}"
                return _told(label, text), patch.line(slot.statement)
        finally:
            slot.put(old)
    return None


def _values(patch: Patch, label: str) -> Iterator[Slot]:
    """What is worth holding: what is assigned, calls, powers and products, the input itself."""
    slots = [s for s in patch.slots() if not isinstance(s.statement, ast.Return)]
    slots += [s for s in patch.slots() if isinstance(s.statement, ast.Return)]
    for slot in slots:
        whole = isinstance(slot.statement, ast.Assign) and slot.field == "value"
        if whole and slot.parent is slot.statement and not isinstance(slot.node, ast.Constant):
            yield slot
    for slot in slots:
        if isinstance(slot.node, ast.Call) and slot.parent is not slot.statement:
            yield slot
    for slot in slots:
        if isinstance(slot.node, ast.BinOp) and slot.parent is not slot.statement:
            yield slot
    for slot in slots:
        if isinstance(slot.node, ast.Name) and slot.node.id == label:
            yield slot


class _Holder:
    """Records what a value is in the first run, and returns that in every other."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.recording = True
        self.next = 0

    def __call__(self, value: Any) -> Any:
        if self.recording:
            self.values.append(copy.deepcopy(value))
            return value
        self.next += 1
        return copy.deepcopy(self.values[(self.next - 1) % len(self.values)])


def _explains(patch: Patch, shown: Shown, label: str) -> bool:
    """Whether the gradient is the found one when the value is held."""
    holder = _Holder()
    space = patch.function.__globals__
    space[NAME] = holder
    try:
        with patch.in_place() as placed, shown.subject.frozen:
            if not placed:
                return False
            loss = shown.loss(label)
            if not holder.values:
                return False
            # The loss was evaluated once; every further call reads what was recorded then.
            holder.recording = False
            gradient = whole_gradient(loss)
    except Exception:  # noqa: BLE001 - the user's code need not work with a value held
        return False
    finally:
        del space[NAME]
    return gradient is not None and close(shown.found[label], gradient, 1e-6)


def _told(label: str, text: str) -> Diagnosis:
    return Diagnosis(
        f"constant:{text.replace('`', '')}",
        f"d{label} is right only if `{text}` did not depend on {label}: backward takes it for a "
        "constant.",
        (
            f"Look at what forward computes from {label}, and which of it backward forgets.",
            f"`{text}` depends on {label} too.",
            f"Add to d{label} the gradient that flows through `{text}`.",
        ),
        f"d{label} = (your d{label}) + (the gradient through `{text}`)",
        f"d{label} with `{text}` as a constant",
    )
