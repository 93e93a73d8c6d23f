"""Records of `ops/cross_entropy.py` with its options: weights, ignored labels, smoothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import tinygrad_course as tg
from tinygrad_course.errors import ArgumentError, DtypeError, IndexingError, ShapeError

from .loss import REDUCTIONS, _targets
from .record import Bad, Case, Sample, normal, sample

RNG = np.random.Generator
WEIGHTS = np.array([0.5, 2.0, 0.0, 1.25])

OPTIONS: tuple[dict[str, Any], ...] = (
    {"weight": WEIGHTS}, {"ignore_index": -100}, {"ignore_index": 2}, {"label_smoothing": 0.3},
    {"weight": WEIGHTS, "ignore_index": 1}, {"weight": WEIGHTS, "label_smoothing": 0.2},
    {"ignore_index": -1, "label_smoothing": 1.0},
    {"weight": WEIGHTS, "ignore_index": 0, "label_smoothing": 0.4},
)  # fmt: skip


def _options(rng: RNG, smoothing: bool) -> Iterator[Sample]:
    for options in OPTIONS:
        if not smoothing and "label_smoothing" in options:
            continue
        for shape in ((6, 4), (2, 3, 4), (4,)):
            for reduction in REDUCTIONS:
                targets = np.asarray(rng.integers(4, size=shape[:-1]))
                if targets.ndim:  # one label at least is ignored, and one is not
                    targets.flat[0], targets.flat[-1] = options.get("ignore_index", 1), 3
                else:
                    targets = np.array(3)
                yield sample(normal(rng, *shape), targets, reduction=reduction, **options)
    for reduction in ("sum", "none"):
        yield sample(
            normal(rng, 3, 4), np.array([-1, -1, -1]), reduction=reduction, ignore_index=-1
        )
        yield sample(normal(rng, 0, 4), np.zeros(0, int), reduction=reduction, weight=WEIGHTS)


def _classes(rng: RNG) -> Iterator[Sample]:
    yield from _options(rng, smoothing=True)


def _nll(rng: RNG) -> Iterator[Sample]:
    for shape in ((4, 3), (2, 3, 5), (3,), (0, 3)):
        for reduction in REDUCTIONS if 0 not in shape else ("sum", "none"):
            targets = np.asarray(rng.integers(shape[-1], size=shape[:-1]))
            yield sample(normal(rng, *shape), targets, reduction=reduction)
    yield from _options(rng, smoothing=False)


def _soft(rng: RNG) -> Iterator[Sample]:
    for options in ({"weight": WEIGHTS}, {"label_smoothing": 0.3}, OPTIONS[5]):
        for reduction in REDUCTIONS:
            t = np.asarray(rng.dirichlet(np.ones(4), size=(2, 3)))
            yield sample(normal(rng, 2, 3, 4), t, reduction=reduction, **options)
    yield sample(normal(rng, 0, 4), np.zeros((0, 4)), reduction="sum", label_smoothing=0.5)


def _log_softmax(x: np.ndarray) -> np.ndarray:
    return x - np.logaddexp.reduce(x, axis=-1)[..., None] if x.size else x


def _np_rows(log_p, targets, weight, ignore_index, label_smoothing, reduction):
    """Sample by sample, class by class."""
    K = log_p.shape[-1]
    w = np.ones(K) if weight is None else weight
    losses, total = [], 0.0
    for row, t in zip(log_p.reshape(-1, K), targets.reshape(-1), strict=True):
        if t == ignore_index:
            losses.append(0.0)
            continue
        smooth = [(1.0 - label_smoothing) * (k == t) + label_smoothing / K for k in range(K)]
        losses.append(-sum(w[k] * smooth[k] * row[k] for k in range(K)))
        total += w[t]
    y = np.array(losses, float).reshape(targets.shape)
    if reduction == "none":
        return y
    return np.asarray(y.sum() if reduction == "sum" else y.sum() / total)


def _np_classes(
    x, t, weight=None, ignore_index=None, label_smoothing=0.0, reduction="mean"
) -> np.ndarray:
    return _np_rows(_log_softmax(x), t, weight, ignore_index, label_smoothing, reduction)


def _np_nll(x, t, weight=None, ignore_index=None, reduction="mean") -> np.ndarray:
    return _np_rows(x, t, weight, ignore_index, 0.0, reduction)


def _np_soft(x, t, weight=None, label_smoothing=0.0, reduction="mean") -> np.ndarray:
    w = np.ones(x.shape[-1]) if weight is None else weight
    smooth = t - label_smoothing * (t - 1.0 / x.shape[-1])
    y = -np.einsum("k,...k,...k->...", w, smooth, _log_softmax(x))
    return y if reduction == "none" else np.asarray(y.sum() if reduction == "sum" else y.mean())


Z = tg.tensor(np.ones((4, 3)))
LABELS = np.array([0, 1, 7, 2])


def _options_errors(name: str) -> tuple[Bad, ...]:
    return (
        Bad((Z, LABELS), IndexingError, rf"{name}: label 7 at \(2,\)", {"ignore_index": 1}),
        Bad((Z, LABELS % 3), ShapeError, r"weight must .*\(3,\).*\(2,\)", {"weight": [1.0, 2.0]}),
    )


CASES = (
    Case(
        "cross_entropy (options)",
        tg.cross_entropy,
        _np_classes,
        _classes,
        bad=(
            *_options_errors("cross_entropy"),
            Bad((Z, LABELS % 3), ArgumentError, "label_smoothing must lie", {"label_smoothing": 2}),
            Bad(
                (Z, np.ones((4, 3))), ArgumentError, "ignore_index is a label", {"ignore_index": 1}
            ),
        ),
    ),
    Case("cross_entropy (probabilities, options)", tg.cross_entropy, _np_soft, _soft),
    Case(
        "nll",
        tg.nll,
        _np_nll,
        _nll,
        bad=(
            *_targets("nll"),
            *_options_errors("nll"),
            Bad((Z, np.ones((4, 3))), DtypeError, "nll: targets are classes.*kl_div"),
        ),
    ),
)
