"""First weights as parameters: a layer's initializer is called, and what it returned is checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArgumentTypeError, ShapeError
from ..random import Generator
from ..tensor import Parameter
from .init import Initializer


def weight(
    layer: str,
    init: Initializer,
    shape: tuple[int, ...],
    *,
    generator: Generator | None,
    dtype: Any,
    groups: int = 1,
) -> Parameter:
    """A parameter of `shape` filled by `init`.

    Each group of a grouped convolution is a small convolution of its own, and is initialized as
    one: so `init` sees its fans in the shape alone.

    Raises:
        ArgumentTypeError: `init` cannot be called.
        ShapeError: it returned another shape.
    """
    if not callable(init):
        raise ArgumentTypeError(
            f"{layer}: init must be a function of a shape, such as nn.init.he_normal, but it is "
            f"{init!r}"
        )
    of_group = (*shape[:-1], shape[-1] // groups)
    parts = [np.asarray(init(of_group, generator=generator, dtype=dtype)) for _ in range(groups)]
    for part in parts:
        if part.shape != of_group:
            raise ShapeError(
                f"{layer}: init was asked for shape {of_group}, but returned {part.shape}"
            )
    return Parameter(np.concatenate(parts, -1) if groups > 1 else parts[0], dtype=dtype)
