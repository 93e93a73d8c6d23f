"""Windows as rows, and rows added back into images. Read next: `pooling.py`."""

from __future__ import annotations

from typing import Any

from .. import functional as F  # noqa: N812
from ..ops.windows import pair, regular_padding
from ..tensor import Tensor
from .module import Module


def _check(layer: str, kernel_size: Any, stride: Any, padding: Any, dilation: Any) -> None:
    """Raise where a window's geometry is wrong for any image."""
    window = pair(layer, "kernel_size", kernel_size)
    steps, taps = pair(layer, "stride", stride), pair(layer, "dilation", dilation)
    regular_padding(layer, padding, window, window, steps, taps)


class Unfold(Module):
    """Every window of an image as one row (im2col).

    Args:
        kernel_size: the window; an integer or (height, width).
        stride: step between windows.
        padding: zeros around the image, as in `Conv2d`.
        dilation: distance between the numbers of a window.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> tg.nn.Unfold(3)(tg.tensor(np.ones((2, 8, 8, 4), "float32"))).shape
        (2, 6, 6, 36)
    """

    def __init__(
        self, kernel_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1
    ) -> None:
        _check("Unfold", kernel_size, stride, padding, dilation)
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation

    def forward(self, x: Any) -> Tensor:
        """(N, H, W, C) to (N, OH, OW, KH KW C)."""
        return F.unfold(
            x,
            self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
        )


class Fold(Module):
    """Rows of windows added up into images: the adjoint of `Unfold`.

    Args:
        image_size: (H, W) of the images; an integer for both.
        kernel_size: as in `Unfold`.
        stride: as in `Unfold`.
        padding: as in `Unfold`.
        dilation: as in `Unfold`.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> tg.nn.Fold(8, 3)(tg.tensor(np.ones((2, 6, 6, 36), "float32"))).shape
        (2, 8, 8, 4)
    """

    def __init__(
        self,
        image_size: Any,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
    ) -> None:
        pair("Fold", "image_size", image_size)
        _check("Fold", kernel_size, stride, padding, dilation)
        self.image_size = image_size
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation

    def forward(self, y: Any) -> Tensor:
        """(N, OH, OW, KH KW C) to (N, H, W, C)."""
        return F.fold(
            y,
            self.image_size,
            self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
        )
