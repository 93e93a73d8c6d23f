"""The tape: every place of a graph in the order of forward, with all that backward did there.

`trace_of(loss)` runs the pass once and records it, so that a debugger can go forward and back. The
graph and the leaves' gradients stay as they were. Read next: `session.py`, the prompt on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ..engine import BackwardStep
from ..errors import ArgumentTypeError, Error, GraphError
from ..grad_mode import mode, no_grad
from ..gradients import backward_steps
from ..node import Leaf, Node, Output
from ..pointwise import Binary, Unary
from ..tensor import Tensor
from .frames import names_of_nodes
from .kept import formula_of, input_name, kept_values, source_node

SMALL = 8


class Inlet(NamedTuple):
    """One input of a place.

    Attributes:
        name: forward's parameter.
        place: the number of the place it comes from, 0 for a constant.
        gradient: dL/d(it), what this place alone adds; None where none is owed.
    """

    name: str
    place: int
    gradient: Any


class Share(NamedTuple):
    """A consumer's part of a place's gradient."""

    place: int
    name: str
    gradient: Any


@dataclass
class Place:
    """A place on the tape: an op, or a leaf.

    Attributes:
        number: 1 for the oldest.
        node: the node itself.
        op: the op with its options, or "leaf".
        name: the variable that holds its output, or "".
        formula: what its class says of its gradients.
        where: the user's `file:line`, or "".
        layer: the path of its layer, or "".
        gradient: dL/d(output), summed up; a tuple for several outputs; None if nothing flowed here.
        inlets: its inputs.
        shares: who adds into `gradient`.
        kept: what it kept for its formulas, by name.
    """

    number: int
    node: Any
    op: str
    name: str
    formula: list[str]
    where: str
    layer: str
    gradient: Any = None
    inlets: list[Inlet] = field(default_factory=list)
    shares: list[Share] = field(default_factory=list)
    kept: dict[str, Any] = field(default_factory=dict)

    @property
    def is_leaf(self) -> bool:
        """Whether it is a tensor that the user made."""
        return isinstance(self.node, Leaf)

    @property
    def title(self) -> str:
        """The op, or the leaf, and its variable: `h = ReLU()`, `leaf w`."""
        if self.is_leaf:
            return f"leaf {self.name}".rstrip()
        return f"{self.name} = {self.op}" if self.name else self.op

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The output's shape, as far as a gradient told it."""
        g = self.gradient[0] if isinstance(self.gradient, tuple) else self.gradient
        return None if g is None else tuple(g.shape)

    def jacobian(self, index: int) -> Any:
        """dy/d(input `index`) as a matrix, output elements by input elements; None if not small."""
        inlet, edges = self.inlets[index], self.node.edges
        y = self.gradient
        if isinstance(y, tuple) or y is None or inlet.gradient is None or not edges:
            return None
        if not 0 < y.size <= SMALL or not 0 < inlet.gradient.size <= SMALL:
            return None
        rows = []
        with no_grad(), np.errstate(all="ignore"):
            if isinstance(self.node, (Unary, Binary)) and y.shape == inlet.gradient.shape:
                # Elementwise: one pull has the diagonal, and no 0 meets an infinite slope.
                slopes = list(self.node.pull(edges, np.ones_like(y), self.node.kept))[index]
                return np.diag(slopes.reshape(-1))
            for i in range(y.size):
                unit = np.zeros_like(y)
                unit.reshape(-1)[i] = 1
                row = list(self.node.pull(edges, unit, self.node.kept))[index]
                rows.append(np.zeros(inlet.gradient.size) if row is None else row.reshape(-1))
        return np.stack(rows)


@dataclass
class Trace:
    """A recorded backward pass.

    Attributes:
        places: the tape, the oldest place first.
        value: the loss's value.
        error: the error that stopped the pass, if one did.
        reached: the numbers of the places that backward visited, in its order.
    """

    places: list[Place]
    value: Any
    error: Error | None
    reached: list[int]

    def place(self, number: int) -> Place:
        """The place of that number, from 1."""
        return self.places[number - 1]


def steps_of(loss: Tensor, gradient: Any = None) -> Iterator[BackwardStep]:
    """`backward_steps`, with the graph kept and every `.grad` put back afterwards."""
    # Nobody looks on: a recording shall not take this for the user's pass, nor anomalies raise.
    observer, recording, mode.observer = mode.observer, mode.recording, None
    mode.recording = bool(recording)
    saved = [(n, n.grad) for n in nodes_of(loss.node) if isinstance(n, Leaf) or n.retained]
    try:
        with np.errstate(all="ignore"):
            yield from backward_steps(loss, gradient, retain_graph=True)
    finally:
        for node, before in saved:
            node.grad = before
        mode.observer, mode.recording = observer, recording


def nodes_of(root: Node | None) -> list[Node]:
    """Every node that a graph reaches, the oldest first."""
    seen: set[Node] = set()
    stack = [root] if root is not None else []
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack.extend([e for e in node.edges or () if e is not None])
    return sorted(seen, key=lambda n: n.serial)


def trace_of(loss: Any, gradient: Any = None, *, function: Any = None) -> Trace:
    """Run backward from `loss` and record it; the graph and every `.grad` stay as they are.

    Args:
        loss: the tensor to start from.
        gradient: dL/d(loss), of its shape; may be left out for a scalar.
        function: one whose globals may name the tensors, besides the running frames.

    Raises:
        ArgumentTypeError: `loss` is no Tensor.
        GraphError: it has no graph, or the graph was released.
        ShapeError: it is no scalar, and `gradient` is missing or has another shape.

    Example:
        >>> import tinygrad_course as tg
        >>> x = tg.tensor(3.0, requires_grad=True)
        >>> for place in trace_of(x * x + 1.0).places:
        ...     print(place.number, place.title, place.gradient, [s.place for s in place.shares])
        1 leaf x 6.0 [2, 2]
        2 Mul() 1.0 [3]
        3 Add() 1.0 []
    """
    check_loss(loss)
    backward_steps(loss, gradient, retain_graph=True)  # raises where the gradient does not fit
    nodes = [n for n in nodes_of(loss.node) if not isinstance(n, Output)]
    names = names_of_nodes(function)
    places = [_place(i, node, names.get(node, "")) for i, node in enumerate(nodes, 1)]
    at = {place.node: place for place in places}
    for place in places:
        for i, edge in enumerate(place.node.edges or ()):
            source, _ = source_node(edge)
            number = 0 if source is None else at[source].number
            place.inlets.append(Inlet(input_name(place.node, i), number, None))
    error, reached = None, []
    try:
        for step in steps_of(loss, gradient):
            reached.append(at[step.node].number)
            _note(at[step.node], step, places)
    except Error as problem:
        error = problem
    for place in places:
        if place.is_leaf and (place.shares or place.node is loss.node):
            place.gradient = _sum(place, loss)
    return Trace(places, loss.data, error, reached)


def check_loss(loss: Any, function: str = "debug.step") -> None:
    """Raise unless a pass can start from `loss`."""
    if not isinstance(loss, Tensor):
        raise ArgumentTypeError(
            f"{function}: expects the loss, a Tensor, but got {type(loss).__name__}; pass "
            "the tensor on which you would call backward()"
        )
    if loss.node is None:
        raise GraphError(
            f"{function}: this tensor has no graph: nothing it was computed from requires a "
            "gradient, or it was computed under no_grad, or detached. tg.debug.why(tensor) looks "
            "for the reason"
        )
    if loss.node.edges is None:
        raise GraphError(
            f"{function}: the graph was released by an earlier backward(); look at it before "
            "backward(), or run the forward pass again"
        )


def _place(number: int, node: Any, name: str) -> Place:
    op = "leaf" if isinstance(node, Leaf) else repr(node)
    where, layer = getattr(node, "_where", ""), getattr(node, "_layer", "")
    return Place(number, node, op, name, formula_of(node), where, layer, kept=kept_values(node))


def _note(place: Place, step: BackwardStep, places: list[Place]) -> None:
    """Write down what backward did at a place."""
    place.gradient = step.grad_out
    for i, g in enumerate(step.grads_in):
        inlet = place.inlets[i]
        place.inlets[i] = inlet._replace(gradient=g)
        if inlet.place and g is not None:
            places[inlet.place - 1].shares.append(Share(place.number, inlet.name, g))


def _sum(place: Place, loss: Tensor) -> Any:
    """A leaf's gradient of this pass."""
    if not place.shares:
        return np.ones_like(loss.data)
    total = place.shares[0].gradient
    with np.errstate(all="ignore"):
        for share in place.shares[1:]:
            total = total + share.gradient
    return total
