"""Records of `ops/linear.py`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import tinygrad_course as tg
from tinygrad_course.errors import DtypeError, ShapeError

from .record import Bad, Case, Sample, normal, sample

RNG = np.random.Generator


def _matmul(rng: RNG) -> Iterator[Sample]:
    for a, b in (
        ((2, 3), (3, 4)), ((2, 3, 4), (2, 4, 5)), ((2, 3, 4), (4, 2)), ((3, 4), (2, 4, 5)),
        ((2, 1, 3, 4), (5, 4, 2)), ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((3,), (2, 3, 4)),
        ((2, 4, 3), (3,)), ((1, 1), (1, 1)), ((0, 3), (3, 2)), ((2, 0), (0, 3)), ((2, 3), (3, 0)),
        ((0, 2, 3), (3, 2)), ((0,), (0,)), ((1, 2, 3), (4, 3, 1)),
    ):  # fmt: skip
        yield sample(normal(rng, *a), normal(rng, *b))
    yield sample(normal(rng, 2, 3), rng.integers(5, size=(3, 2)))


def _dense(rng: RNG) -> Iterator[Sample]:
    for rows in ((5,), (2, 3), (), (0,), (1,), (2, 0)):
        x, w, b = normal(rng, *rows, 3), normal(rng, 3, 4), normal(rng, 4)
        yield sample(x, w, b)
        yield sample(x, w)
    yield sample(normal(rng, 2, 1), normal(rng, 1, 1), normal(rng, 1))
    yield sample(rng.integers(9, size=(2, 3)), normal(rng, 3, 2), normal(rng, 2))


def _rows(rng: RNG) -> Iterator[Sample]:
    for shape in ((3, 4), (2, 3, 4), (4,), (0, 3), (2, 0), (1, 1)):
        yield sample(normal(rng, *shape))


def _np_matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """By broadcasting and adding up: independent of np.matmul."""
    x = a if a.ndim > 1 else a[None]
    y = b if b.ndim > 1 else b[:, None]
    z = (x[..., :, :, None] * y[..., None, :, :]).sum(-2)
    z = z if b.ndim > 1 else z[..., 0]
    return z if a.ndim > 1 else (z[..., 0, :] if b.ndim > 1 else z[..., 0])


X = tg.tensor(np.ones((2, 3)))

CASES = (
    Case(
        "matmul",
        tg.matmul,
        _np_matmul,
        _matmul,
        bad=(
            Bad(
                (X, np.ones((2, 3))), ShapeError, r"matmul: .*3 columns.*\(2, 3\).*2 rows.*\(2, 3\)"
            ),
            Bad((X, np.ones(2)), ShapeError, r"matmul: .*3 columns.*2 rows.*\(2,\)"),
            Bad((X, np.ones(())), ShapeError, r"matmul: shapes \(2, 3\) and \(\)"),
            Bad(
                (tg.tensor(np.ones((2, 3, 4))), np.ones((5, 4, 2))),
                ShapeError,
                r"matmul: .*\(2,\).*\(5,\)",
            ),
            Bad((X, np.ones((3, 2), "float32")), DtypeError, "matmul: float64 with float32"),
        ),
    ),
    Case(
        "dense",
        tg.dense,
        lambda x, w, b=None: np.einsum("...i,io->...o", x, w) + (0.0 if b is None else b),
        _dense,
        twin=lambda x, w, b=None: tg.matmul(x, w) if b is None else tg.matmul(x, w) + b,
        bad=(
            Bad(
                (X, np.ones((4, 2))),
                ShapeError,
                r"dense: weight expects 4 .*\(4, 2\).*3 .*\(2, 3\)",
            ),
            Bad((X, np.ones(3)), ShapeError, r"dense: weight must be .*\(3,\)"),
            Bad((X, np.ones((3, 2)), np.ones(3)), ShapeError, r"dense: bias .*\(2,\).*\(3,\)"),
            Bad((X, np.ones((3, 2), "float32")), DtypeError, "dense: float64 with float32"),
        ),
    ),
    Case(
        "sum_rows",
        tg.functional.sum_rows,
        lambda x: np.einsum("ri->i", x.reshape(int(np.prod(x.shape[:-1])), x.shape[-1])),
        _rows,
    ),
)
