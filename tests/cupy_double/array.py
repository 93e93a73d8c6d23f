"""The double's array: NumPy's numbers behind CuPy's manners. Read next: `cuda.py`.

It computes with NumPy, but like CuPy it mixes with no NumPy array, converts to none, has the
methods and parameters that `surface.txt` lists and no others, knows the device it lies on, and
returns arrays where NumPy returns scalars. What crosses between host and device is written down
in `transfers`.
"""

from __future__ import annotations

import inspect
import weakref
from pathlib import Path
from typing import Any

import numpy as np

from . import cuda


def _computes(line: str) -> bool:
    """Whether the NumPy installed here has it: newer ones drop a function that CuPy keeps."""
    kind, _, rest = line.partition(" ")
    return kind == "method" or hasattr(np, rest.partition("(")[0])


SURFACE = list(filter(_computes, (Path(__file__).parent / "surface.txt").read_text().splitlines()))
"""What CuPy offers, one line each: `surface.py`."""

transfers: list[tuple[str, int]] = []
"""("to host" or "to device", bytes), in order; a scalar argument of a kernel is none."""

_owners: weakref.WeakValueDictionary[int, cuda.Memory] = weakref.WeakValueDictionary()


class Meta(type):
    """Gives `ndarray` the methods and operators of CuPy's."""

    def __new__(mcs, name: str, bases: Any, members: dict[str, Any]) -> Any:
        for line in SURFACE:
            kind, _, rest = line.partition(" ")
            method = rest.partition("(")[0]
            if kind == "method" and method not in members and hasattr(np.ndarray, method):
                members[method] = _method(method, signature(rest))
        for op in [
            "add",
            "sub",
            "mul",
            "truediv",
            "floordiv",
            "mod",
            "pow",
            "and",
            "or",
            "xor",
            "lshift",
            "rshift",
            "matmul",
        ]:
            members[f"__{op}__"] = _operator(f"__{op}__")
            members[f"__r{op}__"] = _operator(f"__r{op}__")
            if op != "matmul":  # CuPy has no @=
                members[f"__i{op}__"] = _in_place(f"__i{op}__")
        for op in ("eq", "ne", "lt", "le", "gt", "ge"):
            members[f"__{op}__"] = _operator(f"__{op}__")
        for op in ("neg", "pos", "abs", "invert"):
            members[f"__{op}__"] = _unary(f"__{op}__")
        return super().__new__(mcs, name, bases, members)


def signature(line: str) -> inspect.Signature:
    """The signature in a line such as `max(a, axis=None)`."""
    scope: dict[str, Any] = {}
    exec(f"def f{line[line.index('(') :]}: ...", scope)
    return inspect.signature(scope["f"])


def wrap(value: Any, device: int | None = None) -> Any:
    """A NumPy result as the double's: arrays (scalars too) wrapped, on the current device."""
    if isinstance(value, (tuple, list)) and any(isinstance(v, np.ndarray) for v in value):
        return type(value)([wrap(v, device) for v in value])
    if not isinstance(value, (np.ndarray, np.generic)):
        return value
    array = np.asarray(value)
    made = object.__new__(ndarray)
    made._host = array
    owner = array
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    memory = _owners.get(id(owner))
    if memory is None:
        device = cuda.current.device if device is None else device
        memory = _owners[id(owner)] = cuda.Memory(owner, device)
    made._memory = memory
    return made


def unwrap(value: Any, *, kernel: bool = True) -> Any:
    """What NumPy is to compute with; CuPy's refusal of NumPy arrays and of foreign devices.

    Args:
        value: an argument, or a tuple, list or slice of arguments.
        kernel: a kernel reads it, which wants it on the current device; a view does not.
    """
    if isinstance(value, ndarray):
        if kernel and value.device.id != cuda.current.device:
            raise ValueError(
                f"The device where the array resides ({value.device.id}) is different from the "
                f"current device ({cuda.current.device}). Peer access is unavailable between "
                "these devices."
            )
        return value._host
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, (tuple, list)):
        return type(value)([unwrap(v, kernel=kernel) for v in value])
    if hasattr(value, "__array__") and not isinstance(value, (np.generic, type)):
        raise TypeError(f"Unsupported type {type(value)}")
    return value


def to_host(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A copy that crossed to the host."""
    transfers.append(("to host", array.nbytes))
    return array.copy(order="C")


def to_device(value: Any, dtype: Any = None, order: Any = None) -> Any:
    """A copy that crossed to the device."""
    array = np.array(value, dtype, order=order or "K")
    if array.dtype.kind not in "biufc":
        raise ValueError(f"Unsupported dtype {array.dtype}")
    if array.ndim:  # a 0-d array is filled by a kernel, whose argument the number is
        transfers.append(("to device", array.nbytes))
    return wrap(array)


def _defers(other: Any) -> bool:
    """Whether the other operand's class goes first, as CuPy decides it."""
    priority = getattr(other, "__array_priority__", 0)
    return not isinstance(other, (ndarray, np.ndarray)) and priority > 100


def _operator(name: str) -> Any:
    reverse = name.removeprefix("__").startswith("r") and name != "__rshift__"

    def operator(self: ndarray, other: Any) -> Any:
        if _defers(other):
            return NotImplemented
        if other is None or isinstance(other, (str, list, tuple)):
            if name in ("__eq__", "__ne__") and other is None:
                return NotImplemented
            raise TypeError(f"Unsupported type {type(other)}")
        if name in ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"):
            other = other.item() if isinstance(other, np.ndarray) and not other.ndim else other
        mine, theirs = unwrap(self), unwrap(other)
        with np.errstate(all="ignore"):  # a GPU says nothing of overflow
            result = getattr(mine, name)(theirs)
        if result is NotImplemented:  # a NumPy scalar that wants to go first
            plain = {"__r": "__"}.get(name[:3], "__") + name[3 if reverse else 2 :]
            result = getattr(theirs, plain)(mine) if reverse else NotImplemented
        return result if result is NotImplemented else wrap(result)

    operator.__name__ = name
    return operator


def _in_place(name: str) -> Any:
    def operator(self: ndarray, other: Any) -> Any:
        if _defers(other):
            return NotImplemented
        with np.errstate(all="ignore"):
            getattr(unwrap(self), name)(unwrap(other))
        return self

    operator.__name__ = name
    return operator


def _unary(name: str) -> Any:
    def operator(self: ndarray) -> Any:
        return wrap(np.asarray(getattr(unwrap(self), name)()))

    operator.__name__ = name
    return operator


VIEWS = {"reshape", "ravel", "transpose", "swapaxes", "squeeze", "diagonal", "view"}


def _method(name: str, parameters: inspect.Signature) -> Any:
    def method(self: ndarray, *args: Any, **options: Any) -> Any:
        parameters.bind(*args, **options)
        kernel = name not in VIEWS
        out = options.get("out")
        options = {k: unwrap(v, kernel=kernel) for k, v in options.items()}
        host = unwrap(self, kernel=kernel)
        result = getattr(host, name)(*[unwrap(a, kernel=kernel) for a in args], **options)
        return wrap(result) if out is None else out

    method.__name__ = name
    return method


class Flags:
    """CuPy's flags: whether an array may be written is not among them."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.c_contiguous = array.flags.c_contiguous
        self.f_contiguous = array.flags.f_contiguous
        self.owndata = array.flags.owndata
        self.fnc = array.flags.fnc
        self.forc = array.flags.forc


class ndarray(metaclass=Meta):
    """An array on a device that is only pretended."""

    __array_priority__ = 100
    __hash__ = None  # type: ignore[assignment]
    _host: np.ndarray[Any, Any]
    _memory: cuda.Memory

    def __new__(cls, shape: Any, dtype: Any = float, memptr: Any = None, strides: Any = None,
                order: str = "C") -> Any:  # fmt: skip
        return wrap(np.empty(shape, dtype, order))

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        import cupy

        own = getattr(cupy, ufunc.__name__, None)
        if own is None or method != "__call__":
            return NotImplemented
        if "out" in options:
            (options["out"],) = options["out"]
        for x in inputs:
            if not isinstance(x, (ndarray, np.ndarray, np.generic, bool, int, float, complex)):
                return NotImplemented
        if ufunc.__name__ in ("greater", "greater_equal", "less", "less_equal", "equal",
                              "not_equal"):  # fmt: skip
            inputs = tuple(
                [x.item() if isinstance(x, np.ndarray) and x.ndim == 0 else x for x in inputs]
            )
        return own(*inputs, **options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        import cupy

        own: Any = cupy
        for part in [*function.__module__.split(".")[1:], function.__name__]:
            own = getattr(own, part, None)
        if own is None or own is function or not set(types) <= {ndarray, np.ndarray}:
            return NotImplemented
        return own(*args, **options)

    # What it is.

    shape = property(lambda self: self._host.shape)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    strides = property(lambda self: self._host.strides)
    itemsize = property(lambda self: self._host.itemsize)
    nbytes = property(lambda self: self._host.nbytes)
    flags = property(lambda self: Flags(self._host))
    T = property(lambda self: wrap(self._host.T))
    mT = property(lambda self: wrap(self._host.mT))
    device = property(lambda self: cuda.Device(self._memory.device))
    data = property(lambda self: cuda.MemoryPointer(self._memory, self._host.ctypes.data))
    base = property(lambda self: None if self._host.base is None else wrap(self._host.base))

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        interface = self._host.__array_interface__
        strides = None if self._host.flags.c_contiguous else self._host.strides
        return {
            "shape": self.shape,
            "typestr": interface["typestr"],
            "descr": interface["descr"],
            "data": (interface["data"][0], False),
            "strides": strides,
            "stream": 1,
            "version": 3,
        }

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, self.device.id

    def __dlpack__(self, stream: Any = None, **options: Any) -> Any:
        return cuda.Capsule(self)

    def __len__(self) -> int:
        return len(self._host)

    def __iter__(self) -> Any:
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    # Its numbers on the host: each of these waits for the device.

    def get(self, stream: Any = None, order: str = "C", out: Any = None, blocking: bool = True):
        return to_host(self._host)

    def item(self) -> Any:
        return to_host(self._host).item()

    def tolist(self) -> Any:
        return to_host(self._host).tolist()

    def tobytes(self, order: str = "C") -> bytes:
        return to_host(self._host).tobytes()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __bool__(self) -> bool:
        return bool(self.item())

    def __complex__(self) -> complex:
        return complex(self.item())

    def __repr__(self) -> str:
        return repr(to_host(self._host))

    def __str__(self) -> str:
        return str(to_host(self._host))

    def __format__(self, how: str) -> str:
        return format(to_host(self._host), how)

    def __reduce__(self) -> Any:
        import cupy

        return cupy.array, (to_host(self._host),)

    def __copy__(self) -> Any:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy()

    # Places in it.

    def __getitem__(self, key: Any) -> Any:
        host, advanced = self._key(key)
        found = unwrap(self, kernel=advanced)[host]
        return wrap(found)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._host[self._key(key)[0]] = unwrap(value)

    def _key(self, key: Any) -> tuple[Any, bool]:
        """A NumPy index, 0-d results staying views, and whether it gathers by arrays.

        Numbers in an index array that lie outside wrap around, as on a GPU: nothing is raised.
        """
        parts = list(key) if isinstance(key, tuple) else [key]
        advanced = False
        axis = 0
        taken = sum(self._axes(p) for p in parts)
        for i, part in enumerate(parts):
            if isinstance(part, (list, np.ndarray)):
                if isinstance(part, np.ndarray):
                    raise TypeError("a NumPy array as index crosses to the device unseen")
                transfers.append(("to device", 8 * len(part)))
                parts[i] = wrap(np.asarray(part, np.intp if not part else None))
            if isinstance(parts[i], ndarray):
                advanced = True
                index = unwrap(parts[i])
                if index.dtype.kind in "iu" and self._host.shape[axis]:
                    index = index % self._host.shape[axis]
                elif index.dtype.kind not in "iub":
                    raise IndexError("arrays used as indices must be of integer or boolean type")
                parts[i] = index
            axis += self.ndim - taken if part is Ellipsis else self._axes(part)
        if not advanced and not any(p is Ellipsis for p in parts):
            parts.append(Ellipsis)
        return tuple(parts), advanced

    @staticmethod
    def _axes(part: Any) -> int:
        """How many axes of the array one part of an index stands for."""
        if part is None or part is Ellipsis or isinstance(part, (bool, np.bool_)):
            return 0
        if isinstance(part, (ndarray, np.ndarray)) and part.dtype.kind == "b":
            return part.ndim
        return 1

    # What NumPy's arrays do not have, or do otherwise.

    @shape.setter
    def shape(self, shape: Any) -> None:
        self._host.shape = shape

    def reshape(self, *shape: Any, order: str = "C", copy: Any = None) -> Any:
        return wrap(self._host.reshape(*shape, order=order))

    def astype(self, dtype: Any, order: str = "K", casting: Any = None, subok: Any = None,
               copy: bool = True) -> Any:  # fmt: skip
        if not copy and np.dtype(dtype) == self.dtype:
            return self
        return wrap(unwrap(self).astype(dtype, order))

    def fill(self, value: Any) -> None:
        self._host.fill(unwrap(value))

    def set(self, arr: Any, stream: Any = None) -> None:
        if arr.dtype != self.dtype:
            raise TypeError(f"{arr.dtype} array cannot be set to {self.dtype} array")
        if arr.shape != self.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {arr.shape}")
        self._host[...] = to_device(arr)._host

    def take(self, indices: Any, axis: Any = None, out: Any = None) -> Any:
        count = self.size if axis is None else self.shape[axis]
        indices = unwrap(indices) if not isinstance(indices, int) else indices
        wrapped = np.asarray(indices) % count if count else np.asarray(indices)
        return wrap(unwrap(self).take(wrapped, axis, unwrap(out)))

    def scatter_add(self, slices: Any, value: Any) -> None:
        np.add.at(unwrap(self), self._key(slices)[0], unwrap(value))

    def ptp(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        return wrap(np.ptp(unwrap(self), axis, unwrap(out), keepdims))


ndarray.__module__ = "cupy"


class ufunc:
    """One of CuPy's elementwise functions: no `where=`, operands arrays of its own or scalars."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._ufunc = getattr(np, name)

    def __call__(self, *args: Any, out: Any = None, dtype: Any = None, casting: str = "same_kind"):
        for a in args:
            if not isinstance(a, (ndarray, np.generic, bool, int, float, complex)):
                raise TypeError(f"Unsupported type {type(a)}")
        if out is None and len(args) > self._ufunc.nin:
            *args, out = args  # type: ignore[assignment]
        if out is not None and not isinstance(out, ndarray):
            raise TypeError("Output arguments type must be cupy.ndarray")
        options = {} if dtype is None else {"dtype": dtype}
        if out is not None:
            options["out"] = unwrap(out)
        with np.errstate(all="ignore"):
            result = self._ufunc(*[unwrap(a) for a in args], casting=casting, **options)
        return wrap(result) if out is None else out

    def at(self, a: ndarray, indices: Any, b: Any = None) -> None:
        """In place at places that may repeat; for sums, on the dtypes that have atomics."""
        if self.name not in ("add", "subtract", "maximum", "minimum", "bitwise_and",
                             "bitwise_or", "bitwise_xor"):  # fmt: skip
            words = f"`{self.name}.at` is not supported yet"
            raise NotImplementedError(words)  # CuPy's own error, in its words
        if a.dtype.name not in ("int32", "float16", "float32", "float64", "uint32", "uint64",
                                "complex64", "complex128"):  # fmt: skip
            raise TypeError(f"cupy.add.at only supports some dtypes, not {a.dtype}")
        self._ufunc.at(unwrap(a), a._key(indices)[0], unwrap(b))
