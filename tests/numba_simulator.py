"""A program for a process of its own: Numba's CUDA simulator runs the GPU kernels in Python.

    NUMBA_ENABLE_CUDASIM=1 python tests/numba_simulator.py

The simulator is chosen when Numba is first imported and for the whole process. It runs a thread of
the GPU at a time: only samples of few numbers are given to it. It prints one line a kernel.
"""

from __future__ import annotations

import copy
import sys
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from tinygrad_course import kernels

MOST = {"softmax_cross_entropy": 150, "softmax_cross_entropy_grad": 150}
"""Numbers in a sample: barriers are what takes time."""


def arrays_in(value: Any) -> list[np.ndarray]:
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, (list, tuple)):
        return [array for item in value for array in arrays_in(item)]
    return []


def outcome(op: str, function: Any, arrays: Any, params: Any) -> list[np.ndarray]:
    own = copy.deepcopy(list(arrays))
    returned = function(*own, **params)
    return arrays_in(returned) + arrays_in([own[k] for k in kernels.op(op).in_place])


def compare(op: str, function: Any, arrays: Any, params: Any) -> None:
    """Within 64 roundings of the largest number, as on a GPU; NaN and infinities in place."""
    expected = outcome(op, kernels.op(op).reference, arrays, params)
    got = outcome(op, function, arrays, params)
    assert len(got) == len(expected)
    for one, other in zip(got, expected, strict=True):
        assert one.dtype == other.dtype
        finite = np.isfinite(other)
        np.testing.assert_array_equal(np.isfinite(one), finite)
        tolerance = 64 * np.finfo("float32").eps * max(1.0, abs(other[finite]).max(initial=0.0))
        np.testing.assert_allclose(one[finite], other[finite], rtol=0, atol=tolerance)


def many_tensors() -> None:
    """More tensors than one launch takes, one of them empty, one with gaps."""
    rng = np.random.default_rng(0)
    sizes = [3, 0, *range(1, 18)]
    lists = [[rng.standard_normal(n).astype("float32") for n in sizes] for _ in range(4)]
    lists[3] = [abs(v) for v in lists[3]]
    lists[0][4] = rng.standard_normal(6).astype("float32")[::2]
    options = {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "eps": 1e-3, "weight_decay": 0.1}
    function = kernels.implementations("adam_step")["numba-cuda-simulated"].load()
    compare("adam_step", function, lists, {**options, "decoupled": True, "step": 3})


def main() -> None:
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    for op in kernels.names():
        implementation = kernels.implementations(op).get("numba-cuda-simulated")
        if implementation is None:
            continue
        function, tried = implementation.load(), 0
        rng = np.random.default_rng(zlib.crc32(op.encode()))
        for arrays, params in kernels.op(op).samples(rng, np.dtype("float32")):
            if sum(a.size for a in arrays_in(list(arrays))) <= MOST.get(op, 3000):
                compare(op, function, arrays, params)
                tried += 1
        sys.stdout.write(f"{op} {tried}\n")
    many_tensors()
    sys.stdout.write("many tensors 1\n")


if __name__ == "__main__":
    main()
