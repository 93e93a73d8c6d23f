"""The CUDA emulator itself: barriers, warps, shared memory, atomics, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from tinygrad_course.kernels import cuda_emulator
from tinygrad_course.kernels.cuda_emulator import EmulationError, build

from tinygrad_course import kernels

pytestmark = pytest.mark.skipif(
    not cuda_emulator.available(), reason="the CUDA emulator needs g++ on Linux"
)

KERNEL = 'extern "C" __global__ void '
NULL = np.uint64(0)
ORDERS = ("forward", "reverse")


def run(body, arguments, *, grid=(1,), block=(32,), parameters="float* x", **options):
    """Compile one kernel and launch it."""
    module = cuda_emulator.Module(f"{KERNEL}probe({parameters}) {{\n{body}\n}}\n", label="probe.cu")
    module.get_function("probe")(grid, block, arguments, **options)


def floats(count, value=0.0):
    return np.full(count, value, np.float32)


@pytest.mark.parametrize("order", ORDERS)
def test_every_thread_of_every_block_runs_once(order):
    x = np.zeros((2, 3, 2, 4, 3, 2), np.int32)
    body = """
      int block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
      int thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
      x[block * blockDim.x * blockDim.y * blockDim.z + thread] += 1 + block;
    """
    with cuda_emulator.thread_order(order):
        run(body, (x,), grid=(2, 3, 2), block=(4, 3, 2), parameters="int* x")
    np.testing.assert_array_equal(
        x.reshape(12, 24), np.repeat(np.arange(1, 13), 24).reshape(12, 24)
    )


@pytest.mark.parametrize("order", ORDERS)
def test_a_barrier_and_shared_memory(order):
    x = np.arange(96, dtype=np.float32)
    body = """
      __shared__ float held[96];
      held[threadIdx.x] = x[threadIdx.x];
      __syncthreads();
      x[threadIdx.x] = held[95 - threadIdx.x];
    """
    with cuda_emulator.thread_order(order):
        run(body, (x,), block=(96,))
    np.testing.assert_array_equal(x, np.arange(96)[::-1])


def test_processors_without_a_switch_of_our_own():
    code = (
        KERNEL
        + """probe(float* x) {
      __shared__ float held[64];
      held[threadIdx.x] = x[threadIdx.x];
      __syncthreads();
      x[threadIdx.x] = __shfl_xor_sync(0xffffffff, held[63 - threadIdx.x], 1);
    }"""
    )
    x = np.arange(64, dtype=np.float32)
    module = cuda_emulator.Module(code, ("-DEMULATOR_PORTABLE",))
    module.get_function("probe")((1,), (64,), (x,))
    np.testing.assert_array_equal(x, (63 - np.arange(64)) ^ 1)


def test_a_missing_barrier_is_seen_in_one_order_or_the_other():
    results = []
    for order in ORDERS:
        x = np.arange(64, dtype=np.float32)
        body = "__shared__ float held[64]; held[threadIdx.x] = x[threadIdx.x];"
        body += "x[threadIdx.x] = held[63 - threadIdx.x];"
        with cuda_emulator.thread_order(order):
            run(body, (x,), block=(64,))
        results.append(np.array_equal(x, np.arange(64)[::-1]))
    assert results == [False, False]


def test_shared_memory_is_full_of_nan_before_a_block_writes_it():
    x = floats(64)
    body = "__shared__ float held[32]; x[blockIdx.x * 32 + threadIdx.x] = held[threadIdx.x];"
    run(body + "held[threadIdx.x] = 1.0f;", (x,), grid=(2,))
    assert np.isnan(x).all()
    x = floats(32)
    run("x[threadIdx.x] = ((float*)emulator::dynamic_shared)[threadIdx.x];", (x,), shared_mem=128)
    assert np.isnan(x).all()


def test_shuffles():
    lanes = np.arange(32)
    got = np.zeros((6, 32), np.int32)
    body = """
      int lane = threadIdx.x, all = 0xffffffff;
      x[lane] = __shfl_xor_sync(all, lane, 5);
      x[32 + lane] = __shfl_down_sync(all, lane, 3);
      x[64 + lane] = __shfl_up_sync(all, lane, 3, 8);
      x[96 + lane] = __shfl_sync(all, lane, 2, 16);
      x[128 + lane] = __ballot_sync(all, lane % 3 == 0);
      x[160 + lane] = lane < 8 ? __any_sync(0xff, lane == 9) : __all_sync(0xffffff00, lane > 7);
    """
    for order in ORDERS:
        with cuda_emulator.thread_order(order):
            run(body, (got,), parameters="int* x")
        expected = [
            lanes ^ 5,
            np.where(lanes < 29, lanes + 3, lanes),
            np.where(lanes % 8 >= 3, lanes - 3, lanes),
            lanes // 16 * 16 + 2,
            np.full(32, sum(1 << k for k in range(0, 32, 3))).astype(np.int32),
            np.where(lanes < 8, 0, 1),
        ]
        np.testing.assert_array_equal(got, expected)


def test_atomics_and_votes():
    x = np.zeros(5, np.int32)
    x[4] = 7
    body = """
      atomicAdd(x, 2);
      atomicMax(x + 1, (int)threadIdx.x);
      atomicMin(x + 4, (int)threadIdx.x - 3);
      if (atomicCAS(x + 2, 0, 1) == 0) atomicExch(x + 3, 9);
      if (__syncthreads_count(threadIdx.x < 5) != 5 || __syncthreads_or(0)) x[0] = -1;
    """
    run(body, (x,), block=(64,), parameters="int* x")
    np.testing.assert_array_equal(x, [128, 63, 1, 9, -3])


def test_a_divergent_barrier_is_named():
    expected = (
        r"kernel probe \(probe.cu\): the threads of a block have diverged at a barrier: "
        r"thread \(\d+, 0, 0\) of block \(0, 0, 0\) waits at probe.cu:2, "
        r"thread \(\d+, 0, 0\) of block \(0, 0, 0\) has returned"
    )
    for order in ORDERS:
        with cuda_emulator.thread_order(order), pytest.raises(EmulationError, match=expected):
            run("if (threadIdx.x < 5) __syncthreads();", (floats(1),))
    two_places = "if (threadIdx.x < 5)\n__syncthreads();\nelse\n__syncthreads();"
    with pytest.raises(EmulationError, match=r"waits at probe.cu:[35], .* waits at probe.cu:[35]"):
        run(two_places, (floats(1),))
    x = floats(32)
    run("x[threadIdx.x] = 1.0f;", (x,))  # a failed launch leaves nothing behind
    assert x.sum() == 32


def test_a_divergent_warp_is_named():
    with pytest.raises(EmulationError, match="the lanes of a warp have diverged"):
        run("if (threadIdx.x < 5) __syncwarp(); else __syncthreads();", (floats(1),))
    with pytest.raises(EmulationError, match="reads a lane that takes no part"):
        run("if (threadIdx.x < 4) __shfl_sync(0xf, 1, 9);", (floats(1),))
    with pytest.raises(EmulationError, match="not in the mask of its own warp operation"):
        run("__shfl_sync(0xf, 1, 1);", (floats(1),))


def test_lanes_that_have_returned_are_not_waited_for():
    x = floats(32)
    run("if (threadIdx.x >= 8) return; __syncwarp(); x[threadIdx.x] = 1.0f;", (x,))
    assert x.sum() == 8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((floats(4), 3, NULL), r"argument 1 is the Python number 3.*wrap it, as in np.int32\(3\)"),
        ((floats(4), np.int64(3), NULL), r"argument 1 is i4, and got np.int64\(3\)"),
        ((floats(4), np.float32(3), NULL), r"argument 1 is i4"),
        ((floats(4), np.int32(3)), "it has 3 parameters, and got 2 arguments"),
        ((floats(4).astype("f8"), np.int32(3), NULL), "points to f4, but the array is of f8"),
        ((floats(8)[::2], np.int32(3), NULL), r"strides \(8,\), which no kernel sees"),
        ((np.float32(3), np.int32(3), NULL), "is a pointer: it takes an array"),
        ((floats(4), np.int32(3), None), r"argument 2 is None.*pass np.uint64\(0\)"),
        ((floats(4), np.int32(3), np.uint64(8)), "is a pointer: it takes an array"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(EmulationError, match=message):
        run("", arguments, parameters="float* x, int n, const double* y")


def test_an_array_that_must_not_be_written():
    x = floats(4)
    x.flags.writeable = False
    run("", (x,), parameters="const float* x")
    with pytest.raises(EmulationError, match="written by the kernel, but the array is read-only"):
        run("", (x,))


def test_a_null_pointer():
    x = floats(4)
    run("*x = y ? 2.0f : 1.0f;", (x, NULL), parameters="float* x, const double* y")
    assert x[0] == 1


def test_structs_go_by_value():
    pair = np.array((2.5, 4), [("scale", "f4"), ("count", "i4")])
    x = floats(32)
    code = "struct Pair { float scale; int count; };\n"
    code += (
        KERNEL + "probe(float* x, Pair p) { if (threadIdx.x < p.count) x[threadIdx.x] = p.scale; }"
    )
    cuda_emulator.Module(code).get_function("probe")((1,), (32,), (x, pair))
    assert x.sum() == 10


@pytest.mark.parametrize(
    ("launch", "message"),
    [
        ({"grid": (0,)}, r"grid \(0,\) is not of 1 to 3 numbers"),
        ({"grid": (1, 70000)}, r"grid \(1, 70000\)"),
        ({"block": (2048,)}, "at most 1024 threads"),
        ({"shared_mem": 50 << 10}, "set max_dynamic_shared_size_bytes first"),
    ],
)
def test_launches_that_no_device_takes(launch, message):
    with pytest.raises(EmulationError, match=message):
        run("", (floats(1),), **launch)


def test_names_and_sources_that_are_wrong():
    with pytest.raises(EmulationError, match="has no kernel 'prob'; it has probe"):
        cuda_emulator.Module(KERNEL + "probe() {}").get_function("prob")
    with pytest.raises(
        EmulationError, match=r"(?s)probe.cu: g\+\+ does not compile it:.*probe.cu:2"
    ):
        run("x[0] = nothing;", (floats(1),))
    with pytest.raises(EmulationError, match="expected 'forward' or 'reverse', got 'sideways'"):
        cuda_emulator.thread_order("sideways").__enter__()


def test_without_a_compiler(monkeypatch):
    monkeypatch.setattr(build, "compiler", lambda: None)
    assert not cuda_emulator.available()
    with pytest.raises(EmulationError, match=r"apt install g\+\+"):
        run("x[0] = 1.0f;", (floats(1),))
    with pytest.raises(kernels.KernelError, match=r"not available on this machine: it needs g\+\+"):
        kernels.find("sum_rows", (floats(4).reshape(2, 2),), {}, impl="cuda-emulated")


def test_a_library_is_compiled_once(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    run("x[0] = 41.0f;", (floats(1),))
    assert len(list(tmp_path.rglob("*.so"))) == 1
    monkeypatch.setattr(build, "_compile", None)
    x = floats(1)
    run("x[0] = 41.0f;", (x,))
    assert x[0] == 41


def aligned(count):
    """Float32 memory that begins where a sector of 32 bytes begins."""
    memory = np.zeros(count + 8, np.float32)
    start = -memory.ctypes.data // 4 % 8
    return memory[start : start + count]


@pytest.mark.parametrize(("stride", "sectors"), [(1, 4), (2, 8), (8, 32), (16, 32), (0, 1)])
def test_traffic_counts_the_sectors_of_a_warp(stride, sectors):
    x, y = aligned(32 * 16), aligned(32)
    body = f"y[threadIdx.x] = x[threadIdx.x * {stride}];"
    with cuda_emulator.count_traffic() as traffic:
        run(body, (x, y), parameters="const float* x, float* y")
    assert traffic.global_reads == (1, sectors, 128)
    assert traffic.global_writes == (1, 4, 128)
    assert traffic.efficiency == 256 / (32 * (sectors + 4))
    with cuda_emulator.count_traffic() as nothing:
        pass
    assert nothing.sectors == 0


def test_traffic_counts_the_rounds_of_banks_and_whole_vectors():
    x = aligned(256)
    body = """
      __shared__ float held[32 * 33];
      held[threadIdx.x * 32] = 1.0f;
      held[threadIdx.x * 33] = 1.0f;
      float4 four = reinterpret_cast<float4*>(x)[threadIdx.x];
      four.x += held[0];
      reinterpret_cast<float4*>(x)[threadIdx.x + 32] = four;
    """
    with cuda_emulator.count_traffic() as traffic:
        run(body, (x,), block=(64 - 32,))
    assert traffic.shared_writes == (2, 32 + 1, 256)
    assert traffic.shared_reads == (1, 1, 128)
    assert traffic.global_reads == traffic.global_writes == (1, 16, 512)
