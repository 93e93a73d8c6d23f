"""A small VGG with batch normalisation: the network for colour pictures. `lenet5.py` compares."""

from __future__ import annotations

from typing import Any

from ..errors import ShapeError
from ..nn import BatchNorm, Conv2d, Dense, GlobalAvgPool2d, MaxPool2d, Module, Sequential
from ..nn.init import he_normal
from ..random import Generator

WIDTHS = (32, 64, 128)
"""Maps of each stage: twice as many wherever the image is halved, as in the paper."""


def vgg_small(
    input_shape: tuple[int, ...],
    classes: int,
    *,
    generator: Generator | None = None,
    dtype: Any = "float32",
) -> Module:
    """Three stages of two 3 x 3 convolutions each, every one followed by batch norm with ReLU.

    On 32 x 32 images of three colours with 10 classes, 288,746 parameters:

        input    32 x 32 x 3
        conv     32 x 32 x 32    3 x 3 windows, twice         10,208 with the batch norms
        pool     16 x 16 x 32
        conv     16 x 16 x 64    3 x 3 windows, twice         55,552
        pool      8 x  8 x 64
        conv      8 x  8 x 128   3 x 3 windows, twice        221,696
        mean             128     over each map
        dense             10                                   1,290

    Two 3 x 3 windows see as much as one of 5 x 5, with fewer weights and a ReLU in between. The
    convolutions have no offset, since batch norm adds its own. Instead of the paper's three dense
    layers stands the mean of each map, so images of any size of at least 8 x 8 will do.

    Args:
        input_shape: (H, W, C), at least 8 x 8.
        classes: how many logits come out.
        generator: where the first weights come from.
        dtype: of the parameters.

    Raises:
        ShapeError: samples that are no images, or images too small to be halved twice.

    Example:
        >>> vgg_small((32, 32, 3), 10).num_parameters()
        288746

    References:
        Simonyan and Zisserman, "Very deep convolutional networks for large-scale image
        recognition", ICLR 2015, section 2. Ioffe and Szegedy, "Batch normalization", ICML 2015.
        Lin, Chen and Yan, "Network in network", ICLR 2014, section 3.2 (the mean of each map).
    """
    if len(input_shape) != 3 or min(input_shape[:2]) < 8:
        raise ShapeError(
            "vgg-small: expects images (H, W, C) of at least 8 x 8, but a sample has the shape "
            f"{input_shape}; use mlp for other data"
        )
    options: dict[str, Any] = {"generator": generator, "dtype": dtype}
    layers: list[Module] = []
    channels = input_shape[2]
    for stage, width in enumerate(WIDTHS):
        if stage:
            layers.append(MaxPool2d(2))
        for _ in range(2):
            conv = Conv2d(channels, width, 3, padding=1, bias=False, init=he_normal, **options)
            layers += [conv, BatchNorm(width, activation="relu", dtype=dtype)]
            channels = width
    return Sequential(*layers, GlobalAvgPool2d(), Dense(channels, classes, **options))
