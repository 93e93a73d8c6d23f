"""The loader: order and augmentation are functions of (seed, epoch, batch); threads end."""

import gc
import os
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_course import data, errors
from tinygrad_course.data import DataLoader, RandomShift
from tinygrad_course.data.prefetch import THREAD_NAME, prefetch
from tinygrad_course.data.streams import AUGMENTATION, GENERATED, ORDER, SPLIT, permutation, stream
from tinygrad_course.random import Generator


def workers():
    return [thread for thread in threading.enumerate() if thread.name == THREAD_NAME]


@pytest.fixture(autouse=True)
def _no_thread_stays():
    assert workers() == []
    yield
    assert workers() == []


def images(count=23):
    x = np.arange(count * 16, dtype=np.float32).reshape(count, 4, 4, 1)
    return x, np.arange(count)


def jitter(x, rng):
    return x + rng.standard_normal(x.shape).astype(x.dtype)


def same(one, other):
    one, other = list(one), list(other)
    assert len(one) == len(other)
    for (x1, y1), (x2, y2) in zip(one, other, strict=True):
        np.testing.assert_array_equal(x1, x2)
        np.testing.assert_array_equal(y1, y2)


@given(
    seed=st.integers(0, 2**64 - 1),
    epoch=st.integers(0, 2**64 - 1),
    count=st.integers(1, 40),
    size=st.integers(1, 12),
    shuffle=st.booleans(),
    drop_last=st.booleans(),
    ahead=st.integers(0, 3),
    draw=st.data(),
)
def test_a_resumed_epoch_equals_the_whole_one(
    seed, epoch, count, size, shuffle, drop_last, ahead, draw
):
    x, y = images(count)
    drop_last = drop_last and size <= count
    loader = DataLoader(
        x, y, size, shuffle=shuffle, seed=seed, transforms=[RandomShift(1), jitter],
        drop_last=drop_last, prefetch=ahead,
    )  # fmt: skip
    plain = DataLoader(
        x, y, size, shuffle=shuffle, seed=seed, transforms=[RandomShift(1), jitter],
        drop_last=drop_last,
    )  # fmt: skip
    whole = list(plain.epoch(epoch))
    assert len(whole) == len(loader) == (count // size if drop_last else -(-count // size))
    start = draw.draw(st.integers(0, len(loader)))
    same(loader.epoch(epoch, start_batch=start), whole[start:])
    seen = np.concatenate([labels for _, labels in whole])
    if not drop_last:
        np.testing.assert_array_equal(np.sort(seen), np.arange(count))
    if not shuffle:
        np.testing.assert_array_equal(seen, np.arange(len(seen)))
    if start < len(loader):
        same([loader.batch(epoch, start)], [whole[start]])


def test_epochs_seeds_and_batches_differ():
    x, y = images(64)
    x[:] = 0

    def batches(seed, epoch):
        loader = DataLoader(x, y, 16, shuffle=True, seed=seed, transforms=[jitter])
        return list(loader.epoch(epoch))

    runs = [batches(0, 0), batches(0, 1), batches(1, 0), batches(1, 1)]
    orders = {tuple(np.concatenate([labels for _, labels in run])) for run in runs}
    noises = {noise.tobytes() for run in runs for noise, _ in run}
    assert len(orders) == 4
    assert len(noises) == 16


def test_the_order_is_pinned():
    # A checkpoint made with an earlier version continues only if this never changes.
    assert permutation(0, 0, 8).tolist() == [1, 2, 3, 5, 0, 4, 7, 6]
    assert permutation(7, 3, 8).tolist() == [6, 5, 2, 4, 3, 0, 7, 1]


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(0, 300))
def test_a_permutation_holds_everything_once(seed, epoch, count):
    np.testing.assert_array_equal(np.sort(permutation(seed, epoch, count)), np.arange(count))


def test_permutations_are_uniform():
    places = np.array([permutation(5, epoch, 6) for epoch in range(6000)])
    counts = np.stack([np.bincount(column, minlength=6) for column in places.T])
    assert ((counts - 1000) ** 2 / 1000).sum() < 55  # chi squared, 25 degrees of freedom


def test_no_two_purposes_share_numbers():
    seed, number = 11, 4
    streams = [
        stream(seed, purpose, number, minor).random_raw(64)
        for purpose in (ORDER, AUGMENTATION, GENERATED, SPLIT)
        for minor in (0, 1)
    ]
    streams.append(Generator(seed, number).numpy().bit_generator.random_raw(64))
    words = np.concatenate(streams)
    assert len(np.unique(words)) == len(words)


def test_batches_are_the_callers_own():
    x, y = images(8)
    for shuffle in (False, True):
        for batch_x, batch_y in DataLoader(x, y, 8, shuffle=shuffle).epoch(0):
            batch_x[:] = -1
            batch_y[:] = -1
    np.testing.assert_array_equal(x, images(8)[0])
    np.testing.assert_array_equal(y, images(8)[1])


def test_arguments():
    x, y = images(10)
    with pytest.raises(errors.ShapeError, match=r"x has 10 \(shape \(10, 4, 4, 1\)\) and y has 9"):
        DataLoader(x, y[:9], 2)
    with pytest.raises(errors.DataError, match=r"at least one sample, but x has the shape \(0, 4"):
        DataLoader(x[:0], y[:0], 2)
    for size in (0, -3):
        with pytest.raises(errors.ArgumentError, match=f"must be at least 1, but it is {size}"):
            DataLoader(x, y, size)
    with pytest.raises(errors.ArgumentTypeError, match="batch_size must be an integer"):
        DataLoader(x, y, 2.0)
    with pytest.raises(errors.ArgumentError, match="seed must be at least 0, but it is -1"):
        DataLoader(x, y, 2, seed=-1)
    with pytest.raises(errors.ArgumentError, match="drop_last leaves no batch of 11 in 10"):
        DataLoader(x, y, 11, drop_last=True)
    with pytest.raises(errors.DtypeError, match="y must hold real numbers"):
        DataLoader(x, y.astype(str), 2)
    x[3, 2, 1, 0] = np.nan
    with pytest.raises(errors.DataError, match=r"x\[3, 2, 1, 0\] is nan"):
        DataLoader(x, y, 2)
    with pytest.raises(errors.ArgumentTypeError, match=r"write transforms=\[\.\.\.\]"):
        DataLoader(y, y, 2, transforms=jitter)
    with pytest.raises(errors.ArgumentTypeError, match="must be a list of functions"):
        DataLoader(y, y, 2, transforms=3)
    with pytest.raises(errors.ArgumentTypeError, match="'shift' cannot be called"):
        DataLoader(y, y, 2, transforms=["shift"])
    loader = DataLoader(y, y, 2)
    with pytest.raises(errors.ArgumentError, match=r"start_batch must be in 0 \.\. 5, but it is 6"):
        loader.epoch(0, 6)
    with pytest.raises(errors.ArgumentError, match="epoch must be at least 0"):
        loader.epoch(-1)
    with pytest.raises(errors.ArgumentError, match=r"index must be in 0 \.\. 4"):
        loader.batch(0, 5)
    with pytest.raises(errors.ArgumentTypeError, match=r"for x, y in loader\.epoch\(0\):"):
        list(loader)
    assert "5 batches of 2" in repr(loader)


@pytest.mark.parametrize("ahead", [0, 2])
@pytest.mark.parametrize("bad", [lambda x, rng: x[:1], lambda x, rng: None, lambda x, rng: x.sum()])
def test_a_transform_must_keep_the_samples(bad, ahead):
    loader = DataLoader(*images(), 8, transforms=[bad], prefetch=ahead)
    with pytest.raises(errors.ShapeError, match="array of the 8 samples it was given, but it ret"):
        next(loader.epoch(0))


@pytest.mark.parametrize("ahead", [0, 1, 3])
def test_an_exception_comes_at_its_batch_with_its_origin(ahead):
    seen = []

    def breaks(x, rng):
        if x[0, 0, 0, 0] == 16 * 16:
            raise KeyError("no such pixel")
        return x

    loader = DataLoader(*images(), 8, transforms=[breaks], prefetch=ahead)
    with pytest.raises(KeyError, match="no such pixel") as caught:
        seen.extend(y for _, labels in loader.epoch(0) for y in labels)
    assert seen == list(range(16))
    assert "breaks" in [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    if sys.version_info >= (3, 11):
        assert "batch 2 of epoch 0" in caught.value.__notes__[0]


def test_the_thread_ends_with_its_consumer():
    loader = DataLoader(*images(), 2, prefetch=2)
    for _ in loader.epoch(0):
        assert len(workers()) == 1
        break
    assert workers() == []

    iterator = loader.epoch(0)
    next(iterator)
    iterator.close()
    assert workers() == []

    iterator = loader.epoch(0)  # never started
    del iterator

    iterator = loader.epoch(0)
    next(iterator)
    cycle = [iterator]
    cycle.append(cycle)
    del iterator, cycle
    gc.collect()
    assert workers() == []

    def consumer():
        for _ in loader.epoch(0):
            raise RuntimeError("the training step failed")

    with pytest.raises(RuntimeError, match="step failed"):
        consumer()


def test_an_open_iterator_does_not_hang_the_exit(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import numpy as np\n"
        "from tinygrad_course.data import DataLoader\n"
        "def slow(x, rng):\n"
        "    for _ in range(100_000):\n"
        "        x = x + 0\n"
        "    return x\n"
        "x = np.zeros((8, 2))\n"
        "batches = DataLoader(x, x, 2, transforms=[slow], prefetch=2).epoch(0)\n"
        "next(batches)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(data.__file__).parents[2])}
    subprocess.run([sys.executable, script], env=environment, cwd=tmp_path, timeout=60, check=True)


def test_prefetch_leaves_no_garbage():
    loader = DataLoader(*images(), 2, shuffle=True, prefetch=2)
    gc.collect()
    gc.disable()
    try:
        for epoch in range(3):
            for _ in loader.epoch(epoch):
                pass
            for _ in loader.epoch(epoch):
                break
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_prefetch_runs_ahead_and_no_further():
    made = []

    def source():
        for number in range(10):
            made.append(number)
            yield number

    items = prefetch(source(), 3)
    assert next(items) == 0
    deadline = time.monotonic() + 10
    while len(made) < 4 and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.02)
    assert made == [0, 1, 2, 3]  # one taken, three waiting
    assert list(items) == list(range(1, 10))


def test_prefetch_works_in_a_thread_of_its_own():
    loader = DataLoader(*images(2), 2, transforms=[lambda x, rng: names.append(name()) or x])
    names, name = [], lambda: threading.current_thread().name
    list(loader.epoch(0))
    loader.prefetch = 1
    list(loader.epoch(0))
    assert names == [threading.current_thread().name, THREAD_NAME]


def test_a_seed_above_the_top_is_told_where_the_top_is() -> None:
    with pytest.raises(errors.ArgumentError, match=r"seed must be in 0 \.\. 2\*\*64 - 1"):
        DataLoader(np.ones(3), np.ones(3), 1, seed=2**64)
