"""The multilayer perceptron: one hidden layer. Read `lenet5.py` to compare."""

from __future__ import annotations

import math
from typing import Any

from ..nn import Dense, Dropout, Flatten, Module, ReLU, Sequential
from ..random import Generator


def mlp(
    input_shape: tuple[int, ...],
    classes: int,
    *,
    hidden: int = 128,
    dropout: float = 0.1,
    generator: Generator | None = None,
    dtype: Any = "float32",
) -> Module:
    """Flatten, one hidden layer, some dropout, one logit a class. It takes samples of any shape.

    Args:
        input_shape: the shape of one sample.
        classes: how many logits come out.
        hidden: units of the hidden layer.
        dropout: the probability of dropping a hidden unit in training.
        generator: where the first weights and the dropout masks come from.
        dtype: of the parameters.

    Example:
        >>> mlp((8, 8, 1), 10).num_parameters()  # 64 * 128 + 128 + 128 * 10 + 10
        9610

    References:
        Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors",
        Nature 1986.
    """
    return Sequential(
        Flatten(),
        Dense(math.prod(input_shape), hidden, generator=generator, dtype=dtype),
        ReLU(),
        Dropout(dropout, generator=generator),
        Dense(hidden, classes, generator=generator, dtype=dtype),
    )
