"""Records of `ops/indexing.py`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import tinygrad_course as tg
from tinygrad_course.errors import IndexingError, ShapeError

from .record import Bad, Case, Sample, normal, sample

RNG = np.random.Generator

INDICES = (
    ((3, 4), 1), ((3, 4), (1, 2)), ((3, 4), slice(None, None, -2)), ((3, 4), (..., 0)),
    ((3, 4), (slice(1, None), None, slice(None, 2))), ((3, 4), ()), ((3, 4), ...), ((), ()),
    ((), None), ((3, 4), [0, 2, 0, 0]), ((3, 4), ([0, 0, 1], [1, 1, 3])),
    ((3, 4), (np.array([[0], [2]]), np.array([3, 3]))), ((3, 4), np.array([True, False, True])),
    ((2, 3), np.array([[True, False, True], [False, False, True]])),
    ((3, 4), (slice(None), [1, 1])),
    ((2, 3, 4), ([0, 1], slice(None), [2, 2])), ((2, 3), True), ((2, 3), False), ((0, 3), slice(0)),
    ((3,), np.zeros(0, int)), ((1, 3), (0, -1)), ((5,), slice(3, 3)), ((4,), np.array(2)),
    ((3, 3), np.zeros((3, 3), bool)),
)  # fmt: skip


def _getitem(rng: RNG) -> Iterator[Sample]:
    for shape, index in INDICES:
        yield sample(normal(rng, *shape), index=index)


def _take(rng: RNG) -> Iterator[Sample]:
    for shape in ((3, 4), (2, 3, 5), (4,), (0, 3), (2, 1)):
        yield sample(normal(rng, *shape), rng.integers(shape[-1], size=shape[:-1]))


def _place(rng: RNG) -> Iterator[Sample]:
    for shape in ((3, 4), (2, 3, 5), (4,), (0, 3), (2, 1)):
        index = np.asarray(rng.integers(shape[-1], size=shape[:-1]))
        yield sample(normal(rng, *shape[:-1]), index, size=shape[-1])


def _one_hot(index: np.ndarray, size: int) -> np.ndarray:
    return (index[..., None] == np.arange(size)) * 1.0


X = tg.tensor(np.ones((2, 3)))

CASES = (
    Case(
        "getitem",
        tg.getitem,
        lambda x, index: np.asarray(x[index]),
        _getitem,
        bad=(
            Bad((X, 2), IndexingError, r"x\[2\].*\(2, 3\).*out of bounds"),
            Bad((X, (0, 0, 0)), IndexingError, r"\(2, 3\).*too many indices"),
            Bad((X, 0.5), IndexingError, r"x\[0.5\].*\(2, 3\)"),
            Bad((X, "a"), IndexingError, r"x\[a\].*\(2, 3\)"),
            Bad((X, np.ones(3, bool)), IndexingError, r"array of shape \(3,\).*\(2, 3\)"),
            Bad((X, ([0, 1], [0, 1, 2])), IndexingError, r"\(2,\).*\(3,\)"),
            Bad((X, slice(None, None, 0)), IndexingError, r"\(2, 3\).*zero"),
        ),
    ),
    Case(
        "take_last",
        tg.functional.take_last,
        lambda x, index: np.einsum("...k,...k->...", x, _one_hot(np.asarray(index), x.shape[-1])),
        _take,
        bad=(
            Bad((X, np.array([0, 1, 2])), ShapeError, r"take_last: .*\(2, 3\).*\(2,\).*\(3,\)"),
            Bad((X, np.array([0, 3])), IndexingError, r"take_last: .*\(2, 3\).*index 3"),
            Bad((tg.tensor(1.0), np.array(0)), ShapeError, r"take_last: .*\(\)"),
        ),
    ),
    Case(
        "place_last",
        tg.functional.place_last,
        lambda g, index, size: g[..., None] * _one_hot(index, size),
        _place,
    ),
)
