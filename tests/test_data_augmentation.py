"""Augmentation: against a loop over the pixels, against the definition, and by the batch alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_course import data, errors
from tinygrad_course.data import (
    Cutout,
    DataLoader,
    GaussianNoise,
    PCAColor,
    RandomBrightness,
    RandomCrop,
    RandomFlip,
    RandomRotate,
    RandomZoom,
)
from tinygrad_course.data.geometry import _resample


def pictures(n=6, h=7, w=5, c=3, dtype=np.float32):
    return np.random.default_rng(0).random((n, h, w, c)).astype(dtype)


COLOURS = PCAColor.fit(pictures())
EVERY = [
    RandomFlip(),
    RandomFlip(horizontal=False, vertical=True),
    RandomCrop(padding=2),
    RandomCrop((4, 3), padding=1, border="reflect"),
    RandomRotate(30),
    RandomZoom(0.5, 2),
    RandomBrightness(0.3),
    GaussianNoise(0.2),
    Cutout(3),
    COLOURS,
]


def check_transform(transform, x):
    """What every augmentation keeps: its input, the dtype, the range, chance per image alone."""
    before = x.copy()
    y = transform(x, np.random.default_rng(1))
    np.testing.assert_array_equal(x, before)
    assert y.dtype == x.dtype
    assert len(y) == len(x)
    assert y.flags.writeable
    assert not np.shares_memory(x, y)
    assert y.min() >= 0
    assert y.max() <= 1 + 1e-6
    np.testing.assert_array_equal(y, transform(x, np.random.default_rng(1)))
    one = np.repeat(x[:1], 40, axis=0)
    changed = transform(one, np.random.default_rng(2))
    assert any(not np.array_equal(changed[0], other) for other in changed), "one draw for all"


@pytest.mark.parametrize("transform", EVERY, ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_transform(transform, dtype):
    check_transform(transform, pictures(dtype=dtype))
    empty = transform(pictures(0, dtype=dtype), np.random.default_rng(0))
    assert empty.shape[0] == 0
    with pytest.raises(errors.ShapeError, match=rf"{type(transform).__name__}: .*\(6, 7\)"):
        transform(np.zeros((6, 7)), np.random.default_rng(0))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x, rng: x,
        lambda x, rng: x[::-1].copy() * (1 + 0 * rng.random()),
        lambda x, rng: x + rng.normal(size=(len(x), 1, 1, 1)).astype(x.dtype),
        lambda x, rng: (x * rng.random((len(x), 1, 1, 1))).astype("f8"),
        lambda x, rng: np.multiply(x, rng.random(), out=x),
    ],
)
def test_the_checker_catches_a_wrong_transform(wrong):
    with pytest.raises(AssertionError):
        check_transform(wrong, pictures())


def test_a_resumed_epoch_is_augmented_the_same():
    x = pictures(20)
    loader = DataLoader(x, np.arange(20), 4, shuffle=True, seed=3, transforms=EVERY)
    whole = list(loader.epoch(2))
    for (a, _), (b, _) in zip(loader.epoch(2, 3), whole[3:], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("transform", [t for t in EVERY if not isinstance(t, RandomFlip | Cutout)
                                       and not isinstance(t, RandomCrop)], ids=repr)  # fmt: skip
def test_integers_are_refused_where_values_are_mixed(transform):
    with pytest.raises(errors.DtypeError, match=r"its dtype is uint8; for pixels 0 \.\. 255 use x"):
        transform(pictures().astype(np.uint8), np.random.default_rng(0))


def test_flips():
    x = pictures(4000, 2, 3, 1)
    y = RandomFlip(horizontal=True, vertical=True, p=0.3)(x, np.random.default_rng(0))
    versions = [x, x[:, :, ::-1], x[:, ::-1], x[:, ::-1, ::-1]]
    share = [np.mean((y == v).all((1, 2, 3))) for v in versions]
    np.testing.assert_allclose(share, [0.49, 0.21, 0.21, 0.09], atol=0.03)
    np.testing.assert_array_equal(RandomFlip(p=0)(x, np.random.default_rng(0)), x)
    assert RandomFlip()(x.astype(np.uint8), np.random.default_rng(0)).dtype == np.uint8
    assert "upside down" in RandomFlip.__doc__
    with pytest.raises(errors.ArgumentError, match="horizontal or vertical must be True"):
        RandomFlip(horizontal=False)
    with pytest.raises(errors.ArgumentError, match=r"RandomFlip: p must be in 0 \.\. 1, but"):
        RandomFlip(p=2)


def test_crops():
    x = np.arange(1, 21, dtype=np.int64).reshape(1, 4, 5, 1)
    many = np.repeat(x, 500, axis=0)
    y = RandomCrop((2, 3), padding=1)(many, np.random.default_rng(0))
    framed = np.pad(x[0, :, :, 0], 1)
    places = {framed[a : a + 2, b : b + 3].tobytes() for a in range(5) for b in range(5)}
    assert {image[:, :, 0].tobytes() for image in y} == places
    mirrored = RandomCrop(padding=2, border="reflect")(many, np.random.default_rng(0))
    assert mirrored.shape == many.shape
    assert mirrored.min() > 0
    same = RandomCrop(padding=0)(many, np.random.default_rng(0))
    np.testing.assert_array_equal(same, many)
    with pytest.raises(errors.ArgumentError, match=r"size 9 x 9 must fit .* it is 6 x 7"):
        RandomCrop(9, padding=1)(many, np.random.default_rng(0))
    with pytest.raises(errors.ArgumentError, match="padding is 4 and the images are 4 x 5"):
        RandomCrop(padding=4, border="reflect")(many, np.random.default_rng(0))
    with pytest.raises(errors.ArgumentError, match="did you mean 'reflect'"):
        RandomCrop(padding=1, border="reflected")
    for size in ((1, 2, 3), 0, "4"):
        with pytest.raises(errors.ArgumentError, match="RandomCrop: size must be"):
            RandomCrop(size)


def bilinear(x, matrices):
    """The definition, one pixel at a time."""
    n, h, w, _ = x.shape
    y = np.zeros_like(x)
    for i in range(n):
        for r in range(h):
            for q in range(w):
                offset = np.array([r - (h - 1) / 2, q - (w - 1) / 2])
                a, b = matrices[i] @ offset + [(h - 1) / 2, (w - 1) / 2]
                for row in (int(np.floor(a)), int(np.floor(a)) + 1):
                    for column in (int(np.floor(b)), int(np.floor(b)) + 1):
                        if 0 <= row < h and 0 <= column < w:
                            share = (1 - abs(a - row)) * (1 - abs(b - column))
                            y[i, r, q] += share * x[i, row, column]
    return y


@given(
    st.integers(1, 6),
    st.integers(1, 6),
    st.lists(st.floats(-3, 3), min_size=8, max_size=8),
)
def test_resampling_is_the_bilinear_definition(h, w, numbers):
    x = pictures(2, h, w, 2, np.float64)
    matrices = np.reshape(numbers, (2, 2, 2))
    np.testing.assert_allclose(_resample(x, matrices), bilinear(x, matrices), atol=1e-7)


def test_turning_by_right_angles_moves_whole_pixels():
    x = pictures(4, 5, 5, 2, np.float64)
    turned = RandomRotate.turned(x, np.array([0.0, 90.0, 180.0, -90.0]))
    for image, quarters in zip(range(4), (0, 1, 2, 3), strict=True):
        np.testing.assert_allclose(turned[image], np.rot90(x[image], quarters), atol=1e-12)
    assert RandomRotate(0)(x, np.random.default_rng(0)).tolist() == x.tolist()
    with pytest.raises(errors.ArgumentError, match=r"degrees must be in 0 \.\. 180, but it is 200"):
        RandomRotate(200)
    with pytest.raises(errors.ArgumentTypeError, match="degrees must be a number"):
        RandomRotate("much")


def test_turned_angles_fill_their_range():
    # A dot to the right of the centre tells by its place how far it was turned.
    x = np.zeros((300, 41, 41, 1))
    x[:, 19:22, 34:37] = 1
    y = RandomRotate(45)(x, np.random.default_rng(0))[..., 0]
    rows, columns = np.indices((41, 41)) - 20
    mass = y.sum((1, 2))
    angle = np.rad2deg(np.arctan2(-(y * rows).sum((1, 2)) / mass, (y * columns).sum((1, 2)) / mass))
    assert -46 < angle.min() < -40
    assert 40 < angle.max() < 46
    assert abs(angle.mean()) < 5


def test_zooming():
    x = pictures(3, 4, 4, 1, np.float64)
    rng = np.random.default_rng
    np.testing.assert_allclose(RandomZoom(1, 1)(x, rng(0)), x)
    halves = np.repeat(np.repeat(x, 2, axis=1), 2, axis=2)
    np.testing.assert_allclose(
        RandomZoom(0.5, 0.5)(halves, rng(0))[:, 2:6, 2:6].mean((1, 2)), x.mean((1, 2))
    )
    with pytest.raises(errors.ArgumentError, match="low is 2 and high is 1"):
        RandomZoom(2, 1)
    with pytest.raises(errors.ArgumentError, match="RandomZoom: low must be in"):
        RandomZoom(0, 1)


def test_brightness_and_noise():
    x = np.full((2000, 2, 2, 1), 0.5)
    change = RandomBrightness(0.2)(x, np.random.default_rng(0)) - x
    assert np.ptp(change, axis=(1, 2, 3)).max() < 1e-12
    assert (change.min(), change.max()) == pytest.approx((-0.2, 0.2), abs=0.001)
    assert abs(change.std() - 0.2 / 3**0.5) < 0.005
    noise = GaussianNoise(0.1, limits=None)(x, np.random.default_rng(0)) - x
    assert abs(noise.std() - 0.1) < 0.003
    assert abs(np.corrcoef(noise[:, 0, 0, 0], noise[:, 0, 1, 0])[0, 1]) < 0.1
    far = RandomBrightness(2.0)(x, np.random.default_rng(0))
    assert (far.min(), far.max()) == (0, 1)
    free = RandomBrightness(2.0, limits=None)(x, np.random.default_rng(0))
    assert free.min() < -1
    with pytest.raises(errors.ArgumentError, match="RandomBrightness: amount must be at least 0"):
        RandomBrightness(-1)
    with pytest.raises(errors.ArgumentError, match="std must be at least 0, but it is nan"):
        GaussianNoise(float("nan"))
    with pytest.raises(errors.ArgumentError, match=r"limits must be \(low, high\), but they are"):
        GaussianNoise(1, limits=(1, 0))
    with pytest.raises(errors.ArgumentTypeError, match=r"limits must be \(low, high\) or None"):
        GaussianNoise(1, limits=3)


@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_cutout_covers_a_square_about_every_pixel(size):
    x = np.ones((3000, 6, 6, 2), np.uint8)
    y = Cutout(size, value=7)(x, np.random.default_rng(0))
    covered = (y == 7).all(3)
    assert set(np.unique(y)) == {1, 7}
    rows, columns = covered.any(2), covered.any(1)
    np.testing.assert_array_equal(covered, rows[:, :, None] & columns[:, None])
    assert (np.abs(np.diff(rows.astype(int), axis=1)).sum(1) <= 2).all()
    expected = np.mean([sum(0 <= c - size // 2 + i < 6 for i in range(size)) for c in range(6)])
    assert abs(rows.sum(1).mean() - expected) < 0.1
    assert covered.sum((1, 2)).max() == min(size, 6) ** 2
    assert len({image.tobytes() for image in covered}) == len({r.tobytes() for r in rows}) * len(
        {c.tobytes() for c in columns}
    )
    with pytest.raises(errors.ArgumentError, match="Cutout: size must be"):
        Cutout(0)


def test_pca_colour_moves_along_the_directions_of_the_training_colours():
    rng = np.random.default_rng(0)
    mix = np.array([[0.2, 0.1, 0.0], [0.0, 0.1, 0.05], [0.0, 0.0, 0.02]])
    x = 0.5 + rng.standard_normal((50, 8, 8, 3)) @ mix
    covariance = np.cov(x.reshape(-1, 3).T, bias=True)
    for scale, expected in (("deviation", covariance), ("variance", covariance @ covariance)):
        colour = PCAColor.fit(x, std=0.1, scale=scale, limits=None)
        np.testing.assert_allclose(
            colour.vectors @ np.diag(colour.variances) @ colour.vectors.T, covariance, atol=1e-12
        )
        grey = np.zeros((20000, 1, 1, 3))
        moved = colour(grey, np.random.default_rng(1))[:, 0, 0]
        scatter = moved.T @ moved / len(moved)
        np.testing.assert_allclose(
            scatter, 0.01 * expected, atol=0.01 * np.abs(expected).max() / 20
        )
    wide = np.zeros((4, 3, 2, 3))
    change = colour(wide, np.random.default_rng(2))
    assert (change == change[:, :1, :1]).all()  # one shift for a whole image
    blocks = PCAColor.fit(np.repeat(x, 200, axis=0))  # more than one block
    np.testing.assert_allclose(blocks.variances, colour.variances, rtol=1e-9)


def test_pca_colour_errors():
    for x in (np.zeros((2, 3)), np.zeros((0, 2, 2, 3)), np.full((1, 1, 1, 3), np.nan)):
        with pytest.raises((errors.ShapeError, errors.DataError)):
            PCAColor.fit(x)
    with pytest.raises(errors.DtypeError, match=r"PCAColor\.fit: x must hold floats"):
        PCAColor.fit(np.zeros((1, 2, 2, 3), np.uint8))
    with pytest.raises(errors.ShapeError, match="was fitted on 3 channels, but x has 1"):
        COLOURS(pictures(c=1), np.random.default_rng(0))
    with pytest.raises(errors.ShapeError, match=r"vectors must be \(C, C\)"):
        PCAColor(np.eye(2), np.ones(3))
    with pytest.raises(errors.ArgumentError, match="did you mean 'variance'"):
        PCAColor(np.eye(3), np.ones(3), scale="variances")
    with pytest.raises(errors.ArgumentError, match="variances at least 0"):
        PCAColor(np.eye(3), -np.ones(3))


def test_all_are_exported():
    assert {type(t).__name__ for t in EVERY} <= set(data.__all__)
