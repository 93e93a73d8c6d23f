"""Records of `ops/margin_loss.py`, and of the logistic loss, whose labels are -1 and 1 too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

import tinygrad_course as tg
from tinygrad_course.errors import ArgumentError, DtypeError, ShapeError

from .loss import NONE, REDUCTIONS, _reduced, _targets
from .record import Bad, Case, Kink, Sample, distinct, grid, normal, sample

RNG = np.random.Generator


def _signs(rng: RNG, draw: Callable[..., np.ndarray], **options: float) -> Iterator[Sample]:
    for shape in ((4, 3), (), (1,), (2, 1, 3)):
        for reduction in REDUCTIONS:
            labels = np.asarray(rng.choice([-1, 1], shape))
            yield sample(draw(rng, *shape), labels, reduction=reduction, **options)
    yield sample(draw(rng, 0, 3), np.ones((0, 3), int), reduction="sum", **options)


def _logistic(rng: RNG) -> Iterator[Sample]:
    yield from _signs(rng, normal)
    yield sample(np.array([-1e4, 40.0, 1e4, 0.0]), np.array([1, -1, 1, -1]), reduction="none")


def _hinge(rng: RNG) -> Iterator[Sample]:
    yield from _signs(rng, partial(grid, offset=0.15))
    yield from _signs(rng, partial(grid, offset=0.15), margin=0.5)


def _classes(rng: RNG) -> Iterator[Sample]:
    for form in ("weston-watkins", "crammer-singer"):
        for shape in ((4, 3), (2, 3, 5), (6,), (2, 1)):
            for reduction in REDUCTIONS:
                targets = np.asarray(rng.integers(shape[-1], size=shape[:-1]))
                scores = distinct(rng, *shape) * 1.03  # no difference is exactly the margin
                yield sample(scores, targets, form=form, reduction=reduction)
        yield sample(normal(rng, 0, 3), np.zeros(0, int), form=form, reduction="sum")
        yield sample(distinct(rng, 3, 4) * 1.03, np.array([0, 3, 1]), form=form, margin=0.25)


def _np_hinge(z, y, margin=1.0, reduction="mean"):
    return _reduced(np.asarray((margin - y * z) * (y * z < margin)), reduction)


def _np_classes(scores, targets, margin=1.0, form="weston-watkins", reduction="mean"):
    K = scores.shape[-1]
    losses = []
    for row, t in zip(scores.reshape(-1, K), targets.reshape(-1), strict=True):
        rivals = [max(0.0, margin + row[k] - row[t]) for k in range(K) if k != t]
        losses.append(sum(rivals) / K if form == "weston-watkins" else max(rivals, default=0.0))
    return _reduced(np.array(losses, float).reshape(targets.shape), reduction)


Z = tg.tensor(np.ones((4, 3)))


def _errors(name: str) -> tuple[Bad, ...]:
    return (
        Bad((Z, np.ones(4, int)), ShapeError, rf"{name}: .*\(4, 3\).*\(4,\)"),
        Bad((tg.tensor([1.0, 2.0]), np.array([1, 0])), ArgumentError, rf"{name}: .*\(1,\) is 0"),
        Bad((Z, np.ones((4, 3), int)), ArgumentError, "'men'.*'mean'", {"reduction": "men"}),
    )


THREE, YES = np.array([2.0, 1.0, 0.0]), np.array([1, 1, 1])

CASES = (
    Case(
        "logistic_loss",
        tg.logistic_loss,
        lambda z, y, reduction="mean": _reduced(np.asarray(np.logaddexp(0.0, -y * z)), reduction),
        _logistic,
        bad=_errors("logistic_loss"),
    ),
    Case(
        "hinge",
        tg.hinge,
        _np_hinge,
        _hinge,
        bad=_errors("hinge"),
        kinks=(Kink((THREE, YES), ([0, 0, -1],), NONE),),
    ),
    Case(
        "perceptron_criterion",
        tg.perceptron_criterion,
        lambda z, y, reduction="mean": _reduced((np.abs(z) - y * z) / 2.0, reduction),
        lambda rng: _signs(rng, partial(grid, offset=0.15)),
        bad=_errors("perceptron_criterion"),
        kinks=(
            Kink((THREE, YES), ([0, 0, -1],), NONE),
            Kink((THREE, -YES), ([1, 1, 1],), NONE),
        ),
    ),
    Case(
        "multi_class_hinge",
        tg.multi_class_hinge,
        _np_classes,
        _classes,
        bad=(
            *_targets("multi_class_hinge"),
            Bad((Z, np.ones((4, 3))), DtypeError, "multi_class_hinge: targets are classes"),
            Bad(
                (Z, np.zeros(4, int)), ArgumentError, "form 'crammer'.*'crammer-singer'",
                {"form": "crammer"},
            ),
        ),
        kinks=(
            Kink((np.array([[1.0, 0.0, -1.0]]), np.array([0])), ([0, 0, 0],)),
            Kink(
                (np.array([[0.0, 1.0, 1.0]]), np.array([0])), ([-1, 1, 0],),
                {"form": "crammer-singer"},
            ),
        ),
    ),
)  # fmt: skip
