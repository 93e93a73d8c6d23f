"""Residual networks: blocks that learn what to add to x. Read `vgg_small.py` to compare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import functional as F  # noqa: N812
from ..errors import ShapeError
from ..nn import BatchNorm, Conv2d, Dense, GlobalAvgPool2d, MaxPool2d, Module, Sequential
from ..nn.init import he_normal
from ..random import Generator
from ..tensor import Tensor


class ResidualBlock(Module):
    """y = relu(f(x) + x), where f is conv, batch norm, ReLU, conv, batch norm.

    With f = 0 the block hands x on, so that adding a block cannot make the network worse, and
    dL/dx = dL/dy (f'(x) + 1) reaches the first block whatever f' is. Where the block halves the
    image or changes the number of maps, a 1 x 1 convolution brings x to the shape of f(x).

    Args:
        channels: maps of x.
        width: maps of y.
        stride: 2 halves the image.
        generator: where the first weights come from.
        dtype: of the parameters.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> block = ResidualBlock(16, 32, stride=2)
        >>> block(tg.tensor(np.ones((1, 8, 8, 16), "float32"))).shape
        (1, 4, 4, 32)

    References:
        He, Zhang, Ren and Sun, "Deep residual learning for image recognition", CVPR 2016,
        section 3.2 and figure 2; the 1 x 1 convolution is its option B.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        stride: int = 1,
        *,
        generator: Generator | None = None,
        dtype: Any = "float32",
    ) -> None:
        options: dict[str, Any] = {"generator": generator, "dtype": dtype}
        self.conv1, self.norm1 = _conv_and_norm(
            channels, width, 3, stride, activation="relu", **options
        )
        self.conv2, self.norm2 = _conv_and_norm(width, width, 3, 1, **options)
        self.shortcut: Sequential | None = None
        if stride != 1 or channels != width:
            self.shortcut = Sequential(*_conv_and_norm(channels, width, 1, stride, **options))

    def forward(self, x: Any) -> Tensor:
        """(N, H, W, channels) to (N, H / stride, W / stride, width)."""
        y = self.norm2(self.conv2(self.norm1(self.conv1(x))))
        shortcut = x if self.shortcut is None else self.shortcut(x)
        return F.add(y, shortcut, activation="relu")


def resnet20(
    input_shape: tuple[int, ...],
    classes: int,
    *,
    generator: Generator | None = None,
    dtype: Any = "float32",
) -> Module:
    """The residual network for small pictures: 19 convolutions of 3 x 3, and one dense layer.

    On 32 x 32 images of three colours with 10 classes, 272,474 parameters:

        input    32 x 32 x 3
        conv     32 x 32 x 16
        blocks   32 x 32 x 16    three, of two convolutions each
        blocks   16 x 16 x 32    three, the first of them with stride 2
        blocks    8 x  8 x 64    three, the first of them with stride 2
        mean             64      over each map
        dense            10

    Args:
        input_shape: (H, W, C), at least 8 x 8.
        classes: how many logits come out.
        generator: where the first weights come from.
        dtype: of the parameters.

    Raises:
        ShapeError: samples that are no images, or images too small to be halved twice.

    Example:
        >>> resnet20((32, 32, 3), 10).num_parameters()
        272474

    References:
        He, Zhang, Ren and Sun, "Deep residual learning for image recognition", CVPR 2016,
        section 4.2 (n = 3).
    """
    _check_images("resnet20", input_shape, least=8)
    options: dict[str, Any] = {"generator": generator, "dtype": dtype}
    return Sequential(
        *_conv_and_norm(input_shape[2], 16, 3, 1, activation="relu", **options),
        *_stages((16, 32, 64), blocks=3, channels=16, **options),
        GlobalAvgPool2d(),
        Dense(64, classes, **options),
    )


def resnet18(
    input_shape: tuple[int, ...],
    classes: int,
    *,
    generator: Generator | None = None,
    dtype: Any = "float32",
) -> Module:
    """The residual network for photographs: a 7 x 7 convolution, a pool, and eight blocks.

    On 224 x 224 images of three colours with 1000 classes, 11,689,512 parameters:

        input   224 x 224 x 3
        conv    112 x 112 x 64    7 x 7 windows, stride 2
        pool     56 x  56 x 64    3 x 3 windows, stride 2
        blocks   56 x  56 x 64    two, of two convolutions each
        blocks   28 x  28 x 128   two, the first of them with stride 2, as in the next two stages
        blocks   14 x  14 x 256
        blocks    7 x   7 x 512
        mean              512     over each map
        dense            1000

    Args:
        input_shape: (H, W, C), at least 16 x 16.
        classes: how many logits come out.
        generator: where the first weights come from.
        dtype: of the parameters.

    Raises:
        ShapeError: samples that are no images, or images too small.

    Example:
        >>> resnet18((224, 224, 3), 1000).num_parameters()
        11689512

    References:
        He, Zhang, Ren and Sun, "Deep residual learning for image recognition", CVPR 2016, table 1.
    """
    _check_images("resnet18", input_shape, least=16)
    options: dict[str, Any] = {"generator": generator, "dtype": dtype}
    return Sequential(
        *_conv_and_norm(input_shape[2], 64, 7, 2, activation="relu", **options),
        MaxPool2d(3, stride=2, padding=1),
        *_stages((64, 128, 256, 512), blocks=2, channels=64, **options),
        GlobalAvgPool2d(),
        Dense(512, classes, **options),
    )


def _conv_and_norm(
    channels: int,
    width: int,
    window: int,
    stride: int,
    *,
    activation: str | None = None,
    generator: Generator | None,
    dtype: Any,
) -> tuple[Module, Module]:
    """A convolution without an offset, since the batch norm after it has its own."""
    conv = Conv2d(
        channels,
        width,
        window,
        stride,
        padding=window // 2,
        bias=False,
        init=he_normal,
        generator=generator,
        dtype=dtype,
    )
    return conv, BatchNorm(width, activation=activation, dtype=dtype)


def _stages(widths: Sequence[int], *, blocks: int, channels: int, **options: Any) -> list[Module]:
    """Blocks of each width; the first of every stage but the first halves the image."""
    layers: list[Module] = []
    for stage, width in enumerate(widths):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            layers.append(ResidualBlock(channels, width, stride, **options))
            channels = width
    return layers


def _check_images(name: str, input_shape: tuple[int, ...], *, least: int) -> None:
    if len(input_shape) != 3 or min(input_shape[:2]) < least:
        raise ShapeError(
            f"{name}: expects images (H, W, C) of at least {least} x {least}, but a sample has the "
            f"shape {input_shape}; use mlp for other data"
        )
