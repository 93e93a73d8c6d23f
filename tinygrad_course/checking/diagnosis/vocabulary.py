"""The terms that a gradient may be made of: dy, the arrays of the call, functions and sums of them.

`vocabulary` gives every term its text, so that what fits can be read. Read next: `regressed.py`,
which looks for the terms that make up a gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations

import numpy as np

from .evidence import Array, Evidence
from .known import Recognised


def _sigmoid(a: Array) -> Array:
    return 0.5 + 0.5 * np.tanh(a / 2.0)


def _erf(a: Array) -> Array:
    from math import erf

    return np.vectorize(erf, otypes=[float])(a)


FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "{0}": lambda a: a,
    "(1 - {0})": lambda a: 1.0 - a,
    "(1 + {0})": lambda a: 1.0 + a,
    "{0} * (1 - {0})": lambda a: a * (1.0 - a),
    "{0} * (1 + {0})": lambda a: a * (1.0 + a),
    "{0}**2": lambda a: a * a,
    "{0}**3": lambda a: a**3,
    "(1 - {0}**2)": lambda a: 1.0 - a * a,
    "(1 + {0}**2)": lambda a: 1.0 + a * a,
    "(1 - {0})**2": lambda a: (1.0 - a) ** 2,
    "1 / {0}": lambda a: 1.0 / a,
    "1 / {0}**2": lambda a: 1.0 / (a * a),
    "1 / (1 - {0})": lambda a: 1.0 / (1.0 - a),
    "1 / (1 + {0})": lambda a: 1.0 / (1.0 + a),
    "1 / ({0} * (1 - {0}))": lambda a: 1.0 / (a * (1.0 - a)),
    "sqrt({0})": np.sqrt,
    "1 / sqrt({0})": lambda a: a**-0.5,
    "exp({0})": np.exp,
    "{0} * exp({0})": lambda a: a * np.exp(a),
    "exp(-{0})": lambda a: np.exp(-a),
    "exp(-{0}**2)": lambda a: np.exp(-a * a),
    "exp(-{0}**2 / 2)": lambda a: np.exp(-a * a / 2.0),
    "{0} * exp(-{0}**2 / 2)": lambda a: a * np.exp(-a * a / 2.0),
    "log({0})": np.log,
    "1 / log({0})": lambda a: 1.0 / np.log(a),
    "sin({0})": np.sin,
    "cos({0})": np.cos,
    "tanh({0})": np.tanh,
    "(1 - tanh({0}))": lambda a: 1.0 - np.tanh(a),
    "(1 - tanh({0})**2)": lambda a: 1.0 - np.tanh(a) ** 2,
    "{0} * (1 - tanh({0})**2)": lambda a: a * (1.0 - np.tanh(a) ** 2),
    "sigmoid({0})": _sigmoid,
    "{0} * sigmoid({0})": lambda a: a * _sigmoid(a),
    "sigmoid({0})**2": lambda a: _sigmoid(a) ** 2,
    "sigmoid({0}) * (1 - sigmoid({0}))": lambda a: _sigmoid(a) * _sigmoid(-a),
    "{0} * sigmoid({0}) * (1 - sigmoid({0}))": lambda a: a * _sigmoid(a) * _sigmoid(-a),
    "log(1 + exp({0}))": lambda a: np.logaddexp(0.0, a),
    "tanh(log(1 + exp({0})))": lambda a: np.tanh(np.logaddexp(0.0, a)),
    "Phi({0})": lambda a: 0.5 * (1.0 + _erf(a / 2.0**0.5)),
    "sign({0})": np.sign,
    "abs({0})": abs,
    "maximum({0}, 0)": lambda a: np.maximum(a, 0.0),
    "maximum({0}, 1)": lambda a: np.maximum(a, 1.0),
    "1 / maximum({0}, 1)": lambda a: 1.0 / np.maximum(a, 1.0),
    "({0} > 0)": lambda a: (a > 0).astype(float),
    "({0} < 0)": lambda a: (a < 0).astype(float),
    "({0} != 0)": lambda a: (a != 0).astype(float),
}
MOST_ARRAYS = 7
MOST_WITH_FUNCTIONS = 5


def stretched(e: Evidence, value: Array) -> Array | None:
    """A value spread to the gradient's shape, also along an axis that a sum took away.

    Returns:
        None where no way, or more than one, leads there.
    """
    shape = e.right.shape
    value = np.asarray(value)
    axis = e.inputs.get("axis")
    ways: list[tuple[int, ...]]
    if isinstance(axis, int) and value.ndim == len(shape) - 1:
        ways = [(axis % len(shape),)]
    else:
        gone = len(shape) - value.ndim
        ways = list(combinations(range(len(shape)), gone)) if gone > 0 else [()]
    fits = [way for way in ways if _broadcasts(np.expand_dims(value, way), shape)]
    if value.ndim == 0:
        fits = [()]
    if len(fits) != 1:
        return None
    return np.broadcast_to(np.expand_dims(value, fits[0]) if value.ndim else value, shape)


def _broadcasts(value: Array, shape: tuple[int, ...]) -> bool:
    return value.ndim <= len(shape) and all(
        a in (1, b) for a, b in zip(value.shape[::-1], shape[::-1], strict=False)
    )


def arrays_of(e: Evidence, seen: Recognised) -> dict[str, Array]:
    """The call's arrays in the gradient's shape, differences, and what forward computes between."""
    named = dict(e.arrays())
    inputs = [n for n in named if n != "y"]
    for a, b in combinations(inputs[:3], 2):
        if named[a].shape == named[b].shape == e.right.shape:
            named[f"({a} - {b})"] = named[a] - named[b]
    for name in seen.names[:1]:
        known = seen.known(e, name)
        computed = {} if known.layout else seen.state(e, name)
        for own, value in computed.items():
            new = own not in named and own not in known.inputs and own[:1] != "d"
            if new and isinstance(value, np.ndarray) and value.dtype.kind in "fb":
                named[own] = value.astype(float)
    out: dict[str, Array] = {}
    for name, value in named.items():
        like = stretched(e, value)
        if like is None or not np.ndim(value) or not np.isfinite(like).all():
            continue
        if not any(np.array_equal(like, other) for other in out.values()):
            out[name] = like
    return dict(list(out.items())[:MOST_ARRAYS])


def vocabulary(e: Evidence, seen: Recognised) -> dict[str, Array]:
    """Every term with its text, in the gradient's shape."""
    arrays = arrays_of(e, seen)
    dy = stretched(e, e.upstream)
    plain = {f"(right d{e.input})": np.asarray(e.right), **dict(_plain(e, arrays))}
    out = dict(plain)
    if dy is not None:
        out["dy"] = dy
        out |= {f"dy * {text}": dy * value for text, value in plain.items() if "right" not in text}
    if np.ndim(e.upstream):
        out |= dict(_sums(e, arrays, dy))
    return out


def _plain(e: Evidence, arrays: dict[str, Array]) -> Iterator[tuple[str, Array]]:
    """Functions of one array and of two, without the upstream gradient."""
    for name, array in list(arrays.items())[:MOST_WITH_FUNCTIONS]:
        for text, f in FUNCTIONS.items():
            yield text.format(name), np.asarray(f(array), np.float64)
        for number, value in e.numbers().items():
            if not float(value).is_integer():
                yield f"(abs({name}) <= {number})", (abs(array) <= value).astype(float)
                yield f"(abs({name}) > {number})", (abs(array) > value).astype(float)
                yield f"({name} > {number})", (array > value).astype(float)
                yield f"{number} * sign({name})", value * np.sign(array)
        if array.ndim and name not in ("y", "g"):
            for text, axis in _axes(e):
                for extreme in (np.max, np.min):
                    best = extreme(array, axis=axis, keepdims=True)
                    yield f"({name} == {name}.{extreme.__name__}({text}))", (array == best) * 1.0
    for text, axis in _axes(e) if arrays else ():
        if axis is not None:
            first = np.zeros(e.right.shape)
            np.moveaxis(first, axis, 0)[0] = 1.0
            yield f"(index 0 of {text})", first
    for (a, left), (b, right) in combinations(arrays.items(), 2):
        yield f"{a} * {b}", left * right
        yield f"{a} / {b}", left / right
        yield f"{b} / {a}", right / left
        if np.ndim(e.output) < e.right.ndim:  # where a maximum stood
            yield f"({a} == {b})", (left == right).astype(float)
        yield f"({a} > {b})", (left > right).astype(float)


def _sums(e: Evidence, arrays: dict[str, Array], dy: Array | None) -> Iterator[tuple[str, Array]]:
    """Sums along axes of dy, of arrays and of their products, alone and times an array."""
    inside = {name: value for name, value in arrays.items() if dy is None}
    if dy is not None:
        inside["(dy spread)"] = dy
        inside |= {f"(dy * {name})": dy * value for name, value in arrays.items()}
    yield "dy.sum()", np.full(e.right.shape, np.sum(e.upstream))
    for text, axis in _axes(e):
        for name, value in inside.items():
            for reduced in (np.sum, np.mean):
                total = np.broadcast_to(reduced(value, axis=axis, keepdims=True), e.right.shape)
                whole = f"{name}.{reduced.__name__}({text})"
                yield whole, total
                for factor, array in arrays.items():
                    yield f"{factor} * {whole}", array * total


def _axes(e: Evidence) -> Iterator[tuple[str, int | None]]:
    """Axes to sum over; the call's own `axis` by that name, for it differs from call to call."""
    own = e.inputs.get("axis")
    if isinstance(own, int) and e.right.ndim:
        yield "axis=axis", own % e.right.ndim
    elif e.right.ndim > 1:
        for axis in range(e.right.ndim):
            yield f"axis={axis}", axis
    yield "", None
