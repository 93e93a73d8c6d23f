"""Pooling: the largest value under each window, or the mean of them.

Max pooling remembers where each maximum stood; its gradient goes there, and the gradient's gradient
reads there again. Average pooling is linear, so its gradient is its adjoint and the pair is closed.
Read next: `pool1d.py`.
"""

from __future__ import annotations

from typing import Any

from ..backend import Array, array_module, launch
from ..dtypes import floating, operand
from ..errors import ShapeError
from ..function import Function
from ..tensor import Tensor
from . import reduction
from .windows import Padding, Pair, check_image, output_size, pair, regular_padding


class MaxPool2d(Function):
    """y = max under each window        dL/dx = dL/dy added where each maximum stood"""

    def __init__(self, *, size: Pair, stride: Pair, padding: Padding) -> None:
        self.geometry: dict[str, Any] = {"size": size, "stride": stride, "padding": padding}

    def forward(self, x: Array) -> Array:
        self.x_shape = x.shape
        y, self.argmax = launch("max_pool2d", x, **self.geometry)
        return y

    def grad_x(self, grad: Any, argmax: Any) -> Any:
        return MaxPool2dGrad(x_shape=self.x_shape).apply(grad, argmax)


class MaxPool2dGrad(Function):
    """dx = dy added at argmax into zeros        dL/ddy = dL/ddx read at argmax"""

    def __init__(self, *, x_shape: tuple[int, ...]) -> None:
        self.x_shape = x_shape

    def forward(self, dy: Array, argmax: Array) -> Array:
        return launch("max_pool2d_grad", dy, argmax, x_shape=self.x_shape)

    def grad_dy(self, grad: Any, argmax: Any) -> Any:
        return MaxPool2dGather().apply(grad, argmax)


class MaxPool2dGather(Function):
    """y = x read at argmax        dL/dx = dL/dy added at argmax into zeros"""

    def forward(self, x: Array, argmax: Array) -> Array:
        self.x_shape = x.shape
        return launch("max_pool2d_gather", x, argmax)

    def grad_x(self, grad: Any, argmax: Any) -> Any:
        return MaxPool2dGrad(x_shape=self.x_shape).apply(grad, argmax)


class AvgPool2d(Function):
    """y = mean under each window        dL/dx = dL/dy shared out over it

    `counted` is the padding that counts, where a window reaches beyond it (ceil_mode).
    """

    def __init__(self, *, counted: Padding | None = None, **geometry: Any) -> None:
        self.counted = counted
        self.geometry = geometry

    def forward(self, x: Array) -> Array:
        self.x_shape = x.shape
        y = launch("avg_pool2d", x, **self.geometry)
        if self.counted is not None:
            y *= _window_shares(x.shape, y, self.counted, self.geometry)
        return y

    def grad_x(self, grad: Any) -> Any:
        op = AvgPool2dGrad(x_shape=self.x_shape, counted=self.counted, **self.geometry)
        return op.apply(grad)


class AvgPool2dGrad(Function):
    """dx = dy shared out over each window: the adjoint of avg_pool2d"""

    def __init__(
        self, *, x_shape: tuple[int, ...], counted: Padding | None = None, **geometry: Any
    ) -> None:
        self.x_shape = x_shape
        self.counted = counted
        self.geometry = geometry

    def forward(self, dy: Array) -> Array:
        if self.counted is not None:
            dy = dy * _window_shares(self.x_shape, dy, self.counted, self.geometry)
        return launch("avg_pool2d_grad", dy, x_shape=self.x_shape, **self.geometry)

    def grad_dy(self, grad: Any) -> Any:
        return AvgPool2d(counted=self.counted, **self.geometry).apply(grad)


def max_pool2d(
    x: Any, kernel_size: Any, *, stride: Any = None, padding: Any = 0, ceil_mode: bool = False
) -> Tensor:
    """The largest value under each window; a tie's gradient goes to its first place (row by row).

    Args:
        x: images (N, H, W, C).
        kernel_size: the window; an integer or (height, width).
        stride: step between windows; the window's size if None, so that they do not overlap.
        padding: as in `conv2d`, less than the window; padding never wins.
        ceil_mode: round the number of windows up: a last one that starts inside the image (or its
            padding above and left) may reach over the edge.

    Returns:
        (N, OH, OW, C).

    Raises:
        ShapeError: no batch of images, or a window larger than the padded image.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> x = tg.tensor(np.arange(16.0).reshape(1, 4, 4, 1))
        >>> tg.max_pool2d(x, 2)[0, :, :, 0].tolist()
        [[5.0, 7.0], [13.0, 15.0]]
        >>> tg.max_pool2d(x, 3, ceil_mode=True)[0, :, :, 0].tolist()
        [[10.0, 11.0], [14.0, 15.0]]

    References:
        Jarrett, Kavukcuoglu, Ranzato, LeCun, "What is the best multi-stage architecture for object
        recognition?", ICCV 2009.
    """
    x, geometry, _ = _checked("max_pool2d", x, kernel_size, stride, padding, ceil_mode)
    return MaxPool2d(**geometry).apply(floating(x))


def avg_pool2d(
    x: Any,
    kernel_size: Any,
    *,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean under each window.

    Args:
        x: images (N, H, W, C).
        kernel_size: the window; an integer or (height, width).
        stride: step between windows; the window's size if None.
        padding: as in `conv2d`, less than the window.
        ceil_mode: as in `max_pool2d`; what lies beyond image and padding is never counted.
        count_include_pad: divide by the whole window also at the border, or only by what lies
            inside the image.

    Returns:
        (N, OH, OW, C).

    Raises:
        ShapeError: no batch of images, or a window larger than the padded image.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> x = tg.tensor(np.arange(16.0).reshape(1, 4, 4, 1))
        >>> tg.avg_pool2d(x, 2)[0, :, :, 0].tolist()
        [[2.5, 4.5], [10.5, 12.5]]
    """
    x, geometry, given = _checked("avg_pool2d", x, kernel_size, stride, padding, ceil_mode)
    return mean_of(x, geometry, given, count_include_pad)


def global_max_pool2d(x: Any) -> Tensor:
    """The maximum of each channel over the whole image: (N, H, W, C) to (N, C).

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> tg.global_max_pool2d(tg.tensor(np.arange(8.0).reshape(1, 2, 2, 2))).tolist()
        [[6.0, 7.0]]
    """
    x = operand(x)
    check_image("global_max_pool2d", x)
    return reduction.max(x, (1, 2))


def global_avg_pool2d(x: Any) -> Tensor:
    """The mean of each channel over the whole image: (N, H, W, C) to (N, C).

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> tg.global_avg_pool2d(tg.tensor(np.arange(8.0).reshape(1, 2, 2, 2))).tolist()
        [[3.0, 4.0]]

    References:
        Lin, Chen, Yan, "Network in network", ICLR 2014, section 3.2.
    """
    x = operand(x)
    check_image("global_avg_pool2d", x)
    return reduction.mean(x, (1, 2))


def mean_of(x: Any, geometry: dict[str, Any], given: Padding, include_pad: bool) -> Tensor:
    """The mean under each window of a regular geometry; `given` is its padding before ceil_mode."""
    # The kernel's mean over the whole window counts more than the padding that was given.
    counted = given if include_pad and geometry["padding"] != given else None
    op = AvgPool2d(**geometry, count_include_pad=bool(include_pad), counted=counted)
    return op.apply(floating(x))


def image_window(
    name: str, size: Any, stride: Any, padding: Any, image: Pair
) -> tuple[Pair, Pair, Padding]:
    """A window of images, as users write it: its size, stride and padding, regular.

    Raises:
        ShapeError: padding that a whole window fits into. ArgumentError: a size below 1, a negative
            padding. ArgumentTypeError: no integers.
    """
    window = pair(name, "kernel_size", size)
    steps = window if stride is None else pair(name, "stride", stride)
    sides = regular_padding(name, padding, image, window, steps, (1, 1))
    for k, side in zip(window, sides, strict=True):
        if max(side) >= k:
            raise ShapeError(
                f"{name}: padding {sides} must be less than the window {window} on every side, or "
                "a window would hold nothing but padding"
            )
    return window, steps, sides


def _checked(
    name: str, x: Any, size: Any, stride: Any, padding: Any, ceil_mode: bool
) -> tuple[Any, dict[str, Any], Padding]:
    """x, the regular geometry, and the padding that was given, which ceil_mode adds to."""
    x = operand(x)
    check_image(name, x)
    image = (x.shape[1], x.shape[2])
    window, steps, given = image_window(name, size, stride, padding, image)
    sides = given
    if ceil_mode:
        vertical, horizontal = map(rounded_up, image, window, steps, given)
        sides = vertical, horizontal
    output_size(name, image, window, steps, sides, (1, 1))
    return x, {"size": window, "stride": steps, "padding": sides}, given


def rounded_up(n: int, size: int, stride: int, padding: Pair) -> Pair:
    """The padding with which floor((n + pads - size) / stride) + 1 becomes the ceiling.

    The last window must start inside the n or the padding before them.
    """
    before, after = padding
    windows = -(-(n + before + after - size) // stride) + 1
    if (windows - 1) * stride >= n + before:
        windows -= 1
    return before, max(after, (windows - 1) * stride + size - n - before)


def _window_shares(
    x_shape: tuple[int, ...], like: Array, counted: Padding, geometry: dict[str, Any]
) -> Array:
    """Window size / what of it lies in the image and the padding that counts, as (OH, OW, 1)."""
    xp = array_module(like)
    shares = []
    for i, (before, after) in enumerate(counted):
        k, reach = geometry["size"][i], x_shape[i + 1] + before + after
        starts = xp.arange(like.shape[i + 1]) * geometry["stride"][i]
        shares.append(k / (xp.minimum(starts + k, reach) - starts))
    return (shares[0][:, None] * shares[1])[:, :, None].astype(like.dtype)
