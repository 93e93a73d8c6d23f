"""A wrong gradient held whole: right and found, in full, on the inputs given and on three others.

`gather` computes the right gradient element by element from f's values, by the same extrapolation
as the check, and puts it beside what backward returned. One set of inputs may look like several
mistakes; four rarely do. Read next: `diagnosis/`, which names the mistake.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import Error, ShapeError
from ..gradients import grad
from ..node import Leaf
from ..tensor import Tensor, wrap
from .foreign import MisshapenGradientError, misshapen
from .numeric import EPS, Line, central, scale_of
from .rows import weights
from .subject import Array, Subject

SECONDS = 1.0
"""The most time spent on one input's gradient: a large one is located, not held whole."""
CALLS = 10
"""About so many calls of f an element takes."""
FURTHER = 3
GROWN = 5
PRIMES = [2, 3, 5, 7, 11, 13, 17, 19]
LONG = 9
"""Axes as long as this are cut down for the evidence."""
LADDERS = (-4, -7, -12, -20)
SETTLED = 1e-7

Redraw = Callable[[np.random.Generator, int], Sequence[Any]]


class Shown(NamedTuple):
    """The gradients of all inputs at one place.

    Attributes:
        inputs: all inputs of f by name.
        output: f's output.
        upstream: dL/d(output).
        right: per argument its gradient from f's values; None where it cannot be had.
        found: per argument what backward returned, in the shape it was returned in.
    """

    inputs: dict[str, Any]
    output: Array
    upstream: Array
    right: dict[str, Array | None]
    found: dict[str, Array | None]


class _Weighted:
    """<u, y>: what is looked at of f's outputs."""

    def __init__(self, upstream: Array) -> None:
        self.u = upstream.reshape(-1)
        self.jitter = np.zeros(self.u.shape)

    def project(self, y: Array) -> Array:
        return np.asarray(y @ self.u)[None]

    def size(self, y: Array) -> Array:
        return np.asarray(y @ abs(self.u))[None]


def show(
    subject: Subject, labels: Sequence[str], wrong: Sequence[str], output: int, seed: int
) -> Shown | None:
    """Right and found gradients at the subject's inputs.

    Args:
        subject: what is checked, frozen.
        labels: the names of all its inputs.
        wrong: the arguments whose right gradient is to be computed from values.
        output: which output the upstream gradient flows into.
        seed: draws the upstream gradient.

    Returns:
        None where f cannot be evaluated, or its gradient takes too long.
    """
    values = [a.value for a in subject.arguments]
    try:
        y = subject.call([wrap(v, None) for v in values])[output].data
        subject.frozen.watch()
        upstream = weights(np.random.default_rng(seed), y.shape)
        found = _found(subject, output, upstream)
    except Exception:  # noqa: BLE001 - the user's code need not work on inputs that are not theirs
        return None
    right: dict[str, Array | None] = {}
    for i, argument in enumerate(subject.arguments):
        if argument.label in wrong:
            right[argument.label] = numeric_gradient(subject, i, output, upstream)
        else:
            right[argument.label] = found.get(argument.label)
    given = dict(zip(labels, subject.inputs(), strict=True))
    held = {a.label: a.value for a in subject.arguments}
    return Shown({**given, **held}, y, upstream, right, found)


def _found(subject: Subject, output: int, upstream: Array) -> dict[str, Array | None]:
    leaves = [wrap(a.value.copy(order="K"), Leaf()) for a in subject.arguments]
    out: dict[str, Array | None] = {a.label: None for a in subject.arguments}
    y = subject.call(leaves)[output]
    if y.node is None:
        return out
    for argument, leaf in zip(subject.arguments, leaves, strict=True):
        out[argument.label] = _one(y, leaf, argument.label, upstream)
    return out


def _one(y: Tensor, leaf: Tensor, label: str, upstream: Array) -> Array | None:
    """One input's gradient as backward returns it, of whatever shape."""
    try:
        return grad([y], [leaf], [upstream.copy()], retain_graph=True)[0].data
    except MisshapenGradientError as error:
        return error.found.get(label)
    except ShapeError as error:
        return misshapen(error, leaf)
    except Error:
        return None


def numeric_gradient(subject: Subject, which: int, output: int, upstream: Array) -> Array | None:
    """dL/dx in full, for L = <upstream, y>, from values of f.

    Args:
        subject: what is checked, frozen.
        which: the argument's position.
        output: which output.
        upstream: dL/dy.

    Returns:
        The gradient, or None where it does not settle (at a kink) or takes too long.
    """
    values = [a.value for a in subject.arguments]
    x = values[which]
    rows = _Weighted(upstream)

    def evaluate(moved: Sequence[Array]) -> Array:
        try:
            y = subject.call([wrap(v, None) for v in moved])[output].data
        except (Error, ArithmeticError, ValueError):
            return np.full(upstream.size, np.nan)
        return y.reshape(-1).astype(np.float64)

    start = time.perf_counter()
    here = evaluate(values)
    if x.size * CALLS * (time.perf_counter() - start) > SECONDS:
        return None
    gradient, bars = np.zeros(x.size), np.zeros(x.size)
    scale = scale_of(x).reshape(-1)
    for j in range(x.size):
        if time.perf_counter() - start > 3.0 * SECONDS:
            return None
        d = np.zeros(x.size)
        d[j] = scale[j]
        line = Line(evaluate, values, which, d.reshape(x.shape), here)
        best = np.inf
        for exponent in LADDERS:
            slope = central(line, exponent, 4, rows)
            bar = float(slope.truncation[0] + slope.rounding[0]) / scale[j]
            if bar < best:
                best, gradient[j] = bar, float(slope.value[0]) / scale[j]
            if best <= 1e3 * EPS * max(abs(gradient[j]), 1e-3):
                break
        bars[j] = best
    if not np.isfinite(bars).all() or bars.max(initial=0.0) > SETTLED * max(
        abs(gradient).max(initial=0.0), 1e-6
    ):
        return None
    return gradient.reshape(x.shape)


def moved(inputs: Sequence[Any], arguments: Sequence[bool], seed: int) -> list[Any]:
    """Other inputs like these: floats changed by up to 40 %, signs, zeros and masks kept.

    Args:
        inputs: all inputs.
        arguments: which of them are differentiated; the others stay.
        seed: draws the changes.

    Example:
        >>> import numpy as np
        >>> x, mask = moved([np.array([1.0, -2.0]), np.array([0.0, 1.0])], [True, True], 0)
        >>> np.sign(x).tolist(), mask.tolist()
        ([1.0, -1.0], [0.0, 1.0])
    """
    rng = np.random.default_rng(seed)
    out = []
    for value, free in zip(inputs, arguments, strict=True):
        if not free or _is_special(np.asarray(value)):
            out.append(value)
        else:
            out.append(np.asarray(value * rng.uniform(0.6, 1.4, np.shape(value))))
    return out


def shrunk(inputs: Sequence[Any]) -> list[Any] | None:
    """The same inputs cut down: axes of one length to one small prime, everywhere.

    What f makes of them need not make sense; then it raises, and there is no small case.

    Returns:
        None where nothing is long.

    Example:
        >>> import numpy as np
        >>> x, w, labels = shrunk([np.ones((64, 100)), np.ones((100, 10)), np.full(64, 9)])
        >>> x.shape, w.shape, labels.tolist()
        ((5, 3), (3, 7), [2, 2, 2, 2, 2])
    """
    lengths = _lengths(inputs)
    if all(n < LONG for n in lengths):
        return None
    taken = {n for n in lengths if n < LONG}
    small = iter([p for p in (5, 3, 7, 2) if p not in taken] + [5, 3, 7, 2] * len(lengths))
    return _refitted(inputs, {n: n if n < LONG else next(small) for n in lengths})


def resized(inputs: Sequence[Any], number: int) -> list[Any]:
    """Inputs like these of other shapes: what was equally long still is, what was longer still is.

    With them a factor N is told from a factor 5. As with `shrunk`, f may refuse them.

    Example:
        >>> import numpy as np
        >>> [v.shape for v in resized([np.ones((5, 3)), np.ones((3, 4))], 1)]
        [(7, 3), (3, 5)]
    """
    lengths = sorted({n for n in _lengths(inputs) if n > 1})
    series = [PRIMES[k : k + len(lengths)] for k in (1, 0, 2)]
    others = [primes for primes in series if primes != lengths]
    return _refitted(inputs, {1: 1, **dict(zip(lengths, others[number - 1], strict=False))})


def _lengths(inputs: Sequence[Any]) -> list[int]:
    """The lengths of all axes, each once, in the order in which they appear."""
    return list(dict.fromkeys(n for v in inputs if isinstance(v, np.ndarray) for n in v.shape))


def _refitted(inputs: Sequence[Any], sizes: Mapping[int, int]) -> list[Any]:
    """The arrays cut, or repeated, so that axes of length n have length sizes[n]."""
    out = []
    for v in inputs:
        if not isinstance(v, np.ndarray):
            out.append(v)
            continue
        fitted = v
        for axis, n in enumerate(v.shape):
            fitted = np.take(fitted, np.arange(sizes.get(n, n)), axis, mode="wrap")
        if v.dtype.kind in "iu":  # labels stay below the number of classes
            above = [n for n in sizes if n > v.max(initial=0)]
            fitted = fitted % sizes[min(above)] if above else fitted
        out.append(fitted.copy())
    return out


def grown(inputs: Sequence[Any]) -> list[Any] | None:
    """Scalars as arrays of five: of one number alone, every mistake is a factor.

    Returns:
        None unless all floats are scalars.

    Example:
        >>> import numpy as np
        >>> [x.shape for x in grown([np.array(2.0)])]
        [(5,)]
    """
    floats = [v for v in inputs if isinstance(v, np.ndarray) and v.dtype.kind == "f"]
    if not floats or any(v.ndim for v in floats):
        return None
    return [np.full(GROWN, v) if any(v is f for f in floats) else v for v in inputs]


def _is_special(x: Array) -> bool:
    """Masks, one-hot targets and probabilities: changed, they would be something else."""
    if x.ndim and x.size > 1 and np.isin(x, (0.0, 1.0)).all():
        return True
    return bool(x.ndim and x.shape[-1] > 1 and (x >= 0).all() and np.allclose(x.sum(axis=-1), 1.0))
