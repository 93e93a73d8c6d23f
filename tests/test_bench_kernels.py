"""`tgc bench kernels --with`: users' kernels that are right, wrong, crash, hang, write too far."""

from __future__ import annotations

import json
import re
import sys

import pytest
from cli_runner import tgc
from tinygrad_course.kernels import compiled

from tinygrad_course.bench import kernels as bench
from tinygrad_course.bench import subject
from tinygrad_course.bench.sizes import sizes_of
from tinygrad_course.errors import ArgumentError

MINE = """
import ctypes, os
import numpy as np

def good(logits, targets, *, out=None):
    z = logits - logits.max(axis=-1, keepdims=True)
    picked = np.take_along_axis(z, targets[..., None], -1)[..., 0]
    return np.subtract(np.log(np.exp(z).sum(axis=-1)), picked, out=out)

def without_out(logits, targets):
    return good(logits, targets)

def printing(logits, targets, *, out=None):
    print("not JSON")
    os.write(1, b"nor this")
    return good(logits, targets, out=out)

def overflowing(logits, targets, *, out=None):
    picked = np.take_along_axis(logits, targets[..., None], -1)[..., 0]
    return np.subtract(np.log(np.exp(logits).sum(-1)), picked, out=out)

def off_by_one(logits, targets, *, out=None):
    return good(logits, (targets + 1) % logits.shape[-1], out=out)

def crashing(logits, targets, *, out=None):
    ctypes.string_at(0)

def leaving(logits, targets, *, out=None):
    os._exit(3)

def hanging(logits, targets, *, out=None):
    while True:
        pass

def far(logits, targets, *, out=None):
    y = good(logits, targets, out=out)
    if out is not None and y.size:
        ctypes.memset(y.ctypes.data + y.nbytes, 0, 4)
    return y

def other(z, t):
    return z

number = 3
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.py").write_text(MINE)
    return tmp_path / "my.py"


def verdict(path, name, limit=20.0):
    """The row of a user's kernel before it is timed."""
    op = "softmax_cross_entropy"
    chosen = bench.Subject(path, name, op)
    candidate = bench._Candidate(bench.USER, "user", name)
    with bench._Workers(1, chosen) as workers:
        bench._find(workers, chosen, limit)
        size = sizes_of(op, ["4x10"])[0]
        return bench._verified(workers, op, candidate, size, limit)


@pytest.mark.parametrize("name", ["good", "without_out", "printing"])
def test_kernels_that_are_right(mine, name):
    row = verdict(mine, name)
    assert (row.fault, row.note) == ("", "")
    assert row.first_ms > 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("overflowing", "wrong: it returns"),
        ("off_by_one", "wrong: it returns another number than the reference: y[0] is"),
        ("leaving", "crashed: the process ended with exit code 3"),
        ("far", "wrong: it writes past the end of out; check the last block"),
    ],
)
def test_kernels_that_are_not(mine, name, message):
    assert verdict(mine, name).fault.startswith(message)


@pytest.mark.skipif(sys.platform == "win32", reason="no signals")
def test_a_crash_names_its_signal(mine):
    fault = verdict(mine, "crashing").fault
    assert fault.startswith("crashed: the process was ended by SIG")
    assert "reads or writes outside an array" in fault


def test_a_kernel_that_hangs_is_ended(mine):
    assert verdict(mine, "hanging", limit=1.5).fault.startswith("hung: it did not end within 1.5 s")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nowhere.py::good", "there is no file nowhere.py"),
        ("my.py::god", "my.py has no function 'god'; did you mean 'good'?"),
        ("my.py::number", "my.py has no function 'number'"),
        (
            "my.py::other",
            r"other takes \(z, t\), but softmax_cross_entropy takes \(logits, targets",
        ),
        ("bad.py::good", "bad.py raises SyntaxError"),
        ("dead.py::good", "importing dead.py crashed"),
    ],
)
def test_kernels_that_cannot_be_found(mine, target, message):
    mine.with_name("bad.py").write_text("def good(:")
    mine.with_name("dead.py").write_text("import os; os._exit(1)")
    result = tgc("bench", "kernels", "softmax_cross_entropy", "--with", target, "--rounds", 1)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert re.search(message, result.stderr)


def test_the_op_is_told_by_the_function(mine):
    mine.with_name("dense.py").write_text("def dense(x, w, b, *, activation=None): ...")
    path = mine.with_name("dense.py")
    assert subject.parts_of(str(path), []) == (path, "dense", "dense")
    assert subject.parts_of(f"{path}::dense", []) == (path, "dense", "dense")
    with pytest.raises(ArgumentError, match=r"there is no op 'good'.*tgc bench kernels OP --with"):
        subject.parts_of(f"{mine}::good", [])
    with pytest.raises(ArgumentError, match="one kernel computes one op, but 2 are named"):
        subject.parts_of(f"{mine}::good", ["dense", "matmul"])


def test_the_whole_table(mine):
    arguments = ("softmax_cross_entropy", "--shape", "4x10", "--rounds", 1, "--threads", 1)
    result = tgc("bench", "kernels", *arguments, "--with", "my.py::good", "--json")
    report = json.loads(result.stdout)
    rows = {row["implementation"]: row for row in report["rows"]}
    assert {"NumPy", "NumPy, 1 thread", "my.py::good"} <= set(rows)
    assert "cuda-emulated" not in rows
    assert ("numba" in rows) == compiled.available()
    for row in rows.values():
        assert row["us_low"] <= row["us"] <= row["us_high"]
        assert row["error"] < 1e-6
        assert row["percent"] > 0
    assert rows["NumPy"]["speedup"] == pytest.approx(1.0)
    assert result.exit_code == 0


def test_a_wrong_kernel_is_in_the_table_and_was_not_timed(mine, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    arguments = ("softmax_cross_entropy", "--shape", "4x10", "--rounds", 1, "--threads", 1)
    result = tgc("bench", "kernels", *arguments, "--with", "my.py::off_by_one")
    assert result.exit_code == 1
    assert "my.py::off_by_one WRONG" in result.stdout
    assert "y[0] is" in result.stdout


@pytest.mark.skipif(not compiled.available(), reason="Numba is missing")
def test_compiled_kernels_of_the_user(mine):
    mine.write_text(
        "import numpy as np\n"
        "from numba import njit\n"
        "@njit\n"
        "def loops(logits, targets):\n"
        "    out = np.empty(len(logits), logits.dtype)\n"
        "    for i in range(len(logits)):\n"
        "        top = logits[i].max()\n"
        "        out[i] = np.log(np.exp(logits[i] - top).sum()) + top - logits[i, targets[i]]\n"
        "    return out\n"
    )
    row = verdict(mine, "loops", limit=60.0)
    assert row.fault == ""
    assert row.first_ms > 50  # it compiles
    assert "refuses some inputs: it raises TypingError" in row.note  # (2, 3, 5) is no matrix


def test_a_kernel_in_cuda_c(mine):
    from tinygrad_course.kernels import cuda_emulator, cuda_launch

    from tinygrad_course import kernels

    if not cuda_emulator.available():
        pytest.skip("the emulator needs a C++ compiler")
    own = cuda_launch.source("activation/cuda.cu")
    assert kernels.implementations("activation")["cuda-emulated"].available()
    good, bad = mine.with_name("good.cu"), mine.with_name("bad.cu")
    good.write_text(own)
    bad.write_text(own.replace("y[rest] = activate(kind, ", "y[rest] = 1 + activate(kind, "))
    for path, fault in ((good, ""), (bad, "wrong: it returns another number")):
        chosen = bench.Subject(path, "activation", "activation")
        candidate = bench._Candidate(bench.USER, "user", path.name)
        with bench._Workers(1, chosen) as workers:
            bench._find(workers, chosen, 60.0)
            size = sizes_of("activation")[0]
            row = bench._verified(workers, "activation", candidate, size, 60.0)
        assert row.fault.startswith(fault)
        assert bool(row.fault) == bool(fault)


@pytest.mark.skipif(not compiled.available(), reason="Numba is missing")
def test_a_kernel_in_cuda_python_is_launched_by_a_function(mine):
    mine.write_text(
        "import numpy as np\n"
        "from numba import cuda\n"
        "@cuda.jit\n"
        "def each_row(logits, targets, losses):\n"
        "    i = cuda.grid(1)\n"
        "    if i < losses.size:\n"
        "        top = logits[i, 0]\n"
        "        for k in range(logits.shape[1]):\n"
        "            top = max(top, logits[i, k])\n"
        "        total = 0.0\n"
        "        for k in range(logits.shape[1]):\n"
        "            total += np.exp(np.float64(logits[i, k] - top))\n"
        "        losses[i] = np.log(total) + top - logits[i, targets[i]]\n"
        "def launched(logits, targets):\n"
        "    rows = np.ascontiguousarray(logits.reshape(-1, logits.shape[-1]))\n"
        "    losses = np.zeros(len(rows), logits.dtype)\n"
        "    if len(rows):\n"
        "        each_row[(len(rows) + 31) // 32, 32](rows, targets.reshape(-1), losses)\n"
        "    return losses.reshape(targets.shape)\n"
    )
    assert verdict(mine, "launched", limit=60.0).fault == ""
    with pytest.raises(ArgumentError, match="each_row is a CUDA kernel, which says nothing of"):
        verdict(mine, "each_row", limit=60.0)
