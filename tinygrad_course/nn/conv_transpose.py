"""Transposed convolution. Read next: `unfold.py`, or `../ops/conv_transpose.py`."""

from __future__ import annotations

from typing import Any

from .. import functional as F  # noqa: N812
from ..errors import ArgumentError
from ..ops.conv_transpose import checked_output_padding, transposed_padding
from ..ops.windows import pair
from ..random import Generator
from ..tensor import Parameter, Tensor
from .checks import float_dtype, size
from .init import Initializer, he_normal, zeros
from .module import Module
from .weights import weight


class ConvTranspose2d(Module):
    """Every pixel adds its multiple of the filters to a larger image: a Conv2d's gradient.

    Args:
        in_channels: C of x.
        out_channels: C of y.
        kernel_size: the window; an integer or (height, width).
        stride: distance in y between neighbours in x; 2 doubles the image.
        padding: rows and columns cut off around y: an integer, (vertical, horizontal) or
            ((top, bottom), (left, right)).
        output_padding: rows and columns added at the bottom and the right.
        dilation: distance between the taps of a window.
        groups: the channels are split into this many groups that do not see one another.
        bias: whether there is a b.
        init: fills W; by default He, with the fan of a Conv2d of this shape. The bias is zero.
        generator: where the first weights come from; the default generator if None.
        dtype: of the parameters.

    Attributes:
        weight: (KH, KW, in_channels / groups, out_channels).
        bias: (out_channels,), or None.

    Raises:
        ArgumentError: a size below 1, groups that do not divide the channels.
        ArgumentTypeError: a size that is no integer, a dtype that is no float.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> layer = tg.nn.ConvTranspose2d(8, 4, 4, stride=2, padding=1)
        >>> layer(tg.tensor(np.ones((2, 7, 7, 8), "float32"))).shape
        (2, 14, 14, 4)
        >>> layer
        ConvTranspose2d(8, 4, 4, stride=2, padding=1)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        init: Initializer = he_normal,
        generator: Generator | None = None,
        dtype: Any = "float32",
    ) -> None:
        name = "ConvTranspose2d"
        channels = size(name, "in_channels", in_channels)
        filters = size(name, "out_channels", out_channels)
        window = pair(name, "kernel_size", kernel_size)
        steps, taps = pair(name, "stride", stride), pair(name, "dilation", dilation)
        transposed_padding(name, padding)  # raises where it is wrong
        checked_output_padding(name, output_padding, steps, taps)
        if channels % size(name, "groups", groups) or filters % groups:
            raise ArgumentError(
                f"{name}: groups must divide in_channels and out_channels, but {groups} does not "
                f"divide both {in_channels} and {out_channels}"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.output_padding = output_padding
        self.dilation = dilation
        self.groups = groups
        self.init = init
        self.dtype = float_dtype(name, dtype)
        shape = (*window, channels // groups, filters)
        self.weight = weight(
            name, init, shape, generator=generator, dtype=self.dtype, groups=groups
        )
        self.bias = Parameter(zeros((filters,), dtype=self.dtype)) if bias else None

    def forward(self, x: Any) -> Tensor:
        """(N, H, W, in_channels) to (N, OH, OW, out_channels)."""
        return F.conv_transpose2d(
            x,
            self.weight,
            self.bias,
            stride=self.stride,
            padding=self.padding,
            output_padding=self.output_padding,
            dilation=self.dilation,
            groups=self.groups,
        )
