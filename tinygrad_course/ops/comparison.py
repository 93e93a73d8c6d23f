"""Comparisons: bools, which no gradient flows through. Read next: `choice.py`, which uses them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..backend import as_array, check_same_device, is_array
from ..dtypes import check_broadcast, weak
from ..tensor import Tensor, values, wrap


def compared(compare: Callable[[Any, Any], Any], x: Tensor, other: Any) -> Tensor:
    """The values of x against a number, an array or a tensor, one by one: bools."""
    right = weak(values(other), x.data)
    if is_array(right):
        check_same_device("compare", (x.data, right))
        if right.shape != x.shape:
            check_broadcast("compare", (x.data, right))
    return wrap(as_array(compare(x.data, right)), None)
