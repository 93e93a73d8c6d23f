"""How GPU kernels in Python are launched: by CuPy on its arrays, or in Numba's simulator.

The twin of `cuda_launch.py`, which launches CUDA C++: here as there CuPy loads what a compiler has
made, passes the arguments and takes its current stream. The simulator is Numba's own: a process
that is started with NUMBA_ENABLE_CUDASIM=1 runs the same kernels on NumPy arrays, thread by thread.
Read next: `numba_language.py`, then `activation/numba_cuda.py`.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import cuda_launch, numba_here
from .registry import Implementation, add

if TYPE_CHECKING:
    from .numba_language import Kernel, Parameter


def available(source: str) -> bool:
    """Whether the kernels of a file run on a GPU here, compiled here or brought along as PTX."""
    if numba_here.simulates_gpus() or not cuda_launch.cupy_available():
        return False
    from . import numba_ptx

    return numba_here.compiles_for_gpus() or numba_ptx.brought(source)


def register(op: str, path: str) -> None:
    """Register the launcher `path` ("`.folder.numba_cuda:function`") for GPUs and the simulator."""
    source = path[1:].partition(":")[0].replace(".", "/") + ".py"
    here = functools.partial(available, source)
    gpu = "CuPy, a GPU, and numba-cuda (or TGC_NUMBA_PTX: see numba_ptx.py)"
    add(Implementation(op, "numba-cuda", path, "cupy", ("float32",), here, needs=gpu))
    simulated = numba_here.simulates_gpus
    simulator = "Numba, in a process started with NUMBA_ENABLE_CUDASIM=1"
    add(
        Implementation(
            op, "numba-cuda-simulated", path, "numpy", ("float32",), simulated, needs=simulator
        )
    )


def launch(kernel: Kernel, grid: tuple[int, ...], block: tuple[int, ...], *args: Any) -> None:
    """Run a kernel on CuPy's current stream, without waiting for it; or simulated, on NumPy arrays.

    Args:
        kernel: what to run.
        grid: how many blocks.
        block: how many threads a block has.
        *args: an array without gaps (or None) for each address, numbers, and lists of either.

    Raises:
        TypeError: arguments that are not what the kernel's annotations say.
    """
    given = arguments(kernel, args)
    if kernel.simulated is not None:
        kernel.simulated[grid, block](*given)
        return
    flat = [one for value in given for one in (value if isinstance(value, tuple) else (value,))]
    _loaded(kernel)(grid, block, tuple(flat))


@functools.cache
def _loaded(kernel: Kernel) -> Any:
    from . import numba_ptx

    cupy = importlib.import_module("cupy")
    return cupy.RawModule(path=str(numba_ptx.file_of(kernel))).get_function(kernel.name)


def arguments(kernel: Kernel, args: Sequence[Any]) -> list[Any]:
    """The arguments in the types of the parameters: a list of them becomes a tuple, filled up.

    Raises:
        TypeError: one too many or too few, or one of another type.
    """
    if len(args) != len(kernel.parameters):
        raise TypeError(
            f"kernel {kernel.name} takes {', '.join(kernel.parameters)}, and got {len(args)} "
            "arguments"
        )
    pairs = zip(kernel.parameters.items(), args, strict=True)
    return [_argument(f"{kernel.name}: {name}", kind, value) for (name, kind), value in pairs]


def _argument(name: str, kind: Parameter, value: Any) -> Any:
    """One argument as CuPy and the simulator pass it."""
    if kind.many:
        if len(value) > kind.many:
            raise TypeError(f"{name} are {kind.many} at most, not {len(value)}")
        missing = [None if kind.address else 0] * (kind.many - len(value))
        one = kind._replace(many=0)
        return tuple([_argument(name, one, v) for v in [*value, *missing]])
    if not kind.address:
        if not isinstance(value, (int, float, np.generic)):
            raise TypeError(f"{name} is a number, not a {type(value).__name__}")
        return kind.dtype.type(value)
    if value is None:
        return cuda_launch.pointer(None)
    if getattr(value, "dtype", None) != kind.dtype or not value.flags.c_contiguous:
        raise TypeError(f"{name} is an array of {kind.dtype} without gaps, or None")
    return value.reshape(-1) if isinstance(value, np.ndarray) else value
