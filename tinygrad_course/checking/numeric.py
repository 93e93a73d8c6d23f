"""Derivatives from values alone, each with an error bar: extrapolated differences along a line.

A difference quotient errs twice: by the terms of Taylor's series it drops (large steps) and by the
rounding of f's values (small steps). Richardson's extrapolation removes the first term by term;
Ridders' idea is to read the error from the table itself. Steps are powers of two of the input's own
scale, so that x + h is exact. Read next: `settle.py`, which decides with these numbers.

References:
    Richardson, "The approximate arithmetical solution by finite differences", Phil. Trans. 1911;
    Ridders, "Accurate computation of F'(x) and F'(x) F''(x)", Advances in Engineering Software 1982;
    Moré, Wild, "Estimating derivatives of noisy simulations", ACM TOMS 2012, for the noise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

Array = Any

EPS = float(np.finfo(np.float64).eps)
FIRST = -4
"""log2 of the first step, as a fraction of the input's scale."""
ONE_SIDED = -20
"""log2 of the first one-sided step: small, so that only a kink at the point itself is seen."""


class Line:
    """f along x + t d: a function of one number, with the vector of f's outputs as its value."""

    def __init__(
        self,
        evaluate: Callable[[Sequence[Array]], Array],
        values: Sequence[Array],
        which: int,
        direction: Array,
        here: Array,
    ) -> None:
        self._evaluate = evaluate
        self._values = list(values)
        self._which = which
        self._x = values[which]
        self._direction = direction
        self.here = here

    def __call__(self, t: float) -> Array:
        self._values[self._which] = np.asarray(self._x + t * self._direction)
        return self._evaluate(self._values)


class Projection(Protocol):
    """What is looked at of f's outputs: all of them, or a few weighted sums (`probes.Rows`)."""

    def project(self, y: Array) -> Array:
        """The values looked at."""

    def size(self, y: Array) -> Array:
        """A bound of their magnitude, given the magnitude of each output."""


class Slope(NamedTuple):
    """A derivative with its error bar, per output.

    Attributes:
        value: the derivative.
        truncation: what the extrapolation says of its own error.
        rounding: what rounding of f's values to float64 can do to it.
        jump: an estimate of right slope minus left slope; about 0 where f is smooth.
    """

    value: Array
    truncation: Array
    rounding: Array
    jump: Array = 0.0


def extrapolate(quotients: Sequence[Array], first: int, step: int) -> tuple[Array, Array]:
    """Richardson's table of quotients at steps h, h/2, h/4, ..., and Ridders' choice in it.

    Args:
        quotients: one array per step.
        first: the power of h in the leading error term.
        step: by how much the power rises from term to term (2 for central differences).

    Returns:
        The entry with the smallest estimated error, and that estimate (inf where nothing is finite).

    Example:
        >>> import numpy as np
        >>> steps = [0.1, 0.05, 0.025]
        >>> quotients = [np.array((np.exp(h) - np.exp(-h)) / (2 * h)) for h in steps]
        >>> value, error = extrapolate(quotients, 2, 2)
        >>> bool(abs(value - 1.0) < 1e-11), bool(error < 1e-6)
        (True, True)
    """
    best = np.asarray(quotients[0])
    error = np.full(best.shape, np.inf)
    above = [best]
    for q in quotients[1:]:
        row = [np.asarray(q)]
        for j in range(len(above)):
            weight = 2.0 ** (first + step * j) - 1.0
            row.append(row[j] + (row[j] - above[j]) / weight)
            estimate = np.maximum(abs(row[j + 1] - row[j]), abs(row[j + 1] - above[j]))
            better = estimate < error
            best = np.where(better, row[j + 1], best)
            error = np.where(better, estimate, error)
        above = row
    return best, error


def central(
    line: Line, exponent: int, levels: int, rows: Projection
) -> Slope:
    """The derivative at t = 0 from both sides, starting with the step 2^exponent."""
    quotients, bends = [], []
    size: Any = 0.0
    for level in range(levels):
        t = 2.0 ** (exponent - level)
        up, down = line(t), line(-t)
        bends.append((up + down - 2.0 * line.here) / t)
        quotients.append(rows.project((up - down) / (2.0 * t)))
        size = np.maximum(np.maximum(abs(up), abs(down)), size)
    value, truncation = extrapolate(quotients, 2, 2)
    jump = rows.project(2.0 * bends[-1] - bends[-2])
    return Slope(value, truncation, rows.size(size) * (EPS / t), jump)


def one_sided(line: Line, side: int, exponent: int = ONE_SIDED, levels: int = 4) -> Slope:
    """The derivative from the right (side 1) or from the left (-1), per output, not projected."""
    here = line.here
    quotients = []
    for level in range(levels):
        t = side * 2.0 ** (exponent - level)
        quotients.append((line(t) - here) / t)
    value, truncation = extrapolate(quotients, 1, 1)
    return Slope(value, truncation, abs(here) * EPS / abs(t) * 4.0)


def noise_level(line: Line, spacing: float = 2.0**-30) -> Array:
    """How much f's values jitter, per output: from differences of high order over tiny steps.

    Differences of order 3 and more of a smooth function over steps of 1e-9 are nothing but noise;
    each is divided by the factor by which differencing amplifies independent noise.
    """
    differences = np.stack([line(k * spacing) for k in range(-3, 4)])
    level = np.zeros(differences.shape[1:])
    gamma = 1.0
    for order in range(1, 6):
        differences = differences[1:] - differences[:-1]
        gamma *= order / (2.0 * (2.0 * order - 1.0))
        if order >= 3:
            level = np.maximum(level, np.sqrt(gamma * np.mean(differences**2, axis=0)))
    return level
