"""Truncated, orthogonal and identity weights; gains, and what they do to a signal in 50 layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import tinygrad_course as tg
from tinygrad_course import functional as F
from tinygrad_course import nn
from tinygrad_course.errors import ArgumentError, ArgumentTypeError, ShapeError
from tinygrad_course.nn import init

Array = Any

_SELU = (1.0507009873554805, 1.6732632423543772)


def negative(x: Array) -> Array:
    return np.expm1(np.minimum(x, 0))


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "linear": lambda x: x,
    "sigmoid": lambda x: (1 + np.tanh(x / 2)) / 2,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.maximum(x, 0.01 * x),
    "selu": lambda x: _SELU[0] * np.where(x > 0, x, _SELU[1] * negative(x)),
    "elu": lambda x: np.where(x > 0, x, negative(x)),
    "gelu": lambda x: x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2,
    "silu": lambda x: x * (1 + np.tanh(x / 2)) / 2,
}


def mean_square(name: str, a: float | None = None) -> float:
    """E f(z)^2 for a standard normal z, by the trapezoidal rule on both sides of the kink."""
    z = np.linspace(0, 12, 200_001)
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    f = ACTIVATIONS[name] if a is None else lambda x: np.maximum(x, a * x)
    values = (f(z) ** 2 + f(-z) ** 2) * density
    return float((values.sum() - (values[0] + values[-1]) / 2) * z[1])


def deep(rule: Callable[..., Array], f: Callable[[Array], Array]) -> list[tuple[float, float]]:
    """(E z^2, variance over the samples) of the sums z <- f(z) W after each of 50 layers."""
    generator = tg.Generator(1)
    z = np.random.default_rng(0).standard_normal((64, 256))
    found = []
    for _ in range(50):
        z = f(z) @ rule((256, 256), generator=generator, dtype="float64")
        found.append((float(np.mean(z**2)), float(z.var(axis=0).mean())))
    return found


# Gains.


def test_gains_are_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    for name in ("linear", "sigmoid", "tanh", "relu", "selu", "leaky_relu"):
        assert init.gain(name) == pytest.approx(torch.nn.init.calculate_gain(name), rel=1e-15)
    for a in (0.0, 0.2, 1.0):
        theirs = torch.nn.init.calculate_gain("leaky_relu", a)
        assert init.gain("leaky_relu", a) == pytest.approx(theirs, rel=1e-15)


@pytest.mark.parametrize("name", ["linear", "relu", "leaky_relu", "elu", "gelu", "silu"])
def test_a_gain_makes_up_for_what_the_nonlinearity_takes(name: str) -> None:
    assert init.gain(name) == pytest.approx(mean_square(name) ** -0.5, rel=1e-8)


def test_a_leaky_slope() -> None:
    assert init.gain("leaky_relu", 0.3) == pytest.approx(mean_square("", 0.3) ** -0.5, rel=1e-8)


@pytest.mark.parametrize("distribution", ["normal", "truncated_normal", "uniform"])
@pytest.mark.parametrize("name", ["linear", "tanh", "relu", "leaky_relu", "elu"])
def test_gains_carry_a_signal_through_fifty_layers(name: str, distribution: str) -> None:
    rule = partial(init.variance_scaling, gain=init.gain(name), distribution=distribution)
    size, variance = deep(rule, ACTIVATIONS[name])[-1]
    assert 0.3 < size < 3
    assert variance > 0.01


def test_where_no_gain_helps() -> None:
    """A sigmoid forgets its input; gelu and silu do not hold the level; selu's own gain is 1."""
    sigmoid = deep(
        partial(init.variance_scaling, gain=init.gain("sigmoid")), ACTIVATIONS["sigmoid"]
    )
    assert sigmoid[9][1] < 1e-10
    assert 0.2 < sigmoid[-1][0] < 0.4
    for name in ("gelu", "silu"):
        sizes = deep(partial(init.variance_scaling, gain=init.gain(name)), ACTIVATIONS[name])
        assert sizes[0][0] == pytest.approx(1, abs=0.1)
        assert sizes[-1][0] > 10
    for gain, low, high in ((1.0, 0.5, 2.0), (init.gain("selu"), 0.0, 0.1)):
        size, _ = deep(partial(init.variance_scaling, gain=gain), ACTIVATIONS["selu"])[-1]
        assert low < size < high


def test_the_wrong_gain_loses_or_explodes_the_signal() -> None:
    for gain, low, high in ((1.0, 0.0, 1e-10), (2.0, 1e10, math.inf)):
        size, _ = deep(partial(init.variance_scaling, gain=gain), ACTIVATIONS["relu"])[-1]
        assert low < size < high


# Variance scaling and the truncated normal.


@pytest.mark.parametrize("distribution", ["normal", "truncated_normal", "uniform"])
@pytest.mark.parametrize(("mode", "fan"), [("fan_in", 600), ("fan_out", 960), ("fan_avg", 780)])
def test_variance_scaling(mode: str, fan: int, distribution: str) -> None:
    w = init.variance_scaling(
        (5, 3, 40, 64), 1.5, mode=mode, distribution=distribution,
        generator=tg.Generator(1), dtype="float64",
    )  # fmt: skip
    expected = 1.5**2 / fan
    assert abs(w.var() - expected) < 4 * expected * math.sqrt(2 / w.size)
    assert abs(w.mean()) < 4 * math.sqrt(expected / w.size)


def test_variance_scaling_contains_the_named_rules() -> None:
    def same(one: Callable[..., Array], other: Callable[..., Array]) -> None:
        drawn = [r((30, 50), generator=tg.Generator(1), dtype="float64") for r in (one, other)]
        np.testing.assert_allclose(drawn[0], drawn[1], rtol=0, atol=1e-15)

    scaling = partial(init.variance_scaling, distribution="uniform")
    same(init.lecun_normal, init.variance_scaling)
    same(init.xavier_normal, partial(init.variance_scaling, mode="fan_avg"))
    same(init.xavier_uniform, partial(scaling, mode="fan_avg"))
    same(init.he_uniform, partial(scaling, gain=init.gain("relu")))
    same(
        partial(init.he_normal, a=0.2, mode="fan_avg"),
        partial(init.variance_scaling, gain=init.gain("leaky_relu", 0.2), mode="fan_avg"),
    )


@pytest.mark.parametrize("bound", [1.0, 2.0, 3.5])
def test_truncated_normal(bound: float) -> None:
    w = init.truncated_normal(
        (200_000,), 0.5, mean=3.0, bound=bound, generator=tg.Generator(0), dtype="float64"
    )
    assert w.std() == pytest.approx(0.5, rel=0.006)
    assert w.mean() == pytest.approx(3.0, abs=0.005)
    z = np.linspace(-bound, bound, 100_001)
    density = np.exp(-(z**2) / 2)
    cut = math.sqrt(float((z**2 * density).sum() / density.sum()))
    furthest = np.abs(w - 3.0).max()
    assert furthest == pytest.approx(0.5 * bound / cut, rel=0.01)
    assert furthest < 0.5 * bound / cut * (1 + 1e-4)
    # It is a normal within the cut: the share in the inner half of the range.
    inside = math.erf(bound / 2 / math.sqrt(2)) / math.erf(bound / math.sqrt(2))
    assert np.mean(np.abs(w - 3.0) < 0.25 * bound / cut) == pytest.approx(inside, abs=0.005)


def test_truncated_normal_draws_once_and_repeats() -> None:
    generator = tg.Generator(4)
    first = init.truncated_normal((50, 60), generator=generator)
    assert generator.state() == (4, 1)
    assert np.array_equal(first, init.truncated_normal((50, 60), generator=tg.Generator(4)))
    assert first.dtype == np.float32
    assert init.truncated_normal((0, 3)).shape == (0, 3)


# Orthogonal weights.


@pytest.mark.parametrize("shape", [(7, 7), (9, 4), (4, 9), (3, 3, 2, 5), (1, 1, 2, 8)])
def test_columns_or_rows_are_orthonormal(shape: tuple[int, ...]) -> None:
    w = init.orthogonal(shape, 1.5, generator=tg.Generator(0), dtype="float64")
    assert w.shape == shape
    assert w.flags.c_contiguous
    m = w.reshape(-1, shape[-1])
    gram = m.T @ m if m.shape[0] >= m.shape[1] else m @ m.T
    np.testing.assert_allclose(gram, 2.25 * np.eye(len(gram)), atol=1e-13)


def test_every_rotation_is_as_likely_as_any_other() -> None:
    """Both determinants come up, and each entry is 0 on average with variance 1 / n."""
    generator = tg.Generator(0)
    drawn = [init.orthogonal((3, 3), generator=generator, dtype="float64") for _ in range(2000)]
    w = np.stack(drawn)
    assert 0.45 < np.mean(np.linalg.det(w) > 0) < 0.55
    assert np.abs(w.mean(axis=0)).max() < 4 * math.sqrt(1 / 3 / 2000)
    np.testing.assert_allclose((w**2).mean(axis=0), 1 / 3, atol=0.03)


def test_fifty_orthogonal_layers_keep_every_direction() -> None:
    """Gaussian ones of the same variance keep one in a few and lose the rest."""
    conditions = {}
    for rule in (init.orthogonal, init.lecun_normal):
        generator = tg.Generator(0)
        product = np.eye(64)
        for _ in range(50):
            product = product @ rule((64, 64), generator=generator, dtype="float64")
        conditions[rule] = np.linalg.cond(product)
    assert conditions[init.orthogonal] == pytest.approx(1, abs=1e-12)
    assert conditions[init.lecun_normal] > 1e10


@pytest.mark.parametrize(
    ("name", "low", "high"), [("linear", 0.98, 1.02), ("relu", 0.1, 1.0), ("tanh", 1.1, 1.3)]
)
def test_orthogonal_weights_with_a_gain_through_fifty_layers(
    name: str, low: float, high: float
) -> None:
    size, _ = deep(partial(init.orthogonal, gain=init.gain(name)), ACTIVATIONS[name])[-1]
    assert low < size < high


# The identity.


def test_a_dense_identity_hands_its_inputs_on() -> None:
    x = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(x @ init.identity((3, 3), dtype="float64"), x)
    np.testing.assert_array_equal(x @ init.identity((3, 2), dtype="float64"), x[:, :2])
    padded = np.c_[2 * x, np.zeros((2, 1))]
    np.testing.assert_array_equal(x @ init.identity((3, 4), 2.0, dtype="float64"), padded)


@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (5, 3), (2, 4)])
def test_a_convolution_of_the_identity_hands_the_image_on(kernel: tuple[int, int]) -> None:
    x = np.random.default_rng(0).standard_normal((2, 6, 7, 3))
    w = init.identity((*kernel, 3, 3), dtype="float64")
    y = F.conv2d(tg.tensor(x), tg.tensor(w), padding="same")
    np.testing.assert_array_equal(y.data, x)


def test_fifty_identity_layers_are_one() -> None:
    layers = [nn.Conv2d(4, 4, 3, padding=1, groups=2, init=init.identity) for _ in range(50)]
    x = np.random.default_rng(0).standard_normal((1, 5, 5, 4)).astype("float32")
    with tg.no_grad():
        y = nn.Sequential(*layers)(tg.tensor(x))
    np.testing.assert_array_equal(y.data, x)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: init.gain("rleu"), ArgumentError, "no gain for 'rleu'; did you mean 'relu'"),
        (lambda: init.gain("tanh", 0.1), ArgumentError, "a is the slope of leaky_relu"),
        (lambda: init.gain("leaky_relu", "x"), ArgumentTypeError, "gain: a must be a number"),
        (lambda: init.truncated_normal((2,), -1), ArgumentError, "std must be at least 0"),
        (lambda: init.truncated_normal((2,), bound=0.5), ArgumentError, "bound must be at least 1"),
        (lambda: init.variance_scaling((2, 2), mode="fan"), ArgumentError, "no mode 'fan'"),
        (
            lambda: init.variance_scaling((2, 2), distribution="norml"),
            ArgumentError,
            "no distribution 'norml'; did you mean 'normal'",
        ),
        (lambda: init.variance_scaling((2,)), ShapeError, "a bias has no fans"),
        (lambda: init.orthogonal((3,)), ShapeError, r"orthogonal: .* \(3,\); start a bias with"),
        (lambda: init.orthogonal((3, 0)), ShapeError, "orthogonal: a weight has shape"),
        (lambda: init.identity((2, 2), math.inf), ArgumentError, "identity: gain must be finite"),
        (lambda: init.identity((2, 2), dtype="int8"), ArgumentTypeError, "must be a float dtype"),
    ],
)
def test_errors(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
