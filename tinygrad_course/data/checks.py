"""What data must satisfy before a network sees it: numeric, finite, labels in range.

Every check names the first thing that is wrong. The loader calls them once, when it is made, so a
training loop never has to. Next: `dataset.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import (
    ArgumentError,
    ArgumentTypeError,
    DataError,
    DtypeError,
    ShapeError,
)

Array = npt.NDArray[Any]

_BLOCK = 1 << 20
"""Values looked at in one go: a check must not need a second copy of the whole data set."""


def as_array(value: Any, name: str, function: str) -> Array:
    """`value` as an array of numbers with at least one axis, the first counting the samples.

    Args:
        value: an array, or a (nested) sequence of numbers.
        name: what the caller names it, for the error.
        function: who asks, for the error.

    Raises:
        ArgumentTypeError: not an array and not convertible to one.
        DtypeError: an array of something else than real numbers or bools.
        ShapeError: a single number.
    """
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise ArgumentTypeError(
            f"{function}: {name} must be a NumPy array, but it is a {type(value).__name__} "
            f"that NumPy cannot convert ({error})"
        ) from error
    if array.dtype.kind not in "biuf":
        raise DtypeError(
            f"{function}: {name} must hold real numbers, but its dtype is {array.dtype}; "
            "encode it as numbers first"
        )
    if array.ndim == 0:
        raise ShapeError(
            f"{function}: {name} must have a first axis that counts the samples, "
            f"but it is the single number {array}"
        )
    return array


def whole_number(value: int, name: str, low: int, high: int = 2**64 - 1) -> int:
    """`value` as an int in low .. high; `name` is "function: argument".

    Raises:
        ArgumentTypeError: not an integer (a bool is none).
        ArgumentError: out of range.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise ArgumentTypeError(
            f"{name} must be an integer, but it is {value!r} ({type(value).__name__})"
        )
    if not low <= value <= high:
        top = "2**64 - 1" if high == 2**64 - 1 else high
        limit = f"at least {low}" if value < low and top != high else f"in {low} .. {top}"
        raise ArgumentError(f"{name} must be {limit}, but it is {value}")
    return int(value)


def check_finite(x: npt.ArrayLike, name: str = "x") -> Array:
    """`x` as an array, after making sure that it holds no NaN and no infinity.

    One NaN in one picture turns every weight into NaN at the first update, so it is looked for
    before training, where it can still be located.

    Args:
        x: numbers of any shape with at least one axis.
        name: what to call them in the error.

    Returns:
        `x` itself where it is an array already (never a copy).

    Raises:
        DataError: naming the first index that is not finite, its value, and how many there are.

    Example:
        >>> check_finite([[1.0, 2.0], [float("nan"), 4.0]], "pixels")
        Traceback (most recent call last):
        ...
        tinygrad_course.errors.DataError: check_finite: pixels must be finite, but pixels[1, 0] is \
nan (1 of 4 values is not finite); fill or drop such samples first
    """
    array = as_array(x, name, "check_finite")
    if array.dtype.kind != "f" or array.size == 0:
        return array
    # A block at a time: the data may be mapped from a file that is larger than memory.
    rows = max(1, _BLOCK // max(1, array[0].size))
    first: tuple[int, ...] = ()
    count = 0
    for start in range(0, len(array), rows):
        finite = np.isfinite(array[start : start + rows])
        if finite.all():
            continue
        if not count:
            place = np.unravel_index(int(np.argmin(finite)), finite.shape)
            first = (start + int(place[0]), *(int(i) for i in place[1:]))
        count += finite.size - int(np.count_nonzero(finite))
    if not count:
        return array
    verb = "value is" if array.size == 1 else "values is" if count == 1 else "values are"
    raise DataError(
        f"check_finite: {name} must be finite, but {name}{list(first)} is {array[first]} "
        f"({count} of {array.size} {verb} not finite); fill or drop such samples first"
    )


def check_labels(y: npt.ArrayLike, classes: int | Sequence[str], name: str = "labels") -> Array:
    """`y` as an array, after making sure that every label is an integer in 0 .. classes - 1.

    Args:
        y: labels, shape (N,), an integer dtype.
        classes: how many classes there are, or their names.
        name: what to call the labels in the error.

    Returns:
        `y` itself where it is an array already.

    Raises:
        ShapeError: not one axis.
        DtypeError: not integers.
        DataError: naming the first label out of range.

    Example:
        >>> check_labels([0, 2, 1], 3)
        array([0, 2, 1])
        >>> check_labels([0, 3, 1], 3)
        Traceback (most recent call last):
        ...
        tinygrad_course.errors.DataError: check_labels: labels must lie in 0 .. 2 (3 classes), but \
labels[1] is 3 (1 of 3 out of range)
    """
    array = as_array(y, name, "check_labels")
    if array.ndim != 1:
        raise ShapeError(
            f"check_labels: {name} must have the shape (N,), one integer a sample, "
            f"but it is {array.shape}; for one-hot rows use {name}.argmax(-1)"
        )
    if array.size and array.dtype.kind not in "iu":
        raise DtypeError(
            f"check_labels: {name} must be integers, but the dtype is {array.dtype}; "
            f"if the values are whole numbers, use {name}.astype(np.int64)"
        )
    count = classes if isinstance(classes, (int, np.integer)) else len(classes)
    count = whole_number(count, "check_labels: classes", 1)
    bad = np.flatnonzero((array < 0) | (array >= count))
    if len(bad):
        raise DataError(
            f"check_labels: {name} must lie in 0 .. {count - 1} ({count} classes), but "
            f"{name}[{bad[0]}] is {array[bad[0]]} ({len(bad)} of {len(array)} out of range)"
        )
    return array
