"""A wrong gradient held whole: right and found, in full, on the inputs given and on three others.

The right gradient comes from f's values (`whole.py`), and stands beside what backward returned. One
set of inputs may look like several mistakes; four rarely do. Read next: `diagnosis/`, which names
the mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..errors import Error, ShapeError
from ..gradients import grad
from ..node import Leaf
from ..tensor import Tensor, wrap
from .foreign import MisshapenGradientError, misshapen
from .mutants import Known, identify
from .rows import weights
from .subject import Array, Subject
from .whole import Loss, whole_gradient

FURTHER = 3
"""So many other probes are looked at."""

Redraw = Callable[[np.random.Generator, int], Sequence[Any]]


class Shown(NamedTuple):
    """The gradients of all inputs at one place.

    Attributes:
        inputs: all inputs of f by name.
        output: f's output.
        upstream: dL/d(output).
        right: per argument its gradient from f's values; None where it cannot be had.
        found: per argument what backward returned, in the shape it was returned in.
        subject: what was called there.
        position: of the output among f's outputs.
    """

    inputs: dict[str, Any]
    output: Array
    upstream: Array
    right: dict[str, Array | None]
    found: dict[str, Array | None]
    subject: Subject
    position: int

    def loss(self, label: str) -> Loss:
        """L = <upstream, output> as a function of one argument."""
        which = [a.label for a in self.subject.arguments].index(label)
        return Loss(self.subject, which, self.position, self.upstream)

    def again(self) -> dict[str, Array]:
        """What forward and backward, run once more, return."""
        leaves = [wrap(a.value.copy(order="K"), Leaf()) for a in self.subject.arguments]
        y = self.subject.call(leaves)[self.position]
        found = grad([y], leaves, [self.upstream.copy()])
        labels = [a.label for a in self.subject.arguments]
        return {label: g.data for label, g in zip(labels, found, strict=True)}


def show(
    subject: Subject,
    labels: Sequence[str],
    wrong: Sequence[str],
    output: int,
    seed: int,
    op: str = "",
    options: Mapping[str, Any] | None = None,
) -> Shown | None:
    """Right and found gradients at the subject's inputs.

    Args:
        subject: what is checked, frozen.
        labels: the names of all its inputs.
        wrong: the arguments whose right gradient is to be computed from values.
        output: which output the upstream gradient flows into.
        seed: draws the upstream gradient.
        op: what the user calls the operation.
        options: its numbers beside the inputs: a stride, an eps.

    Returns:
        None where f cannot be evaluated, or its gradient takes too long.
    """
    values = [a.value for a in subject.arguments]
    try:
        y = subject.call([wrap(v, None) for v in values])[output].data
        subject.frozen.watch()
        upstream = weights(np.random.default_rng(seed), y.shape)
        found = _found(subject, output, upstream)
    except Exception:  # noqa: BLE001 - the user's code need not work on inputs that are not theirs
        return None
    held = {a.label: a.value for a in subject.arguments}
    inputs = {**dict(zip(labels, subject.inputs(), strict=True)), **held}
    known = identify(op or None, {**plain(inputs), **(options or {})}, y)
    right: dict[str, Array | None] = {}
    for i, argument in enumerate(subject.arguments):
        if argument.label in wrong:
            formulas = [partial(_of_the_bank, k, argument.label, upstream) for k in known]
            right[argument.label] = whole_gradient(Loss(subject, i, output, upstream), formulas)
        else:
            right[argument.label] = found.get(argument.label)
    return Shown(inputs, y, upstream, right, found, subject, output)


def _of_the_bank(known: Known, label: str, upstream: Array) -> Array | None:
    """The gradient that a recognised operation of the bank has with respect to this input."""
    own = next((own for own, theirs in known.names.items() if theirs == label), None)
    if own not in known.operation.checked:
        return None
    try:
        return known.gradient(own, upstream)
    except (ValueError, TypeError, IndexError):
        return None


def plain(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs by name; a dict of options among them gives its own names."""
    out: dict[str, Any] = {}
    for name, value in inputs.items():
        if isinstance(value, Mapping):
            out.update({k: v for k, v in value.items() if isinstance(v, (int, float, tuple))})
        else:
            out[name] = value
    return out


def _found(subject: Subject, output: int, upstream: Array) -> dict[str, Array | None]:
    leaves = [wrap(a.value.copy(order="K"), Leaf()) for a in subject.arguments]
    out: dict[str, Array | None] = {a.label: None for a in subject.arguments}
    y = subject.call(leaves)[output]
    if y.node is None:
        return out
    for argument, leaf in zip(subject.arguments, leaves, strict=True):
        out[argument.label] = _one(y, leaf, argument.label, upstream)
    return out


def _one(y: Tensor, leaf: Tensor, label: str, upstream: Array) -> Array | None:
    """One input's gradient as backward returns it, of whatever shape."""
    try:
        return grad([y], [leaf], [upstream.copy()], retain_graph=True)[0].data
    except MisshapenGradientError as error:
        return error.found.get(label)
    except ShapeError as error:
        return misshapen(error, leaf)
    except Error:
        return None
