"""GPU kernels in Python, without a GPU: in Numba's simulator, and as the PTX that a GPU will load.

The simulator needs a process of its own (`numba_simulator.py`). numba-cuda, which makes PTX without
a driver, is an extra; where it is missing, the tests of what it makes are skipped. What the PTX
computes is compared with the references by `tests/gpu/test_gpu_kernels.py`, on `ptx_machine.py`.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import ptx_machine
import pytest
from tinygrad_course.kernels import numba_here, numba_launch, numba_ptx

from tinygrad_course import kernels

HERE = Path(__file__).parent
KERNELS = [op for op in kernels.names() if "numba-cuda" in kernels.implementations(op)]
COMPILES = pytest.mark.skipif(
    importlib.util.find_spec("numba_cuda") is None, reason="numba-cuda is not installed"
)
ARCHITECTURES = ("sm_75", "sm_80", "sm_90", "sm_100", "sm_120")
REGISTERS = 64  # of a thread, at most: a block of 256 then leaves room for three others
WIDTHS = {"u64": 8, "u32": 4, "f32": 4}


def kernel(op: str, name: str) -> Any:
    """A kernel by the op that it belongs to."""
    function = kernels.implementations(op)["numba-cuda"].load()
    return getattr(sys.modules[function.__module__], name)


# Run by the simulator -----------------------------------------------------------------------------


def test_the_simulator_agrees_with_the_reference() -> None:
    pytest.importorskip("numba", reason="Numba is not installed", exc_type=ImportError)
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(HERE / "numba_simulator.py")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    tried = dict(line.rsplit(" ", 1) for line in done.stdout.splitlines())
    assert set(KERNELS) <= set(tried)
    assert all(int(count) > 0 for count in tried.values()), tried


def test_here_they_are_refused() -> None:
    """No GPU, no simulator: naming one says what is missing, and nothing chooses it by itself."""
    assert not numba_here.simulates_gpus()
    x = np.ones((2, 3), "float32")
    for name, needs in (("numba-cuda", "CuPy, a GPU"), ("numba-cuda-simulated", "CUDASIM=1")):
        with pytest.raises(kernels.KernelError, match=f"not available on this machine.*{needs}"):
            kernels.find("activation", (x, None), {"kind": "relu"}, impl=name)


# Their arguments ----------------------------------------------------------------------------------

FOUR = np.zeros(4, "float32")
WRONG = {
    "one too few": ((FOUR, FOUR, FOUR, 4), "takes dy, y, dx, size, kind, and got 4 arguments"),
    "another order": ((FOUR, FOUR, 4, FOUR, 1), "dx is an array of float32 without gaps"),
    "another type": ((FOUR, FOUR, FOUR.astype("f8"), 4, 1), "dx is an array of float32"),
    "gaps": ((FOUR, FOUR[::2], FOUR, 2, 1), "y is an array of float32 without gaps"),
    "an array for a number": ((FOUR, FOUR, FOUR, FOUR, 1), "size is a number, not a ndarray"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_arguments(what: str) -> None:
    given, message = WRONG[what]
    with pytest.raises(TypeError, match=f"multiply_by_slope.*{message}"):
        numba_launch.arguments(kernel("activation", "multiply_by_slope"), given)


def test_arguments_get_their_types_and_lists_are_filled_up() -> None:
    given = numba_launch.arguments(
        kernel("activation", "multiply_by_slope"), (FOUR, FOUR, None, 4, 1)
    )
    assert [type(value) for value in given[2:]] == [np.uint64, np.int64, np.int32]
    sgd = kernel("sgd_step", "sgd")
    lists = [[FOUR, FOUR], [FOUR, FOUR], [], [4, 4]]
    given = numba_launch.arguments(sgd, [*lists, 0.1, 0.9, 1, 0, True, False, True])
    assert [len(values) for values in given[:4]] == [16] * 4
    assert given[2] == (0,) * 16
    assert given[3] == (4, 4, *[0] * 14)
    assert given[8:] == [1, 0, 1]
    with pytest.raises(TypeError, match=r"sgd: ps are 16 at most, not 17"):
        numba_launch.arguments(sgd, [[FOUR] * 17, *lists[1:], 0.1, 0.9, 1, 0, True, False, True])


# As PTX -------------------------------------------------------------------------------------------


EVERY_KERNEL = numba_ptx.all_kernels()


@functools.cache
def ptx(made: Any) -> str:
    return numba_ptx.ptx(made)


def assembled(text: str, architecture: str) -> str:
    """What the assembler says of it, for one architecture."""
    from cuda.bindings import nvjitlink

    options = [f"-arch={architecture}", "-verbose"]
    handle = nvjitlink.create(len(options), options)
    code = text.encode()
    nvjitlink.add_data(handle, nvjitlink.InputType.PTX, code, len(code), "kernel.ptx")
    nvjitlink.complete(handle)
    assert nvjitlink.get_linked_cubin_size(handle) > 0
    log = bytearray(nvjitlink.get_info_log_size(handle))
    nvjitlink.get_info_log(handle, log)
    nvjitlink.destroy(handle)
    return log.decode(errors="replace")


@COMPILES
@pytest.mark.parametrize("made", EVERY_KERNEL, ids=lambda made: made.name)
def test_ptx(made: Any) -> None:
    """Made for the oldest card, all in 32-bit floats, with the parameters that are annotated."""
    text = ptx(made)
    assert ".target sm_75" in text
    assert not re.search(r"(?<!%)\bf64\b", text)
    found = [WIDTHS[kind] for kind in ptx_machine.parse(text, made.name).parameters.values()]
    expected = [
        8 if parameter.address else parameter.dtype.itemsize
        for parameter in made.parameters.values()
        for _ in range(max(1, parameter.many))
    ]
    assert found == expected
    assert sum(found) <= 4096


@COMPILES
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_it_is_assembled_without_spills(architecture: str) -> None:
    for made in EVERY_KERNEL:
        log = assembled(ptx(made), architecture)
        where = f"{made.name} on {architecture}: {log}"
        assert f"Compiling entry function '{made.name}' for '{architecture}'" in log, where
        assert "0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads" in log, where
        used = re.search(r"Used (\d+) registers", log)
        assert used is not None, where
        assert int(used[1]) <= REGISTERS, where


@COMPILES
def test_the_assembler_refuses_what_is_no_ptx() -> None:
    from cuda.bindings import nvjitlink

    text = ptx(kernel("activation", "multiply_by_slope"))
    with pytest.raises(nvjitlink.nvJitLinkError):
        assembled(text.replace("add.s64", "add.s65"), "sm_90")


def test_two_threads_may_write_the_ptx_of_one_kernel(monkeypatch, tmp_path) -> None:
    """Neither takes the other's file away; what is left is one whole file."""
    made = kernel("activation", "multiply_by_slope")
    both_have_it = threading.Barrier(2, timeout=60)
    replace = Path.replace

    def late(part: Path, path: Path) -> Path:
        both_have_it.wait()
        return replace(part, path)

    monkeypatch.setattr(numba_ptx, "ptx", lambda kernel: "its PTX")
    monkeypatch.setattr(Path, "replace", late)
    with ThreadPoolExecutor(2) as threads:
        futures = [threads.submit(numba_ptx.write, made, tmp_path) for _ in range(2)]
        paths = {future.result() for future in futures}
    assert list(tmp_path.iterdir()) == list(paths)
    assert paths.pop().read_text() == "its PTX"


def test_ptx_that_cannot_be_written_leaves_no_file(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(numba_ptx, "ptx", lambda kernel: "no text of UTF-8: \ud800")
    with pytest.raises(UnicodeEncodeError):
        numba_ptx.write(kernel("activation", "multiply_by_slope"), tmp_path)
    assert not list(tmp_path.iterdir())


WITHOUT_NUMBA = """
import sys
import cupy_double, numpy as np
from tinygrad_course import kernels
from tinygrad_course.kernels import numba_here
# numba-cuda is not installed, and Numba cannot be imported
numba_here.compiles_for_gpus = lambda: False
x, b = np.random.default_rng(0).standard_normal((5, 7)).astype("f4"), np.ones(7, "f4")
with cupy_double.installed() as cupy:
    for kind in ("relu", "tanh"):
        params = {"kind": kind}
        given = cupy.asarray(x), cupy.asarray(b)
        y = kernels.find("activation", given, params, impl="numba-cuda")(*given, **params)
        np.testing.assert_allclose(y.get(), kernels.op("activation").reference(x, b, **params),
                                   rtol=0, atol=1e-6)
assert not {"numba", "numba_cuda", "llvmlite"} & set(sys.modules)
"""


def without_numba(**variables: str) -> subprocess.CompletedProcess[str]:
    """A process that finds the double of CuPy, and no Numba."""
    paths = (HERE / "without_numba", HERE, HERE.parent)
    environment = {**os.environ, **variables, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_NUMBA],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@COMPILES
def test_brought_along_it_runs_without_numba(tmp_path: Path) -> None:
    """One command makes the files; a file of another version of the kernel is not taken."""
    command = [sys.executable, "-m", "tinygrad_course.kernels.numba_ptx", str(tmp_path)]
    done = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == len(EVERY_KERNEL) == len(list(tmp_path.iterdir()))
    there = without_numba(TGC_NUMBA_PTX=str(tmp_path))
    assert there.returncode == 0, there.stderr
    for path in tmp_path.iterdir():
        path.rename(path.with_name(re.sub(r"-\w{12}\.ptx", "-0123456789ab.ptx", path.name)))
    stale = without_numba(TGC_NUMBA_PTX=str(tmp_path))
    assert "it needs CuPy, a GPU, and numba-cuda" in stale.stderr


def test_ptx_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba_here, "compiles_for_gpus", lambda: False)
    monkeypatch.setenv("TGC_NUMBA_PTX", str(tmp_path))
    with pytest.raises(kernels.KernelError, match=r"no PTX of this version.*pip install 'numba-c"):
        numba_ptx.file_of(kernel("activation", "multiply_by_slope"))
    assert numba_ptx.main([str(tmp_path)]) == 1
    assert numba_ptx.main([]) == 2


# The machine that runs PTX here -------------------------------------------------------------------

TWICE = """
.version 9.0
.target sm_75
.visible .shared .align 4 .b8 kept[16];

.visible .entry twice(
	.param .u64 twice_param_0,
	.param .u32 twice_param_1,
	.param .f32 twice_param_2
)
{
	ld.param.u64 	%rd1, [twice_param_0];
	ld.param.u32 	%r1, [twice_param_1];
	ld.param.f32 	%f1, [twice_param_2];
	mov.u32 	%r2, %tid.x;
	setp.ge.s32 	%p1, %r2, %r1;
	@%p1 bra 	$L__BB0_2;
	mul.wide.s32 	%rd2, %r2, 4;
	add.s64 	%rd3, %rd1, %rd2;
	ld.global.f32 	%f2, [%rd3];
	mul.f32 	%f3, %f2, %f1;
	st.global.f32 	[%rd3], %f3;

$L__BB0_2:
	bar.sync 	0;
	ret;

}
"""


def twice(*arguments: Any, text: str = TWICE, name: str = "twice") -> None:
    ptx_machine.run(text, name, (1,), (4,), arguments)


def test_the_machine_runs_ptx() -> None:
    x = np.arange(4, dtype="float32")
    twice(x, np.int32(3), np.float32(2))
    assert x.tolist() == [0.0, 2.0, 4.0, 3.0]


TWO, THREE = np.float32(2), np.int32(3)
REFUSED = {
    "one too few": ((FOUR, THREE), {}, "3 parameters, and 2 arguments"),
    "another order": ((FOUR, TWO, THREE), {}, r"twice_param_1 is \.u32, and got float32"),
    "a wide number": ((FOUR, np.int64(3), TWO), {}, r"twice_param_1 is \.u32, and got int64"),
    "an array for a number": ((FOUR, FOUR, TWO), {}, r"twice_param_1 is \.u32"),
    "a number too large": ((FOUR[:2], THREE, TWO), {}, "1 threads read outside"),
    "a null pointer": ((np.uint64(0), THREE, TWO), {}, "3 threads read outside"),
    "another name": ((FOUR, THREE, TWO), {"name": "thrice"}, "no kernel 'thrice', but twice"),
    "a barrier for some": (
        (FOUR, THREE, TWO), {"text": TWICE.replace("mul.f32", "bar.sync 1; mul.f32")},
        "do not meet at a barrier",
    ),
    "an unknown instruction": (
        (FOUR, THREE, TWO), {"text": TWICE.replace("mul.f32", "frob.f32")}, "frob.f32 is not known"
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_the_machine_refuses(what: str) -> None:
    arguments, options, message = REFUSED[what]
    with pytest.raises(ptx_machine.PTXError, match=message):
        twice(*arguments, **options)


@COMPILES
@pytest.mark.parametrize("planted", ["order", "count"])
def test_a_launcher_that_passes_wrong_arguments_is_caught(planted: str) -> None:
    """As CuPy would pass them, past all checks of ours."""
    made = kernel("activation", "multiply_by_slope")
    right = numba_launch.arguments(made, (FOUR.copy(), FOUR, FOUR.copy(), 4, 1))
    ptx_machine.run(ptx(made), made.name, (1,), (32,), right)
    wrong = [*right[:3], right[4], right[3]] if planted == "order" else right[:4]
    with pytest.raises(ptx_machine.PTXError):
        ptx_machine.run(ptx(made), made.name, (1,), (32,), wrong)
