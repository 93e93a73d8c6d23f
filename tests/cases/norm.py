"""Records of `ops/norm.py`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import tinygrad_course as tg
from tinygrad_course.errors import ArgumentError, DtypeError, ShapeError

from .record import Bad, Case, Sample, normal, positive, sample

RNG = np.random.Generator


def _training(rng: RNG) -> Iterator[Sample]:
    for shape in ((5, 3), (2, 3, 4, 2), (4, 1), (2, 1), (2, 1, 1, 3), (0, 3)):
        C = shape[-1]
        if int(np.prod(shape)) != 2 * C:  # of two values the smaller becomes -1, the larger 1
            yield sample(normal(rng, *shape), normal(rng, C), normal(rng, C))
        yield sample(normal(rng, *shape), positive(rng, C), normal(rng, C), eps=0.1)


def _plain(rng: RNG) -> Iterator[Sample]:
    for shape in ((5, 3), (2, 2, 3, 2)):
        yield sample(3.0 * normal(rng, *shape) + 10.0)


def _inference(rng: RNG) -> Iterator[Sample]:
    for shape in ((5, 3), (2, 3, 4, 2), (1, 2), (0, 3), (1, 1, 1, 1)):
        C = shape[-1]
        arrays = normal(rng, C), normal(rng, C), normal(rng, C), positive(rng, C)
        yield sample(normal(rng, *shape), *arrays)


def _np_training(x, weight=1.0, bias=0.0, eps=1e-5):
    rows = x.reshape(-1, x.shape[-1])
    if not len(rows):
        return x
    y = np.empty_like(rows)
    for c in range(rows.shape[1]):
        column = rows[:, c]
        deviation = column - column.sum() / len(column)
        y[:, c] = deviation / np.sqrt((deviation * deviation).sum() / len(column) + eps)
    return (y * weight + bias).reshape(x.shape)


def _np_inference(x, weight, bias, mean, var, eps=1e-5):
    return (x - mean) * (weight / (var + eps) ** 0.5) + bias


def _infer(x, weight, bias, mean, var, **options):
    return tg.batch_norm(x, weight, bias, mean, var, training=False, **options)


X = tg.tensor(np.ones((4, 3)))

CASES = (
    Case(
        "batch_norm",
        tg.batch_norm,
        _np_training,
        _training,
        twin=tg.functional.batch_norm_composed,
        bad=(
            Bad((X, np.ones(2)), ShapeError, r"batch_norm: weight .*\(3,\).*\(4, 3\).*\(2,\)"),
            Bad((X, np.ones(3), np.ones(4)), ShapeError, r"batch_norm: bias .*\(3,\).*\(4,\)"),
            Bad((tg.tensor(np.ones(3)),), ShapeError, r"batch_norm: x must be .*\(3,\)"),
            Bad((tg.tensor(np.ones((1, 3))),), ShapeError, r"more than one value.*\(1, 3\)"),
            Bad((X, None, None, np.ones(3)), ArgumentError, "running_mean and running_var both"),
            Bad((X,), ArgumentError, "inference needs running_mean", {"training": False}),
            Bad((X, np.ones(3, "float32")), DtypeError, "float64 with float32"),
        ),
    ),
    Case("batch_norm (no parameters)", tg.batch_norm, _np_training, _plain),
    Case("batch_norm (inference)", _infer, _np_inference, _inference),
)
