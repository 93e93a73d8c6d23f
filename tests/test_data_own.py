"""The user's own arrays, packed or mapped, and `load`, which finds out what it was given."""

import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tinygrad_course import data, errors
from tinygrad_course.data import DataLoader, MinMax, Standardize, load_mapped, load_npz


def write(path, **arrays):
    np.savez(path, **arrays)
    return path


RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (20, 6, 5), np.uint8)


def test_npz_of_images(tmp_path):
    path = write(tmp_path / "a.npz", x=IMAGES, y=np.arange(20) % 2 + 3)
    loaded = load_npz(path, seed=1)
    assert loaded.train.x.shape == (16, 6, 5, 1)
    assert loaded.train.x.dtype == np.float32
    assert loaded.classes == ("3", "4")
    pixels = load_npz(path, seed=1, dtype="uint8")
    np.testing.assert_array_equal(loaded.test.x, pixels.test.x.astype(np.float32) / 255)
    assert {image.tobytes() for part in (pixels.train, pixels.test) for image in part.x} == {
        image.tobytes() for image in IMAGES
    }
    floats = write(tmp_path / "b.npz", x=IMAGES[..., None] * 2.0, y=np.arange(20) % 2)
    assert load_npz(floats).train.x.max() == IMAGES.max() * 2.0  # only pixels are scaled


def test_npz_in_parts_and_for_regression(tmp_path):
    x, y = RNG.normal(size=(20, 3)), RNG.normal(size=20)
    parts = {"x_train": x[:12], "y_train": y[:12], "x_test": x[12:], "y_test": y[12:]}
    loaded = load_npz(write(tmp_path / "a.npz", **parts), dtype="float64")
    np.testing.assert_array_equal(loaded.train.x, x[:12])
    np.testing.assert_array_equal(loaded.test.y, y[12:, None])
    assert loaded.task == "regression"
    whole = write(tmp_path / "b.npz", x=x, y=np.round(y), extra=x)
    assert load_npz(whole).task == "regression"
    assert load_npz(whole, task="classification").task == "classification"
    words = {**parts, "y_train": np.repeat(["b", "a"], 6), "y_test": np.repeat(["c"], 8)}
    assert load_npz(write(tmp_path / "c.npz", **words)).classes == ("a", "b", "c")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": [1], "b": [2]}, "expected the arrays x and y, .* but it holds a, b;"),
        ({}, "but it holds none"),
        ({"x": np.zeros((3, 2)), "y": [0, 1]}, r"their shapes are \(3, 2\) and \(2,\)"),
        ({"x": np.zeros((0, 2)), "y": np.zeros(0)}, r"their shapes are \(0, 2\)"),
        ({"x": [1, 2], "y": [0, 1]}, r"x must be numbers \(N, D\).* it is int64 of shape \(2,\)"),
        ({"x": [["a"], ["b"]], "y": [0, 1]}, "x must be numbers"),
        ({"x": np.zeros((4, 3, 8, 8)), "y": [0, 1, 0, 1]}, r"channels last.*\(0, 2, 3, 1\)"),
        ({"x": [[1.0], [np.nan]], "y": [0, 1]}, "must be finite"),
        ({"x": [[1.0], [2.0]], "y": [0.5, np.inf]}, "must be finite"),
        ({"x": [[1.0], [2.0]], "y": np.eye(2, dtype=int)}, r"one-hot rows save y\.argmax\(-1\)"),
        ({"x": [[1.0], [2.0]], "y": np.eye(2)}, "one number a sample to predict, but y has"),
        ({"x": [[1.0], [2.0]], "y": [1, 1]}, "at least two classes"),
        ({"x": [[1.0], [2.0]], "y": np.array([{}, {}])}, "Python objects is a program"),
        (
            {
                "x_train": np.zeros((2, 2)),
                "y_train": [0, 1],
                "x_test": np.zeros((2, 3)),
                "y_test": [0, 1],
            },
            r"samples of one shape, but they are \(2, 2\) and \(2, 3\)",
        ),
    ],
)
def test_npz_is_strict(tmp_path, arrays, message):
    with pytest.raises(errors.DataError, match=message):
        load_npz(write(tmp_path / "a.npz", **arrays))


class Evil:
    def __reduce__(self):
        return os.system, ("echo this must never run",)


def test_damaged_and_planted_npz(tmp_path, capfd):
    path = write(tmp_path / "a.npz", x=IMAGES, y=np.arange(20) % 2)
    whole = path.read_bytes()
    for content in (b"", b"PK", whole[:300], whole[: len(whole) - 10], b"\x93NUMPY", b"text"):
        path.write_bytes(content)
        with pytest.raises(errors.DataError, match=r"a\.npz: cannot be read"):
            load_npz(path)
    path.write_bytes(whole[:200] + b"\xff" + whole[201:])
    with pytest.raises(errors.DataError, match=r"a\.npz: cannot be read \(Bad CRC"):
        load_npz(path)
    path.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(errors.DataError, match="cannot be read"):
        load_npz(path)
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("x.npy", "y.npy"):
            archive.writestr(name, pickle.dumps(Evil()))
    with pytest.raises(errors.DataError):
        load_npz(path)
    assert capfd.readouterr().out == ""
    np.save(tmp_path / "one.npy", IMAGES)
    with pytest.raises(errors.DataError, match="but it holds none"):
        load_npz(tmp_path / "one.npy")
    with pytest.raises(errors.DataError, match=r"nowhere\.npz is not there"):
        load_npz(tmp_path / "nowhere.npz")


def mapped(folder, rows=40, dtype=np.float32, y=None):
    folder.mkdir()
    for name, count in (("train", rows), ("test", 8)):
        np.save(folder / f"x_{name}.npy", RNG.integers(0, 256, (count, 4, 4, 1)).astype(dtype))
        np.save(folder / f"y_{name}.npy", np.arange(count) % 4 if y is None else y(count))
    return folder


def test_mapped_arrays_stay_in_their_files(tmp_path):
    folder = mapped(tmp_path / "big")
    loaded = data.load(folder)
    assert isinstance(loaded.train.x, np.memmap)
    assert loaded.classes == tuple("0123")
    loader = DataLoader(*loaded.train, 8, shuffle=True, seed=2)
    assert np.shares_memory(loader.x, loaded.train.x)
    copied = DataLoader(*(np.array(a) for a in loaded.train), 8, shuffle=True, seed=2)
    for (x, y), (a, b) in zip(loader.epoch(1), copied.epoch(1), strict=True):
        assert type(x) is np.ndarray
        assert x.flags.writeable
        assert not np.shares_memory(x, loaded.train.x)
        np.testing.assert_array_equal(x, a)
        np.testing.assert_array_equal(y, b)
    with pytest.raises(ValueError, match="read-only"):
        loaded.train.x[0] = 0
    fitted = Standardize.fit(loaded.train.x)
    np.testing.assert_allclose(fitted.mean.ravel(), loaded.train.x.mean((0, 1, 2)), rtol=1e-5)


def test_mapped_pixels_become_floats_in_the_loader(tmp_path):
    folder = mapped(tmp_path / "big", dtype=np.uint8)
    with pytest.raises(errors.DtypeError, match="holds uint8, which is mapped and not converted"):
        data.load(folder)
    pixels = data.load(folder, dtype="uint8")
    x, _ = DataLoader(*pixels.train, 4, transforms=[MinMax(0, 255)]).batch(0, 0)
    np.testing.assert_array_equal(x, pixels.train.x[:4].astype(np.float32) / np.float32(255))


def test_mapped_targets(tmp_path):
    folder = mapped(tmp_path / "a", y=lambda n: RNG.normal(size=(n, 1)))
    assert load_mapped(folder).task == "regression"
    with pytest.raises(errors.DataError, match=r"targets must have the shape \(N, 1\)"):
        load_mapped(mapped(tmp_path / "b", y=lambda n: RNG.normal(size=n)))
    with pytest.raises(errors.DataError, match=r"y_train must lie in 0 .. 4 .*\[0\] is -1"):
        load_mapped(mapped(tmp_path / "c", y=lambda n: np.arange(n) % 6 - 1))


def test_mapped_folders_are_strict(tmp_path):
    folder = mapped(tmp_path / "a")
    (folder / "y_test.npy").unlink()
    with pytest.raises(
        errors.DataError, match=r"y_test\.npy is not there; all of x_train, y_train"
    ):
        data.load(folder)
    np.save(folder / "y_test.npy", np.zeros(3, int))
    with pytest.raises(errors.DataError, match="x_test and y_test must have one row a sample"):
        data.load(folder)
    np.save(folder / "y_test.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(errors.DataError, match=r"y_test\.npy cannot be mapped"):
        data.load(folder)
    np.save(folder / "y_test.npy", np.zeros(8, "U1"))
    with pytest.raises(errors.DataError, match="expected numbers"):
        data.load(folder)
    np.save(folder / "x_test.npy", np.zeros((8, 3)))
    np.save(folder / "y_test.npy", np.zeros(8, int))
    with pytest.raises(errors.DataError, match="samples of one shape and dtype"):
        data.load(folder)
    whole = (folder / "x_train.npy").read_bytes()
    (folder / "x_train.npy").write_bytes(whole[:500])
    with pytest.raises(errors.DataError, match=r"x_train\.npy cannot be mapped"):
        data.load(folder)


PROGRAM = """
import resource, sys
import numpy as np
from tinygrad_course.data import DataLoader, Standardize, load
from tinygrad_course.errors import DataError

with open("/proc/self/status") as status:
    used = next(int(line.split()[1]) for line in status if line.startswith("VmData")) * 1024
resource.setrlimit(resource.RLIMIT_DATA, (used + (48 << 20),) * 2)
data = load(sys.argv[1])
loader = DataLoader(*data.train, 16, shuffle=True)
for _ in range(3):
    x, y = loader.batch(0, 2)
assert x.nbytes == 16 * 64 * 64 * 4
Standardize.fit(data.train.x)
hurt = np.lib.format.open_memmap(sys.argv[1] + "/x_train.npy", "r+")
hurt[-1, 3, 4] = np.nan
hurt.flush()
try:
    DataLoader(*load(sys.argv[1]).train, 16)
except DataError as error:
    print(error)
try:
    np.array(data.train.x)
except MemoryError:
    print("does not fit")
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's memory limits")
def test_data_larger_than_memory(tmp_path):
    # 160 MB in a sparse file under a limit of 48 MB more than the program itself takes.
    shape = (10_000, 64, 64, 1)
    np.lib.format.open_memmap(tmp_path / "x_train.npy", "w+", np.float32, shape).flush()
    np.save(tmp_path / "x_test.npy", np.zeros((2, 64, 64, 1), np.float32))
    np.save(tmp_path / "y_train.npy", np.arange(10_000) % 2)
    np.save(tmp_path / "y_test.npy", np.arange(2))
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(data.__file__).parents[2]),
        "OPENBLAS_NUM_THREADS": "1",
    }
    out = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert out.returncode == 0, out.stderr
    assert "x[9999, 3, 4, 0] is nan (1 of 40960000" in out.stdout
    # The limit is one: reading the array whole is what it forbids.
    assert "does not fit" in out.stdout


def test_load_finds_out_what_it_was_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.npz", x=IMAGES, y=np.arange(20) % 2)
    (tmp_path / "t.csv").write_text("x,y\n1,0\n2,1\n3,0\n4,1\n")
    mapped(tmp_path / "big")
    for name in ("a", "b"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for i in range(4):
            Image.new("L", (3, 3)).save(tmp_path / "pets" / name / f"{i}.png")
    kinds = {"a.npz": "npz", "t.csv": "csv", "big": "mapped", "pets": "folder", "mnist": "name"}
    assert {where: data.kind_of(where) for where in kinds} == kinds
    assert data.kind_of(tmp_path / "pets") == "folder"
    assert data.load("t.csv", target="y", test=0.5).name == "t"
    assert data.load(Path("pets"), size=2, test=0.25).input_shape == (2, 2, 1)
    assert data.load("a.npz", task="classification").name == "a"
    (tmp_path / "digits").mkdir()
    assert data.kind_of("digits") == "name"
    assert data.kind_of("./digits") == "folder"
    with pytest.raises(errors.ArgumentError, match="no data set 'pest', and no such folder here"):
        data.load("pest")
    for where in ("./pest", "../pest", tmp_path / "pest", "pest.zip", "~/pest"):
        with pytest.raises(errors.DataError, match=r"pest.* is not there; check the path"):
            data.load(where)
    (tmp_path / "pets.zip").write_bytes(b"")
    with pytest.raises(errors.DataError, match=r"pets\.zip is neither a folder of pictures nor"):
        data.load("pets.zip")


def test_options_that_mean_nothing_are_refused(tmp_path):
    path = write(tmp_path / "a.npz", x=IMAGES, y=np.arange(20) % 2)
    with pytest.raises(
        errors.ArgumentError, match=r"target means nothing for mnist-12k .name., which"
    ):
        data.load("mnist-12k", target="y")
    with pytest.raises(errors.ArgumentError, match=r"size means .*\(npz\), which takes task, test"):
        data.load(path, size=3)
    (tmp_path / "t.csv").write_text("x,y\n1,0\n2,1\n")
    with pytest.raises(errors.ArgumentError, match="Give target=COLUMN"):
        data.load(tmp_path / "t.csv")
