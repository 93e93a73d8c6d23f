"""Transforms of a batch: against a loop over the pixels, and against their definition."""

import json

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_course import errors
from tinygrad_course.data import MinMax, RandomShift, Standardize


@given(
    hnp.arrays(np.float32, hnp.array_shapes(min_dims=4, max_dims=4, min_side=0, max_side=5)),
    st.integers(0, 7),
    st.integers(0, 2**32),
)
def test_random_shift_moves_every_image_and_fills_with_zeros(x, pixels, seed):
    before = x.copy()
    moved = RandomShift(pixels)(x, np.random.default_rng(seed))
    n, h, w, _ = x.shape
    expected = np.zeros_like(x)
    offsets = np.random.default_rng(seed).integers(0, 2 * pixels + 1, size=(2, n)).T - pixels
    for image, (down, right) in enumerate(offsets):
        for row in range(h):
            for column in range(w):
                if 0 <= row + down < h and 0 <= column + right < w:
                    expected[image, row, column] = x[image, row + down, column + right]
    np.testing.assert_array_equal(moved, expected)
    np.testing.assert_array_equal(x, before)
    assert moved.dtype == x.dtype
    assert moved.flags.c_contiguous
    assert moved.flags.writeable


def test_random_shift_reaches_every_offset_and_refuses_what_is_no_image():
    x = np.zeros((2000, 5, 5, 1), np.uint8)
    x[:, 2, 2] = 1
    moved = RandomShift(2)(x, np.random.default_rng(0))
    share = moved.sum(0)[..., 0] / 2000
    assert np.all(np.abs(share - 1 / 25) < 0.02)
    with pytest.raises(errors.ShapeError, match=r"images \(N, H, W, C\), but its shape is \(4, 3"):
        RandomShift(1)(np.zeros((4, 3)), np.random.default_rng(0))
    with pytest.raises(errors.ArgumentError, match="pixels must be in 0"):
        RandomShift(-1)
    with pytest.raises(errors.ArgumentTypeError, match="pixels must be an integer"):
        RandomShift(1.5)
    assert repr(RandomShift(2)) == "RandomShift(2)"


@given(
    hnp.arrays(
        np.float64,
        hnp.array_shapes(min_dims=2, max_dims=4, min_side=1, max_side=6),
        elements=st.floats(-1e3, 1e3),
    )
)
def test_standardize_inverse_gives_the_data_back(x):
    standardize = Standardize.fit(x)
    z = standardize(x)
    np.testing.assert_allclose(standardize.inverse(z), x, rtol=1e-12, atol=1e-9)
    assert np.isfinite(z).all()


@pytest.mark.parametrize("axis", [None, 0, (0, 1, 2), (0, -1)])
def test_standardize_has_mean_zero_and_deviation_one(axis, monkeypatch):
    rng = np.random.default_rng(0)
    x = rng.normal(5, 3, (50, 4, 6, 3)).astype(np.float32)
    standardize = Standardize.fit(x, axis)
    axes = axis if axis is not None else (0, 1, 2)
    z = standardize(x)
    assert z.dtype == np.float32
    np.testing.assert_allclose(z.mean(axes, dtype=np.float64), 0, atol=1e-6)
    np.testing.assert_allclose(z.std(axes, dtype=np.float64), 1, atol=1e-6)
    # A block of a few samples at a time gives the same statistics.
    monkeypatch.setattr("tinygrad_course.data.scaling._BLOCK", 200)
    blocks = Standardize.fit(x, axis)
    np.testing.assert_allclose(blocks.mean, standardize.mean, rtol=1e-13)
    np.testing.assert_allclose(blocks.std, standardize.std, rtol=1e-13)
    # The saved state is the transform, through JSON and to the bit.
    again = Standardize.from_state(json.loads(json.dumps(standardize.state())))
    np.testing.assert_array_equal(again(x), z)


def test_standardize_leaves_a_constant_feature_at_zero():
    x = np.stack([np.full(1000, 0.1), np.arange(1000.0)], axis=1)
    standardize = Standardize.fit(x)
    assert standardize.std[0] == 1
    assert np.abs(standardize(x)[:, 0]).max() < 1e-12
    pixels = np.array([[0, 255], [0, 0]], np.uint8)
    np.testing.assert_array_equal(Standardize.fit(pixels)(pixels), np.float32([[0, 1], [0, -1]]))
    assert Standardize.fit([1.0, 3.0]).mean == 2
    assert repr(Standardize(0.5, 2.0)) == "Standardize(mean=0.5, std=2)"
    assert repr(Standardize([0, 1], [1, 1])) == "Standardize(mean and std of shape (2,))"


def test_standardize_errors():
    standardize = Standardize.fit(np.random.default_rng(0).normal(size=(5, 3)))
    for x in (np.zeros((5, 4)), np.zeros(5), np.float64(1)):
        with pytest.raises(errors.ShapeError, match="do not fit samples of shape"):
            standardize(x)
    with pytest.raises(errors.DataError, match=r"x\[0, 1\] is nan"):
        Standardize.fit([[1.0, np.nan]])
    with pytest.raises(errors.DataError, match="x is empty"):
        Standardize.fit(np.zeros((0, 3)))
    for axis in (1, (), (0, 2)):
        with pytest.raises(errors.ArgumentError, match="axis must hold 0, the samples"):
            Standardize.fit(np.zeros((2, 2)), axis)
    with pytest.raises(errors.ArgumentTypeError, match="axis must be an integer or a tuple"):
        Standardize.fit(np.zeros((2, 2)), "rows")
    with pytest.raises(errors.ArgumentError, match="std is missing"):
        Standardize.from_state({"mean": 0.0})
    with pytest.raises(errors.ArgumentError, match="std must be positive"):
        Standardize(0.0, 0.0)
    with pytest.raises(errors.ArgumentError, match="must be finite"):
        Standardize(np.nan, 1.0)
    with pytest.raises(errors.ShapeError, match="must have one shape"):
        Standardize([0.0], 1.0)


@given(
    hnp.arrays(
        st.sampled_from([np.float32, np.float64]),
        hnp.array_shapes(min_dims=2, max_dims=4, min_side=1, max_side=6),
        elements=st.floats(-1000, 1000, width=32),
    )
)
def test_min_max_fills_its_range_exactly(x):
    scale = MinMax.fit(x)
    z = scale(x)
    axes = tuple(range(x.ndim - 1))
    low, high = z.min(axes), z.max(axes)
    varies = x.min(axes) < x.max(axes)
    assert (low == 0).all()
    assert (high[varies] == 1).all()
    assert (high[~varies] == 0).all()
    np.testing.assert_allclose(scale.inverse(z), x, rtol=1e-5, atol=1e-3)
    again = MinMax.from_state(json.loads(json.dumps(scale.state())))
    np.testing.assert_array_equal(again(x), z)


def test_min_max_is_the_one_that_suffers_from_an_outlier():
    x = np.append(np.random.default_rng(0).normal(size=999), 1e4)[:, None]
    spread = {kind: kind.fit(x)(x)[:-1].std() for kind in (MinMax, Standardize)}
    assert spread[MinMax] < spread[Standardize] / 20
    assert "wrong choice" in MinMax.__doc__


def test_scaling_is_fitted_on_the_training_part_alone():
    train, test = np.array([[0.0], [10.0]]), np.array([[20.0]])
    assert MinMax.fit(train)(test) == 2
    leaky = MinMax.fit(np.concatenate([train, test]))
    assert leaky(test) == 1  # the planted mistake looks tidier, and has seen the test part


def test_min_max_errors():
    with pytest.raises(errors.ArgumentError, match="high must be at least low"):
        MinMax(1.0, 0.0)
    with pytest.raises(errors.ShapeError, match="MinMax: low and high must have one shape"):
        MinMax([0.0], 1.0)
    with pytest.raises(errors.DataError, match=r"MinMax\.fit: x is empty"):
        MinMax.fit(np.zeros((0, 2)))
    with pytest.raises(errors.ArgumentError, match=r"MinMax\.fit: axis must hold 0"):
        MinMax.fit(np.zeros((2, 2)), 1)
    with pytest.raises(errors.ShapeError, match=r"MinMax: was fitted .* shape \(2,\), which do"):
        MinMax.fit(np.zeros((2, 2)))(np.zeros((2, 3)))
    with pytest.raises(errors.ArgumentError, match=r"MinMax\.from_state: .*high is missing"):
        MinMax.from_state({"low": 0.0})
    assert repr(MinMax(0, 255)) == "MinMax(low=0, high=255)"
    pixels = np.array([[0, 128, 255]], np.uint8)
    assert MinMax(0, 255)(pixels).dtype == np.float32
