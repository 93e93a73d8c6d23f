"""Records of `ops/embedding.py`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import tinygrad_course as tg
from tinygrad_course.errors import ArgumentError, DtypeError, IndexingError, ShapeError

from .record import Bad, Case, Sample, normal, sample

RNG = np.random.Generator


def _draws(rng: RNG) -> Iterator[Sample]:
    for table, places, padding in (
        ((5, 3), (4, 2), None), ((5, 3), (4, 2), 1), ((3, 2), (7,), -1), ((4, 1), (), None),
        ((2, 3), (0,), 0), ((1, 4), (3,), 0), ((3, 0), (2,), None),
    ):  # fmt: skip
        index = np.asarray(rng.integers(table[0], size=places))
        yield sample(index, normal(rng, *table), padding_index=padding)
    yield sample(np.array([0, -1, 2, -1], np.int8), normal(rng, 3, 2))


def _np_embedding(index, weight, padding_index=None):
    """A matrix product with one-hot rows: independent of indexing."""
    V = len(weight)
    rows = (np.asarray(index, int)[..., None] % V == np.arange(V)) * 1.0
    if padding_index is not None:
        rows[..., padding_index % V] = 0.0
    return rows @ weight


W = tg.tensor(np.ones((2, 3)))

CASES = (
    Case(
        "embedding",
        tg.embedding,
        _np_embedding,
        _draws,
        bad=(
            Bad((np.array([0, 2]), W), IndexingError, "embedding: index 2 .*size 2"),
            Bad((np.array([0.0]), W), DtypeError, "embedding: an index is made of integers"),
            Bad((W, np.array([0])), ShapeError, r"embedding: weight must be .*\(1,\).*index comes"),
            Bad((np.array(0), W), ArgumentError, r"index 2 .*\(2, 3\)", {"padding_index": 2}),
            Bad((np.array(0), W), ArgumentError, r"index -3 .*\(2, 3\)", {"padding_index": -3}),
        ),
    ),
)
