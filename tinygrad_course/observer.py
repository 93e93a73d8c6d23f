"""Looking on while ops run: the one protocol that `detect_anomaly` and `profile` follow.

An observer belongs to a thread and is told before and after every op, forward and backward, and of
every layer that is called. While there is none, ops ask nothing: `apply` compares `mode.recording`
with True as it does anyway. Read next: `anomaly.py`, then `profiling/profiler.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

from .grad_mode import mode, recording_state


class Observer:
    """The events of one thread. A subclass writes those that it wants to hear of.

    Ops nest: one may run in another's backward (`recompute`, `create_graph=True`, the gradient of a
    composition). What runs on arrays alone is no op of the graph and is not told.
    """

    def before_forward(self, function: Any) -> None:
        """`function` is about to run; it knows its options, not yet its inputs."""

    def after_forward(self, function: Any, inputs: Sequence[Any], ys: Sequence[Any]) -> None:
        """It made the arrays `ys`, and is now a node with `kept`, unless its serial is still 0."""

    def before_backward(self, node: Any) -> None:
        """The formulas of `node` are about to run on what it kept."""

    def after_backward(self, node: Any, grads: Sequence[Any]) -> None:
        """They made these gradients, one an input, arrays or tensors, None where none is owed."""

    def abandoned(self, node: Any) -> None:
        """Whatever was begun for `node` and has not ended raised an error. Often, nothing was."""

    def layer(self, module: Any) -> AbstractContextManager[Any]:
        """What surrounds the forward pass of a layer."""
        return nullcontext()


class Both(Observer):
    """Two observers, one installed inside the other: the inner one is nearer to the op."""

    def __init__(self, outer: Observer, inner: Observer) -> None:
        self.outer, self.inner = outer, inner

    def before_forward(self, function: Any) -> None:
        self.outer.before_forward(function)
        self.inner.before_forward(function)

    def after_forward(self, function: Any, inputs: Sequence[Any], ys: Sequence[Any]) -> None:
        self.inner.after_forward(function, inputs, ys)
        self.outer.after_forward(function, inputs, ys)

    def before_backward(self, node: Any) -> None:
        self.outer.before_backward(node)
        self.inner.before_backward(node)

    def after_backward(self, node: Any, grads: Sequence[Any]) -> None:
        self.inner.after_backward(node, grads)
        self.outer.after_backward(node, grads)

    def abandoned(self, node: Any) -> None:
        self.inner.abandoned(node)
        self.outer.abandoned(node)

    @contextmanager
    def layer(self, module: Any) -> Iterator[None]:
        with ExitStack() as both:
            both.enter_context(self.outer.layer(module))
            both.enter_context(self.inner.layer(module))
            yield


@contextmanager
def observing(observer: Observer) -> Iterator[None]:
    """Inside, `observer` hears of every op of this thread; whoever listened before goes on.

    Example:
        >>> import tinygrad_course as tg
        >>> class Names(Observer):
        ...     def before_forward(self, function):
        ...         print(function)
        >>> with observing(Names()):
        ...     y = tg.exp(tg.tensor(1.0)) * 2.0
        Exp()
        Mul()
    """
    before, recording = mode.observer, bool(mode.recording)
    mode.observer = observer if mode.observer is None else Both(mode.observer, observer)
    mode.recording = recording_state(recording)
    try:
        yield
    finally:
        mode.observer = before
        mode.recording = recording_state(recording)
