"""GPU kernels in Python, without a GPU: run by Numba's simulator, compiled to PTX where it can be.

The simulator needs a process of its own (`numba_simulator.py`). numba-cuda, which makes PTX without
a driver, is an extra; where it is missing, the last tests are skipped.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tinygrad_course.kernels import numba_launch

from tinygrad_course import kernels

KERNELS = [op for op in kernels.names() if "numba-cuda" in kernels.implementations(op)]
COMPILES = pytest.mark.skipif(
    importlib.util.find_spec("numba_cuda") is None, reason="numba-cuda is not installed"
)
pytest.importorskip("numba", reason="Numba is not installed", exc_type=ImportError)


def test_the_simulator_agrees_with_the_reference() -> None:
    program = Path(__file__).with_name("numba_simulator.py")
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(program)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    tried = dict(line.rsplit(" ", 1) for line in done.stdout.splitlines())
    assert set(KERNELS) <= set(tried)
    assert all(int(count) > 0 for count in tried.values()), tried


def test_here_they_are_refused() -> None:
    """No GPU, no simulator: naming one says so, and nothing chooses it by itself."""
    assert not numba_launch.simulated()
    x = np.ones((2, 3), "float32")
    for name in ("numba-cuda", "numba-cuda-simulated"):
        with pytest.raises(kernels.KernelError, match="not available on this machine"):
            kernels.find("activation", (x, None), {"kind": "relu"}, impl=name)


def kernels_of(op: str) -> dict[str, tuple[Any, Any]]:
    """The compiled functions of an op's file, with a signature each."""
    from numba import types as t

    vector, matrix = t.float32[::1], t.float32[:, ::1]
    labels, kind = t.int64[::1], t.int32
    tensors = t.UniTuple(vector, 16)
    signatures = {
        "add_bias_and_activate": (matrix, vector, matrix, kind),
        "multiply_by_slope": (vector, vector, vector, kind),
        "losses_of_rows": (matrix, labels, vector),
        "gradients_of_rows": (vector, matrix, labels, matrix),
        "sgd": (tensors,) * 3 + (t.float32,) * 4 + (t.boolean,) * 2,
        "adam": (tensors,) * 4 + (t.float32,) * 7,
    }
    function = kernels.implementations(op)["numba-cuda"].load()
    module = sys.modules[function.__module__]
    return {n: (getattr(module, n), s) for n, s in signatures.items() if hasattr(module, n)}


@COMPILES
@pytest.mark.parametrize("capability", [(7, 5), (8, 0), (9, 0), (10, 0)])
@pytest.mark.parametrize("op", ["activation", "softmax_cross_entropy", "adam_step"])
def test_ptx(op: str, capability: tuple[int, int], monkeypatch: Any) -> None:
    """No float64 among float32, and arguments that fit a launch."""
    from numba import cuda

    device = types.SimpleNamespace(compute_capability=capability)
    dispatcher = importlib.import_module(type(cuda.jit(lambda: None)).__module__)
    monkeypatch.setattr(dispatcher, "get_current_device", lambda: device)
    found = kernels_of(op)
    assert len(found) == 2
    for kernel, signature in found.values():
        ptx, _ = cuda.compile_ptx(kernel.py_func, signature, cc=capability)
        assert f".target sm_{capability[0]}{capability[1]}" in ptx
        assert ".f64" not in ptx
        widths = {"u64": 8, "b64": 8, "u32": 4, "b32": 4, "f32": 4, "u8": 1, "b8": 1}
        head = ptx[ptx.index(".entry") : ptx.index("{", ptx.index(".entry"))]
        sizes = [widths[w] for w in re.findall(r"\.param \.(\w+) ", head)]
        assert 0 < sum(sizes) <= 4096
