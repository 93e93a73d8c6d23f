"""Data sets, checks and the IDX format."""

import dataclasses
import gzip
import os
from pathlib import Path

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_course import data, errors
from tinygrad_course.data import check_finite, check_labels, published
from tinygrad_course.data import files as data_files


def test_digits_is_stratified_and_scaled():
    digits = data.load("digits")
    assert digits.train.x.shape == (1433, 8, 8, 1)
    assert digits.test.x.shape == (364, 8, 8, 1)
    assert digits.train.x.dtype == np.float32
    assert digits.train.y.dtype == np.int64
    assert (digits.train.x.min(), digits.train.x.max()) == (0, 1)
    counts = np.bincount(digits.train.y) / np.bincount(digits.test.y)
    assert np.all(np.abs(counts - 4) < 0.15)
    raw = data.load("digits", dtype="uint8")
    assert raw.train.x.dtype == np.uint8
    assert raw.train.x.max() == 16
    together = np.concatenate([raw.train.x, raw.test.x]).reshape(1797, 64)
    assert together.sum() == 561718  # every sample is in exactly one part


def test_mnist_12k():
    mnist = data.load("mnist-12k", dtype=np.float64)
    assert mnist.train.x.shape == (10000, 28, 28, 1)
    assert mnist.test.x.shape == (2000, 28, 28, 1)
    assert mnist.train.x.dtype == np.float64
    assert mnist.train.y[:3].tolist() == [5, 1, 3]
    assert mnist.classes == tuple("0123456789")
    raw = data.load("mnist-12k", dtype=np.uint8)
    np.testing.assert_array_equal(mnist.test.x, raw.test.x / 255)


@pytest.mark.skipif("TGC_DATA" not in os.environ, reason="TGC_DATA is not set")
def test_full_mnist_from_tgc_data():
    mnist = data.load("mnist", dtype=np.uint8, fetch=False)
    assert mnist.train.x.shape == (60000, 28, 28, 1)
    assert np.bincount(mnist.train.y).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    small = data.load("mnist-12k", dtype=np.uint8)
    np.testing.assert_array_equal(small.train.x, mnist.train.x[::6])
    np.testing.assert_array_equal(small.train.y, mnist.train.y[::6])
    np.testing.assert_array_equal(small.test.x, mnist.test.x[::5])
    np.testing.assert_array_equal(small.test.y, mnist.test.y[::5])


@pytest.mark.skipif("TGC_DATA" not in os.environ, reason="TGC_DATA is not set")
def test_fashion_mnist_from_tgc_data():
    fashion = data.load("fashion-mnist", dtype=np.uint8, fetch=False)
    assert fashion.train.x.shape == (60000, 28, 28, 1)
    assert np.bincount(fashion.train.y).tolist() == [6000] * 10
    assert np.bincount(fashion.test.y).tolist() == [1000] * 10
    pixels = fashion.train.x / np.float64(255)
    assert (round(pixels.mean(), 5), round(pixels.std(), 5)) == (0.28604, 0.35302)
    assert fashion.classes[fashion.train.y[0]] == "ankle boot"


@pytest.mark.parametrize(
    ("name", "file"), [("iris", "iris.csv"), ("breast-cancer", "breast_cancer.csv")]
)
def test_tables(name, file):
    table = data.load(name, dtype="float64")
    assert len(table.features) == table.input_shape[0]
    counts = np.bincount(table.train.y), np.bincount(table.test.y)
    assert [c.tolist() for c in counts] == {
        "iris": [[40] * 3, [10] * 3],
        "breast-cancer": [[169, 285], [43, 72]],
    }[name]
    with pytest.raises(errors.DtypeError, match="load: dtype must be float32 or float64"):
        data.load(name, dtype="uint8")
    if "TGC_DATA" in os.environ:
        path = Path(os.environ["TGC_DATA"], "tabular", "sklearn", file)
        published = np.loadtxt(path, delimiter=",", skiprows=1)
        together = [np.column_stack([part.x, part.y]) for part in (table.train, table.test)]
        rows = np.concatenate(together)
        np.testing.assert_array_equal(rows[np.lexsort(rows.T)], published[np.lexsort(published.T)])


EMBEDDED = ["digits", "mnist-12k", "iris", "breast-cancer"]
COMPUTED = ["xor", "spirals", "moons"]


@pytest.mark.parametrize("name", [*EMBEDDED, *COMPUTED, "linear"])
def test_what_info_says_is_what_load_gives(name):
    loaded, info = data.load(name), data.info(name)
    for field in dataclasses.fields(info):
        assert getattr(loaded, field.name) == getattr(info, field.name)
    assert loaded.train.x.shape == (info.train_size, *info.input_shape)
    assert loaded.test.x.shape == (info.test_size, *info.input_shape)
    assert len(loaded.test.y) == info.test_size
    if info.task == "classification":
        check_labels(loaded.train.y, loaded.classes)
        assert f"{len(info.classes)} classes" in repr(loaded)
    else:
        assert loaded.train.y.shape == (info.train_size, 1)
        assert loaded.train.y.dtype == loaded.train.x.dtype
        assert "regression" in repr(loaded)
    assert str(info.train_size) in repr(loaded)
    assert [line.state for line in data.verify(name)] in (["present"], ["generated"])


def test_unknown_names_and_dtypes():
    with pytest.raises(errors.ArgumentError, match="did you mean 'mnist-12k'"):
        data.load("mnist12k")
    for function in (data.info, data.status, data.verify, data.fetch):
        with pytest.raises(errors.ArgumentError, match="did you mean 'digits'"):
            function("digit")
    with pytest.raises(errors.ArgumentTypeError, match="must be a string"):
        data.load(3)
    for dtype in ("int32", "no such", None):
        with pytest.raises(errors.DtypeError, match="load: dtype must be"):
            data.load("digits", dtype=dtype)
        with pytest.raises(errors.DtypeError, match="xor: dtype must be"):
            data.load("xor", dtype=dtype)


def test_a_damaged_installation_is_reported(monkeypatch):
    sound = published.EMBEDDED["digits"]
    broken = dataclasses.replace(sound, sha256="0" * 64)
    monkeypatch.setitem(published.EMBEDDED, "digits", broken)
    with pytest.raises(errors.DataError, match=r"digits-8x8.npz: expected SHA-256 0000.*install"):
        data.load("digits")
    assert data.status("digits")[0].state == "corrupt"
    with pytest.raises(errors.DataError, match="install tinygrad_course again"):
        data.verify("digits")
    missing = dataclasses.replace(sound, name="nothing.npz")
    monkeypatch.setitem(published.EMBEDDED, "digits", missing)
    with pytest.raises(errors.DataError, match="installation is not complete"):
        data.load("digits")


def test_notices_go_with_the_data():
    folder = data_files.resources.files("tinygrad_course.data").joinpath("embedded")
    notice = folder.joinpath("NOTICE").read_text()
    for needed in (
        "Alpaydin",
        "CC BY 4.0",
        "LeCun",
        "Cortes",
        "CC BY-SA 3.0",
        "train[::6]",
        "Fisher",
        "Wolberg",
    ):
        assert needed in notice
    embedded = {entry.name for entry in folder.iterdir()} - {"NOTICE"}
    assert embedded == {file.name for file in published.EMBEDDED.values()}
    assert all(name in notice for name in embedded)


def test_generated_sets_follow_their_formula():
    corners = data.xor(train=8, test=4, noise=0)
    assert corners.train.y.tolist() == [0, 1, 1, 0, 0, 1, 1, 0]
    np.testing.assert_array_equal(corners.train.x[4:], corners.test.x)
    noisy = data.xor(train=4000, noise=0.1, seed=3)
    assert abs((noisy.train.x - np.round(noisy.train.x)).std() - 0.1) < 0.005
    arms = data.spirals(noise=0, classes=4, turns=1.0, dtype=np.float64)
    x, y = arms.train
    radius = np.hypot(*x.T)
    np.testing.assert_allclose(x[:, 0], radius * np.cos(2 * np.pi * (radius + y / 4)), atol=1e-12)
    assert radius.max() < 1


def test_moons_and_linear_follow_their_formula():
    upper, lower = (data.moons(noise=0, dtype="float64").train.x[k::2] for k in (0, 1))
    np.testing.assert_allclose(np.hypot(*upper.T), 1)
    np.testing.assert_allclose(np.hypot(*(lower - [1, 0.5]).T), 1)
    assert upper[:, 1].min() >= 0
    assert lower[:, 1].max() <= 0.5
    line = data.linear(weights=[1, 2, 3], bias=-4, noise=0.5, train=5000, dtype="float64")
    x = np.column_stack([line.train.x, np.ones(5000)])
    solution = np.linalg.lstsq(x, line.train.y)[0]
    np.testing.assert_allclose(solution.ravel(), [1, 2, 3, -4], atol=4 * 0.5 / 5000**0.5)
    assert abs((line.train.y - x @ solution).std() - 0.5) < 0.02
    for bad in ({"weights": []}, {"weights": [[1.0]]}, {"weights": [np.inf]}, {"bias": np.nan}):
        with pytest.raises(errors.ArgumentError, match="linear: weights must be one finite number"):
            data.linear(**bad)
    with pytest.raises(errors.ArgumentTypeError, match="linear: weights must be numbers"):
        data.linear(weights="much")


@pytest.mark.parametrize("make", [data.xor, data.spirals, data.moons, data.linear])
def test_generated_sets_depend_on_the_seed_alone(make):
    one, again, other = make(seed=1), make(seed=1), make(seed=2)
    np.testing.assert_array_equal(one.train.x, again.train.x)
    assert not np.array_equal(one.train.x, other.train.x)
    assert not np.array_equal(one.train.x[:200], one.test.x[:200])
    # A bigger part leaves the other one alone.
    np.testing.assert_array_equal(one.test.x, make(seed=1, train=7).test.x)
    for bad in ({"train": 0}, {"test": -1}, {"noise": -0.1}, {"seed": -1}, {"noise": np.nan}):
        with pytest.raises(errors.ArgumentError, match="must be at least"):
            make(**bad)
    for bad in ({"train": 1.5}, {"noise": "much"}, {"seed": True}):
        with pytest.raises(errors.ArgumentTypeError, match=f"{make.__name__}: "):
            make(**bad)


def test_spirals_arguments():
    with pytest.raises(errors.ArgumentError, match="classes must be at least 2, but it is 1"):
        data.spirals(classes=1)
    with pytest.raises(errors.ArgumentError, match="turns must be a finite number"):
        data.spirals(turns=float("inf"))


def test_check_finite_names_the_first_bad_value():
    x = np.zeros((3000, 20, 20), np.float32)  # more than one block
    assert check_finite(x) is x
    x[2900, 3, 4] = np.inf
    x[2950, 0, 0] = np.nan
    with pytest.raises(errors.DataError, match=r"pixels\[2900, 3, 4\] is inf \(2 of 1200000 val"):
        check_finite(x, "pixels")
    ints = np.arange(3)
    assert check_finite(ints) is ints
    assert check_finite(np.zeros((0, 3))).shape == (0, 3)
    with pytest.raises(errors.DtypeError, match="must hold real numbers, but its dtype is <U1"):
        check_finite(["a"])
    with pytest.raises(errors.ShapeError, match="single number"):
        check_finite(1.0)
    with pytest.raises(errors.ArgumentTypeError, match="must be a NumPy array"):
        check_finite([[1.0], [1.0, 2.0]])


def test_check_labels():
    y = np.array([0, 1, 2], np.uint8)
    assert check_labels(y, ["a", "b", "c"]) is y
    with pytest.raises(errors.DataError, match=r"labels\[1\] is -1 \(1 of 2 out of range\)"):
        check_labels([0, -1], 2)
    with pytest.raises(errors.DtypeError, match=r"the dtype is float64.*astype"):
        check_labels([0.0, 1.0], 2)
    with pytest.raises(errors.DtypeError, match="bool"):
        check_labels([True, False], 2)
    with pytest.raises(errors.ShapeError, match=r"it is \(2, 3\); for one-hot rows"):
        check_labels(np.zeros((2, 3), int), 3)
    with pytest.raises(errors.ArgumentError, match="classes must be at least 1"):
        check_labels(y, 0)


IDX_TYPES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}


def encode_idx(array):
    header = bytes([0, 0, IDX_TYPES[array.dtype.str[1:]], array.ndim])
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + sizes + array.astype(">" + array.dtype.str[1:]).tobytes()


@given(
    hnp.arrays(
        st.sampled_from(sorted(IDX_TYPES)).map(np.dtype),
        hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4),
    )
)
def test_idx_round_trip(array):
    content = encode_idx(array)
    parsed = data.parse_idx(content, "x")
    assert parsed.dtype == array.dtype
    assert parsed.flags.writeable
    np.testing.assert_array_equal(parsed, array)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "a header of at least 4 bytes, got a file of 0 bytes"),
        (b"\0\0\x08", "got a file of 3 bytes"),
        (b"\x1f\x8b\x08\0", r"magic number 00 00.*got 1f 8b 08 \(still compressed\?\)"),
        (b"\0\1\x08\1", "magic number .*got 00 01 08"),
        (b"\0\0\x0a\1\0\0\0\1x", "got 00 00 0a"),
        (b"\0\0\x08\3\0\0\0\1", "a header of 16 bytes for 3 axes, got 8 bytes"),
        (b"\0\0\x08\1\0\0\0\3ab", r"3 bytes of values for the shape \(3,\), got 2 \(truncated"),
        (b"\0\0\x08\1\0\0\0\1ab", r"1 bytes of values for the shape \(1,\), got 2 \(with bytes l"),
        (b"\0\0\x0e\3" + b"\xff" * 12, "truncated"),
    ],
)
def test_idx_is_strict(content, message):
    with pytest.raises(errors.DataError, match=f"IDX file train: expected .*{message}"):
        data.parse_idx(content, "train")


def test_read_idx(tmp_path):
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    plain, packed = tmp_path / "a", tmp_path / "a.gz"
    plain.write_bytes(encode_idx(array))
    packed.write_bytes(gzip.compress(encode_idx(array)))
    np.testing.assert_array_equal(data.read_idx(plain), array)
    np.testing.assert_array_equal(data.read_idx(str(packed)), array)
    whole = packed.read_bytes()
    for cut in (5, len(whole) // 2, len(whole) - 1):
        packed.write_bytes(whole[:cut])
        with pytest.raises(errors.DataError, match=r"a\.gz: expected a whole gzip file"):
            data.read_idx(packed)
    packed.write_bytes(whole[:12] + b"\xff\xff\xff" + whole[15:])
    with pytest.raises(errors.DataError, match=r"a\.gz: expected a whole gzip file"):
        data.read_idx(packed)
    with pytest.raises(errors.DataError, match=r"cannot read .*none: No such file"):
        data.read_idx(tmp_path / "none")
