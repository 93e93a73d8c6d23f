"""Rules that a forward and backward pass may break before any number is compared, each by name.

`preflight.py` finds them, and says what happened; this says what to do about it.
"""

from __future__ import annotations

from collections.abc import Callable

from .diagnosis import Diagnosis


def _stale(label: str) -> Diagnosis:
    return Diagnosis(
        "stale-cache",
        f"The gradient of {label} is computed from what another call left behind: a stale cache.",
        (
            f"Look at what the gradient of {label} reads, and when that was written.",
            (
                "A variable that outlives the call (a global, a class attribute, a dict) is "
                "overwritten by the next forward, or never again after the first."
            ),
            (
                f"Return what backward needs with the output, as (out, cache), or pass {label}'s "
                "partners to backward: every call then reads its own values."
            ),
        ),
    )


def _unrepeatable(label: str) -> Diagnosis:
    return Diagnosis(
        "not-repeatable",
        f"Backward, called twice on one graph, gives two gradients of {label}: it changes "
        "something that it reads.",
        (
            f"Look for what the code of the gradient of {label} writes to.",
            (
                "Something that backward reads is changed by backward: an array in the cache, a "
                "counter, an accumulator that is never set to zero."
            ),
            f"Compute d{label} into a new array: = instead of +=, and a copy of what is cached.",
        ),
    )


def _input_overwritten(label: str) -> Diagnosis:
    return Diagnosis(
        "input-overwritten",
        f"The input {label} is written into: whoever passed it finds other values there.",
        (
            f"Look for a line that changes {label} itself.",
            f"x += ..., x[...] = ..., np.func(..., out=x) write into the caller's array {label}.",
            f"Work on a copy, {label} = {label}.copy(), or write {label} = {label} + ...",
        ),
    )


def _upstream_overwritten(label: str) -> Diagnosis:
    return Diagnosis(
        "upstream-overwritten",
        "Backward writes into the upstream gradient it was handed, which other branches share.",
        (
            f"Look at the first line of backward, before d{label}.",
            ("An array is not copied by a second name: dx = dout; dx[x <= 0] = 0 changes dout."),
            "dx = dout.copy() first, or one expression: dx = dout * (x > 0).",
        ),
    )


FAULTS: dict[str, Callable[[str], Diagnosis]] = {
    "stale-cache": _stale,
    "not-repeatable": _unrepeatable,
    "input-overwritten": _input_overwritten,
    "upstream-overwritten": _upstream_overwritten,
}
"""By name, for an input's label."""
