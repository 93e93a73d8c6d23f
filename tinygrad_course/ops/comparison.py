"""Comparisons and what combines them: bools, which no gradient flows through.

Read next: `choice.py`, which uses them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..backend import as_array, check_same_device, is_array
from ..dtypes import check_broadcast, constant_like, operand, weak
from ..errors import DtypeError
from ..tensor import Tensor, values, wrap


def compared(compare: Callable[[Any, Any], Any], x: Any, other: Any) -> Tensor:
    """The values of x against a number, an array or a tensor, one by one: bools."""
    left, right = values(x), weak(values(other), values(x))
    if is_array(right):
        check_same_device("compare", (left, right))
        if right.shape != left.shape:
            check_broadcast("compare", (left, right))
    return wrap(as_array(compare(left, right)), None)


def combined(name: str, combine: Callable[..., Any], *operands: Any) -> Tensor:
    """Masks by `&`, `|`, `^` or `~`: of bools the logical operation, of integers each bit's.

    Raises:
        DtypeError: floats; the message says what makes a mask of them.
        ArgumentError: a number too large for the integers beside it.
        ShapeError: shapes that do not broadcast.
    """
    given = [values(mask) for mask in operands]
    like = next(mask for mask in given if is_array(mask))  # they are a tensor's operators
    masks = [operand(m) if is_array(m) else constant_like(m, like.dtype, like) for m in given]
    for mask in masks:
        if mask.dtype.kind not in "biu":
            raise _no_mask(name, mask.dtype)
    check_same_device(name, masks)
    check_broadcast(name, masks)
    return wrap(as_array(combine(*masks)), None)


def _no_mask(name: str, dtype: Any) -> DtypeError:
    remedy = (
        "write ~(x > 0), or -x for the negative"
        if name == "~"
        else f"compare first, in parentheses: (x > 0) {name} (y > 0); Python reads "
        f"x > 0 {name} y > 0 as x > (0 {name} y) > 0"
    )
    return DtypeError(
        f"{name}: takes masks (bools, or integers bit by bit), but got {dtype}; {remedy}"
    )
