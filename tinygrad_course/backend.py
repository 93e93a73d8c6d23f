"""Devices and kernels: what the package knows of the world below the arrays.

`launch` is the package's one door to `kernels/`; an array's own type decides where an op runs, and
only `to_device` moves one. Read next: `cuda.py`, which knows whether there is a GPU, and
`kernels/README.md`.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np

from . import kernels
from .errors import ArgumentTypeError, DeviceError

Array: TypeAlias = Any
"""A NumPy array, or a CuPy array where CuPy is installed: the two share NumPy's interface."""


def array_module(array: Array) -> ModuleType:
    """The module that `array` belongs to: `numpy`, or `cupy` for an array on a GPU.

    Example:
        >>> array_module(np.zeros(3)).__name__
        'numpy'
    """
    if isinstance(array, (np.ndarray, np.generic)):
        return np
    cupy = sys.modules.get("cupy")
    if cupy is not None and isinstance(array, cupy.ndarray):
        return cupy
    return np


def is_array(value: object) -> bool:
    """Whether `value` is a NumPy or CuPy array (a scalar or a list is not)."""
    return isinstance(value, np.ndarray) or on_gpu(value)


def on_gpu(value: object) -> bool:
    """Whether `value` is an array on a GPU. CuPy is not imported: its arrays come with it."""
    cupy = sys.modules.get("cupy")
    return cupy is not None and isinstance(value, cupy.ndarray)


def as_array(value: Any) -> Array:
    """`value` as an array: NumPy turns 0-d results into scalars, and this makes arrays of them."""
    return np.asarray(value) if isinstance(value, np.generic) or not is_array(value) else value


def device_of(array: Array) -> str:
    """The device's name: `"cpu"`, or `"cuda:0"` for an array on the first GPU."""
    return f"cuda:{array.device.id}" if on_gpu(array) else "cpu"


def check_device_name(device: Any) -> tuple[str, str]:
    """The kind and the number in a device's name, whether or not this machine has it.

    Raises:
        ArgumentTypeError: no text. DeviceError: an unknown name.

    Example:
        >>> check_device_name("cuda:1")
        ('cuda', '1')
    """
    if not isinstance(device, str):
        raise ArgumentTypeError(
            f"device: expected 'cpu', 'cuda' or 'cuda:0', but got {device!r} "
            f"({type(device).__name__})"
        )
    kind, colon, number = device.partition(":")
    if device != "cpu" and (kind != "cuda" or (colon and not number.isdecimal())):
        raise DeviceError(f"device {device!r} does not exist; use 'cpu', 'cuda' or 'cuda:0'")
    return kind, number


def check_device(device: Any) -> str:
    """The full name of a device that is there: `"cpu"` or `"cuda:0"`; `"cuda"` is the current GPU.

    Raises:
        ArgumentTypeError: no text.
        DeviceError: an unknown name, or a GPU that is not there; the message says what is missing.

    Example:
        >>> check_device("cpu")
        'cpu'
    """
    kind, number = check_device_name(device)
    if kind == "cpu":
        return "cpu"
    from . import cuda

    reason = cuda.why_not()
    if reason is not None:
        raise DeviceError(f"device {device!r}: {reason}; until then use device='cpu'")
    if not number:
        return f"cuda:{cuda.current_device()}"
    if int(number) >= cuda.device_count():
        raise DeviceError(
            f"device {device!r} does not exist: this machine has {cuda.device_count()} GPU(s), "
            f"counted from cuda:0"
        )
    return f"cuda:{int(number)}"


def to_device(array: Array, device: str) -> Array:
    """`array` itself if it is on `device`, else a C-contiguous copy there.

    A copy from a GPU waits until the GPU has computed it.

    Args:
        array: a NumPy or a CuPy array.
        device: a full name, as `check_device` and `device_of` return it.
    """
    if device_of(array) == device:
        return array
    if device == "cpu":
        return array.get()
    cupy = load_cupy()
    with cupy.cuda.Device(int(device.partition(":")[2])):
        return cupy.asarray(array, order="C")


def to_host(array: Array) -> np.ndarray[Any, Any]:
    """`array` itself on the CPU, or a copy of it from the GPU."""
    host: np.ndarray[Any, Any] = array.get() if on_gpu(array) else array
    return host


def load_cupy() -> Any:
    """CuPy, imported now; `cuda.why_not` says beforehand whether that works."""
    return importlib.import_module("cupy")


def check_same_device(name: str, arrays: Sequence[Any], names: Sequence[str] = ()) -> None:
    """Raise unless all arrays are on one device, and that device is the one in use.

    Args:
        name: the op.
        arrays: its inputs; what is no array is left out.
        names: the inputs' names.

    Raises:
        DeviceError: naming both sides.

    Example:
        >>> check_same_device("add", [np.zeros(1), 2.0])
    """
    found = [(i, device_of(a)) for i, a in enumerate(arrays) if is_array(a)]
    for i, device in found[1:]:
        if device != found[0][1]:
            first, second = (_named(names, j, len(arrays)) for j in (found[0][0], i))
            raise DeviceError(
                f"{name}: {first} is on {found[0][1]}, but {second} on {device}, and data "
                f"move only when they are told to: write .to('{found[0][1]}') behind {second}, or "
                f".to('{device}') behind {first}"
            )
    if found and found[0][1] != "cpu":
        current = f"cuda:{load_cupy().cuda.Device().id}"
        if found[0][1] != current:
            raise DeviceError(
                f"{name}: the arrays are on {found[0][1]}, but this thread works on "
                f"{current}; put the work inside `with tg.cuda.device('{found[0][1]}'):`"
            )


def _named(names: Sequence[str], i: int, count: int) -> str:
    """What an error calls input `i`."""
    if i < len(names):
        return names[i]
    return ("the first" if i == 0 else "the second") if count == 2 else f"input {i}"


limited_threads = kernels.threads.limited
in_this_thread = kernels.dispatch.in_this_thread

SMALL = 4096


def is_small(work: int) -> bool:
    """Whether so few multiply-adds are left to the array's own operators.

    NumPy is done with them before a kernel would have been chosen. Never inside `kernels.using`.
    """
    return work < SMALL and not in_this_thread.demanding


MANY = kernels.add.LARGE


def added(a: Array, b: Array) -> Array:
    """a + b of two arrays of one dtype; many float32 by a kernel, which adds on all threads.

    Example:
        >>> added(np.ones(2), np.ones(2))
        array([2., 2.])
    """
    if (
        a.size < MANY
        or a.__class__ is not np.ndarray
        or a.shape != b.shape
        or a.dtype != np.float32
        or not (a.flags.c_contiguous and b.flags.c_contiguous)
    ):
        return a + b
    return launch("add", a, b, activation=None)


def launch(op: str, *arrays: Any, impl: str | None = None, **params: Any) -> Any:
    """Run the kernel `op` on `arrays`, in the implementation the registry chooses.

    Args:
        op: the kernel's name, a function of `kernels/<folder>/reference.py`.
        *arrays: its arrays (or lists of arrays), never tensors.
        impl: the name of one implementation; None leaves the choice to the registry.
        **params: its keyword parameters.

    Returns:
        What the kernel returns: an array, or a tuple of arrays.
    """
    kernel = kernels.find(op, arrays, params, impl)
    try:
        return kernel(*arrays, **params)
    except Exception as error:
        if not kernels.failed_to_compile(error):
            raise
        return kernels.recover(error, op, arrays, params, impl)
