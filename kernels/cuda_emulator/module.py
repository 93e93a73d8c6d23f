"""Kernels of an emulated module, called as CuPy's `RawModule` and `RawKernel` are, on NumPy arrays.

What CuPy would pass on unseen is checked here: the number of arguments, their types, strides.
Read next: `../cuda_launch.py`, which chooses between CuPy and this.
"""

from __future__ import annotations

import contextlib
import ctypes
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from . import build
from .build import EmulationError

_LIMITS = (2**31 - 1, 65535, 65535)
_MOST_SHARED = 48 << 10

_machine = threading.Lock()  # a library has one threadIdx: one launch at a time
_records = (ctypes.c_void_p * 2048)()  # what ThreadSanitizer keeps for each thread of two blocks


class _Settings:
    """How kernels are compiled and in which order their threads take turns, for this process."""

    def __init__(self) -> None:
        self.mode = "plain"
        self.reverse = False
        self.counted: list[ctypes.CDLL] = []


settings = _Settings()


@contextlib.contextmanager
def thread_order(order: str) -> Iterator[None]:
    """In this block, let blocks and threads take turns `"forward"` or in `"reverse"`.

    A kernel whose result depends on the order lacks a barrier, or adds in no fixed order.

    Raises:
        EmulationError: another word.

    Example:
        >>> with thread_order("reverse"):
        ...     pass
    """
    if order not in ("forward", "reverse"):
        raise EmulationError(f"thread_order: expected 'forward' or 'reverse', got {order!r}")
    before = settings.reverse
    settings.reverse = order == "reverse"
    try:
        yield
    finally:
        settings.reverse = before


def compile_for(mode: str) -> None:
    """From here on, compile kernels in another mode of `build.MODES`; see `__main__.py`."""
    settings.mode = mode


class Module:
    """CUDA C++ source, compiled for the CPU when a kernel of it first runs.

    Args:
        code: the source; its kernels are declared `extern "C" __global__ void`.
        options: definitions such as `-DVEC=4`.
        label: what error messages call it.

    Example:
        >>> code = '''extern "C" __global__ void twice(const float* x, float* y, int n) {
        ...     int i = blockIdx.x * blockDim.x + threadIdx.x;
        ...     if (i < n) y[i] = 2.0f * x[i];
        ... }'''
        >>> x, y = np.arange(3, dtype=np.float32), np.zeros(3, np.float32)
        >>> twice = Module(code).get_function("twice")
        >>> if build.available():
        ...     twice((1,), (32,), (x, y, np.int32(3)))
        ... else:
        ...     y = 2 * x
        >>> y
        array([0., 2., 4.], dtype=float32)
    """

    def __init__(self, code: str, options: tuple[str, ...] = (), label: str = "kernel.cu") -> None:
        self.code = code
        self.options = options
        self.label = label
        self._libraries: dict[str, ctypes.CDLL] = {}

    def get_function(self, name: str) -> Kernel:
        """One kernel of the source.

        Raises:
            EmulationError: the source has no kernel of that name.
        """
        names = build.kernel_names(self.code)
        if name not in names:
            raise EmulationError(f"{self.label} has no kernel {name!r}; it has {', '.join(names)}")
        return Kernel(self, name)

    def library(self) -> ctypes.CDLL:
        """The compiled source, in the mode of this moment."""
        mode = settings.mode
        if mode not in self._libraries:
            self._libraries[mode] = build.library(self.code, self.label, self.options, mode)
        return self._libraries[mode]


class Kernel:
    """A kernel to call with (grid, block, args, shared_mem=), as CuPy's `RawKernel`.

    An argument is an array for a pointer, a NumPy scalar of the parameter's very type, a 0-d
    structured array for a struct by value, or `np.uint64(0)` for a null pointer.
    """

    def __init__(self, module: Module, name: str) -> None:
        self.module = module
        self.name = name
        self.max_dynamic_shared_size_bytes = _MOST_SHARED

    def __call__(
        self,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        args: tuple[Any, ...],
        *,
        shared_mem: int = 0,
    ) -> None:
        """Run it, and return when it is done.

        Raises:
            EmulationError: a size out of CUDA's limits, a wrong argument, threads that diverge at
                a barrier or in a warp operation.
        """
        grid, block = self._three("grid", grid), self._three("block", block)
        if np.prod(block) > 1024:
            raise self._error(f"a block has at most 1024 threads, and {block} is more")
        if shared_mem > self.max_dynamic_shared_size_bytes:
            raise self._error(
                f"{shared_mem} bytes of dynamic shared memory are more than "
                f"{self.max_dynamic_shared_size_bytes}: set max_dynamic_shared_size_bytes first"
            )
        library = self.module.library()
        if settings.mode == "traffic":
            settings.counted.append(library)
        signature = getattr(library, f"emulator_signature_{self.name}")
        signature.restype = ctypes.c_char_p
        launch = getattr(library, f"emulator_launch_{self.name}")
        launch.restype = ctypes.c_char_p
        held, addresses = self._arguments(signature().decode().split(), args)
        with _machine:
            words = launch(
                (ctypes.c_uint * 3)(*grid),
                (ctypes.c_uint * 3)(*block),
                addresses,
                ctypes.c_size_t(shared_mem),
                int(settings.reverse),
                _records,
            )
        del held
        if words is not None:
            raise self._error(words.decode())

    def _error(self, words: str) -> EmulationError:
        return EmulationError(f"kernel {self.name} ({self.module.label}): {words}")

    def _three(self, what: str, sizes: tuple[int, ...]) -> tuple[int, ...]:
        whole = (*sizes, 1, 1)[:3]
        if len(sizes) > 3 or any(
            not 1 <= n <= most for n, most in zip(whole, _LIMITS, strict=True)
        ):
            raise self._error(f"{what} {sizes} is not of 1 to 3 numbers from 1 to {_LIMITS}")
        return whole

    def _arguments(self, codes: list[str], args: tuple[Any, ...]) -> tuple[list[Any], Any]:
        """The values themselves, to keep them alive, and a C array of their addresses."""
        if len(args) != len(codes):
            raise self._error(f"it has {len(codes)} parameters, and got {len(args)} arguments")
        held: list[Any] = []
        for position, (code, value) in enumerate(zip(codes, args, strict=True)):
            held.append(self._argument(position, code, value))
        pointers = [ctypes.cast(value, ctypes.c_void_p) for value in held]
        return held, (ctypes.c_void_p * max(1, len(pointers)))(*pointers)

    def _argument(self, position: int, code: str, value: Any) -> Any:
        """One value in memory of its own, as C sees it."""
        where = f"argument {position}"
        if code[1:2] == ":":
            if isinstance(value, np.uint64) and value == 0:
                return ctypes.pointer(ctypes.c_void_p(None))
            if value is None:
                raise self._error(
                    f"{where} is None, of which CuPy does not make a null pointer: pass "
                    "np.uint64(0)"
                )
            if not isinstance(value, np.ndarray) or value.dtype.fields is not None:
                raise self._error(f"{where} is a pointer: it takes an array, not {value!r}")
            given = _type_code(value)
            if given != code[2:]:
                raise self._error(f"{where} points to {code[2:]}, but the array is of {given}")
            if not value.flags.c_contiguous:
                raise self._error(f"{where} has strides {value.strides}, which no kernel sees")
            if code[0] == "w" and not value.flags.writeable:
                raise self._error(f"{where} is written by the kernel, but the array is read-only")
            return ctypes.pointer(ctypes.c_void_p(value.ctypes.data))
        if isinstance(value, (bool, int, float)) and not isinstance(value, np.generic):
            raise self._error(
                f"{where} is the Python number {value!r}, whose size CuPy guesses: wrap it, "
                f"as in np.int32({value!r})"
            )
        by_value = isinstance(value, np.ndarray) and value.dtype.fields is not None
        if not (isinstance(value, np.generic) or by_value) or _type_code(value) != code:
            raise self._error(f"{where} is {code}, and got {value!r}")
        return ctypes.create_string_buffer(value.tobytes(), value.itemsize)


def _type_code(value: Any) -> str:
    """As `type_code` in `entry.h`: the kind and the size, such as f4 or V24."""
    return f"{value.dtype.kind}{value.itemsize}"
