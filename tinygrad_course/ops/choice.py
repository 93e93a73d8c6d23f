"""Choices between values: maximum, minimum, where, clip.

The gradient goes to the value that was taken; of two equal ones, to the first.
Read next: `elementary.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array
from ..errors import ArgumentError
from ..function import Function
from ..pointwise import Binary
from ..tensor import Tensor


class Maximum(Binary):
    """y = max(a, b)        dL/da = dL/dy where a wins, also a tie; dL/db = dL/dy elsewhere"""

    def forward(self, a: Array, b: Array) -> Array:
        return np.maximum(a, b)

    def grad_a(self, grad: Any, a: Any, b: Any) -> Any:
        return where(b > a, 0.0, grad)

    def grad_b(self, grad: Any, a: Any, b: Any) -> Any:
        return where(b > a, grad, 0.0)


class Minimum(Binary):
    """y = min(a, b)        dL/da = dL/dy where a wins, also a tie; dL/db = dL/dy elsewhere"""

    def forward(self, a: Array, b: Array) -> Array:
        return np.minimum(a, b)

    def grad_a(self, grad: Any, a: Any, b: Any) -> Any:
        return where(b < a, 0.0, grad)

    def grad_b(self, grad: Any, a: Any, b: Any) -> Any:
        return where(b < a, grad, 0.0)


class Where(Function):
    """y = a where the condition holds, else b        dL/da, dL/db = dL/dy where each was taken"""

    broadcasts = True

    def forward(self, condition: Array, a: Array, b: Array) -> Array:
        return np.where(condition, a, b)

    def grad_a(self, grad: Any, condition: Any) -> Any:
        return where(condition, grad, 0.0)

    def grad_b(self, grad: Any, condition: Any) -> Any:
        return where(condition, 0.0, grad)


def maximum(a: Any, b: Any) -> Tensor:
    """y = max(a, b), elementwise with broadcasting; a tie's gradient goes to `a`, NaN propagates.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.maximum(tg.tensor([1.0, 5.0]), 3).tolist()
        [3.0, 5.0]
    """
    return Maximum().apply(a, b)


def minimum(a: Any, b: Any) -> Tensor:
    """y = min(a, b), elementwise with broadcasting; a tie's gradient goes to `a`, NaN propagates.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.minimum(tg.tensor([1.0, 5.0]), 3).tolist()
        [1.0, 3.0]
    """
    return Minimum().apply(a, b)


def where(condition: Any, a: Any, b: Any) -> Tensor:
    """y = a where `condition` holds, else b; all three broadcast.

    Example:
        >>> import tinygrad_course as tg
        >>> x = tg.tensor([-1.0, 2.0])
        >>> tg.where(x > 0, x, 0).tolist()
        [0.0, 2.0]
    """
    return Where().apply(condition, a, b)


def clip(x: Any, min: Any = None, max: Any = None) -> Tensor:  # noqa: A002 - NumPy's names
    """y = min(max(x, min), max): x held between two bounds, either of which may be None.

    The gradient is 1 inside and on the bounds, 0 outside. Where min > max, y is max.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.clip(tg.tensor([-2.0, 0.5, 2.0]), -1, 1).tolist()
        [-1.0, 0.5, 1.0]
    """
    if min is None and max is None:
        raise ArgumentError("clip: give min, max or both; both are None")
    if min is not None:
        x = maximum(x, min)
    return x if max is None else minimum(x, max)
