"""Records of `ops/arranging.py`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

import tinygrad_course as tg
from tinygrad_course.errors import ArgumentTypeError, ShapeError

from .record import Bad, Case, Sample, normal, sample

RNG = np.random.Generator


def _moveaxis(rng: RNG) -> Iterator[Sample]:
    for shape, source, destination in (
        ((2, 3, 4), 0, -1), ((2, 3, 4), -1, 0), ((2, 3, 4), (0, 1), (2, 0)), ((5,), 0, 0),
        ((2, 3), (), ()), ((), (), ()), ((0, 3), 1, 0), ((1, 2, 3, 4), (3, 0), (1, 2)),
    ):  # fmt: skip
        yield sample(normal(rng, *shape), source=source, destination=destination)


def _flip(rng: RNG) -> Iterator[Sample]:
    for shape, axis in (
        ((3, 4), None), ((3, 4), 0), ((3, 4), -1), ((2, 3, 4), (0, 2)), ((), None), ((0, 3), 0),
        ((1,), 0), ((2, 3), ()),
    ):  # fmt: skip
        yield sample(normal(rng, *shape), axis=axis)


def _split(rng: RNG) -> Iterator[Sample]:
    for shape, cuts, axis in (
        ((6, 2), 3, 0), ((6, 2), [1, 4], 0), ((2, 5), [2, 2, -1], 1), ((2, 3, 4), 4, -1),
        ((5,), 1, 0), ((0, 3), 2, 0), ((3,), [], 0), ((3,), [7, 9], 0), ((4, 0), 2, 0),
    ):  # fmt: skip
        yield sample(normal(rng, *shape), indices_or_sections=cuts, axis=axis)


def weighted_parts(x: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    """The parts in reverse order, each times a number of its own, the first left out."""
    parts = tg.split(x, indices_or_sections, axis)
    used = parts[1:] or parts
    return tg.concatenate([part * (i + 2.0) for i, part in enumerate(used)][::-1], axis)


def _np_parts(x: np.ndarray, indices_or_sections: Any, axis: int = 0) -> np.ndarray:
    size = x.shape[axis]
    if isinstance(indices_or_sections, int):
        width = size // indices_or_sections
        places = [width * i for i in range(indices_or_sections + 1)]
    else:
        places = [0, *[min(n % size if n < 0 else n, size) for n in indices_or_sections], size]
    moved = np.moveaxis(x, axis, 0)
    parts = [moved[a:b] for a, b in itertools.pairwise(places)]
    used = parts[1:] or parts
    rows = [row * (i + 2.0) for i, part in reversed(list(enumerate(used))) for row in part]
    return np.moveaxis(np.array(rows, float).reshape(len(rows), *moved.shape[1:]), 0, axis)


X = tg.tensor(np.ones((2, 3)))

CASES = (
    Case(
        "moveaxis",
        tg.moveaxis,
        np.moveaxis,
        _moveaxis,
        bad=(
            Bad((X, 2, 0), ShapeError, r"moveaxis: axis 2 .*\(2, 3\)"),
            Bad((X, (0, 1), 0), ShapeError, r"moveaxis: source \(0, 1\) and destination 0"),
            Bad((X, (0, 0), (0, 1)), ShapeError, "moveaxis: .*each once"),
            Bad((X, 0.5, 0), ArgumentTypeError, "moveaxis: axis must be an integer"),
        ),
    ),
    Case(
        "flip",
        tg.flip,
        lambda x, axis: np.asarray(
            x[
                tuple(
                    slice(
                        None, None, -1 if axis is None or i in np.atleast_1d(axis) % x.ndim else 1
                    )
                    for i in range(x.ndim)
                )
            ]
        ),
        _flip,
        bad=(Bad((X, 2), ShapeError, r"flip: axis 2 .*\(2, 3\)"),),
    ),
    Case(
        "split",
        weighted_parts,
        _np_parts,
        _split,
        bad=(
            Bad((X, 2, 1), ShapeError, r"split: axis 1 of shape \(2, 3\) has size 3.*2 equal"),
            Bad((X, 0), ShapeError, r"split: axis 0 .*0 equal parts"),
            Bad((X, [2, 1], 1), ShapeError, r"split: the places to cut must rise.*\[2, 1\]"),
            Bad((X, 1, 2), ShapeError, r"split: axis 2 .*\(2, 3\)"),
            Bad((X, 0.5), ArgumentTypeError, "split: indices_or_sections must be.*0.5"),
        ),
    ),
)
