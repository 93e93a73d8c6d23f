"""The upstream gradient, an input or the output, handed on as it is: whole, turned, or a slice.

Read next: `sums.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import permutations

import numpy as np

from .evidence import Array, Evidence
from .guess import Guess, close, tolerance

MOST_OFF = 2


def copied(evidence: Evidence) -> Iterator[Guess]:
    """An array of the call where the gradient belongs."""
    for name, value in [("dy", evidence.upstream), *evidence.arrays().items()]:
        if np.ndim(value) and np.shape(value) == np.shape(evidence.found):
            yield _guess(evidence, name, lambda e, n=name: _array(e, n))  # type: ignore[misc]
    ndim = np.ndim(evidence.upstream)
    for order in permutations(range(ndim)) if 1 < ndim <= 4 else ():
        if order != tuple(range(ndim)) and ndim == np.ndim(evidence.found):
            yield _guess(
                evidence,
                "dy.T" if ndim == 2 else f"dy.transpose({', '.join(map(str, order))})",
                lambda e, o=order: np.transpose(e.upstream, o),  # type: ignore[misc]
            )
    yield from _slices(evidence)


def _slices(evidence: Evidence) -> Iterator[Guess]:
    """A block of dy along one axis, from its start, towards its end, or the rest of it."""
    dy = np.asarray(evidence.upstream)
    if dy.ndim != evidence.right.ndim or dy.shape == evidence.right.shape:
        return
    others = [k for k in range(dy.ndim) if dy.shape[k] != evidence.right.shape[k]]
    if len(others) != 1:
        return
    axis = others[0]
    for text, cut in _cuts():
        colons = ":, " * axis
        yield _guess(
            evidence,
            f"dy[{colons}{text}]",
            lambda e, c=cut: _cut(e, axis, c),  # type: ignore[misc]
        )


Cut = Callable[[int, int], slice]
"""(length of dy, length of the gradient) -> what is cut out."""


def _cuts() -> Iterator[tuple[str, Cut]]:
    yield ":n", lambda whole, n: slice(0, n)
    yield "-n:", lambda whole, n: slice(whole - n, whole)
    yield "n:", lambda whole, n: slice(n, whole)
    yield ":-n", lambda whole, n: slice(0, whole - n)
    for off in range(1, MOST_OFF + 1):
        yield f"{off}:n + {off}", lambda whole, n, k=off: slice(k, n + k)  # type: ignore[misc]
        yield (
            f"-n - {off}:-{off}",
            lambda whole, n, k=off: slice(whole - n - k, whole - k),  # type: ignore[misc]
        )


def _cut(e: Evidence, axis: int, cut: Cut) -> Array:
    whole, n = e.upstream.shape[axis], e.right.shape[axis]
    return e.upstream[(slice(None),) * axis + (cut(whole, n),)]


def _array(e: Evidence, name: str) -> Array:
    return e.upstream if name == "dy" else e.arrays()[name]


def _guess(evidence: Evidence, text: str, predict: Callable[[Evidence], Array]) -> Guess:
    grad = f"d{evidence.input}"
    right = _right_cut(evidence)
    where = f" (n being the length of {evidence.input} there)" if "n" in text else ""
    return Guess(
        f"formula:{text}",
        predict,
        f"{grad} is `{text}` itself{where}, which is not the gradient of {evidence.input}.",
        f"What stands for {grad} is `{text}`, unchanged.",
        right=f"{grad} = {right}" if right else "",
        found=f"{grad} = {text}",
    )


def _right_cut(e: Evidence) -> str:
    """The slice of dy that is right, where one is."""
    dy = np.asarray(e.upstream)
    if dy.ndim != e.right.ndim or dy.shape == e.right.shape:
        return ""
    others = [k for k in range(dy.ndim) if dy.shape[k] != e.right.shape[k]]
    for text, cut in _cuts() if len(others) == 1 else ():
        if all(close(p.right, _cut(p, others[0], cut), max(1e-7, tolerance(e))) for p in e.all()):
            return f"dy[{':, ' * others[0]}{text}]"
    return ""
