"""The convolutional layer. Read next: `pooling.py`, or `../ops/conv.py` for the mathematics."""

from __future__ import annotations

from typing import Any

from .. import functional as F  # noqa: N812
from ..errors import ArgumentError
from ..ops.epilogue import activation_kind
from ..ops.windows import pair, regular_padding
from ..random import Generator
from ..tensor import Parameter, Tensor
from .checks import float_dtype, size
from .init import Initializer, he_normal, zeros
from .module import Module
from .weights import weight


class Conv2d(Module):
    """y = f(x * W + b): every window of the image times the same weights.

    Args:
        in_channels: C of x.
        out_channels: C of y.
        kernel_size: the window; an integer or (height, width).
        stride: step between windows; an integer or (vertical, horizontal).
        padding: zeros around the image: an integer, (vertical, horizontal),
            ((top, bottom), (left, right)), "same" or "valid".
        dilation: distance between the taps of a window.
        groups: the channels are split into this many groups that do not see one another;
            groups = in_channels is a depthwise convolution.
        bias: whether there is a b; leave it out before a batch norm, which has its own.
        activation: f: "relu", "tanh" or "sigmoid", in the same kernel; None for no f, or for one
            that is a layer of its own after this one.
        init: fills W; by default He: normal with variance 2 / (KH KW in_channels / groups), made
            for ReLU. The bias starts at zero.
        generator: where the first weights come from; the default generator if None.
        dtype: of the parameters.

    Attributes:
        weight: (KH, KW, in_channels / groups, out_channels).
        bias: (out_channels,), or None.

    Raises:
        ArgumentError: a size below 1, groups that do not divide the channels, another activation.
        ArgumentTypeError: a size that is no integer, a dtype that is no float.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> layer = tg.nn.Conv2d(1, 6, 5, padding=2)
        >>> layer(tg.tensor(np.ones((2, 28, 28, 1), "float32"))).shape
        (2, 28, 28, 6)
        >>> layer
        Conv2d(1, 6, 5, padding=2)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        activation: str | None = None,
        init: Initializer = he_normal,
        generator: Generator | None = None,
        dtype: Any = "float32",
    ) -> None:
        channels = size("Conv2d", "in_channels", in_channels)
        filters = size("Conv2d", "out_channels", out_channels)
        window = pair("Conv2d", "kernel_size", kernel_size)
        steps, taps = pair("Conv2d", "stride", stride), pair("Conv2d", "dilation", dilation)
        regular_padding("Conv2d", padding, window, window, steps, taps)  # raises where it is wrong
        if channels % size("Conv2d", "groups", groups) or filters % groups:
            raise ArgumentError(
                f"Conv2d: groups must divide in_channels and out_channels, but {groups} does not "
                f"divide both {in_channels} and {out_channels}"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.groups = groups
        self.activation = activation_kind("Conv2d", activation)
        self.init = init
        self.dtype = float_dtype("Conv2d", dtype)
        self.weight = weight(
            "Conv2d",
            init,
            (*window, channels // groups, filters),
            generator=generator,
            dtype=self.dtype,
            groups=groups,
        )
        self.bias = Parameter(zeros((filters,), dtype=self.dtype)) if bias else None

    def forward(self, x: Any) -> Tensor:
        """(N, H, W, in_channels) to (N, OH, OW, out_channels)."""
        return F.conv2d(
            x,
            self.weight,
            self.bias,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
            activation=self.activation,
        )
