"""Long short-term memory: a cell that keeps its content unless a gate says otherwise.

The gates stand in the order input, forget, cell, output in every weight. As in `rnn.py` one node
holds the whole sequence, and one kernel takes all its steps. Read next: `gru.py`.
"""

from __future__ import annotations

from typing import Any

from ..backend import Array, array_module, launch
from ..composition import pullback_of
from ..errors import ArgumentTypeError
from ..function import Function
from ..tensor import Tensor
from .elementary import sigmoid, tanh
from .linear import dense
from .recurrent import (
    before,
    checked_cell,
    projected,
    run_layers,
    step_by_step,
    through_weights,
)


class LSTM(Function):
    """c_t = f c_(t-1) + i g, h_t = o tanh c_t; y = all h_t, and the last c

    (i, f, g, o) = (s, s, tanh, s)(x_t w_x + b_x + h_(t-1) w_h + b_h), with s the sigmoid.
    """

    def forward(
        self, x: Array, h0: Array, c0: Array, w_x: Array, w_h: Array, b_x: Array, b_h: Array
    ) -> tuple[Array, Array]:
        ax = projected(x, w_x, b_x + b_h)
        self.gates, self.cells, y = launch("lstm", ax, h0, c0, w_h)
        return y, array_module(x).array(self.cells[:, -1], order="C")

    def backward(
        self,
        grad: Any,
        x: Any,
        h0: Any,
        c0: Any,
        w_x: Any,
        w_h: Any,
        b_x: Any,
        b_h: Any,
        y: Any,
        gates: Any,
        cells: Any,
    ) -> Any:
        return LSTMGrad().apply(*grad, x, h0, c0, w_x, w_h, b_x, b_h, y[0], gates, cells)


class LSTMGrad(Function):
    """dh = dy_t + da_(t+1) w_h^T;  dc += dh o (1 - tanh^2 c_t), from the last step to the first

    da = (dc g i (1 - i), dc c_(t-1) f (1 - f), dc i (1 - g^2), dh tanh(c_t) o (1 - o)), then
    dc = dc f for the step before: only f stands between the cells, so dc need not vanish.
    """

    def forward(
        self,
        dy: Array,
        dc: Array,
        x: Array,
        h0: Array,
        c0: Array,
        w_x: Array,
        w_h: Array,
        b_x: Array,
        b_h: Array,
        y: Array,
        gates: Array,
        cells: Array,
    ) -> tuple[Array, ...]:
        da, dh, dc = launch("lstm_grad", dy, dc, gates, cells, w_h)
        dx, dw_x, dw_h, db_x, db_h = through_weights(da, da, x, before(h0, y), w_x)
        return dx, dh, dc, dw_x, dw_h, db_x, db_h

    def backward(
        self,
        grad: Any,
        dy: Any,
        dc: Any,
        x: Any,
        h0: Any,
        c0: Any,
        w_x: Any,
        w_h: Any,
        b_x: Any,
        b_h: Any,
    ) -> list[Any]:
        inputs = (dy, dc, x, h0, c0, w_x, w_h, b_x, b_h)
        return [*pullback_of(self.composed, inputs, grad), None, None, None]

    def composed(self, dy: Any, dc: Any, *inputs: Any) -> tuple[Any, ...]:
        return tuple(pullback_of(self.sequence, inputs, (dy, dc)))

    def sequence(self, *inputs: Any) -> Any:
        """Y and the last c, of composed cells."""
        y, (_, c) = step_by_step(lstm_cell_composed)(*inputs)
        return y, c


def lstm(
    x: Any, state: Any, layers: Any, *, bidirectional: bool = False
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Long short-term memory, through all steps and all layers.

    i, f, g, o = s(a_i), s(a_f), tanh(a_g), s(a_o), with a = x_t w_x + b_x + h_(t-1) w_h + b_h and s
    the sigmoid; c_t = f c_(t-1) + i g; h_t = o tanh(c_t).

    Args:
        x: sequences (N, T, D).
        state: the first states (h0, c0), each (L, N, H), L the length of `layers`; None for zeros.
        layers: (w_x, w_h) or (w_x, w_h, b_x, b_h) of each layer, the lowest first: w_x (D, 4 H),
            w_h (H, 4 H), biases (4 H,), in blocks input, forget, cell, output. With
            `bidirectional` two for each layer, forwards and backwards; a layer above sees D = 2 H.
        bidirectional: whether each layer also reads the sequence from its end.

    Returns:
        y, the highest layer's h (N, T, H) or (N, T, 2 H), and (h_n, c_n), the last states of every
        layer, each (L, N, H).

    Raises:
        ShapeError: sizes that do not fit, naming both.
        ArgumentTypeError: a state that is no pair.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> x, w_x, w_h = tg.tensor(np.ones((1, 3, 2))), np.zeros((2, 20)), np.zeros((5, 20))
        >>> y, (h, c) = tg.lstm(x, None, [(w_x, w_h)])
        >>> y.shape, h.shape, c.shape
        ((1, 3, 5), (1, 1, 5), (1, 1, 5))

    References:
        Hochreiter, Schmidhuber, "Long short-term memory", Neural Computation 1997; Gers,
        Schmidhuber, Cummins, "Learning to forget", Neural Computation 2000, for the forget gate.
    """

    def run(x: Any, *rest: Any) -> Any:
        y, c = LSTM().apply(x, *rest)
        return y, (y[:, -1], c)

    y, (h, c) = run_layers(
        "lstm", run, x, _pair(state), layers, gates=4, bidirectional=bidirectional
    )
    return y, (h, c)


def lstm_composed(
    x: Any, state: Any, layers: Any, *, bidirectional: bool = False
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """`lstm` as a loop of `lstm_cell_composed`: the lesson, and the tests' oracle.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> x, w_x, w_h = tg.tensor(np.ones((1, 3, 2))), np.zeros((2, 20)), np.zeros((5, 20))
        >>> tg.functional.lstm_composed(x, None, [(w_x, w_h)])[0].shape
        (1, 3, 5)
    """
    run = step_by_step(lstm_cell_composed)
    y, (h, c) = run_layers(
        "lstm", run, x, _pair(state), layers, gates=4, bidirectional=bidirectional
    )
    return y, (h, c)


def lstm_cell(
    x: Any, h: Any, c: Any, w_x: Any, w_h: Any, b_x: Any = None, b_h: Any = None
) -> tuple[Tensor, Tensor]:
    """One step of `lstm`.

    Args:
        x: the inputs of this step (N, D).
        h: the hidden states before it (N, H).
        c: the cells before it (N, H).
        w_x: (D, 4 H).
        w_h: (H, 4 H).
        b_x: (4 H,), or None.
        b_h: (4 H,), or None.

    Returns:
        h and c after it, each (N, H).

    Raises:
        ShapeError: sizes that do not fit, naming both.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> x, c, w = tg.tensor([[0.0]]), tg.tensor([[2.0]]), np.zeros((1, 4), "float32")
        >>> h, c = tg.lstm_cell(x, x, c, w, w)
        >>> c.tolist()
        [[1.0]]
    """
    x, state, weights = checked_cell("lstm_cell", x, [h, c], (w_x, w_h, b_x, b_h), 4)
    y, last = LSTM().apply(x[:, None], *state, *weights)
    return y[:, 0], last


def lstm_cell_composed(
    x: Any, h: Any, c: Any, w_x: Any, w_h: Any, b_x: Any = None, b_h: Any = None
) -> tuple[Tensor, Tensor]:
    """`lstm_cell` as a plain composition.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> x, c, w = tg.tensor([[0.0]]), tg.tensor([[2.0]]), np.zeros((1, 4), "float32")
        >>> tg.functional.lstm_cell_composed(x, x, c, w, w)[1].tolist()
        [[1.0]]
    """
    a = dense(x, w_x, b_x) + dense(h, w_h, b_h)
    H = h.shape[1]
    i, f, o = sigmoid(a[:, :H]), sigmoid(a[:, H : 2 * H]), sigmoid(a[:, 3 * H :])
    c = f * c + i * tanh(a[:, 2 * H : 3 * H])
    return o * tanh(c), c


def _pair(state: Any) -> list[Any]:
    if state is None:
        return [None, None]
    if not isinstance(state, (tuple, list)) or len(state) != 2:
        raise ArgumentTypeError(
            f"lstm: state must be (h0, c0) or None, but it is a {type(state).__name__}"
        )
    return list(state)
