"""The dropout layer. Read next: `container.py`, or `../ops/dropout.py` for the mask."""

from __future__ import annotations

from typing import Any

from .. import functional as F  # noqa: N812
from ..random import Generator
from ..tensor import Tensor
from .checks import fraction
from .module import Module


class Dropout(Module):
    """In training, each value is 0 with probability p, else x / (1 - p); after `eval()`, y = x.

    Args:
        p: the probability of *dropping*, 0 to 1. (The paper calls the probability of *keeping* p.)
        generator: where the masks come from; the default generator if None.

    Raises:
        ArgumentError: p outside 0 .. 1.

    Example:
        >>> import tinygrad_course as tg
        >>> layer = tg.nn.Dropout(0.5)
        >>> layer.eval()(tg.tensor([1.0, 2.0])).tolist()
        [1.0, 2.0]

    References:
        Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov 2014, "Dropout".
    """

    def __init__(self, p: float = 0.5, *, generator: Generator | None = None) -> None:
        fraction("Dropout", "p", p)
        self.p = p
        self.generator = generator

    def forward(self, x: Any) -> Tensor:
        """Any shape, unchanged."""
        return F.dropout(x, self.p, training=self.training, generator=self.generator)


class SpatialDropout(Module):
    """In training, each channel of each sample is 0 with probability p, else x / (1 - p).

    Args:
        p: the probability of *dropping* a channel, 0 to 1.
        generator: where the masks come from; the default generator if None.

    Raises:
        ArgumentError: p outside 0 .. 1.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> layer = tg.nn.SpatialDropout(0.2)
        >>> layer.eval()(tg.tensor(np.ones((1, 2, 2, 3), "float32"))).sum().item()
        12.0

    References:
        Tompson, Goroshin, Jain, LeCun and Bregler 2015, "Efficient object localization using
        convolutional networks", section 3.2.
    """

    def __init__(self, p: float = 0.5, *, generator: Generator | None = None) -> None:
        fraction("SpatialDropout", "p", p)
        self.p = p
        self.generator = generator

    def forward(self, x: Any) -> Tensor:
        """(N, ..., C), unchanged."""
        return F.spatial_dropout(x, self.p, training=self.training, generator=self.generator)
