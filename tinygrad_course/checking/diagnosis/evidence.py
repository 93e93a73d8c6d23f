"""What a diagnosis is made from, and what it says.

`Evidence` is one wrong gradient, small enough to hold whole, with the same call on further probes;
a `Diagnosis` names the mistake. Read next: `guess.py`, how a name is put to the test.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = Any


@dataclass(frozen=True)
class Evidence:
    """One wrong gradient, and what surrounds it.

    Attributes:
        op: the operation, e.g. "conv2d"; None where it is unknown.
        input: the name of the input whose gradient is wrong.
        inputs: all inputs of the call by name, numbers too (stride, eps), in the call's order.
        output: what forward returned.
        upstream: dL/dy.
        right: the true gradient.
        found: the user's.
        others: (right, found) of the other inputs.
        previous: the user's gradients of this input in earlier calls.
        repeats: the same call on further probes; a name must fit all of them.
        dtype: the dtype in which the user's code computed.
    """

    op: str | None
    input: str
    inputs: Mapping[str, Any]
    output: Array
    upstream: Array
    right: Array
    found: Array
    others: Mapping[str, tuple[Array, Array]]
    previous: tuple[Array, ...]
    repeats: tuple[Evidence, ...]
    dtype: str

    def all(self) -> Iterator[Evidence]:
        """This probe and its repeats."""
        yield self
        yield from self.repeats

    def arrays(self) -> dict[str, Array]:
        """The inputs that are arrays of floats, with the output as `y`."""
        named = {n: np.asarray(v) for n, v in self.inputs.items() if is_float_array(v)}
        return {**named, "y": np.asarray(self.output)}

    def numbers(self) -> dict[str, float]:
        """The inputs that are plain numbers."""
        plain = (int, float, np.integer, np.floating)
        return {
            n: float(v)
            for n, v in self.inputs.items()
            if isinstance(v, plain) and not isinstance(v, bool)
        }

    @property
    def batch(self) -> int:
        """The length of the output's first axis, or of the first array input's."""
        shapes = [np.shape(self.output), *[np.shape(v) for v in self.inputs.values()]]
        return next((int(s[0]) for s in shapes if s), 1)


def is_float_array(value: Any) -> bool:
    """Whether this is an array of floats, and no plain number.

    Example:
        >>> is_float_array(np.ones(3)), is_float_array(2.0)
        (True, False)
    """
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


@dataclass(frozen=True)
class Diagnosis:
    """A named mistake.

    Attributes:
        name: a stable id: "factor:N", "missing-sum:axis0", "mutant:batch_norm.no_mean_term".
        sentence: one sentence, with the numbers in it.
        hints: where; what; the formula.
        right_formula: as it should be, or "".
        found_formula: as it seems to be, or "".
        cause: where this mistake is met, for those of the bank.
        exact: whether the found gradient equals what this mistake makes, on all probes; if not,
            the mistake is only located.
    """

    name: str
    sentence: str
    hints: tuple[str, str, str]
    right_formula: str = ""
    found_formula: str = ""
    exact: bool = True
    cause: str = ""
