"""The right gradient of one input in full, from f's values: the cheapest way that proves itself.

Three ways, each dearer than the one before: the formula of an operation of the bank that gives f's
output; one difference per element, which is exact where f is affine in the input; two central
differences per element, extrapolated. Each result is held against f's slope along random directions
that move all elements, and dropped where it misses one. The last resort is the check's own
extrapolation, element by element, each with its error bar. Read next: `evidence.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from ..errors import Error
from ..tensor import wrap
from .numeric import EPS, Line, Slope, central, scale_of
from .subject import Array, Subject

SECONDS = 0.5
"""The most time spent on one input's gradient: a large one is located, not held whole."""
CAREFUL_CALLS = 10
"""About so many calls of f an element takes where nothing cheaper will do."""
LADDERS = (-4, -7, -12, -20)
SETTLED = 1e-7
PROVED = 1e-9
"""How far a gradient may be from a slope of f, relative to the sum of |dL/dx_j d_j|."""
DIRECTIONS = 2


class Loss:
    """L(x) = <u, y>, as a function of one argument of a subject.

    Args:
        subject: what is checked, frozen.
        which: the argument's position.
        output: which output.
        upstream: u = dL/dy.
    """

    def __init__(self, subject: Subject, which: int, output: int, upstream: Array) -> None:
        self._subject, self._which, self._output = subject, which, output
        self.values = [a.value for a in subject.arguments]
        self.x = self.values[which]
        self.scale = scale_of(self.x)
        self._u = upstream.reshape(-1)
        self.jitter = np.zeros(self._u.shape)
        self.here = self.outputs(self.values)

    def outputs(self, values: Sequence[Array]) -> Array:
        """y, flat; NaN where f refuses the values."""
        try:
            y = self._subject.call([wrap(v, None) for v in values])[self._output].data
        except (Error, ArithmeticError, ValueError):
            return np.full(self._u.size, np.nan)
        return y.reshape(-1).astype(np.float64)

    def project(self, y: Array) -> Array:
        """L, of one output vector."""
        return np.asarray(y @ self._u)[None]

    def size(self, y: Array) -> Array:
        """How large L can be, given the magnitude of each output."""
        return np.asarray(y @ abs(self._u))[None]

    def along(self, direction: Array) -> Line:
        """f along a direction in x."""
        return Line(self.outputs, self.values, self._which, direction, self.here)

    def change(self, line: Line, t: float) -> float:
        """L(t) - L(0), summed after the subtraction: what does not change cancels exactly."""
        return float((line(t) - self.here) @ self._u)


def whole_gradient(loss: Loss, formulas: Sequence[Callable[[], Array | None]] = ()) -> Array | None:
    """dL/dx in full.

    Args:
        loss: L as a function of x.
        formulas: ways to compute it that may be right.

    Returns:
        The gradient, or None where it does not settle (at a kink) or takes too long.
    """
    ways: list[Callable[[], Array | None]] = [
        *formulas,
        partial(_differences, loss),
        partial(_extrapolated, loss),
    ]
    for way in ways:
        gradient = way()
        if gradient is not None and _is_proved(loss, gradient):
            return gradient
    return _careful(loss)


def _is_proved(loss: Loss, gradient: Array) -> bool:
    """Whether a gradient predicts the slope of f along directions that move all elements."""
    if np.shape(gradient) != loss.x.shape or not np.isfinite(gradient).all():
        return False
    random = np.random.default_rng(5)
    for _ in range(DIRECTIONS):
        d = loss.scale * (random.integers(0, 2, loss.x.shape) * 2.0 - 1.0)
        expected, size = float((gradient * d).sum()), float(abs(gradient * d).sum())
        slope = _sharpest(loss, d, PROVED * size)
        bar = float(slope.truncation[0] + slope.rounding[0])
        if not bar <= 1e-8 * size + 1e-15:
            return False
        if abs(float(slope.value[0]) - expected) > PROVED * size + 4.0 * bar:
            return False
    return True


def _sharpest(loss: Loss, direction: Array, enough: float) -> Slope:
    """The slope of L along a direction, with the smallest error bar that several ladders give."""
    line = loss.along(direction)
    best = central(line, LADDERS[0], 4, loss)
    for exponent in LADDERS[1:]:
        if _bar(best) <= enough:
            break
        slope = central(line, exponent, 4, loss)
        best = min(best, slope, key=_bar)
    return best


def _bar(slope: Slope) -> float:
    return float(np.nan_to_num(slope.truncation[0] + slope.rounding[0], nan=np.inf))


def _elements(loss: Loss) -> Iterator[tuple[int, float, Line]]:
    """Each element with its scale, and f along it."""
    for j, scale in enumerate(loss.scale.reshape(-1)):
        d = np.zeros(loss.x.size)
        d[j] = scale
        yield j, float(scale), loss.along(d.reshape(loss.x.shape))


def _affordable(loss: Loss, calls: int) -> bool:
    start = time.process_time()
    loss.outputs(loss.values)
    each = time.process_time() - start
    return bool(loss.x.size * calls * each <= SECONDS)


def _differences(loss: Loss) -> Array | None:
    """L(x + s e_j) - L(x) over s, exact where L is affine in x; None where it is not."""
    random = np.random.default_rng(6)
    line = loss.along(loss.scale * (random.integers(0, 2, loss.x.shape) * 2.0 - 1.0))
    up, down = line(1.0), line(-1.0)
    size = np.maximum(np.maximum(abs(up), abs(down)), abs(loss.here))
    if not (abs(up + down - 2.0 * loss.here) <= 1e-13 * size.max(initial=0.0)).all():
        return None
    if not _affordable(loss, 1):
        return None
    gradient = np.zeros(loss.x.size)
    for j, scale, along in _elements(loss):
        gradient[j] = loss.change(along, 1.0) / scale
    return gradient.reshape(loss.x.shape)


def _extrapolated(loss: Loss) -> Array | None:
    """Central differences with the steps h and h/2: the term in h^2 cancels."""
    if not _affordable(loss, 4):
        return None
    gradient = np.zeros(loss.x.size)
    for j, scale, along in _elements(loss):
        first, second = [
            (loss.change(along, h) - loss.change(along, -h)) / (2.0 * h) for h in (2.0**-8, 2.0**-9)
        ]
        gradient[j] = (4.0 * second - first) / 3.0 / scale
    return gradient.reshape(loss.x.shape)


def _careful(loss: Loss) -> Array | None:
    """Every element by itself, with ladders of steps until its error bar is small."""
    if not _affordable(loss, CAREFUL_CALLS):
        return None
    start = time.process_time()
    gradient, bars = np.zeros(loss.x.size), np.zeros(loss.x.size)
    for j, scale, along in _elements(loss):
        if time.process_time() - start > 3.0 * SECONDS:
            return None
        best = np.inf
        for exponent in LADDERS:
            slope = central(along, exponent, 4, loss)
            bar = float(slope.truncation[0] + slope.rounding[0]) / scale
            if bar < best:
                best, gradient[j] = bar, float(slope.value[0]) / scale
            if best <= 1e3 * EPS * max(abs(gradient[j]), 1e-3):
                break
        bars[j] = best
    size = max(abs(gradient).max(initial=0.0), 1e-6)
    if not np.isfinite(bars).all() or bars.max(initial=0.0) > SETTLED * size:
        return None
    return gradient.reshape(loss.x.shape)
