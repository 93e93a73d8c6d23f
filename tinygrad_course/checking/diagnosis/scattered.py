"""Rows picked by an index: what becomes of rows that are picked twice, shifted, or not at all.

The right gradient of `y = w[tokens]` adds dy into the rows of dw (np.add.at); these are the other
ways. Read next: `partial.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from .evidence import Array, Evidence
from .guess import Guess, close, tolerance

Way = Callable[[Array, Array, Array], None]
"""(zeros, indices, dy): fills in the zeros."""


def _assigned(out: Array, index: Array, dy: Array) -> None:
    for place, row in zip(index, dy, strict=True):
        out[place] = row


def _first(out: Array, index: Array, dy: Array) -> None:
    _assigned(out, index[::-1], dy[::-1])


def _mean(out: Array, index: Array, dy: Array) -> None:
    np.add.at(out, index, dy)
    counts = np.bincount(index, minlength=len(out))
    out /= np.maximum(counts, 1).reshape(-1, *[1] * (out.ndim - 1))


def _counts(out: Array, index: Array, dy: Array) -> None:
    np.add.at(out, index, np.ones_like(dy))


def _plus_one(out: Array, index: Array, dy: Array) -> None:
    np.add.at(out, (index + 1) % len(out), dy)


def _minus_one(out: Array, index: Array, dy: Array) -> None:
    inside = index > 0
    np.add.at(out, index[inside] - 1, dy[inside])


def _in_order(out: Array, index: Array, dy: Array) -> None:
    count = min(len(out), len(dy))
    out[:count] = dy[:count]


def _without_zero(out: Array, index: Array, dy: Array) -> None:
    np.add.at(out, index, dy)
    out[0] = 0.0


WAYS: dict[str, tuple[Way, str, str]] = {
    "overwritten": (
        _assigned,
        "{w}[{i}] += dy",
        "of an index that occurs twice only the last row counts, for += adds it once (np.add.at)",
    ),
    "first": (_first, "the first dy of each index", "only the first row of each index counts"),
    "mean": (_mean, "the mean of the rows of dy", "the rows of an index are averaged, not added"),
    "counts": (_counts, "how often each index occurs", "dL/dy is ignored: occurrences are counted"),
    "shifted up": (_plus_one, "np.add.at({w}, {i} + 1, dy)", "the index is one too high"),
    "shifted down": (_minus_one, "np.add.at({w}, {i} - 1, dy)", "the index is one too low"),
    "in order": (_in_order, "{w}[:n] = dy", "the rows stand in order, whatever the index says"),
    "row 0": (_without_zero, "{w}[0] = 0", "row 0 gets nothing, as if it were padding"),
}


def scattered(evidence: Evidence) -> Iterator[Guess]:
    """What else was done with the rows that an index picks."""
    for name, value in evidence.inputs.items():
        if isinstance(value, np.ndarray) and value.dtype.kind in "iu" and value.ndim:
            if not _adds_up(evidence, name):
                continue
            grad = f"d{evidence.input}"
            right = f"np.add.at({grad}, {name}, dy)"
            for called, (way, text, words) in WAYS.items():
                found = text.format(w=grad, i=name)
                yield _guess(evidence, name, f"scattered:{called}", way, found, words, right)
            if value.ndim > 1:
                for k, which in ((0, "first"), (-1, "last")):
                    yield Guess(
                        f"scattered:{which} sample only",
                        lambda e, n=name, k=k: _one_sample(e, n, k),  # type: ignore[misc]
                        f"{grad} holds only what the {which} of the {len(value)} samples gives.",
                        "Every row of the batch adds to the rows that it picked.",
                        right=right,
                        found=f"np.add.at({grad}, {name}[{k}], dy[{k}])",
                    )


def _guess(
    evidence: Evidence, index: str, name: str, way: Way, found: str, words: str, right: str
) -> Guess:
    return Guess(
        name,
        lambda e: _filled(e, index, way),
        f"d{evidence.input} is what `{found}` gives: {words}.",
        words[0].upper() + words[1:] + ".",
        right=right,
        found=found,
    )


def _filled(e: Evidence, name: str, way: Way) -> Array | None:
    index = np.asarray(e.inputs[name])
    if e.upstream.shape != index.shape + e.right.shape[1:]:
        return None
    out = np.zeros(e.right.shape)
    way(out, index.reshape(-1), e.upstream.reshape(-1, *e.right.shape[1:]))
    return out


def _one_sample(e: Evidence, name: str, k: int) -> Array | None:
    index = np.asarray(e.inputs[name])[k]
    out = np.zeros(e.right.shape)
    np.add.at(out, index, e.upstream[k])
    return out


def _adds_up(e: Evidence, name: str) -> bool:
    """Whether the right gradient is dy added into the rows that this input picks."""
    if e.right.ndim < 1:
        return False
    added = _filled(e, name, np.add.at)
    return added is not None and close(added, e.right, max(1e-7, tolerance(e)))
