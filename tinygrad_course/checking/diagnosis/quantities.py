"""Numbers that slip into gradients, by name: plain constants, lengths, counts, the call's numbers.

Read next: `factor.py`, which finds them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .evidence import Evidence

Array = Any
Quantity = Callable[[Evidence], float]

LN2, LN10 = float(np.log(2.0)), float(np.log(10.0))
CONSTANTS: dict[str, tuple[float, str]] = {
    "-1": (-1.0, "the sign is flipped"),
    "2": (2.0, "a 2 too many, or the gradient is accumulated twice"),
    "1/2": (0.5, "a 2 is missing: the derivative of a square is 2x"),
    "-2": (-2.0, "the sign is flipped, and a 2 is too many"),
    "-1/2": (-0.5, "the sign is flipped, and a 2 is missing"),
    "3": (3.0, "it is accumulated three times, or a power's exponent enters once too often"),
    "1/3": (1.0 / 3.0, "a 3 is missing"),
    "4": (4.0, "a 2 enters twice, on both ways"),
    "1/4": (0.25, "a 2 is missing twice"),
    "2/3": (2.0 / 3.0, "2 stands where 3 belongs"),
    "3/2": (1.5, "3 stands where 2 belongs"),
    "3/4": (0.75, "3 stands where 4 belongs"),
    "4/3": (4.0 / 3.0, "4 stands where 3 belongs"),
    "1/ln 2": (1.0 / LN2, "that is the slope of log2, 1 / (x ln 2), where ln is meant"),
    "ln 2": (LN2, "the 1 / ln 2 of the slope of log2 is missing"),
    "1/ln 10": (1.0 / LN10, "that is the slope of log10, 1 / (x ln 10), where ln is meant"),
    "ln 10": (LN10, "the 1 / ln 10 of the slope of log10 is missing"),
}


def value_of(quantity: Quantity, evidence: Evidence) -> float | None:
    """The number in a probe; None where it has none there, or it is zero."""
    try:
        with np.errstate(all="ignore"):
            value = float(quantity(evidence))
    except (ValueError, TypeError, IndexError, KeyError, ZeroDivisionError):
        return None
    return value if np.isfinite(value) and value != 0.0 else None


def quantities(evidence: Evidence) -> Iterator[tuple[str, Quantity, str]]:
    """Numbers that slip into gradients: (name, the number in a probe, what it is)."""
    for name, (value, words) in CONSTANTS.items():
        yield name, lambda _, v=value: v, words  # type: ignore[misc]
    for name, size, words in _different_sizes(evidence):
        yield f"1/{name}", lambda e, q=size: 1.0 / q(e), f"divided by {words}, once too often"  # type: ignore[misc]
        yield name, lambda e, q=size: q(e), f"{words}, by which nobody divided"  # type: ignore[misc]
        yield f"2/{name}", lambda e, q=size: 2.0 / q(e), f"2 over {words}"  # type: ignore[misc]
        yield f"{name}/2", lambda e, q=size: q(e) / 2.0, f"half of {words}"  # type: ignore[misc]
        yield f"-1/{name}", lambda e, q=size: -1.0 / q(e), f"minus one over {words}"  # type: ignore[misc]
        yield f"-{name}", lambda e, q=size: -q(e), f"minus {words}"  # type: ignore[misc]
        yield f"sqrt({name})", lambda e, q=size: q(e) ** 0.5, f"the square root of {words}"  # type: ignore[misc]
        yield (
            f"1/sqrt({name})",
            lambda e, q=size: q(e) ** -0.5,  # type: ignore[misc]
            f"one over the square root of {words}",
        )
        yield f"{name}**2", lambda e, q=size: q(e) ** 2, f"the square of {words}"  # type: ignore[misc]
        yield f"1/{name}**2", lambda e, q=size: q(e) ** -2, f"divided twice by {words}"  # type: ignore[misc]
        yield (
            f"{name}/({name} - 1)",
            lambda e, q=size: q(e) / (q(e) - 1.0),  # type: ignore[misc]
            f"{words}, over one less: biased and unbiased variance are mixed",
        )
        yield (
            f"({name} - 1)/{name}",
            lambda e, q=size: (q(e) - 1.0) / q(e),  # type: ignore[misc]
            f"one less than {words}, over it: biased and unbiased variance are mixed",
        )
    for name in evidence.numbers():
        yield from _of_number(name)


def _of_number(name: str) -> Iterator[tuple[str, Quantity, str]]:
    """What can be made of a number among the inputs: a rate, a slope, a probability."""

    def number(e: Evidence) -> float:
        return float(e.inputs[name])

    yield name, number, f"{name}, once too often"
    yield f"1/{name}", lambda e: 1.0 / number(e), f"{name} is missing, or it divides"
    yield f"1 - {name}", lambda e: 1.0 - number(e), f"1 - {name}, the keep probability"
    yield (
        f"1/(1 - {name})",
        lambda e: 1.0 / (1.0 - number(e)),
        f"divided by 1 - {name}, the keep probability, once too often",
    )
    yield f"2*{name}", lambda e: 2.0 * number(e), f"2 {name}"
    yield f"1/(2*{name})", lambda e: 0.5 / number(e), f"2 {name} is missing"
    yield f"{name}/(1 - {name})", lambda e: number(e) / (1.0 - number(e)), f"{name} for 1 - {name}"
    yield f"(1 - {name})/{name}", lambda e: (1.0 - number(e)) / number(e), f"1 - {name} for {name}"
    yield f"{name}**2", lambda e: number(e) ** 2, f"{name} squared"
    yield f"1/{name}**2", lambda e: number(e) ** -2, f"{name} is missing twice"


def _different_sizes(evidence: Evidence) -> Iterator[tuple[str, Quantity, str]]:
    """The sizes without those that are 1, or another one by another name.

    Two sizes are the same thing if they agree in all probes although these have different shapes.
    """
    known: list[list[float | None]] = []
    for name, size, words in _sizes(evidence):
        values = [value_of(size, e) for e in evidence.all()]
        if values[0] in {None, 1.0} or (values in known and len(set(values)) > 1):
            continue
        known.append(values)
        yield name, size, words


def _sizes(evidence: Evidence) -> Iterator[tuple[str, Quantity, str]]:
    """The lengths and counts of a call."""
    yield "N", lambda e: e.batch, f"the batch size ({evidence.batch})"
    if np.ndim(evidence.output) == 4:
        yield "output pixels", _output_pixels, "the number of pixels of the output"
    if evidence.right.ndim == 4:
        yield "pixels", _pixels, "the number of pixels"
    yield "window", _window, "the number of elements of the window"
    if np.ndim(evidence.output):
        yield "classes", lambda e: e.output.shape[-1], "the length of the output's last axis"
    else:
        yield "classes", _classes, "the number of classes"
    yield "elements", lambda e: e.right.size, f"the number of elements of {evidence.input}"
    yield "outputs", lambda e: e.output.size, "the number of outputs"
    if np.size(evidence.output) and evidence.right.size != np.size(evidence.output):
        yield (
            "elements per output",
            lambda e: e.right.size / np.size(e.output),
            f"the number of elements of {evidence.input} that enter one output",
        )
    if np.ndim(evidence.output) == 0 and evidence.right.ndim > 1:
        yield "N/classes", lambda e: e.batch / _classes(e), "the batch size over the classes"
    yield "rows", _rows, "the number of rows (samples times pixels)"
    for axis in range(evidence.right.ndim):
        yield (
            f"length of axis {axis}",
            lambda e, k=axis: e.right.shape[k],  # type: ignore[misc]
            f"the length of axis {axis} of {evidence.input}",
        )


def _output_pixels(e: Evidence) -> float:
    return float(e.output.shape[1] * e.output.shape[2])


def _pixels(e: Evidence) -> float:
    return float(e.right.shape[1] * e.right.shape[2])


def _rows(e: Evidence) -> float:
    return float(e.right.size / e.right.shape[-1])


def _classes(e: Evidence) -> float:
    lengths = [v.shape[-1] for v in e.arrays().values() if v.ndim]
    return float(lengths[0])


def _window(e: Evidence) -> float:
    """size x size of a pooling, KH x KW of a kernel."""
    if "size" in e.inputs:
        size = e.inputs["size"]
        return float(np.prod(size)) if np.ndim(size) else float(size) ** 2
    kernels = [v.shape for v in list(e.arrays().values())[1:-1] if v.ndim == 4]
    return float(kernels[0][0] * kernels[0][1])
