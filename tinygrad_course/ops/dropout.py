"""Dropout: zeros at random places, or in whole channels, drawn again in backward, never stored.

Read next: `loss.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array, array_module, launch
from ..dtypes import floating, operand
from ..errors import ArgumentError, ArgumentTypeError, ShapeError
from ..function import Function
from ..random import Generator, default_generator
from ..tensor import Tensor
from .numbers import number


class Dropout(Function):
    """y = x / (1 - p) where kept, else 0        dL/dx = the same of dL/dy, the mask drawn again"""

    def __init__(self, *, p: float, seed: int, offset: int) -> None:
        self.p = p
        self.seed = seed
        self.offset = offset

    def forward(self, x: Array) -> Array:
        return launch("dropout", x, p=self.p, seed=self.seed, offset=self.offset)

    def grad_x(self, grad: Any) -> Any:
        return Dropout(p=self.p, seed=self.seed, offset=self.offset).apply(grad)


class SpatialDropout(Function):
    """y = x / (1 - p) in the channels that are kept, else 0        dL/dx = the same of dL/dy"""

    def __init__(self, *, p: float, seed: int, offset: int) -> None:
        self.p = p
        self.seed = seed
        self.offset = offset

    def forward(self, x: Array) -> Array:
        ones = array_module(x).ones((len(x), *[1] * (x.ndim - 2), x.shape[-1]), x.dtype)
        scale = launch("dropout", ones, p=self.p, seed=self.seed, offset=self.offset)
        return np.where(scale > 0, x * scale, 0)  # 0 also for an infinite x

    def grad_x(self, grad: Any) -> Any:
        return SpatialDropout(p=self.p, seed=self.seed, offset=self.offset).apply(grad)


def dropout(
    x: Any, p: float = 0.5, *, training: bool = True, generator: Generator | None = None
) -> Tensor:
    """Each value is 0 with probability p, else x / (1 - p), so that the mean stays.

    Args:
        x: a tensor or an array.
        p: the probability of *dropping*, 0 to 1. (Srivastava et al. call the probability of
            *keeping* p.)
        training: without it, y = x.
        generator: where the mask comes from; one draw per call.

    Raises:
        ArgumentError: p outside 0 .. 1.
        ArgumentTypeError: p that is no number, a generator that is no `tg.Generator`.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.dropout(tg.tensor([1.0] * 8), 0.5, generator=tg.Generator(0)).sum().item() % 2
        0.0

    References:
        Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, "Dropout", JMLR 2014; Salmon et
        al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011, for the Philox mask.
    """
    x, p = operand(x), _probability("dropout", p)
    if not training or p == 0.0:
        same: Tensor = x
        return same
    seed, offset = _source("dropout", generator).draw()
    return Dropout(p=p, seed=seed, offset=offset).apply(floating(x))


def spatial_dropout(
    x: Any, p: float = 0.5, *, training: bool = True, generator: Generator | None = None
) -> Tensor:
    """Each channel of each sample is 0 with probability p, else x / (1 - p).

    Neighbouring pixels say nearly the same, so dropping them one by one takes little away; here a
    whole feature map is lost at once.

    Args:
        x: (N, ..., C): images, sequences or rows.
        p: the probability of *dropping*, 0 to 1.
        training: without it, y = x.
        generator: where the mask comes from; one draw per call, one number per sample and channel.

    Raises:
        ArgumentError: p outside 0 .. 1.
        ArgumentTypeError: p that is no number, a generator that is no `tg.Generator`.
        ShapeError: no batch axis beside the channels.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> x = tg.tensor(np.ones((1, 2, 2, 4), "float32"))
        >>> y = tg.spatial_dropout(x, 0.5, generator=tg.Generator(0))
        >>> y[0, 0, 0].tolist() == y[0, 1, 1].tolist()
        True

    References:
        Tompson, Goroshin, Jain, LeCun, Bregler, "Efficient object localization using convolutional
        networks", CVPR 2015, section 3.2.
    """
    x, p = operand(x), _probability("spatial_dropout", p)
    if len(x.shape) < 2:
        raise ShapeError(f"spatial_dropout: x must be (N, ..., C), but has shape {tuple(x.shape)}")
    if not training or p == 0.0:
        same: Tensor = x
        return same
    seed, offset = _source("spatial_dropout", generator).draw()
    op = SpatialDropout(p=p, seed=seed, offset=offset)
    return op.apply(floating(x))


def _probability(name: str, p: Any) -> float:
    found = number(name, "p", p)
    if not 0.0 <= found <= 1.0:
        raise ArgumentError(
            f"{name}: p is the probability of dropping and must lie in 0 .. 1, but it is {p}"
        )
    return found


def _source(name: str, generator: Any) -> Generator:
    if generator is None:
        return default_generator
    if not isinstance(generator, Generator):
        raise ArgumentTypeError(
            f"{name}: generator must be a tg.Generator, but it is a {type(generator).__name__}; "
            "make one with tg.Generator(seed)"
        )
    return generator
