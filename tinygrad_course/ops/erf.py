"""The error function, which NumPy does not have: two rational approximations of Cody.

erf x = 2 / sqrt(pi) integral from 0 to x of e^(-t^2) dt, the probability that a normal variable
with variance 1/2 lies within |x| of its mean. GELU stands on it (`activation.py`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..backend import Array, array_module
from ..pointwise import Unary
from ..tensor import Tensor
from .elementary import exp

SPLIT = 0.46875
"""Up to here erf x = x P(x^2) / Q(x^2); beyond it erf x = 1 - e^(-x^2) P(x) / Q(x)."""
SATURATED = 6.0
"""From here on 1 - erf x < 3e-17: the nearest float64 is 1."""
BLOCK = 1 << 15
"""So many values at a time stay in cache through some fifty passes: half the time of one piece."""

NEAR = (
    (1.85777706184603153e-1, 3.16112374387056560, 1.13864154151050156e2, 3.77485237685302021e2,
     3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3,
     2.84423683343917062e3),
)  # fmt: skip
"""P and Q in x^2, the highest power first."""
FAR = (
    (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1,
     2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3,
     1.23033935479799725e3),
    (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2,
     1.62138957456669019e3, 3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3,
     1.23033935480374942e3),
)  # fmt: skip
"""P and Q in |x|, the highest power first."""


class Erf(Unary):
    """y = erf x        dL/dx = dL/dy 2 / sqrt(pi) e^(-x^2)"""

    def forward(self, x: Array) -> Array:
        values = x.reshape(-1)
        y = array_module(x).empty(values.shape, x.dtype if x.dtype.kind == "f" else np.float64)
        for start in range(0, values.size, BLOCK):
            y[start : start + BLOCK] = _erf(values[start : start + BLOCK].astype(np.float64))
        return y.reshape(x.shape)

    def grad_x(self, grad: Any, x: Any) -> Any:
        return grad * (2.0 / math.sqrt(math.pi)) * exp(-(x * x))


def _erf(x: Array) -> Array:
    """erf of float64 values; relative error below 1e-15. Both pieces are computed everywhere."""
    near = np.clip(x, -SPLIT, SPLIT)
    far = np.clip(abs(x), SPLIT, SATURATED)
    small = near * _ratio(NEAR, near * near)
    large = 1.0 - np.exp(-far * far) * _ratio(FAR, far)
    return np.where(abs(x) <= SPLIT, small, np.copysign(large, x))


def _ratio(pair: tuple[tuple[float, ...], tuple[float, ...]], z: Array) -> Array:
    """P(z) / Q(z) by Horner's rule."""
    values = []
    for coefficients in pair:
        value = np.full_like(z, coefficients[0])
        for c in coefficients[1:]:
            value *= z
            value += c
        values.append(value)
    return values[0] / values[1]


def erf(x: Any) -> Tensor:
    """y = erf x = 2 / sqrt(pi) integral from 0 to x of e^(-t^2) dt, elementwise.

    The relative error is below 1e-15 in float64; float32 is computed in float64 and rounded.

    Args:
        x: a tensor or an array.

    Returns:
        Values from -1 to 1, of x's shape and dtype; of integers, a float32.

    Example:
        >>> import tinygrad_course as tg
        >>> [round(v, 4) for v in tg.erf(tg.tensor([0.0, 0.5, -3.0])).tolist()]
        [0.0, 0.5205, -1.0]

    References:
        Cody, "Rational Chebyshev approximations for the error function", Mathematics of
        Computation 23, 1969, tables for n = 4 and n = 8.
    """
    return Erf().apply(x)
