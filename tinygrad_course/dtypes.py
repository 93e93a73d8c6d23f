"""The dtype rules, and the shape rule of broadcasting, in one place.

float32 is the default. Python and NumPy scalars are weak: they take the tensor's dtype. Integer and
bool arrays take the float's dtype. float32 beside float64 is an error that names `.astype`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from .backend import (
    Array,
    as_array,
    device_of,
    is_array,
    launch,
    load_cupy,
    on_gpu,
    to_device,
)
from .errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError

DEFAULT = np.dtype(np.float32)
HALF = np.dtype(np.float16)

_constants: dict[tuple[Any, Any], Array] = {}


def constant_like(value: Any, dtype: Any, beside: Any = None) -> Array:
    """What stands beside a tensor of `dtype`, as an array; numbers and lists take that dtype.

    What the dtype cannot hold takes another: a fraction beside integers is a float32, an integer
    beside bools an int64. The 0-d arrays of common constants are reused: NumPy adds one in half
    the time of a float.

    Args:
        value: a number, a list, or an array, which stays where it is.
        dtype: of the tensor.
        beside: the tensor's array: beside one on a GPU, numbers and lists are put there too.

    Raises:
        ArgumentTypeError: no real number. ArgumentError: an integer too large for `dtype`.
    """
    if beside.__class__ is not np.ndarray and on_gpu(beside) and not is_array(value):
        return _constant_on_gpu(value, dtype, device_of(beside))
    kind = value.__class__
    if kind is float or kind is int:
        if dtype is not None and dtype.kind != "f":
            dtype = _roomier(kind is float, dtype)
        if not value:  # 0.0 and -0.0 are one dictionary key
            return np.array(value, dtype)
        constant = _constants.get((value, dtype))
        if constant is None:
            if len(_constants) > 1000:
                _constants.clear()
            constant = _constants[value, dtype] = _fitting(value, dtype)
            constant.setflags(write=False)
        return constant
    if isinstance(value, (bool, np.bool_)) or dtype is None or is_array(value):
        return np.array(value, dtype) if isinstance(value, np.generic) else array_from(value, dtype)
    plain = value.tolist() if isinstance(value, np.generic) else value
    found = array_from(plain)
    if dtype.kind != "f" and found.dtype.kind != "b":
        dtype = _roomier(found.dtype.kind == "f", dtype)
    return _fitting(plain, dtype)


def _constant_on_gpu(value: Any, dtype: Any, device: str) -> Array:
    """A number or a list as an array on a GPU; numbers are sent once and kept there."""
    if value.__class__ is not float and value.__class__ is not int:
        return to_device(constant_like(value, dtype), device)
    key = (str(value), dtype), device  # as text: 0.0 and -0.0 are two numbers
    constant = _constants.get(key)
    if constant is None:
        if len(_constants) > 1000:
            _constants.clear()
        constant = to_device(constant_like(value, dtype), device)
        load_cupy().cuda.get_current_stream().synchronize()  # other streams are to read it
        _constants[key] = constant
    return constant


def _roomier(fraction: bool, dtype: Any) -> Any:
    """The dtype of a number beside integers or bools: theirs, where that can hold it."""
    if fraction:
        return DEFAULT
    return np.dtype(np.int64) if dtype.kind == "b" else dtype


def _fitting(value: Any, dtype: Any) -> Array:
    """Numbers as an array of `dtype`."""
    try:
        return np.array(value, dtype)
    except OverflowError:
        wider = "int64" if dtype is not None and dtype.kind in "iu" else "float32"
        raise ArgumentError(
            f"tensor: {value} does not fit {dtype or 'any integer dtype'}; convert the tensor "
            f"beside it, e.g. x.astype('{wider}')"
        ) from None


def array_from(value: Any, dtype: Any = None) -> Array:
    """An array of real numbers, integers or bools from an array, a scalar or nested lists.

    Python floats become float32; an array keeps its dtype, in this machine's order of bytes.

    Raises:
        ArgumentTypeError: text, objects, ragged lists or complex numbers, or such a `dtype`.
    """
    try:
        array = value if is_array(value) else np.asarray(value)
    except ValueError as error:
        raise ArgumentTypeError(
            f"tensor: expected numbers in a rectangular nesting, but {error}; "
            "make all rows the same length"
        ) from None
    except TypeError:
        if not hasattr(value, "__cuda_array_interface__"):
            raise
        raise ArgumentTypeError(
            f"tensor: the {type(value).__name__} is on a GPU; share its memory with "
            "tg.from_dlpack(x)"
        ) from None
    if array.dtype.kind not in "fiub":
        raise no_real_numbers(array.dtype)
    if not array.dtype.isnative:  # from a file of another machine; compiled kernels read ours alone
        array = as_array(array.astype(array.dtype.newbyteorder("=")))
    if dtype is not None:
        return as_array(array.astype(real_dtype("tensor", dtype), copy=False))
    if array.dtype == np.float64 and not is_array(value):
        return as_array(array.astype(DEFAULT))
    return array


def check_no_bools(name: str, arrays: Iterable[Array]) -> None:
    """Raise if there is an array of bools: NumPy neither subtracts nor negates them."""
    if any(a.dtype.kind == "b" for a in arrays):
        raise DtypeError(
            f"{name}: bools are no numbers here; convert them with .astype('float32'), or "
            "write ~mask for the opposite"
        )


def real_dtype(name: str, dtype: Any) -> np.dtype[Any]:
    """`dtype` as NumPy's, if it is one of real numbers, integers or bools."""
    try:
        found: np.dtype[Any] = np.dtype(dtype)
    except TypeError:
        raise ArgumentTypeError(f"{name}: {dtype!r} is no dtype; use e.g. 'float32'") from None
    if found.kind not in "fiub":
        raise ArgumentError(f"{name}: {found} is no real, integer or bool dtype")
    return found


def operand(x: Any) -> Any:
    """A tensor or an array as it is, a number or nested lists as an array.

    Raises:
        ArgumentTypeError: complex numbers, text or objects.
    """
    return x if _has_numbers(x) else array_from(x)


def _has_numbers(x: Any) -> bool:
    """Whether x is a tensor or an array of real numbers, integers or bools, its bytes in order."""
    try:
        dtype = x.dtype
        return dtype.kind in "fiub" and dtype.isnative
    except AttributeError:
        return False


def operands(*values: Any, optional: Iterable[Any] = ()) -> list[Any]:
    """The inputs of one op: as `operand`, but lists and numbers take the float dtype beside them.

    Args:
        *values: the inputs.
        optional: further ones, of which some may be None, and stay it.

    Example:
        >>> [x.dtype.name for x in operands(np.zeros(2), [1.0, 2.0])]
        ['float64', 'float64']
    """
    given = [*values, *optional]
    ready = [_has_numbers(v) for v in given]
    if False not in ready:
        return given
    arrays = [v for v, is_ready in zip(given, ready, strict=True) if is_ready]
    dtype = next((v.dtype for v in arrays if v.dtype.kind == "f"), None)
    return [
        v
        if ready[i] or (v is None and i >= len(values))
        else _beside(
            arrays, array_from(v) if dtype is None or is_array(v) else constant_like(v, dtype)
        )
        for i, v in enumerate(given)
    ]


def literal(value: Any, dtype: Any, beside: Array) -> Array:
    """`array_from(value, dtype)`; what is no array yet goes to the device of the array beside."""
    array = array_from(value, dtype)
    return array if is_array(value) else to_device(array, device_of(beside))


def _beside(arrays: list[Any], literal: Array) -> Array:
    """Numbers that the user wrote down, on the device of the arrays or tensors beside them."""
    if not arrays:
        return literal
    first = arrays[0] if is_array(arrays[0]) else arrays[0].data
    return to_device(literal, device_of(first))


def weak(value: Any, like: Array) -> Any:
    """What an array is compared with: scalars as Python's, lists as arrays of its dtype."""
    if isinstance(value, np.generic):
        return value.item()
    return constant_like(value, like.dtype, like) if isinstance(value, (list, tuple)) else value


def assignable(value: Any, old: Array) -> Array:
    """`value` as an array that can be written over `old`.

    Raises:
        ShapeError: another shape. DtypeError: fractions for integers. ArgumentError: a read-only
            `old`.
    """
    array = array_from(value) if is_array(value) else constant_like(value, old.dtype, old)
    if array.dtype.kind == "f" and old.dtype.kind != "f":
        raise DtypeError(
            f"assign: the tensor holds {old.dtype}, which would cut the fractions of a "
            f"{array.dtype} off; round it and convert it with .astype('{old.dtype}')"
        )
    if array.shape != old.shape:
        raise ShapeError(f"assign: expected shape {old.shape}, but the value has {array.shape}")
    if not getattr(old.flags, "writeable", True):  # CuPy has no such flag
        raise ArgumentError(
            "assign: this tensor is a read-only view, such as broadcast_to makes; make a tensor of "
            "its own with tg.tensor(t)"
        )
    return array


def no_real_numbers(dtype: Any) -> ArgumentTypeError:
    """The error for complex numbers, text and objects."""
    return ArgumentTypeError(
        f"tensor: expected real numbers, integers or bools, but the data are {dtype}; "
        "convert them first"
    )


def mixed_floats(name: str, first: Any, second: Any) -> DtypeError:
    """The error for two float dtypes in one op."""
    return DtypeError(
        f"{name}: {first} with {second}: a silent conversion would hide a loss of "
        f"precision; convert one of them, e.g. x.astype('{first}')"
    )


def agree(x: Array, y: Array, name: str) -> tuple[Array, Array]:
    """Two arrays of different dtypes: an integer takes the float's dtype, two floats raise."""
    x_float, y_float = x.dtype.kind == "f", y.dtype.kind == "f"
    if x_float and y_float:
        raise mixed_floats(name, x.dtype, y.dtype)
    if x_float:
        return x, converted(y, x.dtype)
    if y_float:
        return converted(x, y.dtype), y
    return converted(x, x.dtype), converted(y, y.dtype)


def converted(x: Array, dtype: Any) -> Array:
    """An array of integers or bools in another dtype; complex numbers, text and objects raise."""
    if x.dtype.kind not in "iub":
        raise no_real_numbers(x.dtype)
    return as_array(x.astype(dtype, copy=False))


def check_broadcast(name: str, arrays: Iterable[Array]) -> None:
    """Raise unless the arrays' shapes broadcast together."""
    shapes = [a.shape for a in arrays]
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        listed = " and ".join(map(str, shapes))
        raise ShapeError(
            f"{name}: shapes {listed} do not broadcast: aligned from the right, sizes must "
            "be equal or 1"
        ) from None


def floating(x: Any) -> Any:
    """`operand(x)`, its integers as float32: for ops that only floats have."""
    x = operand(x)
    return x if x.dtype.kind == "f" else x.astype(DEFAULT)


def unbroadcast(grad: Any, shape: tuple[int, ...]) -> Any:
    """The adjoint of broadcasting `shape` to `grad.shape`: sum over the axes that were stretched.

    Args:
        grad: an array or a tensor.
        shape: the shape before broadcasting.

    Example:
        >>> unbroadcast(np.ones((2, 3)), (3,))
        array([2., 2., 2.])
    """
    have = grad.shape
    if have == shape:
        return grad
    added = len(have) - len(shape)
    stretched = [i + added for i, n in enumerate(shape) if n == 1 and have[i + added] != 1]
    axes = (*range(added), *stretched)
    total = add_up(grad, axes) if is_array(grad) else grad.sum(axis=axes)
    return total.reshape(shape)


def half_mean(
    x: Array, axes: tuple[int, ...] | None, count: float, *, keepdims: bool = False
) -> Array:
    """The mean of float16, computed in float32: sum and count may be beyond 65,504, its largest."""
    total = x.sum(axis=axes, dtype=DEFAULT, keepdims=keepdims)
    return (total / count).astype(HALF)


def share(x: Any, count: float) -> Any:
    """x / count, of an array or a tensor; for float16 see `half_mean`."""
    return (x.astype(DEFAULT) / count).astype(HALF) if x.dtype == HALF else x / count


def add_up(x: Array, axes: tuple[int, ...], *, keepdims: bool = False) -> Array:
    """np.sum(x, axes, keepdims=keepdims) of sorted axes, with a small rounding error.

    NumPy adds in pairs along the last axis, but row upon row along the others, where the error
    grows with the number of rows: a million float32 rows of 0.1 add up to 1% too much. Many rows
    therefore go to `sum_rows`, which adds blocks of them.

    Example:
        >>> round(float(add_up(np.full((1_000_000, 2), 0.1, "float32"), (0,))[0]))
        100000
    """
    rows = 0
    if x.size > 1000 and 0 < len(axes) < x.ndim and x.dtype.kind == "f" and x.dtype.itemsize > 2:
        rows = math.prod([x.shape[a] for a in axes])
    if rows >= 512 and not x.flags.c_contiguous:
        x = x.copy()  # a slice, a transposed or a broadcast array has its rows elsewhere
    if rows < 512 or axes[-1] == x.ndim - 1 or axes[-1] - axes[0] != len(axes) - 1:
        return x.sum(axis=axes, keepdims=keepdims)
    before, after = x.shape[: axes[0]], x.shape[axes[-1] + 1 :]
    parts = x.reshape(math.prod(before), rows, math.prod(after))
    if len(parts) > 1 and parts[0].size < 16_000:  # too little work for a launch of its own
        return x.sum(axis=axes, keepdims=keepdims)
    total = np.empty_like(parts, shape=(len(parts), parts.shape[2]))
    for part, y in zip(parts, total, strict=True):
        launch("sum_rows", part, out=y)
    return total.reshape((*before, *(1,) * (len(axes) if keepdims else 0), *after))
