"""The places of the graph: `Node`, and its two kinds that are no op, `Leaf` and `Output`.

Edges point from a result's node to the nodes of its inputs, never to tensors. The third kind of
node is a call of an op: read `function.py` next.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .tensor import Tensor

next_serial = itertools.count(1).__next__


class Written:
    """When a leaf was last overwritten: one comparison per node asks whether to look closer."""

    newest = 0


written = Written()


class Node:
    """A place in the graph: an edge points from a result's node to the nodes of its inputs.

    Attributes:
        serial: creation order. A node is younger than its inputs, so descending serials are a
            topological order and backward needs no sort.
        edges: one node per input, None for a constant. () for a leaf; None once released.
        kept: the arrays that the formulas need; None once released.
    """

    serial = 0
    edges: tuple[Node | None, ...] | None = ()
    kept: Any = ()
    view = False
    """Whether the output may share memory with the first input."""
    retained = False
    grad: Tensor | None = None

    def kept_inputs(self) -> Iterable[int]:
        """The positions of the inputs whose values are kept."""
        return ()


class Leaf(Node):
    """The node of a tensor that the user made: it owns `.grad`.

    Attributes:
        grad: the accumulated gradient, a Tensor, or None.
        changed: the serial at which the tensor's values were last overwritten.
    """

    def __init__(self) -> None:
        self.serial = next_serial()
        self.changed = 0

    def __repr__(self) -> str:
        return "Leaf()"


class Output(Node):
    """The node of one output of a Function that returns a tuple."""

    def __init__(self, function: Node, index: int) -> None:
        self.serial = next_serial()
        self.edges = (function,)
        self.index = index
        self.view = function.view

    def __repr__(self) -> str:
        return f"Output({self.edges[0] if self.edges else None}, {self.index})"
