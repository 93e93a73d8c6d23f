"""The gated recurrent unit: a state that moves towards a candidate as far as a gate lets it.

The gates stand in the order reset, update, new in every weight. As in `rnn.py` one node holds the
whole sequence. Read next: `loss.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array, array_module, launch
from ..composition import pullback_of
from ..function import Function
from ..tensor import Tensor
from .elementary import sigmoid, tanh
from .linear import dense
from .recurrent import before, checked_cell, projected, run_layers, step_by_step, through_weights


class GRU(Function):
    """h_t = (1 - z) n + z h_(t-1); y = all h_t

    r = s(x_r + h_r), z = s(x_z + h_z), n = tanh(x_n + r h_n), with s the sigmoid,
    (x_r, x_z, x_n) = x_t w_x + b_x and (h_r, h_z, h_n) = h_(t-1) w_h + b_h.
    """

    def forward(self, x: Array, h0: Array, w_x: Array, w_h: Array, b_x: Array, b_h: Array) -> Array:
        xp, (N, T, _), H = array_module(x), x.shape, h0.shape[1]
        gates = projected(x, w_x, b_x)
        recalled, y = xp.empty((N, T, H), x.dtype), xp.empty((N, T, H), x.dtype)
        h = h0
        for t in range(T):
            a, from_h = gates[:, t], launch("matmul", h, w_h) + b_h
            recalled[:, t] = from_h[:, 2 * H :]
            a[:, : 2 * H] = sigmoid(a[:, : 2 * H] + from_h[:, : 2 * H])
            r, z, n = _three(a)
            n[...] = np.tanh(n + r * recalled[:, t])
            h = y[:, t] = (1 - z) * n + z * h
        self.gates, self.recalled = gates, recalled
        return y

    def backward(
        self,
        grad: Any,
        x: Any,
        h0: Any,
        w_x: Any,
        w_h: Any,
        b_x: Any,
        b_h: Any,
        y: Any,
        gates: Any,
        recalled: Any,
    ) -> Any:
        return GRUGrad().apply(grad, x, h0, w_x, w_h, b_x, b_h, y, gates, recalled)


class GRUGrad(Function):
    """dn = dh (1 - z) (1 - n^2);  dz = dh (h_(t-1) - n) z (1 - z);  dr = dn h_n r (1 - r)

    These are the gradients of x w_x + b_x; of h w_h + b_h they are (dr, dz, dn r). From the last
    step to the first, dh = dy_t + dh_(t+1) z_(t+1) + (dr, dz, dn r)_(t+1) w_h^T.
    """

    def forward(
        self,
        dy: Array,
        x: Array,
        h0: Array,
        w_x: Array,
        w_h: Array,
        b_x: Array,
        b_h: Array,
        y: Array,
        gates: Array,
        recalled: Array,
    ) -> tuple[Array, ...]:
        xp, h = array_module(x), before(h0, y)
        da_x, da_h = xp.empty(gates.shape, x.dtype), xp.empty(gates.shape, x.dtype)
        dh = xp.zeros(h0.shape, x.dtype)
        for t in reversed(range(x.shape[1])):
            r, z, n = _three(gates[:, t])
            dr, dz, dn = _three(da_x[:, t])
            dh = dh + dy[:, t]
            dn[...] = dh * (1 - z) * (1 - n * n)
            dz[...] = dh * (h[:, t] - n) * z * (1 - z)
            dr[...] = dn * recalled[:, t] * r * (1 - r)
            da_h[:, t] = xp.concatenate([dr, dz, dn * r], axis=1)
            dh = dh * z + launch("matmul", da_h[:, t], w_h.T)
        dx, dw_x, dw_h, db_x, db_h = through_weights(da_x, da_h, x, h, w_x)
        return dx, dh, dw_x, dw_h, db_x, db_h

    def backward(
        self, grad: Any, dy: Any, x: Any, h0: Any, w_x: Any, w_h: Any, b_x: Any, b_h: Any
    ) -> list[Any]:
        inputs = (dy, x, h0, w_x, w_h, b_x, b_h)
        return [*pullback_of(self.composed, inputs, grad), None, None, None]

    def composed(self, dy: Any, *inputs: Any) -> tuple[Any, ...]:
        return tuple(pullback_of(self.sequence, inputs, dy))

    def sequence(self, *inputs: Any) -> Any:
        """Y, of composed cells."""
        return step_by_step(gru_cell_composed)(*inputs)[0]


def _three(a: Array) -> tuple[Array, Array, Array]:
    """The three gates of (N, 3 H), as views."""
    H = a.shape[1] // 3
    return a[:, :H], a[:, H : 2 * H], a[:, 2 * H :]


def gru(x: Any, h0: Any, layers: Any, *, bidirectional: bool = False) -> tuple[Tensor, Tensor]:
    """The gated recurrent unit, through all steps and all layers.

    r = s(x_r + h_r), z = s(x_z + h_z), n = tanh(x_n + r h_n), h_t = (1 - z) n + z h_(t-1), with
    (x_r, x_z, x_n) = x_t w_x + b_x, (h_r, h_z, h_n) = h_(t-1) w_h + b_h and s the sigmoid. The
    reset gate multiplies after the product, bias and all, as in cuDNN and PyTorch; in the paper it
    multiplies h before it, and z and 1 - z change places.

    Args:
        x: sequences (N, T, D).
        h0: the first states (L, N, H), L the length of `layers`; None for zeros.
        layers: (w_x, w_h) or (w_x, w_h, b_x, b_h) of each layer, the lowest first: w_x (D, 3 H),
            w_h (H, 3 H), biases (3 H,), in blocks reset, update, new. With `bidirectional` two
            for each layer, forwards and backwards; a layer above sees D = 2 H.
        bidirectional: whether each layer also reads the sequence from its end.

    Returns:
        y, the highest layer's states (N, T, H) or (N, T, 2 H), and h_n, the last state of every
        layer (L, N, H).

    Raises:
        ShapeError: sizes that do not fit, naming both.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> x, w_x, w_h = tg.tensor(np.ones((1, 3, 2))), np.zeros((2, 15)), np.zeros((5, 15))
        >>> y, h = tg.gru(x, None, [(w_x, w_h)])
        >>> y.shape, h.shape
        ((1, 3, 5), (1, 1, 5))

    References:
        Cho, van Merrienboer, Gulcehre, Bahdanau, Bougares, Schwenk, Bengio, "Learning phrase
        representations using RNN encoder-decoder", EMNLP 2014, section 2.3.
    """

    def run(x: Any, *rest: Any) -> Any:
        y = GRU().apply(x, *rest)
        return y, (y[:, -1],)

    y, (h,) = run_layers("gru", run, x, [h0], layers, gates=3, bidirectional=bidirectional)
    return y, h


def gru_composed(
    x: Any, h0: Any, layers: Any, *, bidirectional: bool = False
) -> tuple[Tensor, Tensor]:
    """`gru` as a loop of `gru_cell_composed`: the lesson, and the tests' oracle.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> x, w_x, w_h = tg.tensor(np.ones((1, 3, 2))), np.zeros((2, 15)), np.zeros((5, 15))
        >>> tg.functional.gru_composed(x, None, [(w_x, w_h)])[0].shape
        (1, 3, 5)
    """
    run = step_by_step(gru_cell_composed)
    y, (h,) = run_layers("gru", run, x, [h0], layers, gates=3, bidirectional=bidirectional)
    return y, h


def gru_cell(x: Any, h: Any, w_x: Any, w_h: Any, b_x: Any = None, b_h: Any = None) -> Tensor:
    """One step of `gru`.

    Args:
        x: the inputs of this step (N, D).
        h: the states before it (N, H).
        w_x: (D, 3 H).
        w_h: (H, 3 H).
        b_x: (3 H,), or None.
        b_h: (3 H,), or None.

    Returns:
        The states after it (N, H).

    Raises:
        ShapeError: sizes that do not fit, naming both.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> x, h, w = tg.tensor([[0.0]]), tg.tensor([[2.0]]), np.zeros((1, 3), "float32")
        >>> tg.gru_cell(x, h, w, w).tolist()
        [[1.0]]
    """
    x, (h,), weights = checked_cell("gru_cell", x, [h], (w_x, w_h, b_x, b_h), 3)
    y: Tensor = GRU().apply(x[:, None], h, *weights)
    return y[:, 0]


def gru_cell_composed(
    x: Any, h: Any, w_x: Any, w_h: Any, b_x: Any = None, b_h: Any = None
) -> Tensor:
    """`gru_cell` as a plain composition.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> x, h, w = tg.tensor([[0.0]]), tg.tensor([[2.0]]), np.zeros((1, 3), "float32")
        >>> tg.functional.gru_cell_composed(x, h, w, w).tolist()
        [[1.0]]
    """
    from_x, from_h = dense(x, w_x, b_x), dense(h, w_h, b_h)
    H = h.shape[1]
    r = sigmoid(from_x[:, :H] + from_h[:, :H])
    z = sigmoid(from_x[:, H : 2 * H] + from_h[:, H : 2 * H])
    n = tanh(from_x[:, 2 * H :] + r * from_h[:, 2 * H :])
    y: Tensor = (1.0 - z) * n + z * h
    return y
