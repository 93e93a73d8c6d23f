"""The definitions of an LSTM's way through a sequence and back: what is left once x w_x is known.

The steps must be taken one after the other; x w_x, dx and the weights' gradients need not, and are
matrix products over all steps.
"""

from __future__ import annotations

from ..arrays import Array, array_module


def lstm(
    ax: Array, h0: Array, c0: Array, w_h: Array, *, out: tuple[Array, Array, Array] | None = None
) -> tuple[Array, Array, Array]:
    """In each step the gates open, the cell takes its new content, and shows a part of it.

        a = ax_t + h_(t-1) w_h        i, f, g, o = s(a_i), s(a_f), tanh(a_g), s(a_o), s the sigmoid
        c_t = f c_(t-1) + i g         h_t = o tanh(c_t)

    Error: of one step (H + 8) eps (|a| + |c|); later steps inherit it, through w_h and f.

    Args:
        ax: what the inputs say, x w_x and the biases (N, T, 4 H), in blocks i, f, g, o.
        h0: the hidden states before the first step (N, H).
        c0: the cells before it (N, H).
        w_h: (H, 4 H).
        out: C-contiguous arrays for the gates, the cells and h, or None for new ones.

    Returns:
        The gates (N, T, 4 H); the cells (N, T + 1, H), c0 first; h after each step (N, T, H).

    Example:
        >>> import numpy as np
        >>> a, h, c = np.zeros((1, 1, 4)), np.zeros((1, 1)), np.array([[2.0]])
        >>> gates, cells, h = lstm(a, h, c, np.zeros((1, 4)))
        >>> gates, cells.ravel()
        (array([[[0.5, 0.5, 0. , 0.5]]]), array([2., 1.]))

    References:
        Hochreiter and Schmidhuber, Long short-term memory, 1997; Gers, Schmidhuber and Cummins,
        Learning to forget, 2000, for the forget gate.
    """
    xp, (N, T, _), H = array_module(ax), ax.shape, h0.shape[1]
    if out is None:
        out = tuple(xp.empty((N, *rest), ax.dtype) for rest in ((T, 4 * H), (T + 1, H), (T, H)))
    gates, cells, y = out
    cells[:, 0], h = c0, h0
    for t in range(T):
        a = ax[:, t] + h @ w_h
        # e^-|a| never overflows, and keeps the small values of a very negative a exact.
        e = xp.exp(-abs(a))
        gates[:, t] = xp.where(a < 0, e, xp.ones_like(e)) / (1 + e)
        gates[:, t, 2 * H : 3 * H] = xp.tanh(a[:, 2 * H : 3 * H])
        i, f, g, o = _four(gates[:, t])
        cells[:, t + 1] = f * cells[:, t] + i * g
        h = y[:, t] = o * xp.tanh(cells[:, t + 1])
    return out


def lstm_grad(
    dy: Array,
    dc: Array,
    gates: Array,
    cells: Array,
    w_h: Array,
    *,
    out: tuple[Array, Array, Array] | None = None,
) -> tuple[Array, Array, Array]:
    """The gradients of `lstm` for a, for h0 and for c0, from the last step to the first.

        dh = dy_t + da_(t+1) w_h^T        d = dc + dh o (1 - tanh^2 c_t)
        da_t = (d g i (1 - i), d c_(t-1) f (1 - f), d i (1 - g^2), dh tanh(c_t) o (1 - o))
        dc = d f, for the step before

    Error: of one step (4 H + 8) eps (|dh| + |dc|) (1 + |c|); the steps before inherit it.

    Args:
        dy: the gradient for all h (N, T, H).
        dc: the gradient for the last cells (N, H).
        gates: i, f, g, o (N, T, 4 H), of the forward pass.
        cells: (N, T + 1, H), of the forward pass.
        w_h: (H, 4 H).
        out: C-contiguous arrays for da, dh and dc, or None for new ones.

    Returns:
        da (N, T, 4 H), the gradient for ax; dh (N, H) for h0; dc (N, H) for c0.

    Example:
        >>> import numpy as np
        >>> gates, cells = np.array([[[0.5, 0.5, 0.0, 0.5]]]), np.array([[[2.0], [1.0]]])
        >>> dy, dc, w_h = np.zeros((1, 1, 1)), np.ones((1, 1)), np.ones((1, 4))
        >>> da, dh, dc = lstm_grad(dy, dc, gates, cells, w_h)
        >>> da.ravel(), dh.ravel(), dc.ravel()
        (array([0. , 0.5, 0.5, 0. ]), array([1.]), array([0.5]))
    """
    xp, (N, T, H) = array_module(dy), dy.shape
    if out is None:
        out = tuple(xp.empty(shape, dy.dtype) for shape in (gates.shape, (N, H), (N, H)))
    da, dh, before = out
    dh[...], before[...] = 0, dc
    for t in reversed(range(T)):
        (i, f, g, o), (di, df, dg, do) = _four(gates[:, t]), _four(da[:, t])
        shown, owed = xp.tanh(cells[:, t + 1]), dy[:, t] + dh
        d = before + owed * o * (1 - shown * shown)
        di[...] = d * g * i * (1 - i)
        df[...] = d * cells[:, t] * f * (1 - f)
        dg[...] = d * i * (1 - g * g)
        do[...] = owed * shown * o * (1 - o)
        before[...] = d * f
        dh[...] = da[:, t] @ w_h.T
    return out


def _four(a: Array) -> tuple[Array, Array, Array, Array]:
    """The four blocks of (N, 4 H), as views."""
    H = a.shape[1] // 4
    return a[:, :H], a[:, H : 2 * H], a[:, 2 * H : 3 * H], a[:, 3 * H :]
