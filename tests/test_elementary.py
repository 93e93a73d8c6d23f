"""Elementary functions and activations beyond their records: last digits, edges, integers."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tinygrad_course as tg


def test_erf_is_accurate_everywhere() -> None:
    x = np.concatenate(
        [np.linspace(-7.0, 7.0, 40001), np.logspace(-300.0, 0.0, 500), [0.46875, 6.0, 1e300]]
    )
    expected = np.array([math.erf(v) for v in x])
    np.testing.assert_allclose(tg.erf(tg.tensor(x)).data, expected, rtol=1e-15)
    single = x[:40001].astype("float32")
    y = tg.erf(tg.tensor(single))
    rounded = np.array([math.erf(v) for v in single], "float32")
    assert y.dtype == "float32"
    np.testing.assert_allclose(y.data, rounded, rtol=1e-7)


def test_erf_at_the_edges() -> None:
    x = np.array([-np.inf, -0.0, 0.0, np.inf, np.nan])
    y = tg.erf(tg.tensor(x)).data
    np.testing.assert_array_equal(y, [-1.0, -0.0, 0.0, 1.0, np.nan])
    assert np.signbit(y).tolist()[:4] == [True, True, False, False]
    assert tg.erf(tg.tensor(np.array([0, 1]))).dtype == "float32"


def test_the_tanh_form_of_gelu_is_within_its_bound() -> None:
    x = np.linspace(-8.0, 8.0, 4001)
    distance = np.abs(tg.gelu(x, "tanh") - tg.gelu(x)).max()
    assert 1e-4 < distance < 5e-4


@pytest.mark.parametrize(
    "name", ["expm1", "log1p", "sin", "cos", "erf", "softplus", "elu", "gelu", "silu"]
)
def test_functions_of_integers_are_float32(name: str) -> None:
    x = np.array([[1, 2, 3], [4, 0, 1]])
    y = getattr(tg, name)(tg.tensor(x))
    assert y.dtype == "float32"
    np.testing.assert_allclose(y.data, getattr(tg, name)(x.astype(float)), rtol=1e-6)


def test_small_arguments_keep_their_digits() -> None:
    x = np.array([-1e-18, 1e-18, 1e-300])
    for f in (tg.expm1, tg.log1p):
        np.testing.assert_array_equal(f(tg.tensor(x)).data, x)
    np.testing.assert_allclose(tg.softplus(tg.tensor([-80.0])).data, np.exp(-80.0), rtol=1e-6)


def test_large_arguments_neither_overflow_nor_lose_the_gradient() -> None:
    for f in (tg.softplus, tg.elu, tg.gelu, tg.silu, lambda t: tg.gelu(t, "tanh")):
        x = tg.tensor([-1e4, 1e4], requires_grad=True)
        y = f(x)
        y.sum().backward()
        assert x.grad is not None
        assert y.tolist()[1] == 1e4
        assert x.grad.tolist() == [0.0, 1.0]
