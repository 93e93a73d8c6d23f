"""NumPy's operators with a tensor on the right: `array * tensor` becomes an op of ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import ArgumentTypeError
from ..tensor import Tensor
from .arithmetic import Abs, Add, Div, Mul, Neg, Pow, Sub
from .linear import matmul

UFUNCS: dict[str, Callable[..., Tensor]] = {
    "add": lambda a, b: Add().apply(a, b),
    "subtract": lambda a, b: Sub().apply(a, b),
    "multiply": lambda a, b: Mul().apply(a, b),
    "divide": lambda a, b: Div().apply(a, b),
    "power": lambda a, b: Pow().apply(a, b),
    "matmul": matmul,
    "negative": lambda a: Neg().apply(a),
    "absolute": lambda a: Abs().apply(a),
    "bitwise_and": lambda a, b: b & a,
    "bitwise_or": lambda a, b: b | a,
    "bitwise_xor": lambda a, b: b ^ a,
    "invert": lambda a: ~a,
    "logical_and": lambda a, b: (a != 0) & (b != 0),
    "logical_or": lambda a, b: (a != 0) | (b != 0),
    "logical_xor": lambda a, b: (a != 0) ^ (b != 0),
    "logical_not": lambda a: a == 0,
    "equal": lambda a, b: b == a,
    "not_equal": lambda a, b: b != a,
    "less": lambda a, b: b > a,
    "less_equal": lambda a, b: b >= a,
    "greater": lambda a, b: b < a,
    "greater_equal": lambda a, b: b <= a,
}


def dispatch(name: str, method: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Tensor:
    """What `np.NAME(*inputs)` gives where one of the inputs is a tensor.

    Raises:
        ArgumentTypeError: a ufunc that is no operator; the message names the function to use.
    """
    function = UFUNCS.get(name)
    if function is None or method != "__call__" or options:
        raise ArgumentTypeError(
            f"np.{name} does not work on a Tensor, because it would leave the graph; use "
            f"tg.{name} if there is one, or t.numpy() for the values"
        )
    return function(*inputs)
