"""`profile`: where the time and the memory of a forward and a backward pass go.

    with tg.profile() as p:
        loss = tg.cross_entropy(model(x), y)
        loss.backward()
    print(p)

An observer as `detect_anomaly` is one (`../observer.py`). Read next: `live_memory.py`, and
`report.py` for the tables and the trace.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from ..backend import as_array, is_array
from ..node import Leaf, Node
from ..observer import Observer, observing
from ..tensor import Parameter, Tensor
from . import report
from .layer_names import LayerNames
from .live_memory import LiveMemory
from .rows import LayerRow, Row

FORWARD, BACKWARD, WITHIN = "forward", "backward", "within backward"


class _Frame:
    """Something that has begun and not ended: an op's forward, its formulas, or a layer."""

    __slots__ = ("inner", "layer", "of", "phase", "start")

    def __init__(self, of: Any, phase: str, layer: str, start: int) -> None:
        self.of, self.phase, self.layer, self.start = of, phase, layer, start
        self.inner = 0


class Profile(Observer):
    """What `profile` found. Printing it gives the table of ops.

    Attributes:
        seconds: from the beginning to the end, what is no op included.
        peak_bytes: the most bytes alive at once, of arrays that ops and their gradients made.
    """

    def __init__(self, *, trace: bool = True) -> None:
        self.trace = trace
        self.events: list[report.Event] = []
        self._start = perf_counter_ns()
        self._end: int | None = None
        self._rows: dict[tuple[str, str, str], Row] = {}
        self._layers: dict[str, LayerRow] = {}
        self._names = LayerNames()
        self._frames: list[_Frame] = []
        self._layer_of: weakref.WeakKeyDictionary[Node, str] = weakref.WeakKeyDictionary()
        self._leaves: set[Node] = set()
        self._memory = LiveMemory()

    # What came out.

    @property
    def seconds(self) -> float:
        """From the beginning to the end, or to now."""
        return ((self._end or perf_counter_ns()) - self._start) / 1e9

    @property
    def peak_bytes(self) -> int:
        """The most bytes alive at once, of arrays that ops and their gradients made."""
        return self._memory.peak

    @property
    def rows(self) -> list[Row]:
        """One row an op, layer and phase, the most time first."""
        return sorted(self._rows.values(), key=lambda row: -row.seconds)

    def by_layer(self) -> report.Layers:
        """One row a layer, in the order of their first calls; a layer includes those inside it."""
        rows = {name: LayerRow(r.layer, r.kind, r.calls) for name, r in self._layers.items()}
        for row in self._rows.values():
            layer: str | None = row.layer
            if layer not in rows:
                rows[row.layer] = LayerRow(row.layer, "")
            while layer is not None:
                whole = rows.get(layer)
                layer = self._names.inside.get(layer)
                if whole is None:
                    continue
                whole.kept_bytes += row.kept_bytes
                if row.phase == FORWARD:
                    whole.forward_seconds += row.seconds
                    whole.output_bytes += row.output_bytes
                else:
                    whole.backward_seconds += row.seconds
        return report.Layers(list(rows.values()), sum(r.seconds for r in self.rows))

    def chrome_trace(self, path: str | Path) -> Path:
        """Write what happened when, for chrome://tracing or https://ui.perfetto.dev.

        Args:
            path: the JSON file.

        Returns:
            The path.

        Raises:
            ArgumentError: it was profiled with `trace=False`.
            FileError: the file cannot be written.
        """
        return report.write_trace(path, self.events, self._start, self.trace)

    def __str__(self) -> str:
        return report.table(self.rows, self.seconds, self.peak_bytes)

    # What happens.

    def before_forward(self, function: Any) -> None:
        self._begin(function, WITHIN if self._in_backward() else FORWARD, self._layer())

    def after_forward(self, function: Any, inputs: Sequence[Any], ys: Sequence[Any]) -> None:
        end = perf_counter_ns()
        memory = self._memory
        for value in inputs:
            array = value.data if isinstance(value, Tensor) else value
            if is_array(array):
                memory.found(array)
        kept = 0
        if function.serial:
            self._layer_of[function] = self._frames[-1].layer
            leaves = {
                id(v.data)
                for v in inputs
                if isinstance(v, Tensor) and (isinstance(v, Parameter) or isinstance(v.node, Leaf))
            }
            arrays = [a for a in _arrays(function.kept) if id(a) not in leaves]
            kept = sum(memory.newly_kept(a, function) for a in arrays)
        for y in ys:
            memory.made(y)
        self._finish(function, end, ys, kept)

    def before_backward(self, node: Any) -> None:
        self._count_leaf_gradients()
        self._leaves.update(e for e in node.edges or () if isinstance(e, Leaf))
        self._begin(node, BACKWARD, self._layer_of.get(node, ""))

    def after_backward(self, node: Any, grads: Sequence[Any]) -> None:
        end = perf_counter_ns()
        arrays = [as_array(g.data if isinstance(g, Tensor) else g) for g in grads if g is not None]
        for array in arrays:
            self._memory.made(array)
        self._finish(node, end, arrays, 0)

    def abandoned(self, node: Any) -> None:
        self._count_leaf_gradients()
        if any(frame.of is node for frame in self._frames):
            while self._frames.pop().of is not node:
                pass

    @contextmanager
    def layer(self, module: Any) -> Iterator[None]:
        path = self._names.of(module, self._layer())
        row = self._layers.setdefault(path, LayerRow(path, type(module).__name__))
        row.calls += 1
        frame = self._begin(module, WITHIN if self._in_backward() else FORWARD, path)
        try:
            yield
        finally:
            end = perf_counter_ns()
            while self._frames.pop() is not frame:
                pass
            self._pass_on(frame, end)
            if self.trace:
                args = {"kind": type(module).__name__}
                self.events.append(
                    report.Event(path, "layer", frame.start, end - frame.start, args, None)
                )

    # How it is booked.

    def _begin(self, of: Any, phase: str, layer: str) -> _Frame:
        frame = _Frame(of, phase, layer, 0)
        self._frames.append(frame)
        frame.start = perf_counter_ns()  # last: what the profiler does is nobody's time
        return frame

    def _pass_on(self, frame: _Frame, end: int) -> int:
        """The frame's own nanoseconds; all of them are no longer its surroundings' own."""
        duration = end - frame.start
        if self._frames:
            self._frames[-1].inner += duration
        return duration - frame.inner

    def _finish(self, of: Any, end: int, arrays: Sequence[Any], kept: int) -> None:
        frame = self._frames.pop()
        own = self._pass_on(frame, end)
        name = type(of).__name__
        key = (name, frame.layer, frame.phase)
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = Row(*key)
        made = sum(a.nbytes for a in arrays)
        row.calls += 1
        row.seconds += own / 1e9
        row.output_bytes += made
        row.kept_bytes += kept
        row.live_bytes = max(row.live_bytes, self._memory.live)
        if self.trace:
            shapes = [list(a.shape) for a in arrays]
            args = {"layer": frame.layer, "shapes": shapes, "bytes": made, "kept bytes": kept}
            event = report.Event(
                name, frame.phase, frame.start, end - frame.start, args, self._memory.live
            )
            self.events.append(event)

    def _count_leaf_gradients(self) -> None:
        """A leaf's `.grad` is the engine's copy, made after the op that led there."""
        for leaf in [leaf for leaf in self._leaves if leaf.grad is not None]:
            self._leaves.discard(leaf)
            if leaf.grad is not None:
                self._memory.made(leaf.grad.data)

    def _layer(self) -> str:
        return self._frames[-1].layer if self._frames else ""

    def _in_backward(self) -> bool:
        return bool(self._frames) and self._frames[-1].phase != FORWARD

    def _close(self) -> None:
        """Hold no model, no graph and no array any longer than the `with`."""
        self._end = perf_counter_ns()
        self._count_leaf_gradients()
        self._memory.close()
        self._names.forget()
        self._frames.clear()
        self._leaves.clear()


def _arrays(kept: Any) -> Iterator[Any]:
    """The arrays among a node's kept values."""
    if is_array(kept):
        yield kept
    elif isinstance(kept, (tuple, list)):
        for value in kept:
            yield from _arrays(value)


@contextmanager
def profile(*, trace: bool = True) -> Iterator[Profile]:
    """Inside, every op of this thread is timed, forward and backward, and its bytes are counted.

    The times are real ones of a run that is slowed by being watched (a few microseconds an op), so
    compare rows with one another. The sum over the rows is less than `seconds`: the rest is Python
    between ops, the optimizer, the loader, and the engine's own sums and copies of gradients.

    Args:
        trace: keep every call for `chrome_trace`, some 300 bytes a call.

    Returns:
        A context manager; its value is a `Profile`: `print(p)`, `p.rows`, `p.by_layer()`,
        `p.peak_bytes`, `p.chrome_trace(path)`. It may be read inside and afterwards.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> model = tg.nn.Sequential(tg.nn.Dense(4, 8), tg.nn.ReLU(), tg.nn.Dense(8, 2))
        >>> with tg.profile() as p:
        ...     model(tg.tensor(np.ones((5, 4), "float32"))).sum().backward()
        >>> for row in sorted(p.rows, key=lambda row: (row.phase, row.layer)):
        ...     print(row.phase, row.layer, row.op, row.calls, row.output_bytes, row.kept_bytes)
        backward  Sum 1 40 0
        backward layers.0 Dense 1 160 0
        backward layers.1 ReLU 1 160 0
        backward layers.2 Dense 1 232 0
        forward  Sum 1 4 0
        forward layers.0 Dense 1 160 80
        forward layers.1 ReLU 1 160 160
        forward layers.2 Dense 1 40 0
    """
    found = Profile(trace=trace)
    try:
        with observing(found):
            yield found
    finally:
        found._close()
