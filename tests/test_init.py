"""Initializers: variances and bounds against their formulas, fans, and what they are for."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import tinygrad_course as tg
from tinygrad_course import nn
from tinygrad_course.errors import ArgumentError, ArgumentTypeError, ShapeError
from tinygrad_course.nn import init

DENSE = (300, 500)
CONV = (5, 3, 40, 64)  # fan_in 600, fan_out 960
FANS = {DENSE: (300, 500), CONV: (600, 960)}

VARIANCES: list[tuple[Callable[..., Any], Callable[[int, int], float]]] = [
    (init.lecun_normal, lambda i, o: 1 / i),
    (init.lecun_uniform, lambda i, o: 1 / i),
    (init.xavier_normal, lambda i, o: 2 / (i + o)),
    (init.xavier_uniform, lambda i, o: 2 / (i + o)),
    (init.he_normal, lambda i, o: 2 / i),
    (init.he_uniform, lambda i, o: 2 / i),
    (partial(init.he_normal, mode="fan_out"), lambda i, o: 2 / o),
    (partial(init.he_uniform, mode="fan_out"), lambda i, o: 2 / o),
    (partial(init.he_normal, a=0.5), lambda i, o: 2 / (1.25 * i)),
    (partial(init.he_uniform, a=0.5), lambda i, o: 2 / (1.25 * i)),
]


@pytest.mark.parametrize("shape", [DENSE, CONV])
@pytest.mark.parametrize(("rule", "variance"), VARIANCES)
def test_variance_mean_and_bounds(rule, variance, shape: tuple[int, ...]) -> None:
    w = rule(shape, generator=tg.Generator(1), dtype="float64")
    n, expected = w.size, variance(*FANS[shape])
    normal = "normal" in getattr(rule, "func", rule).__name__
    # The standard error of a variance is Var sqrt((kurtosis - 1) / n): kurtosis 3, or 9/5.
    error = expected * math.sqrt((2 if normal else 0.8) / n)
    assert abs(w.var() - expected) < 4 * error
    assert abs(w.mean()) < 4 * math.sqrt(expected / n)
    bound = math.sqrt(3 * expected)
    if normal:
        assert np.abs(w).max() > bound
        inside = np.mean(np.abs(w) < math.sqrt(expected))
        assert inside == pytest.approx(0.6827, abs=0.01)
    else:
        assert bound * 0.999 < np.abs(w).max() <= bound


def test_fans() -> None:
    assert init.fans((400, 120)) == (400, 120)
    assert init.fans((5, 5, 6, 16)) == (150, 400)
    assert init.fans((3, 3, 1, 32), groups=32) == (9, 9)
    assert init.fans((3, 3, 4, 16), groups=2) == (36, 72)
    for shape in [(3,), (), (0, 3), (3, 0)]:
        with pytest.raises(ShapeError, match="fans: a weight has shape"):
            init.fans(shape)
    with pytest.raises(ShapeError, match="16 output channels do not divide into 3 groups"):
        init.fans((3, 3, 4, 16), groups=3)


def test_plain_rules() -> None:
    assert init.zeros((2, 3)).tolist() == [[0.0] * 3] * 2
    assert init.constant((2,), 0.5).tolist() == [0.5, 0.5]
    assert init.constant(()).shape == ()
    w = init.normal((100_000,), 0.1, mean=2.0, generator=tg.Generator(0), dtype="float64")
    assert w.mean() == pytest.approx(2.0, abs=0.002)
    assert w.std() == pytest.approx(0.1, rel=0.01)
    u = init.uniform((100_000,), -1.0, 3.0, generator=tg.Generator(0), dtype="float64")
    assert -1.0 <= u.min() < -0.999
    assert 2.999 < u.max() < 3.0
    assert u.mean() == pytest.approx(1.0, abs=0.02)


def test_numbers_depend_on_the_generator_alone() -> None:
    first = init.he_normal((3, 4), generator=tg.Generator(5))
    assert np.array_equal(first, init.he_normal((3, 4), generator=tg.Generator(5)))
    assert not np.array_equal(first, init.he_normal((3, 4), generator=tg.Generator(6)))
    generator = tg.Generator(5)
    init.zeros((3, 4), generator=generator)
    assert generator.state() == (5, 0)
    init.normal((9,), generator=generator)
    assert generator.state() == (5, 1)
    tg.manual_seed(5)
    assert np.array_equal(first, init.he_normal((3, 4)))
    wide = init.he_normal((3, 4), generator=tg.Generator(5), dtype="float64")
    assert wide.dtype == np.float64
    assert np.array_equal(first, wide.astype("float32"))


@pytest.mark.parametrize(
    ("rule", "activation", "low", "high"),
    [
        (init.he_normal, nn.ReLU, 0.3, 3.0),
        (partial(init.he_uniform, a=0.2), partial(nn.LeakyReLU, 0.2), 0.3, 3.0),
        (init.lecun_normal, nn.Sequential, 0.3, 3.0),
        (partial(init.normal, std=0.01), nn.ReLU, 0.0, 1e-10),
        (init.lecun_normal, nn.ReLU, 0.0, 1e-4),
        (partial(init.normal, std=0.2), nn.ReLU, 1e6, math.inf),
    ],
)
def test_the_signal_through_fifty_layers(rule, activation, low: float, high: float) -> None:
    """The right variance keeps E(x^2); a smaller one loses the signal, a larger one explodes it."""
    generator = tg.Generator(2)
    layers = []
    for _ in range(50):
        layers += [nn.Dense(256, 256, init=rule, generator=generator), activation()]
    x = np.random.default_rng(0).standard_normal((64, 256)).astype("float32")
    with tg.no_grad():
        y = nn.Sequential(*layers)(tg.tensor(x))
    ratio = float(np.mean(np.square(y.data, dtype=np.float64)) / np.mean(x**2))
    assert low <= ratio <= high


def test_a_grouped_convolution_is_initialized_group_by_group() -> None:
    shapes: list[tuple[int, ...]] = []

    def spy(shape: tuple[int, ...], *, generator: Any, dtype: Any) -> np.ndarray:
        shapes.append(shape)
        return np.full(shape, float(len(shapes)), dtype)

    layer = nn.Conv2d(4, 6, 3, groups=2, init=spy)
    assert shapes == [(3, 3, 2, 3)] * 2
    assert layer.weight.data[0, 0, 0].tolist() == [1.0] * 3 + [2.0] * 3
    w = nn.Conv2d(64, 64, 5, groups=64, init=init.xavier_normal, generator=tg.Generator(0)).weight
    assert w.data.var() == pytest.approx(2 / 50, rel=0.2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: init.normal((2,), -1.0), ArgumentError, "normal: std must be at least 0"),
        (lambda: init.normal((2,), math.nan), ArgumentError, "normal: std must be finite"),
        (lambda: init.normal((-2,)), ShapeError, r"normal: .* no negative axis, but it is \(-2,\)"),
        (lambda: init.normal(3), ShapeError, "normal: shape must be a tuple of integers"),
        (lambda: init.uniform((2,), 1.0, 0.0), ArgumentError, "uniform: low must not exceed high"),
        (lambda: init.constant((2,), "1"), ArgumentTypeError, "constant: value must be a number"),
        (lambda: init.zeros((2,), dtype="int32"), ArgumentTypeError, "must be a float dtype"),
        (lambda: init.he_normal((2, 2), mode="fan_on"), ArgumentError, "did you mean 'fan_"),
        (lambda: init.he_uniform((3,)), ShapeError, "a bias has no fans"),
    ],
)
def test_errors(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
