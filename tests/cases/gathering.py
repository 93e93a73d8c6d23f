"""Records of `ops/gathering.py`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import tinygrad_course as tg
from tinygrad_course.errors import DtypeError, IndexingError, ShapeError

from .record import Bad, Case, Sample, normal, sample

RNG = np.random.Generator

PLACES = (
    ((3, 4), np.array([0, 2, 2, 1]), 0), ((3, 4), np.array([[1, 1], [0, 3]]), 1),
    ((2, 3, 2), np.array([2, 0, -1]), 1), ((4,), np.array(2), 0), ((3, 4), np.array(1), -1),
    ((3, 2), np.zeros(0, int), 0), ((0, 3), np.array([1, 1]), 1), ((1,), np.array([0, 0, 0]), 0),
    ((5,), np.array([4, 0], np.uint8), 0),
)  # fmt: skip


def _take(rng: RNG) -> Iterator[Sample]:
    for shape, index, axis in PLACES:
        yield sample(normal(rng, *shape), index=index, axis=axis)
    yield sample(normal(rng, 3, 4), index=[11, 0, 5], axis=None)
    yield sample(normal(rng, 0, 2), index=[], axis=None)
    yield sample(normal(rng), index=[0, 0], axis=None)


def _scatter(rng: RNG) -> Iterator[Sample]:
    for shape, index, axis in PLACES:
        where = axis % len(shape)
        g = normal(rng, *shape[:where], *index.shape, *shape[where + 1 :])
        yield sample(g, index=index, axis=axis, size=shape[axis])


def _one_hot(index: np.ndarray, size: int) -> np.ndarray:
    return (np.asarray(index, int)[..., None] % max(size, 1) == np.arange(size)) * 1.0


def _np_take(x: np.ndarray, index: object, axis: int | None) -> np.ndarray:
    """By a matrix of ones and zeros: independent of np.take."""
    if axis is None:
        x, axis = x.reshape(-1), 0
    at = np.asarray(index, int)
    y = np.tensordot(_one_hot(at, x.shape[axis]), x, axes=(-1, axis))
    return np.moveaxis(y, range(at.ndim), [axis % x.ndim + i for i in range(at.ndim)])


def _np_scatter(g: np.ndarray, index: np.ndarray, axis: int, size: int) -> np.ndarray:
    where = axis % (g.ndim - index.ndim + 1)
    over = list(range(where, where + index.ndim))
    y = np.tensordot(g, _one_hot(index, size), axes=(over, list(range(index.ndim))))
    return np.moveaxis(y, -1, where)


X = tg.tensor(np.ones((2, 3)))

CASES = (
    Case(
        "take",
        tg.take,
        _np_take,
        _take,
        bad=(
            Bad((X, [0, 2], 0), IndexingError, "take: index 2 is outside an axis of size 2"),
            Bad((X, -4, 1), IndexingError, "take: index -4 .*size 3"),
            Bad((X, np.array([0.5]), 0), DtypeError, "take: an index is made of integers.*float64"),
            Bad((X, 0, 2), ShapeError, r"take: axis 2 .*\(2, 3\)"),
            Bad((tg.tensor(np.ones((0, 2))), 0, 0), IndexingError, "take: index 0 .*size 0"),
        ),
    ),
    Case(
        "scatter_add",
        tg.scatter_add,
        _np_scatter,
        _scatter,
        bad=(
            Bad(
                (X, [0, 1, 0]), ShapeError, r"scatter_add: .*\(2, 3\).*\(3,\).*axis 0", {"size": 2}
            ),
            Bad((X, [0, 2]), IndexingError, "scatter_add: index 2 .*size 2", {"size": 2}),
            Bad((X, np.zeros((2, 3, 1), int)), ShapeError, "scatter_add", {"size": 2}),
            Bad((X, [True, False]), DtypeError, "scatter_add: .*bool", {"size": 2}),
        ),
    ),
)
