"""Before any number is compared: is f a function at all, and does its backward pass keep the rules?

Caught here: inputs written into, results that change from call to call, outputs that no input
reaches, backward passes that raise, return the wrong shape, overwrite their upstream gradient, or
use what another call left behind. Read next: `numeric.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import Error, GraphError
from ..gradients import grad
from ..node import Leaf
from ..observer import Observer, observing
from ..tensor import Tensor, wrap
from .foreign import BackwardFailedError, MisshapenGradientError, misshapen
from .frozen import same_bits
from .numeric import laid_out_like
from .subject import Array, GradientOf, Subject


class Fault(Exception):  # noqa: N818 - a finding, not a failure of the check
    """Something is wrong that needs no numeric derivative to prove.

    Attributes:
        label: the argument concerned, or None for all.
        name: which rule was broken, as in `faults.py`; "" where the reason says it all.
    """

    def __init__(self, reason: str, label: str | None = None, name: str = "") -> None:
        super().__init__(reason)
        self.label = label
        self.name = name


@dataclass
class Flight:
    """What the first calls of f told.

    Attributes:
        outputs: the positions of the outputs that are checked.
        labels: a name for each of them.
        shapes: their shapes.
        values: their values, flat, one after the other.
        notes: what the report should mention.
        unsteady: why no two calls agree, or "".
        evaluations: calls of f so far.
        largest: the largest magnitude that f computed on its way to the outputs.
    """

    subject: Subject | GradientOf
    outputs: list[int] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    shapes: list[tuple[int, ...]] = field(default_factory=list)
    values: Array = None
    notes: list[str] = field(default_factory=list)
    unsteady: str = ""
    evaluations: int = 0
    largest: float = 0.0

    def evaluate(self, values: Sequence[Array]) -> Array:
        """The checked outputs at `values`, flat; NaN where f refuses the values."""
        self.evaluations += 1
        try:
            ys = self.subject.call([wrap(v, None) for v in values])
        except (Error, ArithmeticError, ValueError):
            return np.full(self.values.shape, np.nan)
        flat = self.flatten(ys)
        return flat if flat.shape == self.values.shape else np.full(self.values.shape, np.nan)

    def flatten(self, ys: Sequence[Tensor]) -> Array:
        """The checked ones of f's outputs as one float64 vector."""
        parts = [ys[i].data.reshape(-1) for i in self.outputs]
        flat = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return flat.astype(np.float64, copy=False)


class Magnitudes(Observer):
    """Sees every recorded op's result, and remembers how large the values become."""

    largest = 0.0

    def after_forward(self, function: Any, inputs: Sequence[Any], ys: Sequence[Array]) -> None:
        """One op's outputs."""
        for y in ys if function.serial else ():
            if y.size and y.dtype.kind == "f":
                peak = float(np.nanmax(abs(y), initial=0.0, where=np.isfinite(y)))
                self.largest = max(self.largest, peak)


def preflight(subject: Subject | GradientOf) -> Flight:
    """Call f twice and look at what it did.

    Raises:
        GraphError: no float output, or none that depends on an input.
        Fault: an input was written into.
    """
    flight = Flight(subject)
    leaves = [wrap(a.value.copy(order="K"), Leaf()) for a in subject.arguments]
    constants = [c.copy() for c in subject.constants()]
    # First at other values: what a backward pass keeps from the first call is then not this one's.
    _decoy(flight, [a.value for a in subject.arguments])
    subject.frozen.watch()
    magnitudes = Magnitudes()
    with observing(magnitudes):
        ys = subject.call(leaves)
    flight.largest = magnitudes.largest
    subject.frozen.watch()
    check_unwritten(subject, leaves, constants, "f")
    _choose_outputs(flight, ys)
    _note_views(flight, ys, leaves)
    if subject.frozen.drawn:
        names = ", ".join(subject.frozen.drawn)
        flight.notes.append(f"f draws random numbers ({names}): frozen and replayed in every call")
    flight.values = flight.flatten(ys).copy()
    again = flight.evaluate([a.value.copy(order="K") for a in subject.arguments])
    if not same_bits(flight.values, again):
        difference = np.nanmax(np.abs(flight.values - again), initial=0.0)
        flight.unsteady = (
            f"two calls of f with the same inputs differ by {difference:.2g}: it is random in a "
            "way that cannot be frozen, or remembers earlier calls; draw from a tg.Generator (an "
            "attribute, or a variable f closes over) and keep no state"
        )
    return flight


def check_unwritten(
    subject: Subject | GradientOf, leaves: Sequence[Tensor], constants: Sequence[Array], who: str
) -> None:
    """Raise a Fault if an input no longer holds the values it was given."""
    for argument, leaf in zip(subject.arguments, leaves, strict=True):
        if not same_bits(leaf.data, argument.value):
            raise Fault(
                f"{who} wrote into its input {argument.label}: the caller's array is changed, and "
                "every later use of it is wrong. Compute a new array instead of using +=, *=, "
                "out= or x[...] = (a running statistic that is meant to change: let f close over "
                "it)",
                argument.label,
                "input-overwritten",
            )
    for now, before in zip(subject.constants(), constants, strict=True):
        if not same_bits(now, before):
            reason = f"{who} wrote into an input of dtype {now.dtype} and shape {now.shape}"
            raise Fault(reason, None, "input-overwritten")


def _choose_outputs(flight: Flight, ys: Sequence[Tensor]) -> None:
    """Check the float outputs that depend on an input."""
    name = flight.subject.name
    second = isinstance(flight.subject, GradientOf)
    floats = [i for i, y in enumerate(ys) if y.dtype.kind == "f"]
    if not floats:
        raise GraphError(
            f"{name}: f returned no float output, only {', '.join([str(y.dtype) for y in ys])}; "
            "there is nothing to differentiate"
        )
    flight.outputs = [i for i in floats if second or ys[i].node is not None]
    if not flight.outputs:
        raise GraphError(
            f"{name}: the output does not depend on any input: no path of the graph leads from it "
            "to one. Was it detached, made from .data or .numpy(), or computed under no_grad?"
        )
    for i, y in enumerate(ys):
        label = "output" if len(ys) == 1 else f"output {i}"
        if i not in flight.outputs:
            why = "a constant" if y.dtype.kind == "f" else str(y.dtype)
            flight.notes.append(f"{label} is {why}: not checked")
            continue
        if y.dtype != np.float64:
            flight.notes.append(
                f"{label} is {y.dtype} although the inputs are float64: f converts on the way, and "
                "what can be decided is limited by it"
            )
        flight.labels.append(flight.subject.output_labels[i] if second else label)  # type: ignore[union-attr]
        flight.shapes.append(y.shape)


def _note_views(flight: Flight, ys: Sequence[Tensor], leaves: Sequence[Tensor]) -> None:
    """An output that shares its input's memory is legal, and worth knowing."""
    if isinstance(flight.subject, GradientOf):
        return
    for k, i in enumerate(flight.outputs):
        for argument, leaf in zip(flight.subject.arguments, leaves, strict=True):
            if np.may_share_memory(ys[i].data, leaf.data):
                flight.notes.append(
                    f"{flight.labels[k]} is a view of the memory of {argument.label}"
                )


def gradients(
    flight: Flight,
    seeds: Sequence[tuple[int, Array]],
    values: Sequence[Array],
) -> list[Array]:
    """What the backward pass returns: per argument an array (rows, size), one row per seed.

    Between the forward and the backward pass f is called at other values: a backward pass that
    reads what "the last call" left behind then gives itself away.

    Args:
        flight: the result of `preflight`.
        seeds: (which of the checked outputs, dL/d(it)).
        values: the arguments' values.

    Raises:
        Fault: backward raised, broke a rule, or gave two answers.
    """
    subject = flight.subject
    _decoy(flight, values)
    leaves = [wrap(v.copy(order="K"), Leaf()) for v in values]
    constants = [c.copy() for c in subject.constants()]
    ys = subject.call(leaves)
    found = [np.zeros((len(seeds), leaf.size)) for leaf in leaves]
    for row, (k, seed) in enumerate(seeds):
        if ys[flight.outputs[k]].node is None:
            continue
        _pull(flight, ys[flight.outputs[k]], leaves, seed, [into[row] for into in found])
        if row == 0:
            again = [np.zeros(leaf.size) for leaf in leaves]
            for name, reason in (("not-repeatable", TWICE), ("stale-cache", STALE)):
                _pull(flight, ys[flight.outputs[k]], leaves, seed, again)
                for argument, into, other in zip(subject.arguments, found, again, strict=True):
                    if not np.array_equal(into[0], other, equal_nan=True):
                        raise Fault(reason.format(argument.label), argument.label, name)
                _decoy(flight, values)
    if [leaf for leaf, v in zip(leaves, values, strict=True) if not same_bits(leaf.data, v)]:
        check_unwritten(subject, leaves, constants, "the backward pass")
    return found


TWICE = "backward, run twice on one graph, gave two gradients of {}: it changes something it reads"
STALE = (
    "the gradient of {} changed when f was called with other inputs between its forward and its "
    "backward pass: backward uses what the last call left behind (a stale cache). Keep what "
    "backward needs in the node of that call"
)


def _pull(
    flight: Flight, y: Tensor, leaves: Sequence[Tensor], seed: Array, into: Sequence[Array]
) -> None:
    """One backward pass into flat arrays, with its rules checked."""
    upstream = np.array(seed, y.dtype)
    try:
        grads = grad([y], list(leaves), [upstream], retain_graph=True)
    except MisshapenGradientError as error:
        raise Fault(str(error), error.label) from error
    except BackwardFailedError as error:
        raise Fault(str(error)) from error
    except Error as error:
        pairs = zip(flight.subject.arguments, leaves, strict=True)
        guilty = [a.label for a, leaf in pairs if misshapen(error, leaf) is not None]
        label = guilty[0] if guilty else None
        reason = f"the backward pass raised {type(error).__name__}: {error}"
        raise Fault(reason, label) from error
    except Exception as error:
        raise Fault(str(BackwardFailedError(error))) from error
    if not np.array_equal(upstream, seed.astype(y.dtype)):
        raise Fault(
            "the backward pass wrote into its upstream gradient, which other branches of the graph "
            "may share; compute a new array",
            None,
            "upstream-overwritten",
        )
    for argument, g, flat in zip(flight.subject.arguments, grads, into, strict=True):
        if g.shape != argument.value.shape:
            raise Fault(
                f"the gradient of {argument.label} has shape {g.shape}, but {argument.label} has "
                f"{argument.value.shape}",
                argument.label,
            )
        flat[:] = g.data.reshape(-1)


def _decoy(flight: Flight, values: Sequence[Array]) -> None:
    """Call f, recording, at slightly different values, and forget the result."""
    moved = []
    random = np.random.default_rng(1)  # the same shift in every call: only one thing may vary
    for v in values:
        shift = laid_out_like(v, 0.01 * random.standard_normal(v.shape))
        moved.append(np.asarray(v * (1.0 + shift) if np.any(v) else v + shift))
    flight.evaluations += 1
    try:
        flight.subject.call([wrap(v, Leaf()) for v in moved])
    except (Error, ArithmeticError, ValueError):  # outside f's domain: then without a decoy
        return
