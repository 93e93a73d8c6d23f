"""The checks of a saved state before any of it is loaded; each names the function and the entry."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ..backend import Array, array_module, device_of, to_device
from ..errors import ArgumentError, DtypeError, ShapeError, nearest


def check_names(title: str, expected: Collection[str], arrays: Mapping[str, Any]) -> None:
    """Raise unless the state has the expected names, and no others.

    Example:
        >>> check_names("load", ["steps"], {"steps": 3})
    """
    missing = [name for name in expected if name not in arrays]
    unexpected = [name for name in arrays if name not in expected]
    if missing:
        raise ArgumentError(
            f"{title}: the state lacks {missing[0]!r} ({len(missing)} missing); it was saved by "
            "something else, or with other options"
        )
    if unexpected:
        guess, asked, _ = nearest(unexpected[0], expected).partition("?")
        raise ArgumentError(
            f"{title}: the state has {unexpected[0]!r} ({len(unexpected)} such), which is "
            f"not kept here{f'; {guess}?' if asked else ''}"
        )


def count_in(title: str, name: str, array: Array) -> int:
    """The count that a state's entry holds.

    Example:
        >>> import numpy as np
        >>> count_in("load", "steps", np.array(3))
        3
    """
    if array.size != 1 or array.dtype.kind not in "iu" or int(array.item()) < 0:
        raise ArgumentError(f"{title}: {name!r} must be a count of at least 0, but it is {array!r}")
    return int(array.item())


def like(title: str, key: str, array: Array, fresh: Array) -> Array:
    """A copy of `array`, on the device of a fresh one, if it has its shape and dtype.

    Example:
        >>> import numpy as np
        >>> like("load", "velocity.w", np.ones(2), np.zeros(2))
        array([1., 1.])
    """
    if array.shape != fresh.shape:
        raise ShapeError(
            f"{title}: {key!r} has shape {array.shape}, but its parameter wants {fresh.shape}"
        )
    if array.dtype != fresh.dtype:
        raise DtypeError(
            f"{title}: {key!r} is {array.dtype}, but its parameter is {fresh.dtype}; convert "
            f"the model or the array"
        )
    return array_module(fresh).array(to_device(array, device_of(fresh)), order="C")
