"""How GPU kernels in Python are launched: by Numba on CuPy arrays, or in its simulator.

The twin of `cuda_launch.py`, which launches CUDA C++. The simulator is Numba's own: a process that
is started with NUMBA_ENABLE_CUDASIM=1 runs the same kernels on NumPy arrays, thread by thread.
Read next: `numba_language.py`, then `activation/numba_cuda.py`.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
from typing import Any

from . import cuda_launch
from .arrays import Array
from .registry import Implementation, add, family_of


def simulated() -> bool:
    """Whether this process was started for the simulator, and has Numba.

    Example:
        >>> simulated() and available()
        False
    """
    return os.environ.get("NUMBA_ENABLE_CUDASIM") == "1" and _has("numba")


def available() -> bool:
    """Whether Numba compiles for a GPU here: numba-cuda is installed, and CuPy sees a GPU."""
    return not simulated() and _has("numba_cuda") and cuda_launch.cupy_available()


@functools.cache
def _has(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def register(op: str, path: str) -> None:
    """Register the launcher `path` ("`.folder.numba_cuda:function`") for GPUs and the simulator."""
    add(Implementation(op, "numba-cuda", path, "cupy", ("float32",), available))
    add(Implementation(op, "numba-cuda-simulated", path, "numpy", ("float32",), simulated))


def launch(kernel: Any, grid: tuple[int, ...], block: tuple[int, ...], *args: Any) -> None:
    """Run a kernel on the arrays among `args`, on CuPy's current stream; it does not wait.

    Args:
        kernel: a function compiled by `numba.cuda.jit`.
        grid: how many blocks.
        block: how many threads a block has.
        *args: arrays, tuples of arrays, and NumPy scalars: a Python number would be 64 bits wide.
    """
    first = args[0][0] if isinstance(args[0], tuple) else args[0]
    if family_of(type(first)) == "numpy":
        kernel[grid, block](*args)
        return
    from numba import cuda

    cupy = importlib.import_module("cupy")
    stream = cuda.external_stream(cupy.cuda.get_current_stream().ptr)
    kernel[grid, block, stream](*[_for_numba(a) for a in args])


def _for_numba(value: Any) -> Any:
    """CuPy's arrays as Numba's, on the same memory: left to itself, Numba would wait for each."""
    from numba import cuda

    if isinstance(value, tuple):
        return tuple([_for_numba(v) for v in value])
    if hasattr(value, "__cuda_array_interface__"):
        as_numba_array: Any = cuda.as_cuda_array
        return as_numba_array(value, sync=False)
    return value


def rows(array: Array) -> Array:
    """The array as (rows, C), C the last axis; without gaps.

    Example:
        >>> import numpy as np
        >>> rows(np.zeros((2, 3, 4))).shape
        (6, 4)
    """
    packed = cuda_launch.contiguous(array)
    M, C = cuda_launch.rows_of(packed)
    matrix: Array = packed.reshape(M, C)
    return matrix
