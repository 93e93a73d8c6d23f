"""One constant factor, with its likely name: the batch size, the pixels, 2, -1, a keep probability.

Read next: `ratio.py`, factors that are not constant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .evidence import Evidence
from .guess import Guess, fits, multiple, nearest_multiple
from .quantities import quantities, value_of

Array = Any


def factors(evidence: Evidence) -> Iterator[Guess]:
    """A factor by its names; without a name as a number, or as one that depends on the inputs."""
    named = [g for g in named_factors(evidence, lambda e: e.right) if fits(g, evidence)]
    yield from named
    first = None if named else multiple(evidence.found, evidence.right)
    if first is None or evidence.right.size < 2 or not first.any():
        return
    value = float(first.ravel()[0])
    grad = f"d{evidence.input}"
    yield Guess(
        f"factor:{value:.6g}",
        lambda e: value * e.right,
        f"{grad} is exactly {value:.7g} times the right gradient, in all elements and probes.",
        f"A constant factor {value:.7g} is too many: which number of your code is that?",
        found=f"{grad} = {value:.7g} * (right {grad})",
    )


def varying_factor(evidence: Evidence) -> Iterator[Guess]:
    """The right direction with a wrong length, and the factor another one in each probe."""
    first = multiple(evidence.found, evidence.right)
    if first is None or evidence.right.size < 2 or not first.any():
        return
    value = float(first.ravel()[0])
    grad = f"d{evidence.input}"
    yield Guess(
        "factor:varying",
        lambda e: nearest_multiple(e.found, e.right),
        f"{grad} points in the right direction, but its length is wrong, by {value:.6g} here and "
        "by another factor in other probes.",
        "One scalar that depends on the inputs is too many, or is missing.",
        found=f"{grad} = (a scalar) * (right {grad})",
    )


def named_factors(
    evidence: Evidence, base: Callable[[Evidence], Any], prefix: str = "", told: str = ""
) -> Iterator[Guess]:
    """Guesses that the found gradient is `base` times a number with a name.

    Args:
        evidence: the wrong gradient.
        base: what is multiplied; the right gradient, or what another mistake makes of it.
        prefix: the name of that other mistake, with a plus behind it.
        told: the same as a sentence.
    """
    try:
        measured = multiple(evidence.found, base(evidence))
    except (ValueError, TypeError, IndexError, KeyError):
        return
    if measured is None:
        return
    value = float(np.mean(measured))
    grad = f"d{evidence.input}"
    told_already: list[list[float | None]] = []
    for name, quantity, words in quantities(evidence):
        here = value_of(quantity, evidence)
        if here is None or abs(here - 1.0) < 1e-9 or abs(here - value) > 1e-3 * abs(value):
            continue
        everywhere = [value_of(quantity, e) for e in evidence.all()]
        if everywhere in told_already and len(set(everywhere)) > 1:
            continue  # the same number by another name
        told_already.append(everywhere)
        size = f"{abs(here):.7g} times too large" if abs(here) > 1.0 else ""
        size = size or f"{1.0 / abs(here):.7g} times too small"
        size = "the right one with its sign flipped" if here == -1.0 else size
        yield Guess(
            f"{prefix}factor:{name}",
            lambda e, q=quantity: _times(base(e), value_of(q, e)),  # type: ignore[misc]
            f"{told}{grad} is exactly {size}: {words}.",
            f"The factor is {name}: {words}.",
            right=f"{grad} = (your {grad}) / ({name})",
            found=f"{grad} = {name} * (right {grad})",
        )


def _times(base: Any, factor: float | None) -> Any:
    return None if base is None or factor is None else base * factor
