"""The definitions of one step of an LSTM after its matrix products, and of that step's gradient."""

from __future__ import annotations

from ..arrays import Array, array_module


def lstm_cell(
    ax: Array, ah: Array, c: Array, *, out: tuple[Array, Array, Array] | None = None
) -> tuple[Array, Array, Array]:
    """The gates open, the cell takes its new content, and shows a part of it.

        i, f, g, o = s(a_i), s(a_f), tanh(a_g), s(a_o)        a = ax + ah, s the sigmoid
        c' = f c + i g        h = o tanh(c')

    Error: about 8 eps (1 + |c|) in c', and as much in h.

    Args:
        ax: what the input says, x w_x and the biases (N, 4 H), in blocks i, f, g, o.
        ah: what the state says, h w_h (N, 4 H).
        c: the cells before (N, H).
        out: C-contiguous arrays for the gates, c' and h, or None for new ones.

    Returns:
        The gates (N, 4 H), c' (N, H), h (N, H).

    Example:
        >>> import numpy as np
        >>> gates, c, h = lstm_cell(np.zeros((1, 4)), np.zeros((1, 4)), np.array([[2.0]]))
        >>> gates, c
        (array([[0.5, 0.5, 0. , 0.5]]), array([[1.]]))

    References:
        Hochreiter and Schmidhuber, Long short-term memory, 1997; Gers, Schmidhuber and Cummins,
        Learning to forget, 2000, for the forget gate.
    """
    xp, H = array_module(ax), c.shape[1]
    if out is None:
        out = (xp.empty(ax.shape, ax.dtype), xp.empty(c.shape, c.dtype), xp.empty(c.shape, c.dtype))
    gates, after, h = out
    xp.add(ax, ah, out=gates)
    kept = gates[:, 2 * H : 3 * H].copy()
    # e^-|a| never overflows, and keeps the small values of a very negative a exact.
    e = xp.exp(-abs(gates))
    gates[...] = xp.where(gates < 0, e, xp.ones_like(e)) / (1 + e)
    gates[:, 2 * H : 3 * H] = xp.tanh(kept)
    i, f, g, o = _four(gates)
    xp.multiply(f, c, out=after)
    after += i * g
    xp.tanh(after, out=h)
    h *= o
    return out


def lstm_cell_grad(
    dh: Array,
    dc: Array,
    gates: Array,
    c: Array,
    after: Array,
    *,
    out: tuple[Array, Array] | None = None,
) -> tuple[Array, Array]:
    """The gradients of `lstm_cell` for a and for c.

        d = dc' + dh o (1 - tanh^2 c')        dc = d f
        da = (d g i (1 - i), d c f (1 - f), d i (1 - g^2), dh tanh(c') o (1 - o))

    Error: about 8 eps (|dh| + |dc'|) (1 + |c|).

    Args:
        dh: the gradient for h (N, H).
        dc: the gradient for c' (N, H), from the step after.
        gates: i, f, g, o (N, 4 H), of the forward pass.
        c: the cells before (N, H).
        after: c' (N, H).
        out: C-contiguous arrays for da and dc, or None for new ones.

    Returns:
        da (N, 4 H), the gradient for ax and for ah; dc (N, H).

    Example:
        >>> import numpy as np
        >>> one, gates = np.ones((1, 1)), np.array([[0.5, 0.5, 0.0, 0.5]])
        >>> da, dc = lstm_cell_grad(0 * one, one, gates, 2 * one, one)
        >>> da, dc
        (array([[0. , 0.5, 0.5, 0. ]]), array([[0.5]]))
    """
    xp = array_module(gates)
    if out is None:
        out = (xp.empty(gates.shape, gates.dtype), xp.empty(c.shape, c.dtype))
    da, before = out
    i, f, g, o = _four(gates)
    di, df, dg, do = _four(da)
    shown = xp.tanh(after)
    d = dc + dh * o * (1 - shown * shown)
    di[...] = d * g * i * (1 - i)
    df[...] = d * c * f * (1 - f)
    dg[...] = d * i * (1 - g * g)
    do[...] = dh * shown * o * (1 - o)
    xp.multiply(d, f, out=before)
    return out


def _four(a: Array) -> tuple[Array, Array, Array, Array]:
    """The four blocks of (N, 4 H), as views."""
    H = a.shape[1] // 4
    return a[:, :H], a[:, H : 2 * H], a[:, 2 * H : 3 * H], a[:, 3 * H :]
