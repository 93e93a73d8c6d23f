"""AlexNet: the network that won in 2012 and began it all. Read `lenet5.py`, its ancestor."""

from __future__ import annotations

from typing import Any

from ..errors import ShapeError
from ..nn import Conv2d, Dense, Dropout, Flatten, MaxPool2d, Module, Sequential
from ..nn.init import he_normal
from ..random import Generator


def alexnet(
    input_shape: tuple[int, ...],
    classes: int,
    *,
    dropout: float = 0.5,
    generator: Generator | None = None,
    dtype: Any = "float32",
) -> Module:
    """Five convolutions, three pools, and three dense layers that hold 94 % of the weights.

    On 224 x 224 images of three colours with 1000 classes, 61,100,840 parameters:

        input   224 x 224 x 3
        conv     55 x  55 x 64    11 x 11 windows, stride 4
        pool     27 x  27 x 64    3 x 3 windows, stride 2, as in the next two pools
        conv     27 x  27 x 192   5 x 5 windows
        pool     13 x  13 x 192
        conv     13 x  13 x 384   3 x 3 windows, as in the next two
        conv     13 x  13 x 256
        conv     13 x  13 x 256
        pool      6 x   6 x 256
        dense            4096     after dropout, as the next one
        dense            4096
        dense            1000

    The widths are those of the version for one processor; the 2012 one was split over two, and had
    local response normalisation, which turned out to be dispensable.

    Args:
        input_shape: (H, W, C), at least 63 x 63.
        classes: how many logits come out.
        dropout: the probability of dropping an input of the first two dense layers in training.
        generator: where the first weights and the dropout masks come from.
        dtype: of the parameters.

    Raises:
        ShapeError: samples that are no images, or images too small for the pools.

    Example:
        >>> alexnet((63, 63, 3), 10).num_parameters()
        20344650

    References:
        Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep convolutional neural
        networks", NIPS 2012. Krizhevsky, "One weird trick for parallelizing convolutional neural
        networks", 2014 (the widths).
    """
    if len(input_shape) != 3 or min(input_shape[:2]) < 63:
        raise ShapeError(
            "alexnet: expects images (H, W, C) of at least 63 x 63, but a sample has the shape "
            f"{input_shape}; use lenet5 or vgg-small for smaller ones"
        )
    rows, columns = (_side_of_last_pool(side) for side in input_shape[:2])
    options: dict[str, Any] = {"init": he_normal, "generator": generator, "dtype": dtype}
    fused: dict[str, Any] = {"activation": "relu", **options}
    return Sequential(
        Conv2d(input_shape[2], 64, 11, stride=4, padding=2, **fused),
        MaxPool2d(3, stride=2),
        Conv2d(64, 192, 5, padding=2, **fused),
        MaxPool2d(3, stride=2),
        Conv2d(192, 384, 3, padding=1, **fused),
        Conv2d(384, 256, 3, padding=1, **fused),
        Conv2d(256, 256, 3, padding=1, **fused),
        MaxPool2d(3, stride=2),
        Flatten(),
        Dropout(dropout, generator=generator),
        Dense(rows * columns * 256, 4096, **fused),
        Dropout(dropout, generator=generator),
        Dense(4096, 4096, **fused),
        Dense(4096, classes, **options),
    )


def _side_of_last_pool(side: int) -> int:
    """224 -> 55 -> 27 -> 13 -> 6: the first convolution and the three pools."""
    side = (side + 2 * 2 - 11) // 4 + 1
    for _ in range(3):
        side = (side - 3) // 2 + 1
    return side
