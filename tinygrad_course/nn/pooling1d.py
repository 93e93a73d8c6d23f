"""Pooling of sequences: fewer steps, no parameters. Read next: `normalization.py`."""

from __future__ import annotations

from typing import Any

from .. import functional as F  # noqa: N812
from ..ops.pool1d import sequence_window
from ..tensor import Tensor
from .module import Module


class Pool1d(Module):
    """What the pools of sequences share: the window, checked before there is a sequence."""

    def __init__(
        self,
        kernel_size: int,
        stride: int | None = None,
        padding: Any = 0,
        ceil_mode: bool = False,
    ) -> None:
        sequence_window(type(self).__name__, kernel_size, stride, padding, 1)
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.ceil_mode = ceil_mode


class MaxPool1d(Pool1d):
    """The largest value under each window, per channel.

    Args:
        kernel_size: the window, in steps.
        stride: step between windows; the window's size if None, so that they do not overlap.
        padding: as in `Conv1d`, less than the window; padding never wins.
        ceil_mode: round the number of windows up: the last one may reach over the end.

    Raises:
        ArgumentError: a size below 1. ArgumentTypeError: one that is no integer.
        ShapeError: padding that a whole window fits into.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> tg.nn.MaxPool1d(2)(tg.tensor(np.ones((1, 100, 8), "float32"))).shape
        (1, 50, 8)
    """

    def forward(self, x: Any) -> Tensor:
        """(N, T, C) to (N, OT, C)."""
        return F.max_pool1d(
            x,
            self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            ceil_mode=self.ceil_mode,
        )


class AvgPool1d(Pool1d):
    """The mean under each window, per channel.

    Args:
        kernel_size: the window, in steps.
        stride: step between windows; the window's size if None.
        padding: as in `Conv1d`, less than the window.
        ceil_mode: as in `MaxPool1d`; what lies beyond sequence and padding is never counted.
        count_include_pad: divide by the whole window at the ends too, or only by what lies inside
            the sequence.

    Raises:
        ArgumentError: a size below 1. ArgumentTypeError: one that is no integer.
        ShapeError: padding that a whole window fits into.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> tg.nn.AvgPool1d(3, stride=2)(tg.tensor(np.ones((1, 7, 4), "float32"))).shape
        (1, 3, 4)
    """

    def __init__(
        self,
        kernel_size: int,
        stride: int | None = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode)
        self.count_include_pad = count_include_pad

    def forward(self, x: Any) -> Tensor:
        """(N, T, C) to (N, OT, C)."""
        return F.avg_pool1d(
            x,
            self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            ceil_mode=self.ceil_mode,
            count_include_pad=self.count_include_pad,
        )
