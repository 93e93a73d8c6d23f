"""Derivatives from values alone, each with an error bar: extrapolated differences along a line.

A difference quotient errs twice: by the terms of Taylor's series it drops (large steps) and by the
rounding of f's values (small steps). Richardson's extrapolation removes the first term by term;
Ridders' idea is to read the error from the table itself. Steps are powers of two of the input's own
scale, so that x + h is exact. Read next: `settle.py`, which decides with these numbers.

References:
    Richardson, "The approximate arithmetical solution by finite differences", Phil. Trans. 1911;
    Ridders, "Accurate computation of F'(x) and F'(x) F''(x)", Adv. Engineering Software 1982;
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
ONE_SIDED = (-20, -12, -4)
"""log2 of the first one-sided step: small, so that only a kink at the point itself is seen; larger
where rounding hides what small steps would show."""


def scale_of(x: Array) -> Array:
    """By how much each element may be moved: a power of two near its magnitude.

    An element much smaller than its neighbours (a zero, say) is moved on their scale; a tensor of
    zeros on a scale near 1.

    Example:
        >>> import numpy as np
        >>> scale_of(np.array([3.0, 0.0, 5.0])).tolist()
        [4.0, 0.25, 4.0]
    """
    magnitude = np.where(np.isfinite(x), abs(x), 0.0)
    nonzero = magnitude[magnitude > 0]
    typical = float(np.median(nonzero)) if nonzero.size else 1.0
    return np.asarray(np.exp2(np.round(np.log2(np.maximum(magnitude, typical / 16.0)))))


def laid_out_like(x: Array, values: Array) -> Array:
    """`values` in the memory layout of x, so that sums of the two keep it."""
    out = np.empty_like(x)
    out[...] = values
    return out


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
        self._direction = laid_out_like(self._x, direction)
        self.here = here

    def __call__(self, t: float) -> Array:
        self._values[self._which] = np.asarray(self._x + t * self._direction)
        return self._evaluate(self._values)


class Projection(Protocol):
    """What is looked at of f's outputs: all of them, or a few weighted sums (`probes.Rows`)."""

    jitter: Array
    """By how much rounding inside f shakes each output."""

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
        jump: an estimate of right slope minus left slope, about 0 where f is smooth (for one-sided
            slopes: the quotient of the first step, without extrapolation).
    """

    value: Array
    truncation: Array
    rounding: Array
    jump: Array = 0.0


def extrapolate(quotients: Sequence[Array], first: int, step: int) -> tuple[Array, Array]:
    """The end of Richardson's table of quotients at steps h, h/2, h/4, ..., and its error.

    The error is Ridders' estimate, the differences to the entry's neighbours in the table. (His
    choice of the best entry is not made: where rounding dominates, the best is the luckiest.)

    Args:
        quotients: one array per step.
        first: the power of h in the leading error term.
        step: by how much the power rises from term to term (2 for central differences).

    Returns:
        The last entry, and its estimated error (inf where something is not finite).

    Example:
        >>> import numpy as np
        >>> steps = [0.1, 0.05, 0.025]
        >>> quotients = [np.array((np.exp(h) - np.exp(-h)) / (2 * h)) for h in steps]
        >>> value, error = extrapolate(quotients, 2, 2)
        >>> bool(abs(value - 1.0) < 1e-11), bool(error < 1e-5)
        (True, True)
    """
    above = [np.asarray(quotients[0])]
    error: Array = np.full(above[0].shape, np.inf)
    for q in quotients[1:]:
        row = [np.asarray(q)]
        for j in range(len(above)):
            weight = 2.0 ** (first + step * j) - 1.0
            row.append(row[j] + (row[j] - above[j]) / weight)
        error = np.maximum(abs(row[-1] - row[-2]), abs(row[-1] - above[-1]))
        error = np.maximum(error, abs(row[-2] - above[-1]))
        above = row
    return above[-1], np.where(np.isfinite(error), error, np.inf)


def central(line: Line, exponent: int, levels: int, rows: Projection) -> Slope:
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
    return Slope(value, truncation, rows.size(np.maximum(size * EPS, rows.jitter)) / t, jump)


def one_sided(line: Line, side: int, exponent: int, rows: Projection) -> Slope:
    """The derivative from the right (side 1) or from the left (-1), per output, not projected."""
    here = line.here
    quotients = []
    for level in range(4):
        t = side * 2.0 ** (exponent - level)
        quotients.append((line(t) - here) / t)
    value, truncation = extrapolate(quotients, 1, 1)
    rounding = np.maximum(abs(here) * EPS, rows.jitter) * (4.0 / abs(t))
    return Slope(value, truncation, rounding, abs(quotients[0]))


def noise_level(line: Line) -> tuple[Array, Array]:
    """How much f's values jitter, per output: from differences of high order over small steps.

    Differences of order 5 and 6 of a smooth function are nothing but noise, divided here by the
    factor by which differencing amplifies independent noise. Over the smallest steps they show
    what f does with the last bits of its input, over larger ones what it adds them to.

    Returns:
        The noise over all steps, and over the smallest alone.
    """
    finest, middle, coarse = (_noise(line, 2.0**k) for k in (-40, -16, -9))
    return np.maximum(finest, np.minimum(middle, coarse)), finest


def _noise(line: Line, spacing: float) -> Array:
    differences = np.stack([line(k * spacing) for k in range(-3, 4)])
    level = np.zeros(differences.shape[1:])
    gamma = 1.0
    for order in range(1, 7):
        differences = differences[1:] - differences[:-1]
        gamma *= order / (2.0 * (2.0 * order - 1.0))
        if order >= 5:
            level = np.maximum(level, np.sqrt(gamma * np.mean(differences**2, axis=0)))
    return level
