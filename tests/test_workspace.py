"""Memory that is used again: never under a living array, bounded, from any thread, after a fork."""

from __future__ import annotations

import gc
import mmap
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tinygrad_course.kernels import workspace

BIG = 1 << 18  # floats: well above the pool's threshold


@pytest.fixture(autouse=True)
def _nothing_kept():
    gc.collect()
    workspace.release()


def address(array):
    return array.__array_interface__["data"][0]


def test_memory_comes_back_when_the_array_dies():
    first = workspace.empty((BIG,), np.float32)
    place = address(first)
    del first
    again = workspace.empty((BIG,), np.float32)
    assert address(again) == place


VIEWS = {
    "slice": lambda a: a[5:9],
    "strided": lambda a: a[::1000],
    "reshaped": lambda a: a.reshape(2, -1),
    "transposed": lambda a: a.reshape(4, -1).T,
    "view of a view": lambda a: a.reshape(4, -1)[1:3].T[::7],
    "other dtype": lambda a: a.view(np.int32),
    "element as an array": lambda a: a[3:4],
    "broadcast": lambda a: np.broadcast_to(a, (3, a.size)),
    "subclass": lambda a: a.view(np.matrix),
    "view of a subclass": lambda a: a.view(np.matrix).view(np.ndarray)[:, 3:],
    "flat": lambda a: a.flat,
    "memoryview": memoryview,
    "array of a memoryview": lambda a: np.asarray(memoryview(a)),
    "field in a list": lambda a: [a],
    "dlpack": np.from_dlpack,
    "window": lambda a: np.lib.stride_tricks.sliding_window_view(a, 8)[::100],
}


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize("name", VIEWS)
def test_memory_stays_away_while_anything_looks_at_it(name):
    array = workspace.empty((BIG,), np.float32)
    array[:] = 3
    place = address(array)
    view = VIEWS[name](array)
    del array
    others = [workspace.empty((BIG,), np.float32) for _ in range(3)]
    assert place not in map(address, others)
    for other in others:
        other[:] = 4
    items = [view] if not isinstance(view, list) else view
    if name == "other dtype":
        items = [view.view(np.float32)]
    assert all((np.asarray(item) == 3).all() for item in items)
    del view, items, others, other
    gc.collect()
    assert workspace.report().in_use == 0


@given(
    st.lists(
        st.tuples(st.sampled_from(["new", "view", "drop"]), st.integers(0, 9), st.integers(15, 21)),
        max_size=60,
    )
)
def test_no_two_living_arrays_share_memory(moves):
    living = []
    for move, which, power in moves:
        if move == "new":
            array = workspace.empty(((1 << power) + 3 * which,), np.float32)
            array[:] = len(living)
            living.append([array, float(len(living))])
        elif living and move == "view":
            entry = living[which % len(living)]
            entry[0] = entry[0][which % 3 : entry[0].size - which]
        elif living:
            living.pop(which % len(living))
        for array, value in living:
            assert array[0] == value == array[-1]
    owners = [array for array, _ in living]
    for i, one in enumerate(owners):
        assert not any(np.shares_memory(one, other) for other in owners[i + 1 :])


def test_what_is_kept_is_bounded():
    for size in range(1, 60):
        workspace.empty((size * 100_000,), np.uint8)
    report = workspace.report()
    assert report.in_use == 0
    assert report.kept <= workspace._SLACK * report.peak
    assert report.peak <= 59 * 100_000 * 9 // 8 + 4096


def test_a_step_repeated_allocates_nothing_new(monkeypatch):
    sizes = [800_000, 200_000, 200_000, 400_000, 100_000]

    def step():
        kept = [workspace.empty((size,), np.float32) for size in sizes]
        while kept:
            workspace.empty(kept[-1].shape, np.float32)
            kept.pop()

    step()
    step()
    made = []
    monkeypatch.setattr(workspace, "_fresh_block", made.append)
    for _ in range(5):
        step()
    assert made == []


def test_a_smaller_array_takes_an_unused_block_up_to_three_times_its_size():
    workspace.release()
    before = workspace.report().in_use
    workspace.empty((BIG,), np.float32)
    workspace.empty((3 * BIG,), np.float32)
    kept = workspace.report().kept
    smaller = workspace.empty((2 * BIG,), np.float32)
    assert workspace.report().kept == kept - workspace._size_class(3 * BIG * 4)
    del smaller
    tiny = workspace.empty((BIG // 4,), np.float32)  # for so little neither block is taken
    after = workspace.report()
    assert (after.in_use, after.kept) == (before + workspace._size_class(tiny.nbytes), kept)


def test_scratch_that_is_outgrown_leaves_nothing_behind():
    for power in (18, 20, 22):
        mine = workspace.scratch("outgrown", (1 << power,), np.zeros(1, np.float32))
        assert mine.ctypes.data % workspace._LINE == 0
        base = mine
        while isinstance(base.base, np.ndarray):
            base = base.base
        assert isinstance(base.base, mmap.mmap)  # whose pages go back with it


def test_a_finalizer_that_runs_while_the_pool_changes(monkeypatch):
    """It may ask for memory: it neither waits for its own thread, nor disturbs the change."""
    workspace.release()
    before = workspace.report().in_use
    made, fresh_block = [], workspace._fresh_block

    class Dies:
        def __del__(self):
            made.append(workspace.empty((BIG,), np.float32))
            made.append(workspace.report())
            workspace.release()

    def finalizing(size):
        Dies()
        return fresh_block(size)

    monkeypatch.setattr(workspace, "_fresh_block", finalizing)
    thread = threading.Thread(
        target=lambda: made.append(workspace.empty((BIG,), np.float32)), daemon=True
    )
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    inner, report, outer = made
    assert report.in_use == before
    assert not np.shares_memory(inner, outer)
    assert workspace.report().in_use == before + workspace._size_class(outer.nbytes)
    monkeypatch.undo()
    del made[:], inner, outer
    assert workspace.report().in_use == before


def test_release_gives_everything_unused_back():
    held = workspace.empty((BIG,), np.float32)
    workspace.empty((3 * BIG,), np.float32)
    workspace.release()
    report = workspace.report()
    assert report.kept == 0
    assert report.in_use == report.peak == held.nbytes


def test_small_arrays_are_plain():
    assert workspace.empty((10, 10), np.float32).base is None
    assert workspace.empty((0, 10), np.float64).shape == (0, 10)


def test_scratch_of_one_name_is_one_memory_per_thread():
    mine = workspace.scratch("test", (8,), np.zeros(1))
    theirs = []
    thread = threading.Thread(
        target=lambda: theirs.append(workspace.scratch("test", (8,), np.zeros(1)))
    )
    thread.start()
    thread.join()
    assert not np.shares_memory(mine, theirs[0])


def test_threads_do_not_share_what_they_hold():
    faults = []

    def work(mark):
        rng = np.random.default_rng(mark)
        held = []
        for _ in range(400):
            array = workspace.empty((int(rng.integers(20_000, 200_000)),), np.float32)
            array[:] = mark
            held.append(array)
            if len(held) > 6:
                gone = held.pop(int(rng.integers(len(held))))
                if not (gone == mark).all():
                    faults.append(mark)

    threads = [threading.Thread(target=work, args=(mark,)) for mark in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert workspace.report().in_use == 0


FORK = """
import os, numpy as np
from tinygrad_course.kernels import workspace
mine = workspace.empty((1 << 18,), np.float32)
mine[:] = 1
workspace.empty((1 << 18,), np.float32)
child = os.fork()
if not child:
    held = [workspace.empty((1 << 18,), np.float32) for _ in range(3)]
    for array in held:
        array[:] = 2
    fine = (mine == 1).all() and (held[0] == 2).all()
    mine[:] = 3  # the child's copy
    os._exit(0 if fine else 1)
other = workspace.empty((1 << 18,), np.float32)  # the block that the child holds too
other[:] = 5
_, status = os.waitpid(child, 0)
assert status == 0 and (mine == 1).all() and (other == 5).all()
"""

FORK_WHILE_LOCKED = """
import os, numpy as np
from tinygrad_course.kernels import workspace
workspace._pool.lock.acquire()  # as another thread may, when this one forks
child = os.fork()
if not child:
    workspace.empty((1 << 18,), np.float32)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("program", [FORK, FORK_WHILE_LOCKED], ids=["memory", "lock"])
def test_a_forked_child_has_memory_of_its_own(program):
    subprocess.run([sys.executable, "-c", program], check=True, timeout=20)
