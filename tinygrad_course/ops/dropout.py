"""Dropout: zeros at random places, drawn again in backward instead of stored.

Read next: `loss.py`.
"""

from __future__ import annotations

from typing import Any

from ..backend import Array, launch
from ..dtypes import floating
from ..errors import ArgumentError
from ..function import Function
from ..random import Generator, default_generator
from ..tensor import Tensor


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

    Example:
        >>> import tinygrad_course as tg
        >>> tg.dropout(tg.tensor([1.0] * 8), 0.5, generator=tg.Generator(0)).sum().item() % 2
        0.0

    References:
        Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, "Dropout", JMLR 2014; Salmon et
        al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011, for the Philox mask.
    """
    if not 0.0 <= p <= 1.0:
        raise ArgumentError(
            f"dropout: p is the probability of dropping and must lie in 0 .. 1, but it is {p}"
        )
    if not training or p == 0.0:
        same: Tensor = x
        return same
    source = default_generator if generator is None else generator
    return Dropout(p=float(p), seed=source.seed, offset=source.draw()).apply(floating(x))
