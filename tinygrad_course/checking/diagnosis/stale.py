"""What an earlier call left behind, and what never arrived: stale, accumulated, detached, swapped.

Read next: `factor.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .evidence import Evidence
from .guess import Guess, close, tolerance

Array = Any


def left_behind(evidence: Evidence) -> Iterator[Guess]:
    """The gradient of an earlier call, or this one's added to it."""
    if not any(e.previous for e in evidence.all()):
        return
    grad = f"d{evidence.input}"
    yield Guess(
        "stale",
        _stale,
        f"{grad} is the gradient of an earlier call: backward reads values that it kept then.",
        "Keep what backward needs anew in every forward, not in a global or on the class.",
        right=f"{grad} from the inputs of this call",
        found=f"{grad} of the call before",
    )
    yield Guess(
        "accumulated",
        _accumulated,
        f"{grad} is the right gradient plus that of an earlier call: nobody cleared it.",
        "Start from zeros in every backward pass (zero_grad), or assign instead of adding.",
        right=f"{grad} = (this call's gradient)",
        found=f"{grad} += (this call's gradient)",
    )


def _stale(e: Evidence) -> Array | None:
    if not e.previous:
        return e.found
    return next((p for p in e.previous if close(e.found, p, tolerance(e))), None)


def _accumulated(e: Evidence) -> Array | None:
    if not e.previous:
        return e.found
    sums = [e.right + p for p in e.previous if np.shape(p) == np.shape(e.right)]
    sums += [e.right + sum(e.previous)] if len(sums) == len(e.previous) else []
    return next((s for s in sums if close(e.found, s, tolerance(e))), None)


def nothing_arrived(evidence: Evidence) -> Iterator[Guess]:
    """Zeros everywhere, or another input's gradient."""
    grad = f"d{evidence.input}"
    yield Guess(
        "zero:all",
        lambda e: np.zeros_like(e.right),
        f"{grad} is zero everywhere: {evidence.input} is detached, or its gradient never assigned.",
        "Does a path lead from the output to this input, without .data, .copy() or np.* between?",
        found=f"{grad} = 0",
    )
    for other in evidence.others:
        if other == evidence.input:
            continue
        yield Guess(
            f"gradient-of:{other}",
            lambda e, o=other: e.others[o][0],  # type: ignore[misc]
            f"{grad} is the gradient of {other}: two results are swapped.",
            "Return the gradients in the order of forward's inputs.",
            found=f"{grad} = d{other}",
        )
