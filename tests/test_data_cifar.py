"""CIFAR-10: four forms, one content, and pickles that may ask for nothing else."""

import dataclasses
import gzip
import hashlib
import io
import lzma
import os
import pickle
import struct
import tarfile

import numpy as np
import pytest

from tinygrad_course import data, errors
from tinygrad_course.data import cifar, published
from tinygrad_course.data.pickles import records_of_pickle

NAMES = list(published.CIFAR10_BATCHES)


@pytest.mark.skipif("TGC_DATA" not in os.environ, reason="TGC_DATA is not set")
def test_the_whole_of_it_from_tgc_data():
    whole = data.load("cifar-10", dtype=np.uint8, fetch=False)
    assert whole.train.x.shape == (50000, 32, 32, 3)
    assert whole.test.x.shape == (10000, 32, 32, 3)
    assert np.bincount(whole.train.y).tolist() == [5000] * 10
    assert np.bincount(whole.test.y).tolist() == [1000] * 10
    counts = [np.bincount(channel.ravel(), minlength=256) for channel in whole.train.x.T]
    levels = np.arange(256) / 255
    means = [count @ levels / count.sum() for count in counts]
    stds = [(count @ (levels - m) ** 2 / count.sum()) ** 0.5 for count, m in zip(counts, means)]  # noqa: B905
    np.testing.assert_allclose(means, [0.49140, 0.48216, 0.44653], atol=5e-6)
    np.testing.assert_allclose(stds, [0.24703, 0.24349, 0.26159], atol=5e-6)
    assert whole.classes[whole.train.y[0]] == "frog"
    assert [line.state for line in data.status("cifar-10")] == ["present"] * 6


def batch(seed, count=3):
    rng = np.random.default_rng(seed)
    records = rng.integers(0, 256, (count, 3073), np.uint8)
    records[:, 0] %= 10
    return records.tobytes()


CONTENT = {name: batch(seed) for seed, name in enumerate(NAMES)}


def python2_pickle(records, *, module=b"numpy.core.multiarray", shape=None, label=None):
    """A batch as Python 2 pickled it: opcodes written out, since no Python 3 writes them."""
    table = np.frombuffer(records, np.uint8).reshape(-1, 3073)
    labels = [int(y) if label is None else label for y in table[:, 0]]
    pixels = table[:, 1:].tobytes()
    rows, columns = shape or (len(table), 3072)

    def string(text):
        return b"T" + struct.pack("<i", len(text)) + text

    def number(value):
        return b"J" + struct.pack("<i", value)

    dtype = (
        b"cnumpy\ndtype\n(" + string(b"u1") + b"K\x00K\x01tR"
        b"(K\x03" + string(b"|") + b"NNN" + number(-1) + number(-1) + b"K\x00tb"
    )
    array = (
        b"c" + module + b"\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85" + string(b"b") + b"tR"
        b"(K\x01("
        + number(rows)
        + number(columns)
        + b"t"
        + dtype
        + b"\x89"
        + string(pixels)
        + b"tb"
    )
    listed = b"(" + b"".join(b"K" + bytes([y]) for y in labels)
    return (
        b"\x80\x02}(" + string(b"batch_label") + string(b"training batch 1 of 5")
        + string(b"labels") + b"]" + listed + b"e" + string(b"data") + array + b"u."
    )  # fmt: skip


def archive(path, members):
    with tarfile.open(path, "w:gz") as out:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            out.addfile(member, io.BytesIO(content))


def lay_out(folder, form):
    folder.mkdir(parents=True, exist_ok=True)
    batches = folder / "cifar-10-batches-bin"
    if form in ("bin", "xz"):
        batches.mkdir()
        for name, content in CONTENT.items():
            path = batches / (name if form == "bin" else f"{name}.xz")
            path.write_bytes(content if form == "bin" else lzma.compress(content))
    elif form == "binary":
        members = {f"cifar-10-batches-bin/{name}": c for name, c in CONTENT.items()}
        archive(
            folder / "cifar-10-binary.tar.gz", {"cifar-10-batches-bin/readme.html": b"", **members}
        )
    else:
        members = {
            f"cifar-10-batches-py/{name.removesuffix('.bin')}": python2_pickle(content)
            for name, content in CONTENT.items()
        }
        archive(
            folder / "cifar-10-python.tar.gz", {"cifar-10-batches-py/batches.meta": b"x", **members}
        )


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty TGC_DATA and an empty cache; the small batches have the published checksums."""
    monkeypatch.setenv("TGC_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}
    monkeypatch.setattr(cifar, "CIFAR10_BATCHES", sums)
    return tmp_path / "cifar-10"


@pytest.mark.parametrize("form", ["bin", "xz", "binary", "python"])
def test_every_form_gives_the_same(home, form):
    lay_out(home, form)
    whole = data.load("cifar-10", dtype="uint8", fetch=False)
    assert whole.train.x.shape == (15, 32, 32, 3)
    first = np.frombuffer(CONTENT[NAMES[0]], np.uint8).reshape(3, 3073)
    assert whole.train.y[:3].tolist() == first[:, 0].tolist()
    np.testing.assert_array_equal(
        whole.train.x[1].transpose(2, 0, 1), first[1, 1:].reshape(3, 32, 32)
    )
    last = np.frombuffer(CONTENT["test_batch.bin"], np.uint8).reshape(3, 3073)
    assert whole.test.y.tolist() == last[:, 0].tolist()
    scaled = data.load("cifar-10", fetch=False)
    np.testing.assert_array_equal(scaled.test.x, whole.test.x.astype(np.float32) / 255)


def test_the_order_of_the_forms(home):
    found = []
    for form in ("python", "binary", "xz", "bin"):
        lay_out(home, form) if form != "bin" else [
            (home / "cifar-10-batches-bin" / n).write_bytes(c) for n, c in CONTENT.items()
        ]
        found.append(cifar.locate().path.name)
    assert found == [
        "cifar-10-python.tar.gz",
        "cifar-10-binary.tar.gz",
        *["cifar-10-batches-bin"] * 2,
    ]
    (home / "cifar-10-batches-bin" / "data_batch_1.bin.xz").write_bytes(b"not looked at")
    assert len(data.load("cifar-10", fetch=False).train.x) == 15
    assert {line.file for line in data.status("cifar-10")} == set(NAMES)


def test_absence_and_damage_are_told(home):
    with pytest.raises(
        errors.DataError, match=r"not on this machine.*\n.*Looked for:\n(.|\n)*170 MB"
    ):
        data.load("cifar-10", fetch=False)
    assert [line.state for line in data.status("cifar-10")] == ["absent"]
    lay_out(home, "xz")
    assert [line.state for line in data.verify("cifar-10")] == ["present"] * 6
    one = home / "cifar-10-batches-bin" / "data_batch_3.bin.xz"
    whole = one.read_bytes()
    one.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(errors.DataError, match="the file is damaged or another one"):
        data.load("cifar-10", fetch=False)
    assert [line.state for line in data.status("cifar-10")].count("corrupt") == 1
    one.write_bytes(lzma.compress(batch(99)))
    with pytest.raises(errors.DataError, match=r"data_batch_3\.bin: expected SHA-256"):
        data.load("cifar-10", fetch=False)
    with pytest.raises(
        errors.DataError, match=r"verify: .*data_batch_3\.bin\.xz: expected SHA-256"
    ):
        data.verify("cifar-10")
    one.unlink()
    with pytest.raises(errors.DataError, match=r"lacks data_batch_3\.bin\)"):
        data.load("cifar-10", fetch=False)
    # An archive that lacks a batch, is cut short, or is no archive.
    path = home / "cifar-10-binary.tar.gz"
    archive(path, {f"x/{name}": CONTENT[name] for name in NAMES[1:]})
    with pytest.raises(errors.DataError, match=r"data_batch_1\.bin is not in it"):
        data.load("cifar-10", fetch=False)
    content = path.read_bytes()
    for bad in (content[: len(content) // 2], b"nothing", gzip.compress(b"no tar")):
        path.write_bytes(bad)
        with pytest.raises(errors.DataError, match=r"binary\.tar\.gz: "):
            data.load("cifar-10", fetch=False)
    assert data.status("cifar-10")[0].state == "corrupt"


def test_records_are_strict():
    with pytest.raises(errors.DataError, match="records of 3073 bytes, got 3,074 bytes"):
        cifar.parse_batch(bytes(3074), "x")
    with pytest.raises(errors.DataError, match="records of 3073 bytes, got 0 bytes"):
        cifar.parse_batch(b"", "x")
    with pytest.raises(errors.DataError, match="record 1 has 10"):
        cifar.parse_batch(bytes(3073) + b"\x0a" + bytes(3072), "x")


def test_a_pickle_of_the_archive():
    records = CONTENT[NAMES[0]]
    assert records_of_pickle(python2_pickle(records), "x") == records
    # The real unpickler agrees that this is what was written.
    numpy_module = np.zeros(0).__reduce__()[0].__module__.encode()
    read = pickle.loads(python2_pickle(records, module=numpy_module), encoding="bytes")
    table = np.frombuffer(records, np.uint8).reshape(3, 3073)
    np.testing.assert_array_equal(read[b"data"], table[:, 1:])
    assert read[b"labels"] == table[:, 0].tolist()


class Evil:
    def __reduce__(self):
        return os.system, ("echo this must never run",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps(Evil(), 2), r"asks for \w+\.system, which CIFAR-10 does not need"),
        (pickle.dumps(os.getcwd, 2), "asks for .*getcwd"),
        (b"\x80\x02c__builtin__\neval\n(S'1'\ntR.", r"asks for (__builtin__|builtins)\.eval"),
        (python2_pickle(CONTENT[NAMES[0]], module=b"numpy.lib.npyio"), "asks for numpy.lib.npyio"),
        (b"\x80\x02cnumpy\nload\n(S'x'\ntR.", "asks for numpy.load"),
        (b"", "Ran out of input"),
        (python2_pickle(CONTENT[NAMES[0]])[:-9], ""),
        (pickle.dumps([1, 2], 2), "expected a dict with data and labels"),
        (pickle.dumps({b"data": b"", b"labels": [0]}, 0), "asks for _codecs.encode"),
        (python2_pickle(CONTENT[NAMES[0]], shape=(3, 3071)), r"uint8 array of shape \(3, 3072\)"),
        (python2_pickle(CONTENT[NAMES[0]], label=10), r"list of integers 0 \.\. 9"),
    ],
)
def test_pickles_are_strict(content, message, capfd):
    with pytest.raises(errors.DataError, match=f"x: is not a batch of CIFAR-10: .*(?:{message})"):
        records_of_pickle(content, "x")
    assert capfd.readouterr().out == ""


def test_the_planted_pickle_does_run_elsewhere(capfd):
    # Otherwise the test above would prove nothing.
    pickle.loads(pickle.dumps(Evil(), 2))
    assert "must never run" in capfd.readouterr().out


def test_what_is_downloaded_and_when(home, monkeypatch):
    cache = home.parent / "cache" / "tinygrad_course" / "cifar-10"
    monkeypatch.delenv("TGC_DATA")
    asked = []

    def arrives(file, *, progress):
        asked.append((file.name, progress))
        lay_out(cache, "binary")

    monkeypatch.setattr("tinygrad_course.data.download.download", arrives)
    loaded = data.load("cifar-10", progress=False)
    assert len(loaded.train.x) == 15
    assert asked == [("cifar-10-binary.tar.gz", False)]
    data.load("cifar-10")
    assert len(asked) == 1
    # A damaged archive is not silently replaced by load, but by fetch.
    content = (cache / "cifar-10-binary.tar.gz").read_bytes()
    published_file = published.CIFAR10_ARCHIVES["cifar-10-binary.tar.gz"]
    small = dataclasses.replace(
        published_file, size=len(content), sha256=hashlib.sha256(content).hexdigest()
    )
    archives = {**published.CIFAR10_ARCHIVES, small.name: small}
    monkeypatch.setattr(cifar, "CIFAR10_ARCHIVES", archives)
    assert [line.state for line in data.verify("cifar-10")] == ["present"]
    (cache / small.name).write_bytes(content[: len(content) // 2])
    with pytest.raises(errors.DataError, match="damaged or another one"):
        data.load("cifar-10")
    assert len(asked) == 1
    monkeypatch.setattr(
        "tinygrad_course.data.download.download",
        lambda file, *, progress: (cache / file.name).write_bytes(content),
    )
    assert [line.state for line in data.fetch("cifar-10")] == ["present"]
    # Batches that somebody put into the cache come first, and are not overwritten.
    lay_out(cache, "bin")
    bad = cache / "cifar-10-batches-bin" / "test_batch.bin"
    bad.write_bytes(b"x")
    with pytest.raises(errors.DataError, match=r"test_batch\.bin: expected .*; delete it and run"):
        data.fetch("cifar-10")
    assert bad.read_bytes() == b"x"
