"""Races and overruns in CUDA kernels: planted ones are found by file and line, ours have none."""

from __future__ import annotations

import re
import textwrap

import pytest
from tinygrad_course.kernels import cuda_emulator
from tinygrad_course.kernels.cuda_emulator import EmulationError, sanitize
from tinygrad_course.kernels.cuda_emulator.__main__ import main

from tinygrad_course import kernels


def needs(sanitizer):
    reason = sanitize.why_not(sanitizer) if cuda_emulator.available() else "no g++ on Linux"
    return pytest.mark.skipif(reason is not None, reason=reason or "")


def script(tmp_path, body, *, threads=64, blocks=1, shared=0):
    """A script that runs one kernel, whose body begins on line 2 of planted.cu."""
    code = f'extern "C" __global__ void planted(float* x, int n) {{\n{body}\n}}\n'
    text = f"""
        import numpy as np
        from tinygrad_course.kernels import cuda_emulator
        x = np.zeros(64, np.float32)
        module = cuda_emulator.Module({code!r}, label="kernels/planted.cu")
        run = module.get_function("planted")
        for _ in range(2):
            run(({blocks},), ({threads},), (x, np.int32(64)), shared_mem={shared})
    """
    path = tmp_path / "planted.py"
    path.write_text(textwrap.dedent(text))
    return path


REDUCE = """__shared__ float part[64];
part[threadIdx.x] = x[threadIdx.x];
for (int k = 32; k > 0; k /= 2) {
  %s
  if (threadIdx.x < k) part[threadIdx.x] += part[threadIdx.x + k];
}
if (threadIdx.x == 0) x[blockIdx.x] = part[0];"""

RACES = {
    "a barrier left out": (REDUCE % "", {}, "kernels/planted.cu:[36]"),
    "a shuffle taken for a barrier": (
        """__shared__ float part[64];
part[threadIdx.x] = 1.0f;
float a = __shfl_sync(0xffffffff, 1.0f, 0);
x[threadIdx.x] = a + part[threadIdx.x ^ 1];""",
        {},
        "kernels/planted.cu:[35]",
    ),
    "two blocks write one number": (
        "__syncthreads();\nif (threadIdx.x == 0) x[7] = 1.0f;",
        {"blocks": 3},
        "kernels/planted.cu:3",
    ),
    "a sum without an atomic": ("x[0] += 1.0f;", {}, "kernels/planted.cu:2"),
}


@needs("thread")
@pytest.mark.parametrize("bug", RACES)
def test_planted_races_are_found(tmp_path, bug):
    body, launch, place = RACES[bug]
    findings = sanitize.run("thread", script(tmp_path, body, **launch))
    assert findings.found, findings.text
    assert "data race" in findings.found[0]
    assert re.search(place, findings.text), findings.text


@needs("thread")
def test_what_is_in_order_is_no_race(tmp_path):
    """Barriers, a warp's own barrier, atomics, and one launch after another."""
    right = """__shared__ float part[64];
part[threadIdx.x] = x[threadIdx.x % 8];
for (int k = 32; k > 0; k /= 2) {
  __syncthreads();
  if (threadIdx.x < k) part[threadIdx.x] += part[threadIdx.x + k];
}
if (threadIdx.x == 0) x[8 + blockIdx.x] = part[0];
atomicAdd(x + 20, 1.0f);
__shared__ float w[64];
w[threadIdx.x] = 1.0f;
__syncwarp();
if (blockIdx.x == 0 && threadIdx.x < 32) x[32 + threadIdx.x] = w[threadIdx.x ^ 1];"""
    findings = sanitize.run("thread", script(tmp_path, right, blocks=5))
    assert not findings.found, findings.text
    assert not findings.failed, findings.text


OVERRUNS = {
    "past an array": ("x[threadIdx.x + 1] = 1.0f;", {}, "heap-buffer-overflow", 2),
    "past shared memory": (
        """__shared__ float part[64];
__shared__ int after[8];
after[0] = 1;
float* p = part;
p[threadIdx.x + 1] = 1.0f;""",
        {},
        "global-buffer-overflow",
        6,
    ),
    "past dynamic shared memory": (
        "((float*)emulator::dynamic_shared)[threadIdx.x] = 1.0f;",
        {"shared": 252},
        "heap-buffer-overflow",
        2,
    ),
    "a vector that is not aligned": (
        "float4 v = ((const float4*)(x + 1))[0];\nx[0] = v.x;",
        {},
        "misaligned address",
        "[23]",
    ),
    "an index that overflows": (
        "int k = 2147483647;\nx[0] = k + n;",
        {},
        "signed integer overflow",
        3,
    ),
}


@needs("address")
@pytest.mark.parametrize("bug", OVERRUNS)
def test_planted_overruns_are_found(tmp_path, bug):
    body, launch, what, line = OVERRUNS[bug]
    findings = sanitize.run("address", script(tmp_path, body, **launch))
    assert any(what in found for found in findings.found), findings.text
    assert re.search(f"kernels/planted.cu:{line}", findings.text)


OURS = """
import sys
import numpy as np
from tinygrad_course import kernels
for op in kernels.names():
    emulated = kernels.implementations(op).get("cuda-emulated")
    if emulated is None:
        continue
    samples = list(kernels.op(op).samples(np.random.default_rng(0), np.dtype("float32")))
    for arrays, params in samples[:: max(1, len(samples) // 6)]:
        emulated.load()(*arrays, **params)
    print("ran", op)
"""


@pytest.mark.parametrize(
    "sanitizer", [pytest.param(name, marks=needs(name)) for name in ("thread", "address")]
)
def test_our_kernels_have_neither(tmp_path, sanitizer):
    path = tmp_path / "ours.py"
    path.write_text(OURS)
    findings = sanitize.run(sanitizer, path)
    assert not findings.found, findings.text
    assert not findings.failed, findings.text
    ran = findings.text.count("ran ")
    assert ran == sum("cuda-emulated" in kernels.implementations(op) for op in kernels.names())


MUTANT = """
import sys
import numpy as np
from tinygrad_course import kernels
from tinygrad_course.kernels import cuda_launch
path, which, op = sys.argv[1], int(sys.argv[2]), sys.argv[3]
read = cuda_launch._read
def without_one_barrier(root, name):
    text = read(root, name)
    if name != path:
        return text
    pieces = text.split("__syncthreads();")
    assert which + 1 < len(pieces)
    pieces[which : which + 2] = [pieces[which] + pieces[which + 1]]
    return "__syncthreads();".join(pieces)
cuda_launch._read = without_one_barrier
rng = np.random.default_rng(0)
f32 = lambda *shape: rng.standard_normal(shape).astype(np.float32)
call = kernels.implementations(op)["cuda-emulated"].load()
if op == "sum_rows":
    call(f32(600, 3))
elif op == "batch_norm":
    call(f32(600, 3), f32(3), f32(3), eps=1e-5)
elif op == "group_norm":
    call(f32(2, 100, 8), f32(8), f32(8), groups=2, eps=1e-5)
elif op == "group_norm_grad":
    call(*f32(2, 2, 300, 8), f32(8), f32(2, 2), f32(2, 2) ** 2, groups=2, eps=1e-5)
elif op == "local_response_norm_grad":
    window = {"before": 2, "after": 2, "alpha": 0.1, "beta": 0.75, "k": 2.0}
    call(f32(2, 100), f32(2, 100), **window)
elif op == "softmax_cross_entropy":
    call(f32(2, 1500), np.array([1, 2]))
elif op == "conv2d":
    call(f32(1, 4, 4, 24), f32(1, 1, 24, 4), None, **kernels.conv2d.geometry())
"""


@needs("thread")
@pytest.mark.parametrize(
    ("path", "which", "op"),
    [
        ("sum_rows/cuda.cu", 0, "sum_rows"),
        ("batch_norm/cuda.cu", 0, "batch_norm"),
        ("group_norm/cuda.cu", 0, "group_norm"),
        ("cuda_columns.cuh", 0, "group_norm_grad"),
        *[("local_response_norm/cuda.cu", k, "local_response_norm_grad") for k in (1, 2)],
        ("cuda_tile.cuh", 0, "conv2d"),
        ("cuda_tile.cuh", 1, "conv2d"),
        ("cuda_common.cuh", 0, "softmax_cross_entropy"),
        ("cuda_common.cuh", 2, "softmax_cross_entropy"),
        ("cuda_common.cuh", 3, "softmax_cross_entropy"),
    ],
)
def test_each_barrier_of_our_kernels_is_needed(tmp_path, path, which, op):
    """Taken out of the real source, it leaves a race that is found."""
    script_path = tmp_path / "mutant.py"
    script_path.write_text(MUTANT)
    findings = sanitize.run("thread", script_path, path, str(which), op)
    assert findings.found, findings.text
    assert "kernels/" in findings.text
    assert not findings.failed


@needs("address")
def test_the_command(tmp_path, capsys):
    bad = script(tmp_path, "x[threadIdx.x + 1] = 1.0f;")
    assert main(["--sanitize", "address", str(bad)]) == 1
    assert "kernels/planted.cu:2" in capsys.readouterr().out
    assert main(["--sanitize", "address", str(script(tmp_path, "x[0] = 1.0f;", threads=1))]) == 0
    assert main(["--sanitize", "nonsense", str(bad)]) == 2
    assert "use 'thread' or 'address'" in capsys.readouterr().err
    assert main([]) == 2
    with pytest.raises(EmulationError, match="does not exist"):
        sanitize.run("nonsense", bad)
