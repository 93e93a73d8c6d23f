"""Layers that only change the shape. Read next: `container.py`."""

from __future__ import annotations

from typing import Any

from .. import functional as F  # noqa: N812
from ..tensor import Tensor
from .module import Module


class Flatten(Module):
    """All axes from `start_axis` on become one: images to rows.

    Args:
        start_axis: the first axis that is merged.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> tg.nn.Flatten()(tg.tensor(np.ones((2, 5, 5, 16), "float32"))).shape
        (2, 400)
    """

    def __init__(self, start_axis: int = 1) -> None:
        self.start_axis = start_axis

    def forward(self, x: Any) -> Tensor:
        """(N, ...) to (N, the product of the rest)."""
        return F.flatten(x, self.start_axis)
