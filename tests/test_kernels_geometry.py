"""Convolutions and pools on geometries that Hypothesis draws, and their adjoint identities."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import kernel_oracles
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tinygrad_course.kernels import compiled, workspace

from tinygrad_course import kernels

small = st.integers(1, 3)
pair = st.tuples(small, small)


@st.composite
def convolutions(draw):
    """x, w, dy and the geometry of a convolution of up to 7x7 images with up to 4x4 filters."""
    size = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    dilation, stride = draw(pair), draw(pair)
    pads = st.tuples(st.integers(0, 3), st.integers(0, 3))
    padding = (draw(pads), draw(pads))
    lengths = draw(st.tuples(st.integers(1, 7), st.integers(1, 7)))
    for k in (0, 1):
        assume((size[k] - 1) * dilation[k] < lengths[k] + sum(padding[k]))
    groups, group_channels, group_filters = draw(small), draw(st.integers(1, 2)), draw(small)
    N = draw(st.integers(0, 2))
    geometry = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.standard_normal((N, *lengths, groups * group_channels))
    w = rng.standard_normal((*size, group_channels, groups * group_filters))
    without_groups = {key: value for key, value in geometry.items() if key != "groups"}
    outputs = kernel_oracles.count_outputs(x.shape, size, **without_groups)
    dy = rng.standard_normal((N, *outputs, w.shape[3]))
    return x, w, dy, geometry


@st.composite
def pools(draw):
    """An x with ties and the geometry of a pool, padding less than the window."""
    size, stride = draw(st.tuples(st.integers(1, 4), st.integers(1, 4))), draw(pair)
    padding = tuple(draw(st.tuples(*[st.integers(0, size[k] - 1)] * 2)) for k in (0, 1))
    lengths = draw(st.tuples(st.integers(1, 7), st.integers(1, 7)))
    for k in (0, 1):
        assume(size[k] <= lengths[k] + sum(padding[k]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.integers(-2, 3, size=(draw(st.integers(0, 2)), *lengths, draw(small))) * 0.5
    return x, {"size": size, "stride": stride, "padding": padding}


def assert_same(got, expected):
    largest = max(1.0, np.abs(expected).max(initial=0.0))
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-13 * largest)


@settings(deadline=None, max_examples=200)
@given(convolutions())
def test_the_trio_against_loops(case):
    x, w, dy, geometry = case
    trio = {
        "conv2d": ((x, w, None), {}),
        "conv2d_input_grad": ((dy, w), {"x_shape": x.shape}),
        "conv2d_weight_grad": ((x, dy), {"w_shape": w.shape}),
    }
    for op, (arrays, shapes) in trio.items():
        expected = getattr(kernel_oracles, op)(*arrays, **shapes, **geometry)
        assert_same(kernels.op(op).reference(*arrays, **shapes, **geometry), expected)


@settings(deadline=None, max_examples=200)
@given(convolutions())
def test_the_trio_is_adjoint(case):
    """<conv(x, w), dy> = <x, input_grad(dy, w)> = <w, weight_grad(x, dy)>."""
    x, w, dy, geometry = case
    y = kernels.op("conv2d").reference(x, w, None, **geometry)
    dx = kernels.op("conv2d_input_grad").reference(dy, w, x_shape=x.shape, **geometry)
    dw = kernels.op("conv2d_weight_grad").reference(x, dy, w_shape=w.shape, **geometry)
    assert y.shape == dy.shape
    bound = 1e-13 * max(1.0, np.abs(y * dy).sum())
    assert abs((y * dy).sum() - (x * dx).sum()) <= bound
    assert abs((y * dy).sum() - (w * dw).sum()) <= bound


@settings(deadline=None, max_examples=200)
@given(pools())
def test_max_pool_against_loops(case):
    x, window = case
    y, argmax = kernels.op("max_pool2d").reference(x, **window)
    expected_y, expected_argmax = kernel_oracles.max_pool2d(x, **window)
    np.testing.assert_array_equal(y, expected_y)
    np.testing.assert_array_equal(argmax, expected_argmax)
    np.testing.assert_array_equal(kernels.op("max_pool2d_gather").reference(x, argmax), y)


@settings(deadline=None, max_examples=200)
@given(pools(), st.booleans())
def test_avg_pool_against_loops(case, count_include_pad):
    x, window = case
    y = kernels.op("avg_pool2d").reference(x, count_include_pad=count_include_pad, **window)
    assert_same(y, kernel_oracles.avg_pool2d(x, count_include_pad=count_include_pad, **window))


@settings(deadline=None, max_examples=200)
@given(pools(), st.booleans(), st.integers(0, 2**32 - 1))
def test_pool_gradients_are_adjoint(case, count_include_pad, seed):
    """<gather(v), dy> = <v, scatter(dy)>, and <avg(x), dy> = <x, avg_grad(dy)>."""
    x, window = case
    y, argmax = kernels.op("max_pool2d").reference(x, **window)
    rng = np.random.default_rng(seed)
    dy, v = rng.standard_normal(y.shape), rng.standard_normal(x.shape)
    dx = kernels.op("max_pool2d_grad").reference(dy, argmax, x_shape=x.shape)
    gathered = kernels.op("max_pool2d_gather").reference(v, argmax)
    bound = 1e-13 * max(1.0, np.abs(gathered * dy).sum())
    assert abs((gathered * dy).sum() - (v * dx).sum()) <= bound
    window["count_include_pad"] = count_include_pad
    pooled = kernels.op("avg_pool2d").reference(v, **window)
    dx = kernels.op("avg_pool2d_grad").reference(dy, x_shape=x.shape, **window)
    assert abs((pooled * dy).sum() - (v * dx).sum()) <= 1e-13 * max(1.0, np.abs(v * dx).sum())


def test_many_images_are_taken_in_chunks():
    """Large enough for several chunks, against each image by itself."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((41, 24, 24, 4))
    w = rng.standard_normal((3, 3, 4, 8))
    geometry = kernels.conv2d.geometry(padding=((1, 1), (1, 1)))
    conv2d = kernels.op("conv2d").reference
    y = conv2d(x, w, None, **geometry)
    assert_same(y, np.concatenate([conv2d(x[n : n + 1], w, None, **geometry) for n in range(41)]))
    weight_grad = kernels.op("conv2d_weight_grad").reference
    parts = [
        weight_grad(x[n : n + 1], y[n : n + 1], w_shape=w.shape, **geometry) for n in range(41)
    ]
    assert_same(weight_grad(x, y, w_shape=w.shape, **geometry), sum(parts))
    window = {"size": (3, 3), "stride": (1, 1), "padding": ((1, 1), (1, 1))}
    values, argmax = kernels.op("max_pool2d").reference(x, **window)
    np.testing.assert_array_equal(x.ravel()[argmax], values)
    alone, _ = kernels.op("max_pool2d").reference(x[40:], **window)
    np.testing.assert_array_equal(values[40:], alone)


def test_scratch_memory_is_not_shared_by_threads():
    """Four threads, each with its own numbers, many calls at once."""
    rng = np.random.default_rng(1)
    w = rng.standard_normal((3, 3, 2, 4))
    images = rng.standard_normal((4, 8, 16, 16, 2))
    geometry = kernels.conv2d.geometry()
    conv2d = kernels.op("conv2d").reference
    alone = [conv2d(x, w, None, **geometry) for x in images]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda k: conv2d(images[k % 4], w, None, **geometry), range(80)))
    for k, y in enumerate(together):
        np.testing.assert_array_equal(y, alone[k % 4])


def test_scratch_memory_above_the_limit_is_not_kept():
    like = np.zeros(1)
    large = [workspace.scratch("test", (3 << 20,), like) for _ in range(2)]
    assert not np.shares_memory(*large)
    small = [workspace.scratch("test", (5,), like) for _ in range(2)]
    assert np.shares_memory(*small)


def test_batch_norm_gradient_by_a_complex_step():
    """The imaginary part of f(x + i h v) is h times the slope: no cancellation, however small h."""
    rng = np.random.default_rng(3)
    x, v, dy = rng.standard_normal((3, 12, 4))
    gamma, beta = rng.standard_normal((2, 4))
    batch_norm = kernels.op("batch_norm").reference
    _, mean, var = batch_norm(x, gamma, beta, eps=1e-3)
    moved, _, _ = batch_norm(x + 1e-30j * v, gamma + 0j, beta + 0j, eps=1e-3)
    dx, _, _ = kernels.op("batch_norm_grad").reference(dy, x, gamma, beta, mean, var, eps=1e-3)
    slope = (moved.imag / 1e-30 * dy).sum()
    assert abs(slope - (dx * v).sum()) <= 1e-13 * np.abs(dx * v).sum()


def test_batch_norm_keeps_small_variance_beside_a_large_mean():
    """E[x^2] - E[x]^2 would return noise here."""
    x = (1000 + np.random.default_rng(0).standard_normal((5000, 1))).astype(np.float32)
    one, zero = np.ones(1, np.float32), np.zeros(1, np.float32)
    _, _, var = kernels.op("batch_norm").reference(x, one, zero, eps=1e-5)
    assert abs(var[0] / x.var(dtype=np.float64) - 1) < 1e-4


def test_group_norm_adds_many_positions_closely():
    """Row upon row, the mean of 200,000 numbers near 100 would be wrong by a thousandth."""
    x = (100 + np.random.default_rng(0).random((1, 200_000, 2))).astype(np.float32)
    one, zero = np.ones(2, np.float32), np.zeros(2, np.float32)
    _, mean, var = kernels.op("group_norm").reference(x, one, zero, groups=2, eps=1e-5)
    np.testing.assert_allclose(mean[0], x[0].mean(0, dtype=np.float64), rtol=2e-6)
    np.testing.assert_allclose(var[0], x[0].var(0, dtype=np.float64), rtol=1e-4)


@pytest.mark.skipif(not compiled.available(), reason="no Numba")
def test_a_maximum_far_from_the_corner_of_its_window_keeps_its_place():
    """Places beyond 2^24, of which a float32 holds every second."""
    W = (1 << 24) // 3 + 9
    x = np.zeros((1, 1, W, 3), np.float32)
    places = [3 * (W - 1), 3 * (W - 2) + 1, 3 * (W - 5) + 2]
    x.reshape(-1)[places] = 1
    pool = kernels.implementations("max_pool2d")["numba"].load()
    _, argmax = pool(x, size=(1, W), stride=(1, 1), padding=((0, 0), (0, 0)))
    assert argmax.ravel().tolist() == places
