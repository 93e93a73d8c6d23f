"""Mistakes that the backward pass of any operation can have: what makes a right gradient wrong.

Each takes a call with its right gradients and spoils one of them; None says that it cannot be made
there. They are what the self-test plants; the rules of `diagnosis/` have to name them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .operation import Operation, Values

Array = Any


class Call(NamedTuple):
    """One call of an operation with its right gradients.

    Attributes:
        operation: which.
        inputs: by name.
        dy: the upstream gradient.
        name: the input whose gradient is to be spoilt.
        right: its right gradient.
        previous: its right gradient in the call before, of the same shapes.
        gradients: those of all inputs.
    """

    operation: Operation
    inputs: Values
    dy: Array
    name: str
    right: Array
    previous: Array
    gradients: Mapping[str, Array]

    @property
    def batch(self) -> int:
        """The length of the first axis."""
        shape = next(s for v in (self.dy, *self.inputs.values()) if (s := np.shape(v)))
        return int(shape[0])


@dataclass(frozen=True)
class Blunder:
    """A mistake of any operation.

    Attributes:
        name: what is done.
        names: diagnoses that are true of it.
        spoil: the wrong gradient of a call, or None.
        square: whether it needs axes of equal length.
    """

    name: str
    names: tuple[str, ...]
    spoil: Callable[[Call], Array | None]
    square: bool = False


def _doubled(part: tuple[Any, ...], factor: float) -> Callable[[Call], Array | None]:
    """Multiply a part of the gradient, in arrays that have more than that part."""

    def spoil(call: Call) -> Array | None:
        if call.right.ndim < len(part) or call.right.size < 4 or min(call.right.shape) < 2:
            return None
        out = call.right.copy()
        out[part] *= factor
        return out

    return spoil


def _border(call: Call) -> Array | None:
    if call.right.ndim != 4 or call.name not in {"x", "images"}:
        return None
    out = np.zeros_like(call.right)
    out[:, 1:-1, 1:-1] = call.right[:, 1:-1, 1:-1]
    return out


def _transposed(call: Call) -> Array | None:
    shape = call.right.shape
    if len(shape) < 2 or shape[0] != shape[1]:
        return None
    return call.right.swapaxes(0, 1)


def _reordered(call: Call) -> Array | None:
    if call.right.ndim < 2 or min(call.right.shape) < 2:
        return None
    return call.right.T.reshape(call.right.shape)


def _channel_scale(call: Call) -> Array | None:
    if call.right.ndim < 2 or call.right.shape[-1] < 2:
        return None
    return call.right * np.linspace(0.6, 1.9, call.right.shape[-1])


def _ignoring(call: Call) -> Array | None:
    return call.operation.gradients(call.inputs, np.ones_like(call.dy))[call.name]


def _upstream_twice(call: Call) -> Array | None:
    return call.operation.gradients(call.inputs, call.dy * call.dy)[call.name]


def _plus_input(call: Call) -> Array | None:
    return call.right + call.inputs[call.name]


def _bfloat16(x: Array) -> Array:
    """Rounded to 8 significant bits."""
    bits = np.asarray(x, np.float32).view(np.uint32)
    kept = (bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
    return kept.astype(np.uint32).view(np.float32).astype(np.float64)


def _extra_sum(call: Call) -> Array | None:
    return call.right.sum(axis=0) if call.right.ndim > 1 and len(call.right) > 1 else None


def _along(axis: int, change: Callable[[Array, int], Array]) -> Callable[[Call], Array | None]:
    def spoil(call: Call) -> Array | None:
        if call.right.ndim == 0 or call.right.shape[axis] < 2:
            return None
        return change(call.right, axis)

    return spoil


def _pixels(call: Call) -> Array | None:
    shape = call.dy.shape if call.dy.ndim == 4 else call.right.shape
    return call.right / (shape[1] * shape[2]) if len(shape) == 4 else None


GENERIC: tuple[Blunder, ...] = (
    Blunder("twice", ("factor:2",), lambda call: 2.0 * call.right),
    Blunder("half", ("factor:1/2",), lambda call: 0.5 * call.right),
    Blunder("sign", ("factor:-1",), lambda call: -call.right),
    Blunder("over the batch", ("factor:1/N",), lambda call: call.right / call.batch),
    Blunder("times the batch", ("factor:N",), lambda call: call.right * call.batch),
    Blunder("over the pixels", ("factor:1/pixels", "factor:1/output pixels"), _pixels),
    Blunder("some factor", ("factor:0.37",), lambda call: 0.37 * call.right),
    Blunder("transposed", ("transposed",), _transposed, square=True),
    Blunder("reordered", ("reordered",), _reordered),
    Blunder("flipped first axis", ("flipped:axis0",), _along(0, np.flip)),
    Blunder("flipped last axis", ("flipped:axis-1",), _along(-1, np.flip)),
    Blunder("shifted", ("shifted:axis0",), _along(0, lambda g, axis: np.roll(g, 1, axis))),
    Blunder("channel scale", ("slice-factor:axis-1",), _channel_scale),
    Blunder("last row dropped", ("zero:last of axis 0",), _doubled((-1,), 0.0)),
    Blunder("first row dropped", ("zero:first of axis 0",), _doubled((0,), 0.0)),
    Blunder("last channel dropped", ("zero:last of axis -1",), _doubled((..., -1), 0.0)),
    Blunder("border dropped", ("zero:border",), _border),
    Blunder("last row doubled", ("doubled:last of axis 0",), _doubled((-1,), 2.0)),
    Blunder("first channel negated", ("negated:first of axis -1",), _doubled((..., 0), -1.0)),
    Blunder("stale", ("stale",), lambda call: call.previous),
    Blunder("accumulated", ("accumulated",), lambda call: call.right + call.previous),
    Blunder("upstream ignored", ("ignores-upstream",), _ignoring),
    Blunder("upstream twice", ("upstream-twice",), _upstream_twice),
    Blunder("detached", ("zero:all",), lambda call: np.zeros_like(call.right)),
    Blunder("plus the input", ("extra-term:own",), _plus_input),
    Blunder("plus a constant", ("extra-term:constant",), lambda call: call.right + 0.7),
    Blunder("absolute value", ("absolute",), lambda call: abs(call.right)),
    Blunder("float16", ("rounding:float16",), lambda call: _float16(call.right)),
    Blunder("bfloat16", ("rounding:bfloat16",), lambda call: _bfloat16(call.right)),
    Blunder("summed once more", ("extra-sum:axis0",), _extra_sum),
)


def _float16(x: Array) -> Array:
    return np.asarray(x, np.float16).astype(np.float64)
