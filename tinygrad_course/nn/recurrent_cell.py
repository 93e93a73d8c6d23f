"""Recurrent cells: one step, and the parameters that every step shares. Read next: `recurrent.py`.

Each has weight_x (D, gates H), weight_h (H, gates H) and two biases (gates H,).
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

from .. import functional as F  # noqa: N812
from ..errors import ArgumentError, nearest
from ..random import Generator
from ..tensor import Parameter, Tensor
from .checks import float_dtype, size
from .init import Initializer, uniform, zeros
from .module import Module
from .weights import weight


class Cell(Module):
    """What the three have in common: two weights and two biases."""

    gates: ClassVar[int]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        init: Initializer | None = None,
        generator: Generator | None = None,
        dtype: Any = "float32",
    ) -> None:
        name = type(self).__name__
        D, H = size(name, "input_size", input_size), size(name, "hidden_size", hidden_size)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.init = init
        self.dtype = float_dtype(name, dtype)
        wide, bound = self.gates * H, 1 / math.sqrt(H)

        def within(shape: Any, *, generator: Generator | None, dtype: Any) -> Any:
            return uniform(shape, -bound, bound, generator=generator, dtype=dtype)

        fill = within if init is None else init
        self.weight_x, self.weight_h = (
            weight(name, fill, (rows, wide), generator=generator, dtype=self.dtype)
            for rows in (D, H)
        )
        start = within if init is None else zeros
        self.bias_x, self.bias_h = (
            Parameter(start((wide,), generator=generator, dtype=self.dtype)) if bias else None
            for _ in range(2)
        )
        self.bias = bool(bias)

    def weights(self) -> tuple[Any, ...]:
        """(w_x, w_h, b_x, b_h), as the functions of `F` take them."""
        return self.weight_x, self.weight_h, self.bias_x, self.bias_h


class RNNCell(Cell):
    """h' = f(x W_x + b_x + h W_h + b_h), f = tanh or relu.

    Args:
        input_size: D of x.
        hidden_size: H.
        bias: whether there are b_x and b_h.
        nonlinearity: f, "tanh" or "relu".
        init: fills the weights (the biases are then zero); if None, both are uniform within
            1 / sqrt(H).
        generator: where the first weights come from; the default generator if None.
        dtype: of the parameters.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> cell = tg.nn.RNNCell(3, 5)
        >>> cell(tg.tensor(np.ones((2, 3), "float32")), np.zeros((2, 5), "float32")).shape
        (2, 5)
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        *,
        init: Initializer | None = None,
        generator: Generator | None = None,
        dtype: Any = "float32",
    ) -> None:
        known = ("tanh", "relu")
        if nonlinearity not in known:
            raise ArgumentError(
                f"{type(self).__name__}: there is no nonlinearity {nonlinearity!r}; "
                f"{nearest(str(nonlinearity), known)}"
            )
        super().__init__(input_size, hidden_size, bias, init=init, generator=generator, dtype=dtype)
        self.nonlinearity = nonlinearity

    def forward(self, x: Any, h: Any) -> Tensor:
        """(N, D) and (N, H) to (N, H)."""
        return F.rnn_cell(x, h, *self.weights(), nonlinearity=self.nonlinearity)


class LSTMCell(Cell):
    """c' = f c + i g, h' = o tanh(c'): the gates i, f, g, o stand in this order in the weights.

    Args:
        input_size: D of x.
        hidden_size: H.
        bias: whether there are b_x and b_h.
        init: fills the weights (the biases are then zero); if None, both are uniform within
            1 / sqrt(H).
        generator: where the first weights come from; the default generator if None.
        dtype: of the parameters.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> cell, zero = tg.nn.LSTMCell(3, 5), np.zeros((2, 5), "float32")
        >>> h, c = cell(tg.tensor(np.ones((2, 3), "float32")), (zero, zero))
        >>> h.shape, c.shape
        ((2, 5), (2, 5))
    """

    gates = 4

    def forward(self, x: Any, state: Any) -> tuple[Tensor, Tensor]:
        """(N, D) and (h, c), each (N, H), to the next (h, c)."""
        return F.lstm_cell(x, *state, *self.weights())


class GRUCell(Cell):
    """h' = (1 - z) n + z h: the gates r, z, n stand in this order in the weights.

    Args:
        input_size: D of x.
        hidden_size: H.
        bias: whether there are b_x and b_h.
        init: fills the weights (the biases are then zero); if None, both are uniform within
            1 / sqrt(H).
        generator: where the first weights come from; the default generator if None.
        dtype: of the parameters.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> cell = tg.nn.GRUCell(3, 5)
        >>> cell(tg.tensor(np.ones((2, 3), "float32")), np.zeros((2, 5), "float32")).shape
        (2, 5)
    """

    gates = 3

    def forward(self, x: Any, h: Any) -> Tensor:
        """(N, D) and (N, H) to (N, H)."""
        return F.gru_cell(x, h, *self.weights())
