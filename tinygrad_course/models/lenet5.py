"""LeNet-5: the network that read the digits on bank cheques. Read `mlp.py` to compare."""

from __future__ import annotations

from typing import Any

from ..errors import ShapeError
from ..nn import AvgPool2d, Conv2d, Dense, Flatten, MaxPool2d, Module, ReLU, Sequential, Tanh
from ..nn.init import he_normal, xavier_uniform
from ..random import Generator


def lenet5(
    input_shape: tuple[int, ...],
    classes: int,
    *,
    generator: Generator | None = None,
    dtype: Any = "float32",
    classic: bool = False,
) -> Module:
    """Two convolutions, each followed by a pool that halves the image; then three dense layers.

    On 28 x 28 images with 10 classes, 61,706 parameters:

        input    28 x 28 x 1     padded by 2, which makes it the paper's 32 x 32
        conv     28 x 28 x 6     5 x 5 windows          156 parameters
        pool     14 x 14 x 6
        conv     10 x 10 x 16    5 x 5 windows        2,416
        pool      5 x  5 x 16
        dense          120                           48,120
        dense           84                           10,164
        dense           10                              850

    The paper lets each map of the second convolution see only some of the first six, trains a scale
    and an offset in its pools, and ends in radial basis functions; all later versions, this one
    among them, do without.

    Args:
        input_shape: (H, W, C), at least 12 x 12.
        classes: how many logits come out.
        generator: where the first weights come from.
        dtype: of the parameters.
        classic: tanh and average pooling, as in 1998, instead of ReLU and max pooling.

    Raises:
        ShapeError: samples that are no images, or images too small for two 5 x 5 windows.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> model = lenet5((28, 28, 1), 10)
        >>> model(tg.tensor(np.zeros((2, 28, 28, 1), "float32"))).shape
        (2, 10)

    References:
        LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document
        recognition", Proc. IEEE 1998, section II.B and figure 2.
    """
    if len(input_shape) != 3 or min(input_shape[:2]) < 12:
        raise ShapeError(
            "lenet5: expects images (H, W, C) of at least 12 x 12, but a sample has the shape "
            f"{input_shape}; use mlp for other data"
        )
    height, width, channels = input_shape
    rows, columns = (height // 2 - 4) // 2, (width // 2 - 4) // 2
    activation, pool = (Tanh, AvgPool2d) if classic else (ReLU, MaxPool2d)
    init = xavier_uniform if classic else he_normal
    options: dict[str, Any] = {"init": init, "generator": generator, "dtype": dtype}
    return Sequential(
        Conv2d(channels, 6, 5, padding=2, **options),
        activation(),
        pool(2),
        Conv2d(6, 16, 5, **options),
        activation(),
        pool(2),
        Flatten(),
        Dense(rows * columns * 16, 120, **options),
        activation(),
        Dense(120, 84, **options),
        activation(),
        Dense(84, classes, **options),
    )
