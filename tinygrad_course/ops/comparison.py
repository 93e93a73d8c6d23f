"""Comparisons: bools, which no gradient flows through. Read next: `choice.py`, which uses them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..backend import as_array, check_same_device, is_array
from ..dtypes import check_broadcast, weak
from ..tensor import Tensor, values, wrap


def compared(compare: Callable[[Any, Any], Any], x: Tensor, other: Any) -> Tensor:
    """The values of x against a number, an array or a tensor, one by one: bools."""
    left, right = values(x), weak(values(other), values(x))
    if is_array(right):
        check_same_device("compare", (left, right))
        if right.shape != left.shape:
            check_broadcast("compare", (left, right))
    return wrap(as_array(compare(left, right)), None)
