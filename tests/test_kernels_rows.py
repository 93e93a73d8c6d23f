"""Pools, batch norm, sums, dropout and optimizer steps where single samples do not reach.

The references and the compiled kernels, held to the bounds they state: on geometries that
Hypothesis draws, on statistics that cancel, on sums of a million numbers.
"""

from __future__ import annotations

import kernel_oracles
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_kernels_geometry import pools

from tinygrad_course import kernels

F32 = np.float32
EPS = np.finfo(F32).eps


def runs(*ops):
    """(op, implementation) for the references, and the compiled kernels where Numba is."""
    return [
        (op, name)
        for op in ops
        for name, found in kernels.implementations(op).items()
        if name in ("reference", "numba") and found.refusal(np.zeros(1, F32)) is None
    ]


def function(op, name):
    return kernels.implementations(op)[name].load()


POOLS = runs("max_pool2d")
AVERAGES = runs("avg_pool2d")


@pytest.mark.parametrize(("op", "name"), POOLS)
@settings(deadline=None, max_examples=100)
@given(pools(), st.sampled_from([1, 5, 33]), st.integers(0, 2**32 - 1))
def test_max_pools_on_any_geometry(op, name, case, channels, seed):
    """y and argmax exactly, NaN, infinities and ties included; the gradient; the gather."""
    x, window = case
    rng = np.random.default_rng(seed)
    x = np.repeat(x.astype(F32), channels, axis=3)
    for value in (np.nan, np.inf, -np.inf):
        x[rng.random(x.shape) < 0.1] = value
    y, argmax = function(op, name)(x, **window)
    expected_y, expected_argmax = kernels.op(op).reference(x, **window)
    np.testing.assert_array_equal(y, expected_y)
    np.testing.assert_array_equal(argmax, expected_argmax)
    gathered = function("max_pool2d_gather", name)(x, argmax)
    np.testing.assert_array_equal(gathered, expected_y)
    dy = rng.standard_normal(y.shape).astype(F32)
    dx = function("max_pool2d_grad", name)(dy, argmax, x_shape=x.shape)
    assert_close(dx, kernel_oracles.max_pool2d_grad(dy, argmax, x_shape=x.shape), 16)


@pytest.mark.parametrize(("op", "name"), AVERAGES)
@settings(deadline=None, max_examples=100)
@given(pools(), st.booleans(), st.sampled_from([1, 5, 33]), st.integers(0, 2**32 - 1))
def test_average_pools_on_any_geometry(op, name, case, count_include_pad, channels, seed):
    x, window = case
    window["count_include_pad"] = count_include_pad
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((*x.shape[:3], channels)).astype(F32)
    y = function(op, name)(x, **window)
    assert_close(y, kernel_oracles.avg_pool2d(x.astype(np.float64), **window), 16)
    dy = rng.standard_normal(y.shape).astype(F32)
    dx = function("avg_pool2d_grad", name)(dy, x_shape=x.shape, **window)
    exact = kernel_oracles.avg_pool2d_grad(dy.astype(np.float64), x_shape=x.shape, **window)
    assert_close(dx, exact, 16)


def assert_close(got, exact, roundings):
    """Within that many roundings of the largest number."""
    largest = np.abs(exact).max(initial=1.0)
    np.testing.assert_allclose(got, exact, rtol=0, atol=roundings * EPS * largest)


@pytest.mark.parametrize(("op", "name"), runs("batch_norm"))
@pytest.mark.parametrize("C", [1, 6, 32, 70])
def test_statistics_do_not_cancel(op, name, C):
    """A mean of 1000 beside a deviation of 1, and a first row far away from all others."""
    rng = np.random.default_rng(0)
    one, zero = np.ones(C, F32), np.zeros(C, F32)
    for M in (100, 5003, 20_480):
        x = rng.standard_normal((M, C))
        for shifted in (x + 1000, np.concatenate([[x[0] + 1000], x[1:]])):
            rows = shifted.astype(F32)
            y, mean, var = function(op, name)(rows, one, zero, eps=1e-5)
            exact = rows.astype(np.float64)
            deviation = exact.std(0)
            assert (np.abs(mean - exact.mean(0)) <= 300 * EPS * deviation + 64 * EPS * 1000).all()
            assert (np.abs(var / exact.var(0) - 1) <= 300 * EPS).all()
            normal = (exact - exact.mean(0)) / np.sqrt(exact.var(0) + 1e-5)
            assert np.abs(y - normal).max() <= 300 * EPS * np.abs(rows).max()


@pytest.mark.parametrize(("op", "name"), runs("batch_norm_grad"))
def test_batch_norm_going_back_through_many_rows(op, name):
    rng = np.random.default_rng(1)
    dy, x = rng.standard_normal((2, 30_011, 5))
    gamma, beta = rng.standard_normal((2, 5))
    for kind in (None, "relu", "tanh"):
        mean, var = x.mean(0), x.var(0)
        arrays = dy, x, gamma, beta, mean, var
        exact = kernels.op(op).reference(*arrays, eps=1e-5, activation=kind)
        single = [array.astype(F32) for array in arrays]
        found = function(op, name)(*single, eps=1e-5, activation=kind)
        scales = 1.0, np.abs(dy).sum(0) * 4, np.abs(dy).sum(0)
        for got, expected, scale in zip(found, exact, scales, strict=True):
            assert (np.abs(got - expected) <= 600 * EPS * scale).all()


@pytest.mark.parametrize(("op", "name"), runs("sum_rows"))
@pytest.mark.parametrize("shape", [(1_000_003, 1), (65_536, 6), (4099, 65)])
def test_a_million_numbers_are_summed_closely(op, name, shape):
    x = np.random.default_rng(2).random(shape, F32)
    exact = x.sum(0, dtype=np.float64)
    assert (np.abs(function(op, name)(x) / exact - 1) <= 16 * EPS).all()


word = st.integers(0, 2**64 - 1)


@pytest.mark.parametrize(("op", "name"), runs("dropout"))
@settings(deadline=None, max_examples=60)
@given(st.integers(0, 9000), st.sampled_from([0.0, 0.3, 0.5, 1.0]), word, word)
def test_dropout_has_the_bits_of_the_reference(op, name, size, p, seed, offset):
    """Also where a dropped number is NaN or infinite, and where a vector ends beyond x."""
    x = np.random.default_rng(size).standard_normal(size).astype(F32)
    x[::7], x[3::11] = np.nan, -np.inf
    how = {"p": p, "seed": seed, "offset": offset}
    assert function(op, name)(x, **how).tobytes() == kernels.op(op).reference(x, **how).tobytes()


@pytest.mark.parametrize(("op", "name"), runs("sgd_step", "adam_step"))
def test_steps_over_views_write_what_they_look_at(op, name):
    """Parameters that are views: every other number of an array stays."""
    arrays, params = next(iter(kernels.op(op).samples(np.random.default_rng(3), F32)))
    lists = [None if some is None else [a.astype(F32) for a in some] for some in arrays]
    around = [np.full((*a.shape, 2), 7, F32) for a in lists[0]]
    for frame, parameter in zip(around, lists[0], strict=True):
        frame[..., 0] = parameter
    kernels.op(op).reference(*lists, **params)
    views = [frame[..., 0] for frame in around]
    fresh = [None if some is None else [a.astype(F32) for a in some] for some in arrays]
    function(op, name)(views, *fresh[1:], **params)
    for frame, expected in zip(around, lists[0], strict=True):
        assert_close(frame[..., 0], expected, 16)
        assert (frame[..., 1] == 7).all()
