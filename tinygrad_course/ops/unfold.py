"""Windows as rows: unfold (im2col) copies every window of an image, fold adds them back.

The two are adjoint, so each is the other's gradient. `unfold(x) @ w` is a convolution.
Read next: `pool.py`.
"""

from __future__ import annotations

from typing import Any

from ..backend import Array, launch
from ..dtypes import operand
from ..errors import ShapeError
from ..function import Function
from ..tensor import Tensor
from .windows import check_image, output_size, pair, regular_padding


class Unfold(Function):
    """y[n, p, q, (i, j, c)] = x[n, p sh + i dh - top, q sw + j dw - left, c]"""

    def __init__(self, **geometry: Any) -> None:
        self.geometry = geometry

    def forward(self, x: Array) -> Array:
        self.x_shape = x.shape
        return launch("unfold", x, **self.geometry)

    def grad_x(self, grad: Any) -> Any:
        return Fold(x_shape=self.x_shape, **self.geometry).apply(grad)


class Fold(Function):
    """x[n, p sh + i dh - top, q sw + j dw - left, c] += y[n, p, q, (i, j, c)]"""

    def __init__(self, *, x_shape: tuple[int, ...], **geometry: Any) -> None:
        self.x_shape = x_shape
        self.geometry = geometry

    def forward(self, y: Array) -> Array:
        return launch("fold", y, x_shape=self.x_shape, **self.geometry)

    def grad_y(self, grad: Any) -> Any:
        return Unfold(**self.geometry).apply(grad)


def unfold(
    x: Any, kernel_size: Any, *, stride: Any = 1, padding: Any = 0, dilation: Any = 1
) -> Tensor:
    """Every window of an image as one row (im2col).

    The numbers of a row stand in the order of a filter's first three axes, so that
    `unfold(x, (KH, KW)) @ w.reshape(KH * KW * C, O)` is `conv2d(x, w)`.

    Args:
        x: images (N, H, W, C).
        kernel_size: the window; an integer or (height, width).
        stride: step between windows.
        padding: zeros around the image, as in `conv2d`.
        dilation: distance between the numbers of a window.

    Returns:
        (N, OH, OW, KH KW C).

    Raises:
        ShapeError: no batch of images, or a window larger than the padded image.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> x = tg.tensor(np.arange(6.0).reshape(1, 2, 3, 1))
        >>> tg.unfold(x, 2).tolist()
        [[[[0.0, 1.0, 3.0, 4.0], [1.0, 2.0, 4.0, 5.0]]]]

    References:
        Chellapilla, Puri, Simard, "High performance convolutional neural networks for document
        processing", IWFHR 2006, section 3.1.
    """
    x = operand(x)
    check_image("unfold", x)
    geometry, _ = _geometry("unfold", x.shape[1:3], kernel_size, stride, padding, dilation)
    return Unfold(**geometry).apply(x)


def fold(
    y: Any,
    image_size: Any,
    kernel_size: Any,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
) -> Tensor:
    """Rows of windows added up into images: the adjoint of `unfold`, not its inverse.

    A pixel that lies in several windows is their sum.

    Args:
        y: (N, OH, OW, KH KW C), as `unfold` returns it.
        image_size: (H, W) of the images; an integer for both.
        kernel_size: as in `unfold`.
        stride: as in `unfold`.
        padding: as in `unfold`.
        dilation: as in `unfold`.

    Returns:
        (N, H, W, C).

    Raises:
        ShapeError: rows that `unfold` would not make of such images.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> windows = tg.unfold(tg.tensor(np.ones((1, 2, 3, 1))), 2)
        >>> tg.fold(windows, (2, 3), 2)[0, :, :, 0].tolist()
        [[1.0, 2.0, 1.0], [1.0, 2.0, 1.0]]
    """
    y = operand(y)
    image = pair("fold", "image_size", image_size)
    geometry, windows = _geometry("fold", image, kernel_size, stride, padding, dilation)
    size = geometry["size"][0] * geometry["size"][1]
    if len(y.shape) != 4 or tuple(y.shape[1:3]) != windows or y.shape[3] % size:
        raise ShapeError(
            f"fold: images of {image} have {windows} windows of {geometry['size']}, so y must be "
            f"(N, {windows[0]}, {windows[1]}, {size} C), but has shape {tuple(y.shape)}"
        )
    return Fold(x_shape=(y.shape[0], *image, y.shape[3] // size), **geometry).apply(y)


def _geometry(
    name: str, image: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any
) -> tuple[dict[str, Any], tuple[int, int]]:
    """The regular geometry, and how many windows there are each way."""
    size, steps = pair(name, "kernel_size", kernel_size), pair(name, "stride", stride)
    gaps = pair(name, "dilation", dilation)
    sides = regular_padding(name, padding, (image[0], image[1]), size, steps, gaps)
    windows = output_size(name, (image[0], image[1]), size, steps, sides, gaps)
    return {"size": size, "stride": steps, "padding": sides, "dilation": gaps}, windows
