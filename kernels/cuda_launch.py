"""How CUDA C++ kernels are found, compiled and launched: one way for CuPy and for the emulator.

A launcher (`activation/cuda.py`) is written once. The arrays it gets decide: CuPy arrays run the
kernel on their GPU, on CuPy's current stream, and NumPy arrays run the same source on the CPU in
`cuda_emulator`. Launchers allocate through the arrays' own module and never wait for the device.
Read next: `cuda_common.cuh`, then `activation/cuda.cu` and `activation/cuda.py`.

Registers a thread, as ptxas 13.0 gives them for sm_90 (none spills; the grids follow from them):

    activation          40    gradient 29
    dropout             25
    softmax, K = 10     16    gradient 20
    softmax, K = 1000   62    gradient 80
    softmax, long rows  20    gradient 27
    sgd_step            32    adam_step 40
    sum_rows            38
    batch_norm          moments 48, statistics 42, normalise 40; gradient: sums 57, dx 60
    max_pool2d          48    gradient 14 and 16
    avg_pool2d          46    gradient 48
    conv2d, dx, dw      124, 124, 122: at most 128, so that two blocks share a multiprocessor
    matmul              117
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .arrays import Array, array_module
from .registry import Implementation, add, family_of

Launch = Callable[..., None]
"""A kernel: call it with (grid, block, args, shared_mem=...)."""

THREADS = 256
"""Threads of a block, as in `cuda_common.cuh`."""

_EMULATED_PROCESSORS = 2
"""Few, so that small arrays already take more than one step a thread."""

_LIMIT_Y = 65535
"""Blocks of a grid along its second axis."""

_SHARED_WITHOUT_ASKING = 48 << 10

_EMULATED_SHARED = 99 << 10
"""As on cards with the least of what a block may be allowed (compute capability 8.6 and 8.9)."""


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
    add(Implementation(op, name, path, "cupy", float32, cupy_available))
    add(Implementation(op, "cuda-emulated", path, "numpy", float32, emulator_available))


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


def kind_number(kind: str | None) -> np.int32:
    """An activation's kind as the kernels number it; None is the identity.

    Example:
        >>> int(kind_number("relu"))
        1
    """
    from .activation import KINDS

    return np.int32(0 if kind is None else KINDS.index(kind))


# Geometry -----------------------------------------------------------------------------------------


def blocks_for(items: int, run: Launch, like: Array) -> int:
    """How many blocks of the kernel `run` share `items`: as many as run at once, or fewer.

    A thread of theirs then works through a long array in large steps, and no block waits for
    a place until the others are done.

    Example:
        >>> blocks_for(1000, print, np.zeros(1))
        4
    """
    return max(1, min(-(-items // THREADS), _blocks_at_once(run) * _processors(like)))


@functools.cache
def _blocks_at_once(run: Any) -> int:
    """Blocks that one multiprocessor holds: 2,048 threads, if 65,536 registers are enough.

    CuPy knows how many registers the compiler gave the kernel; the emulator's kernels have none.
    """
    registers = -(-getattr(run, "num_regs", 32) // 8) * 8  # they are given out by eights
    return int(max(1, min(2048, 65536 // registers) // THREADS))


def slices_for(blocks: int, most: int, like: Array) -> int:
    """Into how many slices to cut a sum, so that `blocks` tiles of results fill the device.

    A tile that needs 128 registers of each of 256 threads leaves room for two blocks on a
    multiprocessor. Where the tiles fill them, a second pass over parts would only cost.

    Example:
        >>> slices_for(1, 2, np.zeros(1)), slices_for(100, 2, np.zeros(1))
        (2, 1)
    """
    return max(1, min(2 * _processors(like) // blocks, most, _LIMIT_Y))


def ints(*values: int) -> Any:
    """A struct of ints, to pass to a kernel by value.

    Example:
        >>> ints(2, 3).tolist()
        (2, 3)
    """
    return np.array(values, [(f"at{place}", "i4") for place in range(len(values))])


class Columns:
    """How blocks share the M rows of C columns, `vector` columns at a time.

    All run at once, and a thread gets at least `rows` rows: the parts of a reduction take a second
    stage, which is not worth it for less. The division, and so the bits of a sum, depend on the
    device, but never on the run.

    Attributes:
        width: packs of columns that a block owns.
        tiles: blocks side by side.
        slices: blocks one below another, each with its share of the rows.

    Example:
        >>> columns = Columns(100, 6, 1, print, np.zeros(1))
        >>> columns.width, columns.tiles, columns.slices
        (6, 1, 1)
    """

    def __init__(
        self, M: int, C: int, vector: int, run: Launch, like: Array, *, rows: int = 16
    ) -> None:
        packs = C // vector
        self.width = min(packs, THREADS)
        self.tiles = -(-packs // self.width)
        rows_at_once = THREADS // self.width
        wanted = -(-_blocks_at_once(run) * _processors(like) // self.tiles)
        self.slices = max(1, min(wanted, M // (rows * rows_at_once), _LIMIT_Y))


def allow_shared(kernel: Any, wanted: int, like: Array) -> bool:
    """Whether a block of `kernel` may have `wanted` bytes of dynamic shared memory.

    Above 48 KiB CUDA asks for a permission, which is given here as far as the device goes.
    """
    if wanted > _most_shared(like):
        return False
    if wanted > _SHARED_WITHOUT_ASKING:
        kernel.max_dynamic_shared_size_bytes = wanted
    return True


def _most_shared(like: Array) -> int:
    """Bytes of shared memory that a block may ask for, less 1 KiB for static arrays."""
    if isinstance(like, np.ndarray):
        return _EMULATED_SHARED - 1024
    return _most_shared_of(int(like.device.id)) - 1024


@functools.cache
def _most_shared_of(device: int) -> int:
    return int(_cupy().cuda.Device(device).attributes["MaxSharedMemoryPerBlockOptin"])


def _processors(like: Array) -> int:
    if isinstance(like, np.ndarray):
        return _EMULATED_PROCESSORS
    return _processors_of(int(like.device.id))


@functools.cache
def _processors_of(device: int) -> int:
    return int(_cupy().cuda.Device(device).attributes["MultiProcessorCount"])


def rows_of(array: Array) -> tuple[int, int]:
    """(M, C): all axes but the last together, and the last.

    Example:
        >>> rows_of(np.zeros((2, 3, 4)))
        (6, 4)
    """
    return math.prod(array.shape[:-1]), array.shape[-1]
