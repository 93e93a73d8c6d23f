"""`recording`: remembers, for every op, the line and the layer that called it and what flowed back.

An observer, as `detect_anomaly` is one (`../observer.py`). It keeps numbers about arrays, not the
arrays, so that a recorded graph is freed as any other. Read next: `why.py`, which asks it.
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from ..backend import is_array
from ..node import Leaf
from ..observer import Observer, observing
from ..profiling.layer_names import LayerNames
from ..tensor import Tensor
from .flow import Visit, visit_of
from .frames import user_line
from .health import Health, health_of, host
from .kept import source_node

CALLS = 100_000
"""The most calls remembered: the oldest are forgotten in a long run."""


class Operand(NamedTuple):
    """An input of a call: the array's token, whether it had a node, and its health."""

    token: int
    traced: bool
    bad: str


class Call(NamedTuple):
    """One op that ran in forward.

    Attributes:
        op: the op with its options.
        where: the user's file and line.
        layer: the path of the layer that called it, or "".
        serial: its node's serial; 0 where the graph did not record it.
        differentiable: False for an op whose result is a constant by nature.
        operands: its inputs that are arrays.
        outputs: the tokens of what it made.
        made: how the first of them is.
    """

    op: str
    where: str
    layer: str
    serial: int
    differentiable: bool
    operands: tuple[Operand, ...]
    outputs: tuple[int, ...]
    made: Health


class Recording(Observer):
    """What `with tg.debug.recording() as r:` saw; `why` reads the newest one by itself.

    Attributes:
        calls: the ops that ran in forward.
        visits: what backward did, op by op.
    """

    def __init__(self) -> None:
        self.calls: deque[Call] = deque(maxlen=CALLS)
        self.visits: deque[Visit] = deque(maxlen=CALLS)
        self._tokens: dict[int, tuple[Any, int]] = {}
        self._count = 0
        self._names = LayerNames()
        self._layers: list[str] = []
        self._within: list[Any] = []
        self._pending: dict[int, Any] = {}

    def __repr__(self) -> str:
        return f"Recording({len(self.calls)} ops forward, {len(self.visits)} backward)"

    def token(self, array: Any) -> int:
        """A number that stands for this array, and for no later one at the same address."""
        key = id(array)
        known = self._tokens.get(key)
        if known is not None and known[0]() is array:
            return known[1]
        self._count += 1
        tokens = self._tokens

        def forget(reference: Any) -> None:
            if key in tokens and tokens[key][0] is reference:
                del tokens[key]

        tokens[key] = (weakref.ref(array, forget), self._count)
        return self._count

    # The events.

    def after_forward(self, function: Any, inputs: Sequence[Any], ys: Sequence[Any]) -> None:
        where, layer = user_line(), self._layers[-1] if self._layers else ""
        if function.serial:
            function._where, function._layer = where, layer
        operands = []
        for value in inputs:
            traced = isinstance(value, Tensor) and value.node is not None
            array = value.data if isinstance(value, Tensor) else value
            if is_array(array):
                operands.append(Operand(self.token(array), traced, health_of(array).bad))
        self.calls.append(
            Call(
                repr(function), where, layer, function.serial, function.differentiable,
                tuple(operands), tuple([self.token(y) for y in ys]), health_of(ys[0]),
            )
        )  # fmt: skip

    def before_backward(self, node: Any) -> None:
        self._within.append(node)

    def after_backward(self, node: Any, grads: Sequence[Any]) -> None:
        while self._within and self._within.pop() is not node:
            pass
        if self._within:
            return  # an op within the backward of another one
        starts = node.serial not in self._pending
        if starts:  # a root: the gradient it began with is not told; it is 1 for a loss
            self._pending.clear()
        arrived = self._pending.pop(node.serial, np.ones(()))
        self.visits.append(visit_of(node, arrived, grads, starts=starts))
        for edge, g in zip(node.edges or (), grads, strict=True):
            source, index = source_node(edge)
            if source is not None and g is not None and not isinstance(source, Leaf):
                self._add(source, index, host(g))

    def abandoned(self, node: Any) -> None:
        if any(other is node for other in self._within):
            while self._within.pop() is not node:
                pass
            self._pending.clear()

    @contextmanager
    def layer(self, module: Any) -> Iterator[None]:
        self._layers.append(self._names.of(module, self._layers[-1] if self._layers else ""))
        try:
            yield
        finally:
            self._layers.pop()

    def _add(self, source: Any, index: int, g: Any) -> None:
        """Add to what will arrive at `source`, as the engine does."""
        outputs = source.outputs if hasattr(source, "outputs") else None
        old = self._pending.get(source.serial)
        if outputs is None:
            self._pending[source.serial] = g if old is None else old + g
            return
        gathered = [None] * len(outputs) if old is None else old
        gathered[index] = g if gathered[index] is None else gathered[index] + g
        self._pending[source.serial] = gathered

    # What is asked of it.

    def passes(self) -> list[list[Visit]]:
        """The backward passes it saw, the newest first."""
        found: list[list[Visit]] = []
        for visit in self.visits:
            if visit.starts or not found:
                found.append([])
            found[-1].append(visit)
        return found[::-1]

    def close(self) -> None:
        """Hold no module and no gradient any more."""
        self._names.forget()
        self._pending.clear()
        self._within.clear()


class _Newest:
    recording: Recording | None = None


def newest_recording() -> Recording | None:
    """The recording that is on, or else the last one."""
    return _Newest.recording


@contextmanager
def recording() -> Iterator[Recording]:
    """Inside, every op remembers your line and its layer: `step`, `why` and `retained` tell them.

    Slow, and only while it is switched on. Numbers about the arrays are kept, not the arrays.

    Returns:
        A context manager; its value is a `Recording`.

    Example:
        >>> import tinygrad_course as tg
        >>> w = tg.tensor([1.0, -2.0], requires_grad=True)
        >>> with tg.debug.recording() as r:
        ...     tg.relu(w).sum().backward()
        >>> [call.op for call in r.calls], r
        (['ReLU()', 'Sum(axes=(0,), keepdims=False)'], Recording(2 ops forward, 2 backward))
    """
    seen = Recording()
    _Newest.recording = seen
    try:
        with observing(seen):
            yield seen
    finally:
        seen.close()
