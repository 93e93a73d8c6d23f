"""Adaptive pooling: the output's size is given, and the image is cut into that many bins.

Bin i of n along an axis of length L reaches from floor(i L / n) to ceil((i + 1) L / n): bins differ
in size and may share a row. Read next: `norm.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..backend import Array, array_module
from ..dtypes import floating, operand
from ..errors import ShapeError
from ..function import Function
from ..tensor import Tensor
from .pool import MaxPool2dGrad
from .windows import Pair, check_image, pair


class AdaptiveAvgPool2d(Function):
    """y[p, q] = mean of x in bin (p, q)        dL/dx = dL/dy shared out over it"""

    def __init__(self, *, size: Pair) -> None:
        self.size = size

    def forward(self, x: Array) -> Array:
        self.x_shape = x.shape
        y = array_module(x).empty((len(x), *self.size, x.shape[3]), x.dtype)
        for p, q, rows, columns in _bins(x.shape, self.size):
            y[:, p, q] = x[:, rows, columns].mean(axis=(1, 2))
        return y

    def grad_x(self, grad: Any) -> Any:
        return AdaptiveAvgPool2dGrad(x_shape=self.x_shape).apply(grad)


class AdaptiveAvgPool2dGrad(Function):
    """dx[bin (p, q)] += dy[p, q] / size of the bin: the adjoint of adaptive_avg_pool2d"""

    def __init__(self, *, x_shape: tuple[int, ...]) -> None:
        self.x_shape = x_shape

    def forward(self, dy: Array) -> Array:
        self.size = dy.shape[1], dy.shape[2]
        dx = array_module(dy).zeros(self.x_shape, dy.dtype)
        for p, q, rows, columns in _bins(self.x_shape, self.size):
            count = (rows.stop - rows.start) * (columns.stop - columns.start)
            dx[:, rows, columns] += (dy[:, p, q] / count)[:, None, None]
        return dx

    def grad_dy(self, grad: Any) -> Any:
        return AdaptiveAvgPool2d(size=self.size).apply(grad)


class AdaptiveMaxPool2d(Function):
    """y[p, q] = max of x in bin (p, q)        dL/dx = dL/dy added where each maximum stood"""

    def __init__(self, *, size: Pair) -> None:
        self.size = size

    def forward(self, x: Array) -> Array:
        self.x_shape = x.shape
        N, _, W, C = x.shape
        xp = array_module(x)
        y = xp.empty((N, *self.size, C), x.dtype)
        argmax = xp.empty(y.shape, np.intp)
        images = xp.arange(N)[:, None] * (x.shape[1] * W)
        for p, q, rows, columns in _bins(x.shape, self.size):
            window = x[:, rows, columns]
            wide = window.shape[2]
            flat = window.reshape(N, window.shape[1] * wide, C)
            place = flat.argmax(axis=1)
            y[:, p, q] = xp.take_along_axis(flat, place[:, None], 1)[:, 0]
            pixel = (rows.start + place // wide) * W + columns.start + place % wide
            argmax[:, p, q] = (images + pixel) * C + xp.arange(C)
        self.argmax = argmax
        return y

    def grad_x(self, grad: Any, argmax: Any) -> Any:
        return MaxPool2dGrad(x_shape=self.x_shape).apply(grad, argmax)


def adaptive_avg_pool2d(x: Any, output_size: Any) -> Tensor:
    """The mean of each of OH by OW bins, whatever the size of the images.

    Args:
        x: images (N, H, W, C).
        output_size: (OH, OW); an integer for both.

    Returns:
        (N, OH, OW, C).

    Raises:
        ShapeError: no batch of images, or images without rows or columns.

    Example:
        >>> import tinygrad_course as tg
        >>> x = tg.tensor([[[[1.0], [2.0], [6.0]]]])
        >>> tg.adaptive_avg_pool2d(x, (1, 2))[0, 0, :, 0].tolist()
        [1.5, 4.0]

    References:
        He, Zhang, Ren, Sun, "Spatial pyramid pooling in deep convolutional networks for visual
        recognition", ECCV 2014, section 2.2, for bins that follow the image's size.
    """
    x, size = _checked("adaptive_avg_pool2d", x, output_size)
    return AdaptiveAvgPool2d(size=size).apply(floating(x))


def adaptive_max_pool2d(x: Any, output_size: Any) -> Tensor:
    """The largest value in each of OH by OW bins; a tie's gradient goes to its first place.

    Args:
        x: images (N, H, W, C).
        output_size: (OH, OW); an integer for both.

    Returns:
        (N, OH, OW, C).

    Raises:
        ShapeError: no batch of images, or images without rows or columns.

    Example:
        >>> import tinygrad_course as tg
        >>> x = tg.tensor([[[[1.0], [2.0], [6.0]]]])
        >>> tg.adaptive_max_pool2d(x, (1, 2))[0, 0, :, 0].tolist()
        [2.0, 6.0]

    References:
        He, Zhang, Ren, Sun, "Spatial pyramid pooling in deep convolutional networks for visual
        recognition", ECCV 2014, section 2.2.
    """
    x, size = _checked("adaptive_max_pool2d", x, output_size)
    return AdaptiveMaxPool2d(size=size).apply(floating(x))


def _checked(name: str, x: Any, output_size: Any) -> tuple[Any, Pair]:
    x = operand(x)
    check_image(name, x)
    size = pair(name, "output_size", output_size)
    if not (x.shape[1] and x.shape[2]):
        raise ShapeError(
            f"{name}: an image of {tuple(x.shape[1:3])} has no pixels to pool into {size} bins"
        )
    return x, size


def _bins(x_shape: tuple[int, ...], size: Pair) -> Iterator[tuple[int, int, slice, slice]]:
    """Each bin as (p, q, its rows, its columns)."""
    for p in range(size[0]):
        rows = slice(p * x_shape[1] // size[0], -(-(p + 1) * x_shape[1] // size[0]))
        for q in range(size[1]):
            columns = slice(q * x_shape[2] // size[1], -(-(q + 1) * x_shape[2] // size[1]))
            yield p, q, rows, columns
