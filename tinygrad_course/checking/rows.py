"""What of f's outputs is looked at: each of them, or random weighted sums of them.

A row is an upstream gradient. For few outputs every output is a row of its own (the full Jacobian);
for many, two random rows per output tensor. The weights are never equal and never near zero: with
ones, a softmax or a normalised layer has no gradient at all, and errors in it would not show.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .preflight import Flight

Array = Any

MOST_ROWS = 64
FULL_JACOBIAN = 1024
"""How many entries a Jacobian may have to be compared in full."""


def weights(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Random weights between 0.5 and 1.5 in size, of either sign."""
    signs = random.integers(0, 2, shape) * 2.0 - 1.0
    return np.asarray(signs * random.uniform(0.5, 1.5, shape))


class Rows:
    """The upstream gradients of a check.

    Attributes:
        seeds: per row (which output, dL/d(it)).
        labels: a name for each row.
        full: whether every output has its own row.
        jitter: by how much rounding inside f shakes each output (`check.py` measures it).
        shared: the largest jitter among the outputs of the same tensor.
        dropped: how many output values are not finite, and looked at by no row.
    """

    def __init__(self, flight: Flight, largest: int, random: np.random.Generator) -> None:
        values = flight.values
        self._finite = np.isfinite(values)
        self.jitter = np.zeros(values.shape)
        self.shared = np.zeros(values.shape)
        self.dropped = int(values.size - self._finite.sum())
        self.full = values.size <= MOST_ROWS and values.size * largest <= FULL_JACOBIAN
        self._which: Array | None = None
        self._matrix: Array | None = None
        self.seeds: list[tuple[int, Array]] = []
        self.labels: list[str] = []
        bounds = np.cumsum([0, *[int(np.prod(s)) for s in flight.shapes]])
        vectors: list[Array] = []
        for k, shape in enumerate(flight.shapes):
            inside = np.arange(bounds[k], bounds[k + 1])
            if self.full:
                for place in inside[self._finite[inside]]:
                    vectors.append(np.eye(1, values.size, int(place))[0])
                    index = np.unravel_index(int(place - bounds[k]), shape)
                    self.labels.append(flight.labels[k] + index_text(index))
                    self._add(k, vectors[-1][inside], shape)
            elif inside.size:
                for _ in range(2):
                    vector = np.zeros(values.size)
                    vector[inside] = weights(random, inside.shape)
                    vectors.append(np.where(self._finite, vector, 0.0))
                    self.labels.append(f"a random weighted sum of {flight.labels[k]}")
                    self._add(k, vectors[-1][inside], shape)
        if self.full:
            self._which = np.flatnonzero(self._finite)
        else:
            self._matrix = np.stack(vectors) if vectors else np.zeros((0, values.size))

    def _add(self, k: int, seed: Array, shape: tuple[int, ...]) -> None:
        self.seeds.append((k, seed.reshape(shape)))

    def __len__(self) -> int:
        return len(self.seeds)

    def project(self, y: Array) -> Array:
        """(..., outputs) to (..., rows)."""
        if self._matrix is None:
            return y[..., self._which] if self.dropped else y
        return (
            np.where(self._finite, y, 0.0) @ self._matrix.T if self.dropped else y @ self._matrix.T
        )

    def size(self, y: Array) -> Array:
        """sum |weight| y: how large the projected values can be, for y >= 0."""
        if self._matrix is None:
            return self.project(y)
        return np.where(self._finite, y, 0.0) @ abs(self._matrix).T

    def hull(self, low: Array, high: Array) -> tuple[Array, Array]:
        """The bounds of the projected values when each output lies between its own bounds."""
        if self._matrix is None:
            return self.project(low), self.project(high)
        positive, negative = np.maximum(self._matrix, 0.0), np.minimum(self._matrix, 0.0)
        low, high = np.where(self._finite, low, 0.0), np.where(self._finite, high, 0.0)
        return low @ positive.T + high @ negative.T, high @ positive.T + low @ negative.T


def index_text(index: tuple[Any, ...]) -> str:
    """An index as it is written in code: "[1, 2]", nothing for a 0-d array."""
    return f"[{', '.join([str(int(i)) for i in index])}]" if index else ""
