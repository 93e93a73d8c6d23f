"""One backward pass in numbers: for each op what arrived, what it handed on, and what it did to it.

`why.py` walks it from a tensor to the op that spoilt its gradient. It is made by `flow_of(loss)`,
from a graph that is still there, or by `recording.py` while `backward()` runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..node import Leaf
from .health import Health, health_of
from .kept import formula_of, input_name, source_node
from .symptoms import Symptom, symptom_of
from .trace import steps_of

SHRUNK = 1e-3


class Handed(NamedTuple):
    """A gradient that an op handed to one of its inputs."""

    name: str
    to: int
    health: Health


class Visit(NamedTuple):
    """What backward did at one op.

    Attributes:
        serial: the node's.
        op: the op with its options.
        where: the user's line that called it, "" where nobody recorded it.
        layer: the path of its layer, or "".
        formula: what its class says of its gradients.
        arrived: dL/d(output).
        handed: dL/d(input), for each input that is owed one.
        symptom: what its values say about a gradient that was lost or spoilt here.
        starts: whether the pass began here.
    """

    serial: int
    op: str
    where: str
    layer: str
    formula: list[str]
    arrived: Health
    handed: tuple[Handed, ...]
    symptom: Symptom | None
    starts: bool


@dataclass
class Flow:
    """A whole pass.

    Attributes:
        visits: what it did, from the loss on.
        sums: the gradient of each leaf, by its serial, where they are known.
    """

    visits: list[Visit]
    sums: dict[int, Health] = field(default_factory=dict)

    @cached_property
    def givers(self) -> dict[int, list[tuple[Visit, Handed]]]:
        """For each node's serial: who handed it a gradient, and which."""
        found: dict[int, list[tuple[Visit, Handed]]] = {}
        for visit in self.visits:
            for handed in visit.handed:
                found.setdefault(handed.to, []).append((visit, handed))
        return found


def visit_of(node: Any, arrived: Any, grads: Sequence[Any], *, starts: bool) -> Visit:
    """The visit of `node`, at which `arrived` became `grads`; its kept values are still there."""
    handed = []
    incoming = worst(arrived)
    pairs = list(zip(node.edges or (), grads, strict=True))
    for i, (edge, g) in enumerate(pairs):
        source, _ = source_node(edge)
        if source is not None and g is not None:
            handed.append(Handed(input_name(node, i), source.serial, health_of(g)))
    spoilt = any(h.health.bad and not incoming.bad for h in handed)
    lost = any(
        h.health.zeros > incoming.zeros or h.health.norm < incoming.norm * SHRUNK for h in handed
    )
    symptom = symptom_of(node, arrived) if spoilt or lost else None
    return Visit(
        node.serial, repr(node), getattr(node, "_where", ""), getattr(node, "_layer", ""),
        formula_of(node), incoming, tuple(handed), symptom, starts,
    )  # fmt: skip


def worst(arrived: Any) -> Health:
    """The health of a gradient; of several outputs', the worst in everything."""
    if not isinstance(arrived, (tuple, list)):
        return health_of(arrived)
    parts = [health_of(a) for a in arrived if a is not None]
    return Health(
        parts[0].shape,
        float(np.hypot.reduce([p.norm for p in parts])),
        max(p.largest for p in parts),
        min(p.zeros for p in parts),
        sum(p.nans for p in parts),
        sum(p.infinities for p in parts),
    )


def flow_of(loss: Any) -> Flow:
    """The flow of a pass from `loss`, whose graph and whose leaves' gradients stay as they are."""
    visits: list[Visit] = []
    sums: dict[int, Any] = {}
    for step in steps_of(loss):
        visits.append(visit_of(step.node, step.grad_out, step.grads_in, starts=not visits))
        for edge, g in zip(step.node.edges or (), step.grads_in, strict=True):
            if isinstance(edge, Leaf) and g is not None:
                sums[edge.serial] = sums[edge.serial] + g if edge.serial in sums else g
    return Flow(visits, {serial: health_of(total) for serial, total in sums.items()})
