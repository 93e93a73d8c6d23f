"""What an op's inputs become before `forward` sees them: arrays whose floats share one dtype.

Nearly every call has them so already, and `common_float` says so at once; `agreed` makes them so,
or raises. Used by `function.py`; the rules themselves are in `dtypes.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .backend import Array, as_array, check_same_device, is_array, on_gpu
from .dtypes import DEFAULT, constant_like, converted, mixed_floats, operand
from .tensor import Tensor, wrap

if TYPE_CHECKING:
    from .function import Function


FLOATS = tuple([np.dtype(name) for name in ("float32", "float64", "float16")])


def common_float(arrays: Sequence[Any]) -> Any:
    """The dtype of NumPy arrays that all have one float dtype; None where any is something else.

    The case of nearly every call: nothing has to be converted, nothing refused.
    """
    dtype = None
    for a in arrays:
        if a.__class__ is not np.ndarray:
            return None
        found = a.dtype
        if found is not dtype:
            if dtype is not None:
                return None
            dtype = found
    return dtype if dtype in FLOATS else None


def agreed(op: Function, arrays: list[Any]) -> tuple[list[Array], Any]:
    """The inputs as arrays whose floats share one dtype, and that dtype.

    Raises:
        DtypeError: float32 beside float64. DeviceError: arrays on two devices.
    """
    dtype = gpu = None
    arrays = [operand(a) if is_array(a) else a for a in arrays]
    for a in arrays:
        if a.__class__ is not np.ndarray and on_gpu(a):
            gpu = a
        if is_array(a) and a.dtype.kind == "f":
            if dtype is not None and a.dtype != dtype:
                raise mixed_floats(op.name, dtype, a.dtype)
            dtype = a.dtype
    if gpu is not None:
        check_same_device(op.name, arrays, op._formulas.inputs)
    out = [a if is_array(a) else constant_like(a, dtype, gpu) for a in arrays]
    if (op.broadcasts or op.promotes) and dtype is not None:
        stay = "fb" if op.broadcasts else "f"  # a condition stays a condition
        out = [a if a.dtype.kind in stay else converted(a, dtype) for a in out]
    return out, dtype


def constant_result(y: Array, dtype: Any) -> Tensor:
    """A result that nothing depends on; floats made of integers get the default dtype."""
    if (dtype is None or dtype.kind != "f") and y.dtype.kind == "f":
        y = as_array(y.astype(DEFAULT))
    return wrap(y, None)
