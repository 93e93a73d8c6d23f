"""Pooling layers: fewer pixels, no parameters. Read next: `pooling1d.py`."""

from __future__ import annotations

from typing import Any

from .. import functional as F  # noqa: N812
from ..ops.pool import image_window
from ..ops.windows import pair
from ..tensor import Tensor
from .module import Module


class MaxPool2d(Module):
    """The largest value under each window, per channel.

    Args:
        kernel_size: the window; an integer or (height, width).
        stride: step between windows; the window's size if None, so that they do not overlap.
        padding: as in `Conv2d`, less than the window; padding never wins.
        ceil_mode: round the number of windows up: the last one may reach over the edge.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> tg.nn.MaxPool2d(2)(tg.tensor(np.ones((1, 28, 28, 6), "float32"))).shape
        (1, 14, 14, 6)
    """

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False
    ) -> None:
        image_window("MaxPool2d", kernel_size, stride, padding, (1, 1))  # raises where it is wrong
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.ceil_mode = ceil_mode

    def forward(self, x: Any) -> Tensor:
        """(N, H, W, C) to (N, OH, OW, C)."""
        return F.max_pool2d(
            x,
            self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            ceil_mode=self.ceil_mode,
        )


class AvgPool2d(Module):
    """The mean under each window, per channel.

    Args:
        kernel_size: the window; an integer or (height, width).
        stride: step between windows; the window's size if None.
        padding: as in `Conv2d`, less than the window.
        ceil_mode: as in `MaxPool2d`; what lies beyond image and padding is never counted.
        count_include_pad: divide by the whole window at the border too, or only by what lies
            inside the image.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> tg.nn.AvgPool2d(3, stride=2)(tg.tensor(np.ones((1, 7, 7, 4), "float32"))).shape
        (1, 3, 3, 4)
    """

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        image_window("AvgPool2d", kernel_size, stride, padding, (1, 1))
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, x: Any) -> Tensor:
        """(N, H, W, C) to (N, OH, OW, C)."""
        return F.avg_pool2d(
            x,
            self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            ceil_mode=self.ceil_mode,
            count_include_pad=self.count_include_pad,
        )


class GlobalMaxPool2d(Module):
    """The maximum of each channel over the whole image.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> tg.nn.GlobalMaxPool2d()(tg.tensor(np.ones((1, 7, 7, 4), "float32"))).shape
        (1, 4)
    """

    def forward(self, x: Any) -> Tensor:
        """(N, H, W, C) to (N, C)."""
        return F.global_max_pool2d(x)


class GlobalAvgPool2d(Module):
    """The mean of each channel over the whole image.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> tg.nn.GlobalAvgPool2d()(tg.tensor(np.ones((1, 7, 7, 4), "float32"))).shape
        (1, 4)

    References:
        Lin, Chen and Yan 2014, "Network In Network", section 3.2.
    """

    def forward(self, x: Any) -> Tensor:
        """(N, H, W, C) to (N, C)."""
        return F.global_avg_pool2d(x)


class AdaptiveMaxPool2d(Module):
    """The largest value in each of OH by OW bins, whatever the size of the images.

    Args:
        output_size: (OH, OW); an integer for both.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> tg.nn.AdaptiveMaxPool2d(6)(tg.tensor(np.ones((1, 13, 14, 4), "float32"))).shape
        (1, 6, 6, 4)
    """

    def __init__(self, output_size: Any) -> None:
        pair("AdaptiveMaxPool2d", "output_size", output_size)
        self.output_size = output_size

    def forward(self, x: Any) -> Tensor:
        """(N, H, W, C) to (N, OH, OW, C)."""
        return F.adaptive_max_pool2d(x, self.output_size)


class AdaptiveAvgPool2d(Module):
    """The mean of each of OH by OW bins, whatever the size of the images.

    Args:
        output_size: (OH, OW); an integer for both.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> tg.nn.AdaptiveAvgPool2d(6)(tg.tensor(np.ones((1, 13, 14, 4), "float32"))).shape
        (1, 6, 6, 4)
    """

    def __init__(self, output_size: Any) -> None:
        pair("AdaptiveAvgPool2d", "output_size", output_size)
        self.output_size = output_size

    def forward(self, x: Any) -> Tensor:
        """(N, H, W, C) to (N, OH, OW, C)."""
        return F.adaptive_avg_pool2d(x, self.output_size)
