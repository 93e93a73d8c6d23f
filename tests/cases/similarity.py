"""Records of `ops/similarity.py`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import tinygrad_course as tg
from tinygrad_course.errors import ArgumentError, DtypeError, ShapeError

from .loss import _reduced
from .record import Bad, Case, Kink, Sample, away, normal, sample

RNG = np.random.Generator
REDUCTIONS = ("mean", "batchmean", "sum", "none")


def _kl(rng: RNG) -> Iterator[Sample]:
    for shape in ((4, 3), (1,), (2, 1, 3), (0, 3)):
        for reduction in REDUCTIONS if 0 not in shape else REDUCTIONS[2:]:
            t = np.asarray(rng.uniform(0.1, 1.0, shape))
            yield sample(normal(rng, *shape), t, reduction=reduction)
            yield sample(normal(rng, *shape), np.log(t), reduction=reduction, log_target=True)
    yield sample(normal(rng), np.array(0.5))
    yield sample(normal(rng, 3), np.array([0, 1, 0]))
    yield sample(np.array([-1.0, -2.0]), np.array([0.0, 1.0]), smooth=False)


def _cosine(rng: RNG) -> Iterator[Sample]:
    for a, b, axis in (
        ((3, 4), (3, 4), -1), ((3, 4), (3, 4), 0), ((2, 3, 4), (3, 1), 1), ((3, 4), (4,), -1),
        ((5,), (5,), 0), ((2, 1, 3), (2, 4, 3), 2), ((0, 3), (0, 3), 1),
    ):  # fmt: skip
        yield sample(away(rng, *a), away(rng, *b), axis=axis)
    yield sample(away(rng, 2, 3), away(rng, 2, 3), eps=10.0)
    yield sample(np.array([[0.0, 0.0]]), np.array([[1.0, 2.0]]), smooth=False)
    yield sample(away(rng, 2, 3), np.array([1, 2, 2]))


def _np_kl(x: Any, t: Any, log_target: bool = False, reduction: str = "mean") -> np.ndarray:
    p = np.exp(t) if log_target else np.asarray(t, float)
    safe = np.where(p > 0.0, p, 1.0)
    y = np.asarray(p * np.log(safe) - p * x)
    if reduction == "batchmean":
        return np.asarray(y.sum() / len(y))
    return _reduced(y, reduction)


def _np_cosine(a: Any, b: Any, axis: int = -1, eps: float = 1e-8) -> np.ndarray:
    a, b = np.broadcast_arrays(a * 1.0, b * 1.0)
    lengths = [np.sqrt((x * x).sum(axis)).clip(min=eps) for x in (a, b)]
    return np.asarray((a * b).sum(axis) / (lengths[0] * lengths[1]))


X = tg.tensor(np.ones((2, 3)))

CASES = (
    Case(
        "kl_div",
        tg.kl_div,
        _np_kl,
        _kl,
        bad=(
            Bad((X, np.ones(3)), ShapeError, r"kl_div: .*\(2, 3\).*\(3,\)"),
            Bad((X, np.ones((2, 3), "float32")), DtypeError, "float64 with float32"),
            Bad((X, X), ArgumentError, "kl_div: .*'batchmaen'.*'batchmean'",
                {"reduction": "batchmaen"}),
            Bad((tg.tensor(1.0), tg.tensor(1.0)), ShapeError, "kl_div: 'batchmean'",
                {"reduction": "batchmean"}),
        ),
        kinks=(
            Kink((np.array([-1.0, -2.0]), np.array([0.0, 1.0])), ([0, -1], [0, 3]),
                 {"reduction": "sum"}),
        ),
    ),
    Case(
        "cosine_similarity",
        tg.cosine_similarity,
        _np_cosine,
        _cosine,
        bad=(
            Bad((X, np.ones((2, 4))), ShapeError, r"cosine_similarity: .*\(2, 3\).*\(2, 4\)"),
            Bad((X, X), ShapeError, r"cosine_similarity: axis 2 .*\(2, 3\)", {"axis": 2}),
            Bad((X, np.ones((2, 3), "float32")), DtypeError, "float64 with float32"),
        ),
    ),
)  # fmt: skip
