"""The bank itself: all operations, found by name or recognised by what they compute.

A name alone proves nothing: an operation is only taken for the user's if its forward gives the
user's output. Read next: `generic.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from ...errors import ArgumentError, nearest
from .families import FAMILIES
from .operation import Mutant, Operation, Values, lines, run

Array = Any

OPERATIONS: tuple[Operation, ...] = tuple([op for family in FAMILIES for op in family])
UNFIT = (ValueError, TypeError, IndexError, KeyError, NameError, AttributeError, ZeroDivisionError)
"""What a forward raises that is given what it was not made for."""
_BY_NAME = {name: op for op in OPERATIONS for name in (op.name, *op.words)}


class Known(NamedTuple):
    """An operation recognised in a call.

    Attributes:
        operation: which.
        inputs: the call's inputs under the operation's own names, defaults filled in.
        names: the call's name of each of the operation's inputs.
        layout: how the call's arrays are transposed to the operation's.
    """

    operation: Operation
    inputs: Values
    names: dict[str, str]
    layout: Mapping[str, tuple[int, ...]]

    def upstream(self, dy: Array) -> Array:
        """The call's upstream gradient in the operation's layout."""
        return _turned(np.asarray(dy, np.float64), self.layout.get("y"))

    def gradient(self, name: str, dy: Array, mutant: Mutant | None = None) -> Array:
        """The gradient of one of the operation's inputs, in the call's layout.

        Args:
            name: the operation's name of the input.
            dy: the call's upstream gradient.
            mutant: whose line to take instead.
        """
        gradient = self.operation.gradients(self.inputs, self.upstream(dy), mutant)[name]
        return self.turned_back(name, gradient)

    def turned_back(self, name: str, gradient: Array) -> Array:
        """A gradient of the operation's input `name` in the call's layout."""
        axes = self.layout.get(name)
        if axes is None or gradient.ndim != len(axes):
            return gradient
        return gradient.transpose(np.argsort(axes))


def _turned(value: Any, axes: tuple[int, ...] | None) -> Any:
    return value if axes is None else np.transpose(value, axes)


def operation(name: str) -> Operation:
    """An operation of the bank.

    Args:
        name: its name, or another word for it.

    Raises:
        ArgumentError: the bank does not hold it.

    Example:
        >>> operation("linear").name
        'dense'
    """
    if name not in _BY_NAME:
        raise ArgumentError(
            f"mutants: expected an operation of the bank, but it is {name!r}; "
            f"{nearest(name, _BY_NAME)}"
        )
    return _BY_NAME[name]


def identify(op: str | None, inputs: Mapping[str, Any], output: Array) -> list[Known]:
    """The operations of the bank that give this output for these inputs.

    Args:
        op: the operation's name, where it is known; its namesake is tried first.
        inputs: the inputs of the call, by the caller's names, in the order of the call.
        output: what came out.

    Returns:
        Those that fit; most often one, none for an operation the bank does not hold.

    Example:
        >>> x = np.ones((2, 3))
        >>> [known.operation.name for known in identify(None, {"z": x}, np.tanh(x))]
        ['tanh']
    """
    first = _BY_NAME.get(_plain(op)) if op else None
    others = [o for o in OPERATIONS if o is not first]
    for candidates in ([first] if first else [], others):
        found = [k for o in candidates if (k := _fitted(o, inputs, output)) is not None]
        if found:
            return found
    return []


def _plain(name: str) -> str:
    """A user's name of an operation without the words that say nothing: "my_relu_forward"."""
    words = name.replace("-", "_").lower().split("_")
    return "_".join([w for w in words if w not in {"my", "forward", "backward", "naive", "layer"}])


def _fitted(op: Operation, inputs: Mapping[str, Any], output: Array) -> Known | None:
    """The operation with the call's inputs under its own names, if it gives the call's output."""
    for pairing in (_by_name(op, inputs), _by_position(op, inputs)):
        for layout in ({}, *op.layouts) if pairing is not None else ():
            given = {own: inputs[theirs] for own, theirs in (pairing or {}).items()}
            missing = [name for name in op.choices if given.get(name) is None]
            for chosen in product(*[op.choices[name] for name in missing]):
                try:
                    with np.errstate(all="ignore"):
                        turned = {n: _turned(v, layout.get(n)) for n, v in given.items()}
                        turned |= dict(zip(missing, chosen, strict=True))
                        expected = _turned(np.asarray(output), layout.get("y"))
                        values = _filled(op, turned, expected)
                        y = op.output(values)
                except UNFIT:
                    continue
                if _same(y, expected):
                    return Known(op, values, pairing or {}, layout)
    return None


def _by_name(op: Operation, inputs: Mapping[str, Any]) -> dict[str, str] | None:
    """The pairing of inputs that carry the operation's own names."""
    lowered = _lowered(inputs)
    pairing = {name: lowered[name] for name in op.arguments if name in lowered}
    optional = {name for name, _ in lines(op.defaults)}
    return pairing if pairing.keys() | optional >= set(op.arguments) else None


SYNONYMS = {"pad": "padding", "kernel_size": "size", "pool_size": "size", "epsilon": "eps"}


def _lowered(inputs: Mapping[str, Any]) -> dict[str, str]:
    """The bank's spelling of a name -> the caller's."""
    lower = {name.lower(): name for name in inputs}
    return {**{SYNONYMS[n]: name for n, name in lower.items() if n in SYNONYMS}, **lower}


def _by_position(op: Operation, inputs: Mapping[str, Any]) -> dict[str, str] | None:
    """The pairing by order, and by name for what the operation knows."""
    lowered = _lowered(inputs)
    optional = {name for name, _ in lines(op.defaults)}
    named = {own: lowered[own] for own in op.arguments if own in lowered and own in optional}
    rest = [name for name in inputs if name not in named.values()]
    places = [own for own in op.arguments if own not in named]
    if len(rest) > len(places) or not set(places[len(rest) :]) <= optional:
        return None
    return {**dict(zip(places, rest, strict=False)), **named}


def _filled(op: Operation, values: Values, output: Array) -> Values:
    """The values with defaults for the arguments left out."""
    values = {k: v for k, v in values.items() if v is not None}
    missing = [f"{n} = {e}" for n, e in lines(op.defaults) if n not in values]
    known = run("\n".join(missing), {**values, "y": output}) if missing else values
    return {name: known[name] for name in op.arguments}


def _same(y: Array, output: Array) -> bool:
    output = np.asarray(output)
    if y.shape != output.shape or not np.isfinite(output).all():
        return False
    single = output.dtype.kind == "f" and output.dtype.itemsize < 8
    size = float(abs(output).max(initial=0.0))
    return bool(abs(y - output).max(initial=0.0) <= (1e-3 if single else 1e-9) * max(size, 1e-9))
