"""The recurrent layer of Elman: each step's state is a function of its input and the last state.

One node holds the whole sequence; its gradient runs the steps backwards (backpropagation through
time). Read next: `lstm.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array, array_module, launch
from ..composition import pullback_of
from ..errors import ArgumentError, nearest
from ..function import Function
from ..tensor import Tensor
from .activation import relu
from .elementary import tanh
from .linear import dense
from .recurrent import before, checked_cell, projected, run_layers, step_by_step, through_weights


class RNN(Function):
    """h_t = f(x_t w_x + b_x + h_(t-1) w_h + b_h), f = tanh or relu; y = all h_t"""

    def __init__(self, *, nonlinearity: str) -> None:
        self.nonlinearity = nonlinearity

    def forward(self, x: Array, h0: Array, w_x: Array, w_h: Array, b_x: Array, b_h: Array) -> Array:
        y = projected(x, w_x, b_x + b_h)
        h = h0
        for t in range(x.shape[1]):
            a = y[:, t] + launch("matmul", h, w_h)
            h = np.tanh(a) if self.nonlinearity == "tanh" else np.maximum(a, 0)
            y[:, t] = h
        return y

    def backward(
        self, grad: Any, x: Any, h0: Any, w_x: Any, w_h: Any, b_x: Any, b_h: Any, y: Any
    ) -> Any:
        op = RNNGrad(nonlinearity=self.nonlinearity)
        return op.apply(grad, x, h0, w_x, w_h, b_x, b_h, y)


class RNNGrad(Function):
    """da_t = (dy_t + da_(t+1) w_h^T) f'(a_t), from the last step to the first

    dx_t = da_t w_x^T;  dw_x = sum x_t^T da_t;  dw_h = sum h_(t-1)^T da_t;  db = sum da_t. In terms
    of y, f' is 1 - y^2 for tanh and 1 where y > 0 for relu.
    """

    def __init__(self, *, nonlinearity: str) -> None:
        self.nonlinearity = nonlinearity

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
    ) -> tuple[Array, ...]:
        slope = 1 - y * y if self.nonlinearity == "tanh" else (y > 0).astype(y.dtype)
        da = array_module(y).empty(y.shape, y.dtype)
        dh = array_module(y).zeros(h0.shape, y.dtype)
        for t in reversed(range(x.shape[1])):
            da[:, t] = (dy[:, t] + dh) * slope[:, t]
            dh = launch("matmul", da[:, t], w_h.T)
        dx, dw_x, dw_h, db_x, db_h = through_weights(da, da, x, before(h0, y), w_x)
        return dx, dh, dw_x, dw_h, db_x, db_h

    def backward(
        self, grad: Any, dy: Any, x: Any, h0: Any, w_x: Any, w_h: Any, b_x: Any, b_h: Any
    ) -> list[Any]:
        inputs = (dy, x, h0, w_x, w_h, b_x, b_h)
        return [*pullback_of(self.composed, inputs, grad), None]

    def composed(self, dy: Any, *inputs: Any) -> tuple[Any, ...]:
        return tuple(pullback_of(self.sequence, inputs, dy))

    def sequence(self, *inputs: Any) -> Any:
        """Y, of composed cells."""
        return step_by_step(_cell(self.nonlinearity))(*inputs)[0]


def rnn(
    x: Any,
    h0: Any,
    layers: Any,
    *,
    nonlinearity: str = "tanh",
    bidirectional: bool = False,
) -> tuple[Tensor, Tensor]:
    """h_t = f(x_t w_x + b_x + h_(t-1) w_h + b_h), through all steps and all layers.

    Args:
        x: sequences (N, T, D).
        h0: the first states (L, N, H), L the length of `layers`; None for zeros.
        layers: (w_x, w_h) or (w_x, w_h, b_x, b_h) of each layer, the lowest first: w_x (D, H),
            w_h (H, H), biases (H,). With `bidirectional` two for each layer, forwards and
            backwards; a layer above them sees D = 2 H.
        nonlinearity: f, "tanh" or "relu".
        bidirectional: whether each layer also reads the sequence from its end.

    Returns:
        y, the highest layer's states (N, T, H) or (N, T, 2 H), and h_n, the last state of every
        layer (L, N, H).

    Raises:
        ShapeError: sizes that do not fit, naming both.
        ArgumentError: an unknown nonlinearity.

    Example:
        >>> import tinygrad_course as tg
        >>> x, one = tg.tensor([[[1.0], [0.0], [0.0]]]), tg.tensor([[1.0]])
        >>> y, h = tg.rnn(x, None, [(one, one * 0.5)], nonlinearity="relu")
        >>> y[0, :, 0].tolist(), h.shape
        ([1.0, 0.5, 0.25], (1, 1, 1))

    References:
        Elman, "Finding structure in time", Cognitive Science 1990; Werbos, "Backpropagation through
        time", Proc. IEEE 1990.
    """
    _check(nonlinearity, "rnn")

    def run(x: Any, *rest: Any) -> Any:
        y = RNN(nonlinearity=nonlinearity).apply(x, *rest)
        return y, (y[:, -1],)

    y, (h,) = run_layers("rnn", run, x, [h0], layers, gates=1, bidirectional=bidirectional)
    return y, h


def rnn_composed(
    x: Any,
    h0: Any,
    layers: Any,
    *,
    nonlinearity: str = "tanh",
    bidirectional: bool = False,
) -> tuple[Tensor, Tensor]:
    """`rnn` as a loop of `rnn_cell_composed`: the lesson, and the tests' oracle.

    Example:
        >>> import tinygrad_course as tg
        >>> x, one = tg.tensor([[[1.0], [0.0]]]), tg.tensor([[1.0]])
        >>> y, _ = tg.functional.rnn_composed(x, None, [(one, one * 0.5)], nonlinearity="relu")
        >>> y[0, :, 0].tolist()
        [1.0, 0.5]
    """
    _check(nonlinearity, "rnn_composed")
    run = step_by_step(_cell(nonlinearity))
    y, (h,) = run_layers("rnn", run, x, [h0], layers, gates=1, bidirectional=bidirectional)
    return y, h


def rnn_cell(
    x: Any,
    h: Any,
    w_x: Any,
    w_h: Any,
    b_x: Any = None,
    b_h: Any = None,
    *,
    nonlinearity: str = "tanh",
) -> Tensor:
    """One step of `rnn`: f(x w_x + b_x + h w_h + b_h).

    Args:
        x: the inputs of this step (N, D).
        h: the states before it (N, H).
        w_x: (D, H).
        w_h: (H, H).
        b_x: (H,), or None.
        b_h: (H,), or None.
        nonlinearity: f, "tanh" or "relu".

    Returns:
        The states after it (N, H).

    Raises:
        ShapeError: sizes that do not fit, naming both.

    Example:
        >>> import tinygrad_course as tg
        >>> one = tg.tensor([[1.0]])
        >>> tg.rnn_cell(one, one, one, one * 0.5, nonlinearity="relu").tolist()
        [[1.5]]
    """
    _check(nonlinearity, "rnn_cell")
    x, (h,), weights = checked_cell("rnn_cell", x, [h], (w_x, w_h, b_x, b_h), 1)
    y: Tensor = RNN(nonlinearity=nonlinearity).apply(x[:, None], h, *weights)
    return y[:, 0]


def rnn_cell_composed(
    x: Any,
    h: Any,
    w_x: Any,
    w_h: Any,
    b_x: Any = None,
    b_h: Any = None,
    *,
    nonlinearity: str = "tanh",
) -> Tensor:
    """`rnn_cell` as a plain composition.

    Example:
        >>> import tinygrad_course as tg
        >>> one = tg.tensor([[1.0]])
        >>> tg.functional.rnn_cell_composed(one, one, one, one, nonlinearity="relu").tolist()
        [[2.0]]
    """
    f = tanh if nonlinearity == "tanh" else relu
    return f(dense(x, w_x, b_x) + dense(h, w_h, b_h))


def _cell(nonlinearity: str) -> Any:
    return lambda *inputs: rnn_cell_composed(*inputs, nonlinearity=nonlinearity)


def _check(nonlinearity: str, name: str) -> None:
    known = ("tanh", "relu")
    if nonlinearity not in known:
        raise ArgumentError(
            f"{name}: there is no nonlinearity {nonlinearity!r}; "
            f"{nearest(str(nonlinearity), known)}"
        )
