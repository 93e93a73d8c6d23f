"""One step of an LSTM on a CPU: gates, cell and output in one pass over a sample.

Read `reference.py` first; `../simd/math.py` for tanh and sigmoid.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import workspace
from ..arrays import Array
from ..compiled import kernel, prange
from ..simd.math import sigmoid, tanh

ONE = np.float32(1)
WORTH_THREADS = 1 << 14
"""Cells from which waking the pool (2 us) pays."""


@kernel(parallel=True)
def _step(ax: Any, ah: Any, c: Any, gates: Any, after: Any, h: Any) -> None:
    N, H = c.shape
    for n in prange(N):
        x, s, y = ax[n], ah[n], gates[n]
        x_g, s_g, x_o, s_o = x[2 * H : 3 * H], s[2 * H : 3 * H], x[3 * H :], s[3 * H :]
        i, f, g, o = y[:H], y[H : 2 * H], y[2 * H : 3 * H], y[3 * H :]
        cell, cell_after, shown = c[n], after[n], h[n]
        # One result a loop: of two LLVM would have to prove too often that they do not overlap.
        for j in range(2 * H):
            y[j] = sigmoid(x[j] + s[j])
        for j in range(H):
            g[j] = tanh(x_g[j] + s_g[j])
        for j in range(H):
            o[j] = sigmoid(x_o[j] + s_o[j])
        for j in range(H):
            cell_after[j] = f[j] * cell[j] + i[j] * g[j]
        for j in range(H):
            shown[j] = o[j] * tanh(cell_after[j])


@kernel(parallel=True)
def _step_back(dh: Any, dc: Any, gates: Any, c: Any, after: Any, da: Any, before: Any) -> None:
    N, H = c.shape
    for n in prange(N):
        y, dy = gates[n], da[n]
        i, f, g, o = y[:H], y[H : 2 * H], y[2 * H : 3 * H], y[3 * H :]
        di, df, dg, do = dy[:H], dy[H : 2 * H], dy[2 * H : 3 * H], dy[3 * H :]
        for j in range(H):
            shown = tanh(after[n, j])
            d = dc[n, j] + dh[n, j] * o[j] * (ONE - shown * shown)
            di[j] = d * g[j] * i[j] * (ONE - i[j])
            df[j] = d * c[n, j] * f[j] * (ONE - f[j])
            dg[j] = d * i[j] * (ONE - g[j] * g[j])
            do[j] = dh[n, j] * shown * o[j] * (ONE - o[j])
            before[n, j] = d * f[j]


def lstm_cell(
    ax: Array, ah: Array, c: Array, *, out: tuple[Array, Array, Array] | None = None
) -> tuple[Array, Array, Array]:
    """As the reference; sigmoid and tanh are within 2.5 ulp."""
    if out is None:
        gates, after = workspace.empty(ax.shape, ax.dtype), workspace.empty(c.shape, c.dtype)
        out = (gates, after, workspace.empty(c.shape, c.dtype))
    run = _step if c.size >= WORTH_THREADS else _step.serial
    ax, ah, c = (np.ascontiguousarray(a) for a in (ax, ah, c))
    run(ax, ah, c, *out)
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
    """As the reference; tanh is within 2.5 ulp."""
    if out is None:
        out = (workspace.empty(gates.shape, gates.dtype), workspace.empty(c.shape, c.dtype))
    run = _step_back if c.size >= WORTH_THREADS else _step_back.serial
    dh, dc, gates, c, after = (np.ascontiguousarray(a) for a in (dh, dc, gates, c, after))
    run(dh, dc, gates, c, after, *out)
    return out
