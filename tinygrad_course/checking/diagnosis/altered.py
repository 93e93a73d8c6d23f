"""The right backward pass on other values: a flipped kernel, one sample of dy, an eps of zero.

It needs the operation, but no bank. Read next: `edited.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations, permutations

import numpy as np

from .evidence import Array, Evidence
from .guess import Guess
from .known import Recognised

Change = Callable[[Array], Array]

UPSTREAM: dict[str, tuple[Change, str]] = {
    "np.maximum(dy, 0)": (lambda g: np.maximum(g, 0.0), "what is negative in dL/dy is cut off"),
    "abs(dy)": (abs, "the sign of dL/dy is lost"),
    "np.sign(dy)": (np.sign, "only the sign of dL/dy is left"),
    "np.clip(dy, -1, 1)": (lambda g: np.clip(g, -1.0, 1.0), "dL/dy is clipped at 1"),
    "dy / norm(dy)": (lambda g: g / np.linalg.norm(g), "dL/dy is normalised"),
    "dy / dy.sum()": (lambda g: g / g.sum(), "dL/dy is divided by its sum"),
    "dy.sum()": (lambda g: np.full_like(g, g.sum()), "all of dL/dy are added up first"),
    "dy.mean()": (lambda g: np.full_like(g, g.mean()), "all of dL/dy are averaged first"),
}
NUMBERS: dict[str, tuple[Callable[[float], float], str]] = {
    "0": (lambda v: 0.0, "{0} is forgotten"),
    "1": (lambda v: 1.0, "1 stands where {0} belongs"),
    "1 - {0}": (lambda v: 1.0 - v, "1 - {0} stands where {0} belongs"),
    "-{0}": (lambda v: -v, "{0} has the wrong sign"),
    "2 * {0}": (lambda v: 2.0 * v, "{0} is doubled"),
    "{0}**2": (lambda v: v * v, "{0} is squared"),
}
MOST_AXES = 4


def altered(seen: Recognised) -> Iterator[Guess]:
    """The right formula with something else in it, for every operation that this may be."""
    for name in seen.names:
        yield from _of_upstream(seen, name)
        yield from _of_inputs(seen, name)
        yield from _of_numbers(seen, name)


def _of_upstream(seen: Recognised, name: str) -> Iterator[Guess]:
    dy = seen.evidence.upstream
    changes = dict(UPSTREAM) if dy.ndim else {}
    if dy.ndim and len(dy) > 1:
        changes["dy[0] alone"] = (lambda g: _only(g, slice(0, 1)), "only the first sample counts")
        changes["dy[-1] alone"] = (
            lambda g: _only(g, slice(-1, None)),
            "only the last sample counts: each one overwrites the one before",
        )
        changes["dy[:-1]"] = (lambda g: _only(g, slice(0, -1)), "the last sample is left out")
        changes["dy[1:]"] = (lambda g: _only(g, slice(1, None)), "the first sample is left out")
    for axes in _subsets(dy.ndim):
        changes[f"np.flip(dy, {axes})"] = (
            lambda g, a=axes: np.flip(g, a),  # type: ignore[misc]
            f"dL/dy is flipped along axis {', '.join(map(str, axes))}",
        )
    for axis in range(min(dy.ndim, MOST_AXES)):
        changes[f"dy.sum({axis})"] = (
            lambda g, a=axis: np.broadcast_to(g.sum(axis=a, keepdims=True), g.shape),  # type: ignore[misc]
            f"dL/dy is summed over axis {axis} before it is used",
        )
        changes[f"dy.mean({axis})"] = (
            lambda g, a=axis: np.broadcast_to(g.mean(axis=a, keepdims=True), g.shape),  # type: ignore[misc]
            f"dL/dy is averaged over axis {axis} before it is used",
        )
    for text, (change, words) in changes.items():
        yield _guess(
            seen, name, "dy", text, words,
            lambda e, c=change: seen.gradient(e, name, None, c(e.upstream)),  # type: ignore[misc]
        )  # fmt: skip


def _only(g: Array, part: slice) -> Array:
    out = np.zeros_like(g)
    out[part] = g[part]
    return out


def _of_inputs(seen: Recognised, name: str) -> Iterator[Guess]:
    """Every array of the call flipped, transposed, or replaced by something made of it."""
    known = seen.known(seen.evidence, name)
    for own in known.operation.arguments:
        value = known.inputs[own]
        if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or not value.ndim:
            continue
        theirs = known.names.get(own, own)
        for text, words, change in _changes(theirs, value.ndim):
            yield _guess(
                seen, name, theirs, text, words,
                lambda e, o=own, c=change: seen.altered(e, name, {o: c}),  # type: ignore[misc]
            )  # fmt: skip


def _changes(name: str, ndim: int) -> Iterator[tuple[str, str, Change]]:
    for axes in _subsets(ndim):
        words = f"{name} is flipped along axis {', '.join(map(str, axes))}"
        yield f"np.flip({name}, {axes})", words, lambda a, x=axes: np.flip(a, x)  # type: ignore[misc]
    for order in permutations(range(ndim)) if 1 < ndim <= MOST_AXES else ():
        if order != tuple(range(ndim)):
            text = f"{name}.T" if ndim == 2 else f"{name}.transpose{order}"
            words = f"{name} is transposed"
            yield text, words, lambda a, o=order: np.transpose(a, o)  # type: ignore[misc]
    yield f"abs({name})", f"the sign of {name} is lost", abs
    yield f"relu({name})", f"what is negative in {name} is cut off", lambda a: np.maximum(a, 0.0)
    yield f"-{name}", f"{name} has the wrong sign", lambda a: -a
    yield f"ones like {name}", f"ones stand where {name} belongs", np.ones_like
    yield f"{name}**2", f"{name} is squared", lambda a: a * a
    yield f"1 / {name}", f"1 / {name} stands where {name} belongs", lambda a: 1.0 / a


def _of_numbers(seen: Recognised, name: str) -> Iterator[Guess]:
    known = seen.known(seen.evidence, name)
    for own in known.operation.arguments:
        value = known.inputs[own]
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            continue
        allowed = set(NUMBERS) if isinstance(value, float) else {"1"}
        if 0 in known.operation.choices.get(own, ()):  # a size of zero makes no sense
            allowed.add("0")
        for pattern, (change, words) in NUMBERS.items():
            if pattern not in allowed:
                continue
            as_given = type(value)
            yield _guess(
                seen, name, own, f"{own} = {pattern.format(own)}", words.format(own),
                lambda e, o=own, c=change, t=as_given: seen.altered(  # type: ignore[misc]
                    e, name, {o: lambda v: t(c(v))}
                ),
            )  # fmt: skip


def _subsets(ndim: int) -> Iterator[tuple[int, ...]]:
    for count in range(1, min(ndim, 2) + 1):
        yield from combinations(range(ndim), count)


def _guess(
    seen: Recognised, name: str, what: str, text: str, words: str,
    predict: Callable[[Evidence], Array | None],
) -> Guess:  # fmt: skip
    e = seen.evidence
    operation = seen.known(e, name).operation
    line = operation.line(f"d{seen.own_name(e, name)}")
    return Guess(
        f"altered:{name}:{text}",
        predict,
        f"d{e.input} is exactly what the right formula gives with `{text}` for `{what}`: {words}.",
        words[0].upper() + words[1:] + ".",
        right=seen.renamed(name, line),
        found=f"the same with {text}",
    )
