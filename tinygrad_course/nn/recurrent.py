"""Recurrent layers: RNN, LSTM and GRU over whole sequences. A layer is a list of cells.

Read `recurrent_cell.py` first, which holds the parameters; `../ops/rnn.py` has the mathematics.
"""

from __future__ import annotations

from typing import Any, ClassVar

from .. import functional as F  # noqa: N812
from ..random import Generator
from ..tensor import Tensor
from .checks import float_dtype, size
from .init import Initializer
from .module import Module
from .recurrent_cell import Cell, GRUCell, LSTMCell, RNNCell


class Recurrent(Module):
    """What the three have in common: layers of cells, one or two (forwards, backwards) each."""

    cell: ClassVar[type[Cell]]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        bidirectional: bool = False,
        *,
        init: Initializer | None = None,
        generator: Generator | None = None,
        dtype: Any = "float32",
        **options: Any,
    ) -> None:
        name = type(self).__name__
        self.input_size = size(name, "input_size", input_size)
        self.hidden_size = size(name, "hidden_size", hidden_size)
        self.num_layers = size(name, "num_layers", num_layers)
        self.bias = bool(bias)
        self.bidirectional = bool(bidirectional)
        self.init = init
        self.dtype = float_dtype(name, dtype)
        directions = 2 if bidirectional else 1
        self.cells = [
            self.cell(
                input_size if layer == 0 else directions * hidden_size,
                hidden_size,
                bias,
                init=init,
                generator=generator,
                dtype=dtype,
                **options,
            )
            for layer in range(num_layers)
            for _ in range(directions)
        ]

    def layers(self) -> list[tuple[Any, ...]]:
        """The weights of every cell, as the functions of `F` take them."""
        return [cell.weights() for cell in self.cells]


class RNN(Recurrent):
    """h_t = f(x_t W_x + b_x + h_(t-1) W_h + b_h), f = tanh or relu.

    Args:
        input_size: D of x.
        hidden_size: H.
        num_layers: layers one above the other.
        bias: whether there are b_x and b_h.
        bidirectional: whether each layer also reads the sequence from its end; y then has 2 H.
        nonlinearity: f, "tanh" or "relu".
        init: fills the weights; if None, weights and biases are uniform within 1 / sqrt(H).
        generator: where the first weights come from; the default generator if None.
        dtype: of the parameters.

    Attributes:
        cells: one `RNNCell` for each layer, or two (forwards, backwards).

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> y, h = tg.nn.RNN(3, 5, 2)(tg.tensor(np.ones((2, 7, 3), "float32")))
        >>> y.shape, h.shape
        ((2, 7, 5), (2, 2, 5))

    References:
        Elman 1990, "Finding structure in time".
    """

    cell = RNNCell

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        bidirectional: bool = False,
        nonlinearity: str = "tanh",
        *,
        init: Initializer | None = None,
        generator: Generator | None = None,
        dtype: Any = "float32",
    ) -> None:
        self.nonlinearity = nonlinearity
        super().__init__(
            input_size,
            hidden_size,
            num_layers,
            bias,
            bidirectional,
            init=init,
            generator=generator,
            dtype=dtype,
            nonlinearity=nonlinearity,
        )

    def forward(self, x: Any, h0: Any = None) -> tuple[Tensor, Tensor]:
        """(N, T, D) to (N, T, H) and the last states (layers, N, H)."""
        return F.rnn(
            x,
            h0,
            self.layers(),
            nonlinearity=self.nonlinearity,
            bidirectional=self.bidirectional,
        )


class LSTM(Recurrent):
    """Long short-term memory: c_t = f c_(t-1) + i g, h_t = o tanh(c_t).

    Args:
        input_size: D of x.
        hidden_size: H.
        num_layers: layers one above the other.
        bias: whether there are b_x and b_h.
        bidirectional: whether each layer also reads the sequence from its end; y then has 2 H.
        init: fills the weights; if None, weights and biases are uniform within 1 / sqrt(H).
        generator: where the first weights come from; the default generator if None.
        dtype: of the parameters.

    Attributes:
        cells: one `LSTMCell` for each layer, or two (forwards, backwards).

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> y, (h, c) = tg.nn.LSTM(3, 5)(tg.tensor(np.ones((2, 7, 3), "float32")))
        >>> y.shape, h.shape, c.shape
        ((2, 7, 5), (1, 2, 5), (1, 2, 5))

    References:
        Hochreiter and Schmidhuber 1997, "Long short-term memory".
    """

    cell = LSTMCell

    def forward(self, x: Any, state: Any = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """(N, T, D) to (N, T, H) and the last (h, c), each (layers, N, H)."""
        return F.lstm(x, state, self.layers(), bidirectional=self.bidirectional)


class GRU(Recurrent):
    """The gated recurrent unit: h_t = (1 - z) n + z h_(t-1).

    Args:
        input_size: D of x.
        hidden_size: H.
        num_layers: layers one above the other.
        bias: whether there are b_x and b_h.
        bidirectional: whether each layer also reads the sequence from its end; y then has 2 H.
        init: fills the weights; if None, weights and biases are uniform within 1 / sqrt(H).
        generator: where the first weights come from; the default generator if None.
        dtype: of the parameters.

    Attributes:
        cells: one `GRUCell` for each layer, or two (forwards, backwards).

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> layer = tg.nn.GRU(3, 5, bidirectional=True)
        >>> y, h = layer(tg.tensor(np.ones((2, 7, 3), "float32")))
        >>> y.shape, h.shape
        ((2, 7, 10), (2, 2, 5))

    References:
        Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder".
    """

    cell = GRUCell

    def forward(self, x: Any, h0: Any = None) -> tuple[Tensor, Tensor]:
        """(N, T, D) to (N, T, H) and the last states (layers, N, H)."""
        return F.gru(x, h0, self.layers(), bidirectional=self.bidirectional)
