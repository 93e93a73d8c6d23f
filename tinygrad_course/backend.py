"""Devices and kernels: what the package knows of the world below the arrays.

`launch` is the package's one door to `kernels/`; an array's own type decides where an op runs.
Read next: `kernels/README.md`.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np

from . import kernels
from .errors import DeviceError

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
    if isinstance(value, np.ndarray):
        return True
    cupy = sys.modules.get("cupy")
    return cupy is not None and isinstance(value, cupy.ndarray)


def as_array(value: Any) -> Array:
    """`value` as an array: NumPy turns 0-d results into scalars, and this makes arrays of them."""
    return value if is_array(value) else np.asarray(value)


def device_of(array: Array) -> str:
    """The device's name: `"cpu"`, or `"cuda:0"` for an array on the first GPU."""
    if array_module(array) is np:
        return "cpu"
    return f"cuda:{array.device.id}"


def check_device(device: str) -> str:
    """`device` itself if arrays can be put there.

    Raises:
        DeviceError: an unknown name, or a GPU where this build has none.
    """
    if device == "cpu":
        return device
    if isinstance(device, str) and (device == "cuda" or device.startswith("cuda:")):
        raise DeviceError(
            f"device {device!r}: this version trains on the CPU only; use device='cpu'"
        )
    raise DeviceError(f"device {device!r} does not exist; use 'cpu'")


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
    return kernels.find(op, arrays, params, impl)(*arrays, **params)
