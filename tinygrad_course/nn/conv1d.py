"""Convolution of sequences. Read next: `conv_transpose.py`, or `../ops/conv1d.py`."""

from __future__ import annotations

from typing import Any

from .. import functional as F  # noqa: N812
from ..errors import ArgumentError
from ..ops.windows import one_sided
from ..random import Generator
from ..tensor import Parameter, Tensor
from .checks import float_dtype, size
from .init import Initializer, he_normal, zeros
from .module import Module
from .weights import weight


class Conv1d(Module):
    """y = x * W + b: every window of the sequence times the same weights.

    Args:
        in_channels: C of x.
        out_channels: C of y.
        kernel_size: the window, in steps.
        stride: step between windows.
        padding: zeros around the sequence: an integer, (left, right), "same" or "valid";
            (dilation (kernel_size - 1), 0) is causal.
        dilation: distance between the taps of a window.
        groups: the channels are split into this many groups that do not see one another.
        bias: whether there is a b.
        init: fills W; by default He. The bias starts at zero.
        generator: where the first weights come from; the default generator if None.
        dtype: of the parameters.

    Attributes:
        weight: (kernel_size, in_channels / groups, out_channels).
        bias: (out_channels,), or None.

    Raises:
        ArgumentError: a size below 1, groups that do not divide the channels.
        ArgumentTypeError: a size that is no integer, a dtype that is no float.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> layer = tg.nn.Conv1d(3, 8, 5, padding="same")
        >>> layer(tg.tensor(np.ones((2, 100, 3), "float32"))).shape
        (2, 100, 8)
        >>> layer
        Conv1d(3, 8, 5, padding='same')
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: Any = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        init: Initializer = he_normal,
        generator: Generator | None = None,
        dtype: Any = "float32",
    ) -> None:
        channels = size("Conv1d", "in_channels", in_channels)
        filters = size("Conv1d", "out_channels", out_channels)
        window = size("Conv1d", "kernel_size", kernel_size)
        step, tap = size("Conv1d", "stride", stride), size("Conv1d", "dilation", dilation)
        one_sided("Conv1d", padding, window, window, step, tap)  # raises where it is wrong
        if channels % size("Conv1d", "groups", groups) or filters % groups:
            raise ArgumentError(
                f"Conv1d: groups must divide in_channels and out_channels, but {groups} does not "
                f"divide both {in_channels} and {out_channels}"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.groups = groups
        self.init = init
        self.dtype = float_dtype("Conv1d", dtype)
        shape = (window, channels // groups, filters)
        self.weight = weight(
            "Conv1d", init, shape, generator=generator, dtype=self.dtype, groups=groups
        )
        self.bias = Parameter(zeros((filters,), dtype=self.dtype)) if bias else None

    def forward(self, x: Any) -> Tensor:
        """(N, T, in_channels) to (N, OT, out_channels)."""
        return F.conv1d(
            x,
            self.weight,
            self.bias,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
        )
