"""A stand-in for CuPy on machines without a GPU, as strict as CuPy: for tests alone.

`installed()` puts it in CuPy's place. What it offers is CuPy's own list (`surface.txt`); a test
compares the list with the installed CuPy. Read `array.py` first.
"""

from __future__ import annotations

import contextlib
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import ptx_machine
from tinygrad_course.kernels import cuda_emulator, cuda_launch

from . import cuda
from .array import SURFACE, ndarray, signature, to_device, to_host, transfers, ufunc, unwrap, wrap

__all__ = ["cupy", "cupyx", "installed", "transfers"]

CREATORS = {"array", "asarray", "asanyarray", "ascontiguousarray"}
"""What takes NumPy's arrays, and so sends them across."""
FIRST_IS_AN_ARRAY = {"a", "x", "array", "arr", "ary", "m"}
VIEWS = {
    "reshape", "ravel", "transpose", "swapaxes", "squeeze", "expand_dims", "broadcast_to", "split",
    "moveaxis", "flip", "diagonal", "array_split", "permute_dims", "matrix_transpose", "atleast_1d",
}  # fmt: skip


def _function(name: str, parameters: Any) -> Any:
    """NumPy's function behind CuPy's parameters."""
    own = getattr(np, name)
    first = next(iter(parameters.parameters), "")

    def function(*args: Any, **options: Any) -> Any:
        parameters.bind(*args, **options)
        if first in FIRST_IS_AN_ARRAY and args and not isinstance(args[0], ndarray):
            raise TypeError(f"{name}: {type(args[0])} is no cupy.ndarray")
        kernel = name not in VIEWS
        out = options.get("out")
        with np.errstate(all="ignore"):
            result = own(
                *[unwrap(a, kernel=kernel) for a in args],
                **{k: unwrap(v, kernel=kernel) for k, v in options.items()},
            )
        return wrap(result) if out is None else out

    function.__name__ = name
    return function


def _array_of(obj: Any, dtype: Any = None, copy: Any = True, order: Any = "K",
              subok: bool = False, ndmin: int = 0, *, blocking: bool = False) -> Any:  # fmt: skip
    if isinstance(obj, ndarray) and obj.device.id != cuda.current.device:
        obj = wrap(np.array(unwrap(obj, kernel=False)))  # from one device to another
    if isinstance(obj, ndarray):
        if not copy and (dtype is None or obj.dtype == dtype) and order in (None, "K"):
            return obj
        return wrap(np.array(unwrap(obj), dtype, order=order or "K", copy=copy or None))
    if isinstance(obj, (list, tuple)) and any(isinstance(o, ndarray) for o in obj):
        return wrap(np.array([unwrap(o) for o in obj], dtype))
    return to_device(obj, dtype, order)


def _as_array(a: Any, dtype: Any = None, order: Any = None, *, copy: Any = None,
              blocking: bool = False) -> Any:  # fmt: skip
    return _array_of(a, dtype, bool(copy), order)


def _contiguous(a: Any, dtype: Any = None) -> Any:
    if isinstance(a, ndarray) and a.flags.c_contiguous and (dtype is None or a.dtype == dtype):
        return a
    return _array_of(a, dtype, True, "C")


def _take(a: ndarray, indices: Any, axis: Any = None, out: Any = None) -> Any:
    return a.take(indices, axis, out)


def _take_along_axis(a: ndarray, indices: ndarray, axis: Any) -> Any:
    host, index = unwrap(a), unwrap(indices)
    return wrap(np.take_along_axis(host, index % max(1, host.shape[axis]), axis))


def _broadcast_to(array: ndarray, shape: Any) -> Any:
    """A view; CuPy does not mark it as one that must not be written."""
    return wrap(np.broadcast_to(unwrap(array, kernel=False), shape))


def _pad(array: ndarray, pad_width: Any, mode: str = "constant", **options: Any) -> Any:
    return wrap(np.pad(unwrap(array), pad_width, mode, **options))


def _from_dlpack(array: Any, device: Any = None, *, copy: Any = None) -> Any:
    capsule = array.__dlpack__()
    return wrap(unwrap(capsule.array, kernel=False)[...])


class RawModule:
    """CUDA C++, run by the project's emulator, or PTX, by `ptx_machine`.

    What is rehearsed is the launchers' CuPy side.
    """

    def __init__(self, *, code: str | None = None, path: str | None = None,
                 options: tuple[str, ...] = ()) -> None:  # fmt: skip
        if (code is None) == (path is None):
            raise TypeError("Exactly one of `code` and `path` keyword arguments must be given.")
        self._module: Any
        if code is None:
            self._module = _PTX(Path(str(path)).read_text())
            return
        label = next((f"kernels/{path}" for path in _sources() if _is(path, code)), "kernel.cu")
        plain = tuple([o for o in options if not o.startswith("-std")])  # as `cuda-emulated` has it
        self._module = cuda_emulator.Module(code, plain, label)

    def get_function(self, name: str) -> RawKernel:
        return RawKernel(self._module.get_function(name))


class _PTX:
    """The kernels of a PTX file."""

    def __init__(self, text: str) -> None:
        self.text = text

    def get_function(self, name: str) -> Any:
        ptx_machine.parse(self.text, name)  # refuses an unknown name

        def launch(grid: Any, block: Any, args: Any, *, shared_mem: int = 0) -> None:
            ptx_machine.run(self.text, name, grid, block, args)

        launch.max_dynamic_shared_size_bytes = 48 << 10  # type: ignore[attr-defined]
        return launch


def _sources() -> list[str]:
    """The project's CUDA files: under its own name each is compiled once for all tests."""
    root = Path(cuda_launch.__file__).parent
    return [str(path.relative_to(root)) for path in sorted(root.rglob("*.cu"))]


def _is(path: str, code: str) -> bool:
    return bool(cuda_launch.source(path) == code)


class RawKernel:
    """One kernel of a module."""

    def __init__(self, kernel: Any) -> None:
        self._kernel = kernel
        self.max_dynamic_shared_size_bytes = kernel.max_dynamic_shared_size_bytes

    def __call__(self, grid: tuple[int, ...], block: tuple[int, ...], args: tuple[Any, ...], *,
                 shared_mem: int = 0) -> None:  # fmt: skip
        """Pointers are the double's own arrays; the rest are NumPy scalars, or structs by value."""
        self._kernel.max_dynamic_shared_size_bytes = self.max_dynamic_shared_size_bytes
        for a in args:
            if isinstance(a, np.ndarray) and (a.ndim or not a.dtype.fields):
                raise TypeError(f"Unsupported type {type(a)}")
        own = [unwrap(a) if isinstance(a, ndarray) else a for a in args]
        self._kernel(grid, block, tuple(own), shared_mem=shared_mem)


def _module(name: str) -> Any:
    """CuPy's module: its functions, ufuncs, dtypes, and the parts that the project uses."""
    module: Any = types.ModuleType(name)
    for line in SURFACE:
        kind, _, rest = line.partition(" ")
        called = rest.partition("(")[0]
        if kind == "ufunc":
            setattr(module, called, ufunc(called))
        elif kind == "function":
            setattr(module, called, _function(called, signature(rest)))
    own = {
        "array": _array_of, "asarray": _as_array, "asanyarray": _as_array,
        "ascontiguousarray": _contiguous, "take": _take, "take_along_axis": _take_along_axis,
        "broadcast_to": _broadcast_to, "pad": _pad, "from_dlpack": _from_dlpack,
    }  # fmt: skip
    for called, function in own.items():
        setattr(module, called, function)
    for called in ("bool_", "int8", "int16", "int32", "int64", "intp", "uint8", "uint16", "uint32",
                   "uint64", "float16", "float32", "float64", "generic", "dtype", "newaxis",
                   "inf", "nan", "pi", "e", "finfo", "iinfo"):  # fmt: skip
        setattr(module, called, getattr(np, called))
    module.ndarray, module.ufunc, module.cuda = ndarray, ufunc, cuda
    module.__version__ = "14.2.0"
    module.asnumpy = lambda a, stream=None, order="C", out=None, *, blocking=True: (
        to_host(a._host) if isinstance(a, ndarray) else np.asarray(a)
    )
    module.get_array_module = lambda *args: (
        module if any(isinstance(a, ndarray) for a in args) else np
    )
    module.get_default_memory_pool = lambda: cuda.pool
    module.shares_memory = module.may_share_memory = lambda a, b, max_work=None: np.shares_memory(
        a._host, b._host
    )
    module.lib = types.SimpleNamespace(
        stride_tricks=types.SimpleNamespace(
            as_strided=lambda x, shape=None, strides=None: wrap(
                np.lib.stride_tricks.as_strided(x._host, shape, strides)
            )
        )
    )
    module.random = None  # random numbers are the project's own
    module.RawModule = RawModule
    return module


cupy = _module("cupy")
cupyx: Any = types.ModuleType("cupyx")
cupyx.scatter_add = lambda a, slices, value: a.scatter_add(slices, value)
cupy.__spec__ = types.SimpleNamespace(name="cupy")  # importlib looks for it


@contextlib.contextmanager
def installed() -> Iterator[Any]:
    """Inside, `import cupy` is the double."""
    before = {name: sys.modules.get(name) for name in ("cupy", "cupyx")}
    sys.modules.update(cupy=cupy, cupyx=cupyx)
    transfers.clear()
    try:
        yield cupy
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
