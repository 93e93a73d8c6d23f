"""Records of `ops/loss.py`, and of the cross-entropies without options."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import tinygrad_course as tg
from tinygrad_course.errors import ArgumentError, DtypeError, IndexingError, ShapeError

from .record import Bad, Case, Kink, Sample, away, normal, sample

RNG = np.random.Generator
REDUCTIONS = ("mean", "sum", "none")
NONE = {"reduction": "none"}


def _classes(rng: RNG) -> Iterator[Sample]:
    for shape in ((4, 3), (2, 3, 5), (6,), (1, 1), (3, 2)):
        for reduction in REDUCTIONS:
            targets = np.asarray(rng.integers(shape[-1], size=shape[:-1]))
            yield sample(normal(rng, *shape), targets, reduction=reduction)
    yield sample(normal(rng, 0, 3), np.zeros(0, int), reduction="sum")
    yield sample(normal(rng, 0, 3), np.zeros(0, int), reduction="none")
    yield sample(normal(rng, 3, 4), np.array([0, 3, 1], np.uint8))
    yield sample(np.array([[1e4, 0.0, -1e4], [-1e4, 1e4, 1e4]]), np.array([1, 2]), reduction="none")


def _soft(rng: RNG) -> Iterator[Sample]:
    for shape in ((4, 3), (2, 3, 5), (6,), (1, 1)):
        for reduction in REDUCTIONS:
            targets = rng.dirichlet(np.ones(shape[-1]), size=shape[:-1])
            yield sample(normal(rng, *shape), np.asarray(targets), reduction=reduction)
    yield sample(normal(rng, 0, 3), np.zeros((0, 3)), reduction="sum")


def _same(rng: RNG) -> Iterator[Sample]:
    for shape in ((4, 3), (), (1,), (2, 1, 3)):
        for reduction in REDUCTIONS:
            yield sample(normal(rng, *shape), normal(rng, *shape), reduction=reduction)
    yield sample(normal(rng, 0, 3), normal(rng, 0, 3), reduction="sum")
    yield sample(normal(rng, 3), np.array([0, 1, 1]))


def _binary(rng: RNG) -> Iterator[Sample]:
    for shape in ((4, 3), (), (1,), (2, 1, 3)):
        for reduction in REDUCTIONS:
            targets = np.asarray(rng.uniform(size=shape))
            yield sample(away(rng, *shape), targets, reduction=reduction)
    yield sample(away(rng, 0, 3), np.zeros((0, 3)), reduction="none")
    yield sample(away(rng, 3), np.array([0, 1, 1]))
    yield sample(away(rng, 3), np.array([True, False, True]))
    yield sample(
        np.array([-1e4, -40.0, 40.0, 1e4]), np.array([0.0, 1.0, 0.0, 1.0]), reduction="none"
    )
    for weight in (3.0, np.array(0.25), np.array([2.0, 0.5, 1.0]), np.full((4, 1), 7.0)):
        yield sample(
            away(rng, 4, 3), np.asarray(rng.uniform(size=(4, 3))), reduction="none",
            pos_weight=weight,
        )  # fmt: skip
    # Smooth at 0 as well, though written with |x| and max(x, 0).
    yield sample(np.array([0.0, -0.0]), np.array([0.25, 1.0]), reduction="none")


def _differences(rng: RNG, delta: float | None = None) -> Iterator[Sample]:
    """Differences of both signs, none within 0.1 of 0 or of Huber's bend."""
    options = {} if delta is None else {"delta": delta}
    for shape in ((4, 3), (), (1,), (2, 1, 3)):
        for reduction in REDUCTIONS:
            target = normal(rng, *shape)
            d = np.asarray(rng.choice([0.3, 0.7, 1.2, 1.9], shape) * rng.choice([-1.0, 1.0], shape))
            yield sample(np.asarray(target + d), target, reduction=reduction, **options)
    yield sample(normal(rng, 0, 3), normal(rng, 0, 3), reduction="sum", **options)
    yield sample(np.array([0.5, -2.0]), np.array([0, 1]), **options)


def _huber(rng: RNG) -> Iterator[Sample]:
    yield from _differences(rng)
    yield from _differences(rng, delta=0.5)


def _probabilities(rng: RNG) -> Iterator[Sample]:
    for shape in ((4, 3), (), (1,), (2, 1, 3)):
        for reduction in REDUCTIONS:
            p = np.asarray(0.5 + 0.2 * away(rng, *shape))  # at 1/2 the slope for t vanishes
            yield sample(p, np.asarray(rng.uniform(size=shape)), reduction=reduction)
    yield sample(np.zeros((0, 3)), np.zeros((0, 3)), reduction="none")
    yield sample(np.asarray(rng.uniform(0.1, 0.9, 3)), np.array([0, 1, 1]))
    certain = np.array([0.0, 0.0, 1.0, 1.0])
    yield sample(certain, np.array([0.0, 1.0, 0.0, 1.0]), reduction="none", smooth=False)


def _reduced(losses: np.ndarray, reduction: str) -> np.ndarray:
    if reduction == "none":
        return losses
    total = losses.sum()
    return np.asarray(total if reduction == "sum" else total / losses.size)


def _np_classes(logits, targets, reduction="mean"):
    flat, labels = logits.reshape(-1, logits.shape[-1]), targets.reshape(-1)
    losses = [np.logaddexp.reduce(row - row[t]) for row, t in zip(flat, labels, strict=True)]
    return _reduced(np.array(losses, float).reshape(targets.shape), reduction)


def _np_soft(logits, targets, reduction="mean"):
    log_p = logits - np.logaddexp.reduce(logits, axis=-1)[..., None]
    return _reduced(-np.einsum("...k,...k->...", targets, log_p), reduction)


def _np_mse(y, target, reduction="mean"):
    return _reduced(np.asarray(y * y - 2.0 * y * target + target * target * 1.0), reduction)


def _np_binary(x, t, pos_weight=1.0, reduction="mean"):
    yes, no = np.logaddexp(0, -x), np.logaddexp(0, x)
    return _reduced(np.asarray(pos_weight * t * yes + (1.0 - t) * no), reduction)


def _np_huber(y, target, delta=1.0, reduction="mean"):
    d = y - target
    outside = d - np.clip(d, -delta, delta)
    return _reduced(np.asarray((d * d - outside * outside) / 2.0), reduction)


def _np_probabilities(p, t, reduction="mean"):
    with np.errstate(divide="ignore"):
        yes, no = np.log(p).clip(min=-100.0), np.log(1.0 - p).clip(min=-100.0)
    return _reduced(np.asarray(t * -yes + (1.0 - t) * -no), reduction)


Z = tg.tensor(np.ones((4, 3)))


def _targets(name: str) -> tuple[Bad, ...]:
    return (
        Bad(
            (Z, np.array([0, 1, 3, 0])),
            IndexingError,
            rf"{name}: label 3 at \(2,\).*\(4, 3\).*0 \.\. 2",
        ),
        Bad((Z, np.array([0, 1, -1, 0])), IndexingError, rf"{name}: label -1 at \(2,\)"),
        Bad((Z, np.zeros(5, int)), ShapeError, rf"{name}: .*\(4, 3\).*\(4,\).*\(5,\)"),
        Bad((Z, np.zeros((4, 1), int)), ShapeError, rf"{name}: .*\(4, 3\).*\(4, 1\)"),
        Bad((Z, np.zeros(4)), DtypeError, f"{name}: classes must be integers.*float64.*astype"),
        Bad((Z, np.zeros((4, 2))), ShapeError, rf"{name}: .*\(4, 3\).*\(4, 2\)"),
        Bad((tg.tensor(1.0), np.array(0)), ShapeError, rf"{name}: logits .*\(\)"),
        Bad(
            (tg.tensor(np.ones((2, 0))), np.zeros(2, int)),
            ShapeError,
            rf"{name}: logits .*\(2, 0\)",
        ),
        Bad((Z, np.zeros(4, int)), ArgumentError, "reduction 'avg'.*mean", {"reduction": "avg"}),
    )


def _shapes(name: str) -> tuple[Bad, ...]:
    return (
        Bad((tg.tensor(np.ones((4, 1))), np.ones(4)), ShapeError, rf"{name}: .*\(4, 1\).*\(4,\)"),
        Bad((Z, np.ones((4, 3), "float32")), DtypeError, "float64 with float32"),
        Bad(
            (Z, np.ones((4, 3))), ArgumentError, "'summ'.*did you mean 'sum'", {"reduction": "summ"}
        ),
    )


CASES = (
    Case(
        "cross_entropy",
        tg.cross_entropy,
        _np_classes,
        _classes,
        twin=tg.functional.softmax_cross_entropy_composed,
        bad=_targets("cross_entropy"),
    ),
    Case("cross_entropy (probabilities)", tg.cross_entropy, _np_soft, _soft),
    Case("mse", tg.mse, _np_mse, _same, bad=_shapes("mse")),
    Case(
        "binary_cross_entropy_with_logits",
        tg.binary_cross_entropy_with_logits,
        _np_binary,
        _binary,
        bad=(
            *_shapes("binary_cross_entropy_with_logits"),
            Bad(
                (Z, np.ones((4, 3))),
                ShapeError,
                r"pos_weight of shape \(4,\) .*\(4, 3\); give one number",
                {"pos_weight": np.ones(4)},
            ),
        ),
    ),
    Case(
        "l1",
        tg.l1,
        lambda y, target, reduction="mean": _reduced(np.sqrt((y - target) ** 2), reduction),
        _differences,
        bad=_shapes("l1"),
        kinks=(Kink((np.zeros(2), np.array([0.0, 1.0])), ([0, -1], [0, 1]), NONE),),
    ),
    Case(
        "huber",
        tg.huber,
        _np_huber,
        _huber,
        bad=(
            *_shapes("huber"),
            Bad((Z, np.ones((4, 3))), ArgumentError, "huber: delta must be positive", {"delta": 0}),
        ),
        kinks=(Kink((np.array([1.0, -1.0, 0.0]), np.zeros(3)), ([1, -1, 0], [-1, 1, 0]), NONE),),
    ),
    Case(
        "binary_cross_entropy",
        tg.binary_cross_entropy,
        _np_probabilities,
        _probabilities,
        bad=(
            *_shapes("binary_cross_entropy"),
            Bad((np.array([0.5, 1.5]), np.ones(2)), ArgumentError, r"1.5 at \(1,\) is no prob"),
            Bad((tg.tensor([-0.1]), np.ones(1, "float32")), ArgumentError, "with_logits"),
        ),
        # Certain and right: no slope for p, and 100 for t, where the logarithm ends.
        kinks=(Kink((np.array([0.0, 1.0]), np.array([0.0, 1.0])), ([0, 0], [100, -100]), NONE),),
    ),
)
