"""Records of `activation=`: sums, dense, conv2d and batch norm that end in an activation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import tinygrad_course as tg
from tinygrad_course.errors import ArgumentError

from .conv import _conv
from .norm import _np_inference, _np_training
from .record import Bad, Case, Sample, normal, positive, sample

RNG = np.random.Generator
F = {
    "relu": lambda z: (z + np.abs(z)) / 2.0,
    "tanh": lambda z: (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z)),
    "sigmoid": lambda z: 1.0 / (1.0 + np.exp(-z)),
}


def _ending(plain: Callable[..., Any]) -> Callable[..., Any]:
    """A plain NumPy function, and f of its result."""

    def ended(*arrays: Any, activation: str, **options: Any) -> Any:
        return F[activation](plain(*arrays, **options))

    return ended


def _composed(plain: Callable[..., Any]) -> Callable[..., Any]:
    """The op without its activation, and the activation as an op of its own."""
    ops = {"relu": tg.relu, "tanh": tg.tanh, "sigmoid": tg.sigmoid}

    def composed(*arrays: Any, activation: str, **options: Any) -> Any:
        return ops[activation](plain(*arrays, **options))

    return composed


def _samples(
    draw: Callable[[RNG], Iterator[tuple[tuple[Any, ...], dict[str, Any]]]],
    plain: Callable[..., Any],
) -> Callable[[RNG], Iterator[Sample]]:
    """Each drawing with each activation; for relu, drawn again until it is away from the kink."""

    def samples(rng: RNG) -> Iterator[Sample]:
        for kind in F:
            place, tries = 0, 0
            while True:
                drawn = list(draw(rng))
                if place == len(drawn):
                    break
                arrays, options = drawn[place]
                z = plain(*arrays, **options)
                if kind == "relu" and np.abs(z).min(initial=1.0) < 0.05:
                    tries += 1
                    assert tries < 5000, "no sample away from the kink"
                    continue
                place += 1
                yield sample(*arrays, activation=kind, **options)

    return samples


def _dense(x, w, b=0.0):
    return x @ w + b


def _add(a, b):
    return a + b


def _infer(x, *rest, **options):
    return tg.batch_norm(x, *rest, training=False, **options)


def _dense_draws(rng: RNG) -> Iterator[Any]:
    yield (normal(rng, 3, 2), normal(rng, 2, 4), normal(rng, 4)), {}
    yield (normal(rng, 2, 2, 3), normal(rng, 3, 2)), {}
    yield (normal(rng, 0, 3), normal(rng, 3, 2)), {}


def _add_draws(rng: RNG) -> Iterator[Any]:
    yield (normal(rng, 3, 2), normal(rng, 3, 2)), {}
    yield (normal(rng, 2, 1, 3), normal(rng, 2, 1)), {}
    yield (normal(rng, 0, 3), normal(rng, 3)), {}


def _conv_draws(rng: RNG) -> Iterator[Any]:
    yield (normal(rng, 1, 3, 3, 2), normal(rng, 2, 2, 2, 2), normal(rng, 2)), {}
    yield (normal(rng, 1, 3, 2, 1), normal(rng, 3, 2, 1, 1)), {"padding": (1, 0)}


def _norm_draws(rng: RNG) -> Iterator[Any]:
    yield (normal(rng, 4, 2), normal(rng, 2), normal(rng, 2)), {}
    yield (normal(rng, 2, 2, 1, 3), positive(rng, 3), normal(rng, 3)), {"eps": 0.1}
    yield (normal(rng, 0, 3), normal(rng, 3), normal(rng, 3)), {}


def _inference_draws(rng: RNG) -> Iterator[Any]:
    yield (normal(rng, 3, 2), *(normal(rng, 2) for _ in range(3)), positive(rng, 2)), {}


def _case(name: str, op: Any, plain: Any, draw: Any, bad: tuple[Bad, ...] = ()) -> Case:
    return Case(
        f"{name} (activation)",
        op,
        _ending(plain),
        _samples(draw, plain),
        twin=_composed(op),
        bad=bad,
    )


def _unknown(*arrays: Any, op: str) -> tuple[Bad, ...]:
    match = rf"{op}: activation must be .*relu, tanh, sigmoid.*'rleu'.*'relu'"
    return (Bad(arrays, ArgumentError, match, {"activation": "rleu"}),)


X = tg.tensor(np.ones((4, 3)))

CASES = (
    _case("add", tg.add, _add, _add_draws, _unknown(X, np.ones((4, 3)), op="add")),
    _case("dense", tg.dense, _dense, _dense_draws, _unknown(X, np.ones((3, 1)), op="dense")),
    _case(
        "conv2d",
        tg.conv2d,
        _conv,
        _conv_draws,
        _unknown(tg.tensor(np.ones((1, 3, 3, 1))), np.ones((2, 2, 1, 1)), op="conv2d"),
    ),
    _case("batch_norm", tg.batch_norm, _np_training, _norm_draws, _unknown(X, op="batch_norm")),
    _case("batch_norm (inference)", _infer, _np_inference, _inference_draws),
)
