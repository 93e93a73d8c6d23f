"""How an array is, in a few numbers: its norm, its largest value, its zeros, its NaNs.

The small change of this folder: `flow.py` notes it for every gradient, `why.py` compares it.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..tensor import Tensor


class Health(NamedTuple):
    """A few numbers about an array.

    Attributes:
        shape: its shape.
        norm: the root of the sum of squares, of the finite values.
        largest: the largest magnitude of a finite value.
        zeros: the share of the values that are exactly 0.
        nans: how many are NaN.
        infinities: how many are infinite.
    """

    shape: tuple[int, ...]
    norm: float
    largest: float
    zeros: float
    nans: int
    infinities: int

    @property
    def bad(self) -> str:
        """In words, what is not finite; "" where everything is.

        Example:
            >>> health_of(np.array([1.0, np.nan])).bad
            '1 NaN of 2 values'
        """
        size = math.prod(self.shape)
        found = [
            f"{count} {word}"
            for count, word in ((self.nans, "NaN"), (self.infinities, "infinite"))
            if count
        ]
        return f"{' and '.join(found)} of {size} value{'' if size == 1 else 's'}" if found else ""

    @property
    def zero(self) -> bool:
        """Whether every value is exactly 0 (an empty array has none)."""
        return self.zeros == 1.0 and math.prod(self.shape) > 0


def host(value: Any) -> np.ndarray[Any, Any]:
    """The values as a NumPy array, wherever they are."""
    array = value.data if isinstance(value, Tensor) else value
    on_host: np.ndarray[Any, Any] = array.get() if hasattr(array, "get") else np.asarray(array)
    return on_host


def health_of(value: Any) -> Health:
    """How an array or a tensor is.

    Example:
        >>> health_of(np.array([3.0, 0.0, -4.0, 0.0]))
        Health(shape=(4,), norm=5.0, largest=4.0, zeros=0.5, nans=0, infinities=0)
    """
    array = host(value)
    if not array.size or array.dtype.kind not in "fiub":
        return Health(array.shape, 0.0, 0.0, 0.0, 0, 0)
    wide = array.astype(np.float64)
    nans, infinities = int(np.isnan(wide).sum()), int(np.isinf(wide).sum())
    if nans or infinities:
        wide = wide[np.isfinite(wide)]
    zeros = float((array == 0).sum()) / array.size
    largest = float(abs(wide).max()) if wide.size else 0.0
    norm = float(largest * np.sqrt(((wide / largest) ** 2).sum())) if largest else 0.0
    return Health(array.shape, norm, largest, zeros, nans, infinities)
