"""How CUDA C++ kernels are found, compiled and launched: one way for CuPy and for the emulator.

A launcher (`activation/cuda.py`) is written once. The arrays it gets decide: CuPy arrays run the
kernel on their GPU, on CuPy's current stream, and NumPy arrays run the same source on the CPU in
`cuda_emulator`. Launchers allocate through the arrays' own module and never wait for the device.
Read next: `cuda_geometry.py` and `cuda_common.cuh`, then `activation/cuda.cu` and its `cuda.py`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

from .arrays import Array, array_module
from .registry import Implementation, add, family_of

Launcher = TypeVar("Launcher", bound=Callable[..., Any])
Launch = Callable[..., None]
"""A kernel: call it with (grid, block, args, shared_mem=...)."""


def cupy_available() -> bool:
    """Whether CuPy is installed and sees a GPU. It is imported by whoever makes CuPy arrays."""
    return _cupy_works()


def _cupy() -> Any:
    import cupy  # type: ignore[import-not-found, import-untyped, unused-ignore]

    return cupy


@functools.cache
def _cupy_works() -> bool:
    try:
        return bool(_cupy().cuda.is_available())
    except Exception:  # noqa: BLE001 - an install without driver fails in many ways
        return False


def emulator_available() -> bool:
    """Whether the emulator has its compiler here."""
    from . import cuda_emulator

    return cuda_emulator.available()


def register(op: str, path: str, name: str = "cuda") -> None:
    """Register the launcher `path` (`".folder.cuda:function"`) for GPUs and for the emulator.

    On a GPU the one named "cuda" runs by itself; under another name it waits to be asked for.
    """
    float32 = ("float32",)
    gpu, emulated = "CuPy and a GPU", "g++ on Linux (Debian, Ubuntu: apt install g++)"
    add(Implementation(op, name, path, "cupy", float32, cupy_available, needs=gpu))
    add(
        Implementation(
            op, "cuda-emulated", path, "numpy", float32, emulator_available, needs=emulated
        )
    )


# Sources and kernels ------------------------------------------------------------------------------


replaced: dict[str, Path] = {}
"""Files to compile in place of a `.cu` of this folder: a user's version, under test in a process of
its own."""


@functools.cache
def source(path: str) -> str:
    """The text of a `.cu` file of this folder, what it includes put in place.

    Example:
        >>> "__global__" in source("activation/cuda.cu")
        True
    """
    from importlib import resources

    root = resources.files(__package__)
    text = []
    for number, line in enumerate(_read(root, path).splitlines(), start=1):
        if line.startswith('#include "../'):
            included = line.split("/")[1].rstrip('"')
            text.append(f'#line 1 "kernels/{included}"\n{_read(root, included)}')
            text.append(f'#line {number + 1} "kernels/{path}"')
        else:
            text.append(line)
    return "\n".join(text) + "\n"


def _read(root: Any, path: str) -> str:
    if path in replaced:
        return replaced[path].read_text(encoding="utf-8")
    text: str = root.joinpath(*path.split("/")).read_text(encoding="utf-8")
    return text


def kernel(path: str, name: str, like: Array, options: tuple[str, ...] = ()) -> Launch:
    """The kernel `name` of a `.cu` file, for arrays of the family of `like`.

    Args:
        path: the file, from this folder.
        name: the kernel.
        like: an array of the family to run on.
        options: definitions that the source is compiled with, such as `-DVEC=4`.

    Returns:
        What to call with (grid, block, args, shared_mem=...).
    """
    return _kernel(path, name, family_of(type(like)), options)


@functools.cache
def _kernel(path: str, name: str, family: str, options: tuple[str, ...]) -> Launch:
    launch: Launch = _module(path, family, options).get_function(name)
    return launch


@functools.cache
def _module(path: str, family: str, options: tuple[str, ...]) -> Any:
    """One file, compiled when its first kernel is launched."""
    if family == "numpy":
        from . import cuda_emulator

        return cuda_emulator.Module(source(path), options, label=f"kernels/{path}")
    return _cupy().RawModule(code=source(path), options=("-std=c++17", *options))


@functools.cache
def attribute(device: int, name: str) -> int:
    """A number that CUDA tells of the GPU with this index."""
    return int(_cupy().cuda.Device(device).attributes[name])


# Arrays -------------------------------------------------------------------------------------------


def address(array: Array) -> int:
    """Where an array's memory begins, on its device.

    Example:
        >>> array = np.zeros(8, np.float32)
        >>> address(array[1:]) - address(array)
        4
    """
    if isinstance(array, np.ndarray):
        return int(array.ctypes.data)
    return int(array.data.ptr)


def pointer(array: Array | None) -> Any:
    """The array as a kernel's argument; a null pointer for None, which CuPy does not make of it.

    Example:
        >>> pointer(None)
        np.uint64(0)
    """
    return np.uint64(0) if array is None else array


def contiguous(array: Array) -> Array:
    """The array, or a copy of it without gaps: kernels see memory and no strides.

    Example:
        >>> contiguous(np.arange(6)[::2]).strides
        (8,)
    """
    if array.flags.c_contiguous:
        return array
    packed: Array = array_module(array).ascontiguousarray(array)
    return packed


def out_with_gaps(launcher: Launcher) -> Launcher:
    """Decorator: lets `out` be a view with gaps. A new array is filled, and copied there.

    Example:
        >>> @out_with_gaps
        ... def double(x, *, out=None):
        ...     return np.multiply(x, 2, out=output(out, x.shape, x))
        >>> wide = np.zeros(6)
        >>> double(np.ones(3), out=wide[::2]).tolist(), wide.tolist()
        ([2.0, 2.0, 2.0], [2.0, 0.0, 2.0, 0.0, 2.0, 0.0])
    """

    @functools.wraps(launcher)
    def launched(*arrays: Any, out: Any = None, **params: Any) -> Any:
        given = out if isinstance(out, tuple) else (out,)
        if out is None or all(array.flags.c_contiguous for array in given):
            return launcher(*arrays, out=out, **params)
        fresh = launcher(*arrays, **params)
        for array, filled in zip(given, fresh if given is out else (fresh,), strict=True):
            array[...] = filled
        return out

    return cast("Launcher", launched)


def output(out: Array | None, shape: tuple[int, ...], like: Array) -> Array:
    """`out`, or a new array of this shape on the module and of the dtype of `like`.

    Example:
        >>> output(None, (2, 3), np.zeros(1, np.float32)).shape
        (2, 3)
    """
    if out is not None:
        return out
    fresh: Array = array_module(like).empty(shape, dtype=like.dtype)
    return fresh


def vector_width(*arrays: Array | None, length: int = 0) -> int:
    """How many floats to read at once: 4 where all arrays (and rows of `length`) allow it, or 1.

    A 128-bit access needs an address that is a multiple of 16; a view may begin anywhere.

    Example:
        >>> whole = np.zeros(8, np.float32)
        >>> vector_width(whole) >= vector_width(whole[1:])
        True
    """
    if length % 4:
        return 1
    return 1 if any(a is not None and address(a) % 16 for a in arrays) else 4


def ints(*values: int) -> Any:
    """A struct of ints, to pass to a kernel by value.

    Example:
        >>> ints(2, 3).tolist()
        (2, 3)
    """
    return np.array(values, _of_ints(len(values)))


@functools.cache
def _of_ints(count: int) -> np.dtype[Any]:
    """The type of such a struct: NumPy takes longer to make one than a launch may take."""
    return np.dtype([(f"at{place}", "i4") for place in range(count)])


def rows_of(array: Array) -> tuple[int, int]:
    """(M, C): all axes but the last together, and the last.

    Example:
        >>> rows_of(np.zeros((2, 3, 4)))
        (6, 4)
    """
    return math.prod(array.shape[:-1]), array.shape[-1]
