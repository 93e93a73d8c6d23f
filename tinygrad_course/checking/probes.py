"""Where to look in the input: every element when there are few, else directions chosen to see.

A random direction of signs moves all elements at once, so one wrong element shows with its full
error whatever the size of the tensor; float64 resolves it. Slices at the borders and the elements
with the largest gradient are tried besides. Read next: `examine.py`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

Array = Any

EVERY_ELEMENT = 64
"""The size up to which every element of an input is moved by itself."""
DIRECTIONS = 3
ELEMENTS = 3


class Probe(NamedTuple):
    """One line through an input.

    Attributes:
        label: what it is, for the report.
        places: flat positions of the elements that move; None for all.
        signs: their signs; None for a single element.
    """

    label: str
    places: Array | None
    signs: Array | None


def probes(x: Array, analytic: Array, random: np.random.Generator) -> Iterator[Probe]:
    """The lines to try.

    Args:
        x: the input.
        analytic: what backward returned, (rows, x.size).
        random: draws signs and places.
    """
    if x.size <= EVERY_ELEMENT:
        yield from (Probe("element", np.array([j]), None) for j in range(x.size))
        return
    strongest = np.argsort(-np.nan_to_num(abs(analytic), nan=np.inf).max(axis=0))[:ELEMENTS]
    others = random.choice(x.size, ELEMENTS, replace=False)
    for j in itertools.chain(strongest, others):
        yield Probe("element", np.array([j]), None)
    for number in range(DIRECTIONS):
        yield Probe(f"random direction {number + 1}", None, random_signs(random, x.size))
    places = np.arange(x.size).reshape(x.shape)
    for axis, length in enumerate(x.shape):
        if length > 1:
            for end, name in ((0, "first"), (length - 1, "last")):
                inside = np.take(places, end, axis).reshape(-1)
                label = f"the {name} slice of axis {axis}"
                yield Probe(label, inside, random_signs(random, inside.size))


def random_signs(random: np.random.Generator, count: int) -> Array:
    """`count` times 1.0 or -1.0."""
    return random.integers(0, 2, count) * 2.0 - 1.0


def direction(probe: Probe, scale: Array) -> Array:
    """The vector along which the input moves, in the input's shape."""
    d = np.zeros(scale.size)
    signs = 1.0 if probe.signs is None else probe.signs
    flat = scale.reshape(-1)
    if probe.places is None:
        d[:] = flat * signs
    else:
        d[probe.places] = flat[probe.places] * signs
    return d.reshape(scale.shape)
