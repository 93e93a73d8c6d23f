"""Every CUDA C++ source, compiled by NVRTC as CuPy would, without a GPU: what a compiler can tell.

Registers, spills, wide loads, no arithmetic in float64, and launches that a card would accept.
It needs the `cuda-bindings` and `nvidia-cuda-nvrtc` packages, and skips itself without them.
"""

from __future__ import annotations

import functools
import math
import re
import zlib
from typing import Any, NamedTuple

import numpy as np
import pytest
from tinygrad_course.kernels import cuda_launch

from tinygrad_course import kernels

nvrtc = pytest.importorskip("cuda.bindings.nvrtc", reason="NVRTC is not installed")

ARCHITECTURES = ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120")
NEWEST_COMMON = "sm_90"
REGISTERS = 255  # of a thread; above, the compiler spills
REGISTERS_OF_A_PROCESSOR = 65536
THREADS_OF_A_BLOCK = 1024
SHARED_OF_A_BLOCK = 99 << 10
MOST = 1 << 25  # numbers; of a larger size eight rows do
WIDE = {  # the files whose kernels move arrays, and must do so 128 bits at a time
    "activation/cuda.cu",
    "add/cuda.cu",
    "batch_norm/cuda.cu",
    "dropout/cuda.cu",
    "embedding/cuda.cu",
    "group_norm/cuda.cu",
    "optimizer_step/cuda.cu",
    "softmax/cuda.cu",
    "softmax_cross_entropy/cuda.cu",
    "sum_rows/cuda.cu",
}


class Launched(NamedTuple):
    """One kernel as a launcher asked for it."""

    path: str
    name: str
    options: tuple[str, ...]
    grid: tuple[int, ...]
    block: tuple[int, ...]
    arguments: tuple[Any, ...]
    shared: int


@functools.cache
def launches() -> list[Launched]:
    """What all launchers launch for samples and benchmark sizes; nothing runs."""
    seen: list[Launched] = []

    def recorded(path: str, name: str, family: str, options: tuple[str, ...]) -> Any:
        def launch(grid, block, arguments, shared_mem=0):
            seen.append(
                Launched(
                    path, name, options, tuple(grid), tuple(block), tuple(arguments), shared_mem
                )
            )

        launch.max_dynamic_shared_size_bytes = 48 << 10
        return launch

    real = cuda_launch._kernel
    cuda_launch._kernel = recorded
    try:
        for op in kernels.names():
            if "cuda-emulated" not in kernels.implementations(op):
                continue
            function = kernels.implementations(op)["cuda-emulated"].load()
            rng = np.random.default_rng(zlib.crc32(op.encode()))
            spec = kernels.op(op)
            for arrays, params in spec.samples(rng, np.dtype("float32")):
                function(*arrays, **params)
            for size in spec.benchmark_shapes:
                shapes = size.shapes
                if sum(map(math.prod, shapes)) > MOST:
                    shapes = tuple([(8, *shape[1:]) for shape in shapes])
                function(*spec.make(rng, np.float32, shapes, size.params), **size.params)
    finally:
        cuda_launch._kernel = real
    return seen


def programs() -> list[tuple[str, tuple[str, ...]]]:
    """Each source with each set of definitions it is launched with."""
    return sorted({(one.path, one.options) for one in launches()})


def checked(result: tuple[Any, ...]) -> Any:
    error, *values = result
    assert error == nvrtc.nvrtcResult.NVRTC_SUCCESS, error
    return values[0] if values else None


@functools.cache
def compiled(path: str, options: tuple[str, ...], architecture: str) -> tuple[str, str]:
    """The compiler's log and the PTX of one program."""
    source = cuda_launch.source(path).encode()
    program = checked(nvrtc.nvrtcCreateProgram(source, path.encode(), 0, [], []))
    flags = [f"-arch={architecture}", "-std=c++17", "--ptxas-options=-v", *options]
    (error,) = nvrtc.nvrtcCompileProgram(program, len(flags), [f.encode() for f in flags])
    log = b" " * checked(nvrtc.nvrtcGetProgramLogSize(program))
    checked(nvrtc.nvrtcGetProgramLog(program, log))
    assert error == nvrtc.nvrtcResult.NVRTC_SUCCESS, f"{path} {flags}\n{log.decode()}"
    ptx = b" " * checked(nvrtc.nvrtcGetPTXSize(program))
    checked(nvrtc.nvrtcGetPTX(program, ptx))
    return log.decode(), ptx.decode()


def budgets(log: str) -> dict[str, tuple[int, int, int]]:
    """Per kernel: registers, bytes of stack, bytes spilled."""
    found = {}
    blocks = re.split(r"Compiling entry function '", log)[1:]
    for block in blocks:
        name = block.partition("'")[0]
        registers = int(re.search(r"Used (\d+) registers", block).group(1))
        stack = int(re.search(r"(\d+) bytes stack frame", block).group(1))
        spilled = sum(map(int, re.findall(r"(\d+) bytes spill", block)))
        found[name] = registers, stack, spilled
    return found


def test_there_are_kernels_to_look_at():
    assert len(programs()) >= 7
    assert {path for path, _ in programs()} >= WIDE


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_source_compiles(architecture):
    for path in sorted({path for path, _ in programs()}):
        options = min(o for p, o in programs() if p == path)
        compiled(path, options, architecture)


@pytest.mark.parametrize("architecture", ["sm_75", NEWEST_COMMON])
def test_no_kernel_spills(architecture):
    for path, options in programs():
        log, _ = compiled(path, options, architecture)
        kernels_found = budgets(log)
        assert kernels_found, (path, log)
        for name, (registers, stack, spilled) in kernels_found.items():
            where = f"{path} {options} {name} on {architecture}"
            assert registers < REGISTERS, f"{where} takes {registers} registers"
            assert not spilled, f"{where} spills {spilled} bytes"
            assert not stack, f"{where} has a stack of {stack} bytes"


def test_every_launch_fits_a_card():
    """Threads and registers of a block, shared memory, and the grid's limits."""
    for one in launches():
        threads = int(np.prod(one.block))
        log, _ = compiled(one.path, one.options, "sm_75")
        registers = budgets(log)[one.name][0]
        where = f"{one.path} {one.name} {one.options} block {one.block} grid {one.grid}"
        assert 0 < threads <= THREADS_OF_A_BLOCK, where
        rounded = -(-registers // 8) * 8
        assert rounded * threads <= REGISTERS_OF_A_PROCESSOR, f"{where}: {registers} registers"
        assert one.shared <= SHARED_OF_A_BLOCK, where
        assert all(n >= 1 for n in one.grid), where
        assert one.grid[0] < 2**31, where
        assert all(n <= 65535 for n in one.grid[1:]), where


def test_scalars_have_a_width():
    """CuPy would pass a Python int as 64 bits and a float as a double."""
    for one in launches():
        for argument in one.arguments:
            assert isinstance(argument, (np.ndarray, np.generic)), (one.path, one.name, argument)
            assert argument.dtype != np.float64 or isinstance(argument, np.ndarray), one


def test_no_arithmetic_in_float64():
    """A literal without its f would make a kernel 32 times slower on most cards."""
    for path, options in programs():
        _, ptx = compiled(path, options, NEWEST_COMMON)
        doubles = re.findall(r"^\s*(?:add|mul|fma|div|sqrt|cvt)\S*\.f64\S*.*$", ptx, re.MULTILINE)
        assert not doubles, (path, options, doubles[:3])


@pytest.mark.parametrize("path", sorted(WIDE))
def test_loads_are_128_bits_wide(path):
    texts = [compiled(p, o, NEWEST_COMMON)[1] for p, o in programs() if p == path]
    assert any(re.search(r"ld\.global(\.nc)?(\.\w+)*\.v4\.(f32|u32|b32)", t) for t in texts), path
    assert any(re.search(r"st\.global(\.\w+)*\.v4\.(f32|u32|b32)", t) for t in texts), path


def test_a_spill_and_a_double_would_be_found(monkeypatch):
    """The checks themselves: a kernel with both faults."""
    source = """
    extern "C" __global__ void greedy(const float* x, float* y, int n) {
      float held[512];
      for (int i = 0; i < 512; ++i) held[i] = x[(i * n) % 1024] * 1.1;
      for (int i = 0; i < 512; ++i) y[i] = held[(i * n) % 512];
    }
    """
    monkeypatch.setattr(cuda_launch, "source", lambda path: source)
    log, ptx = compiled.__wrapped__("planted.cu", (), NEWEST_COMMON)
    _, stack, _ = budgets(log)["greedy"]
    assert stack
    assert re.search(r"mul\S*\.f64", ptx)
