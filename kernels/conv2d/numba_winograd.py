"""Convolution by Winograd's algorithm: stride 1, filters of 3x3 and 5x5, a quarter of the work.

An image is cut into tiles of m x m outputs, each of which reads a x a inputs, a = m + r - 1 for
filters of r x r. Written with the matrices of `simd/winograd.py`, one tile of one filter is

    Y = A^T [ sum over channels c of (G g_c G^T) * (B^T X_c B) ] A

and at each of the a^2 positions of the bracket, the sum over c for all tiles and all filters is a
matrix product: with V = B^T X B and U = G g G^T,

    M[position] (tiles, filters) = V[position] (tiles, channels) U[position] (channels, filters)

The forward pass has three stages: read tiles (X -> V), multiply, write tiles (M -> Y). The input
gradient is the forward pass of dy with the filters turned by 180 degrees and their channels and
outputs exchanged. The weight gradient is the adjoint of the formula above in g,

    dU[position] = V[position]^T (A dY A^T)[position]         dg = G^T dU G

A bias is added for nothing: position (1, 1) belongs to the points (1, 1), where A^T has a column of
ones, so a sum that starts from b there adds b to each output of the tile.

F(4x4, 3x3) takes 36 multiplications where the definition takes 144, F(4x4, 5x5) 64 for 400, and
F(2x2, 3x3), which `numba_winograd2.py` runs, 16 for 36.

Error, as |error| / max |y|: F(4x4, 3x3) and F(4x4, 5x5) 4e-6 to 3e-5, F(2x2, 3x3) to 2e-6, as good
as the direct one. The reason is cancellation: B^T and A^T have rows whose entries sum (in
absolute value) to 10 and 19 for F(4x4, 3x3), to 2 and 3 for F(2x2, 3x3); taken for rows and for
columns, (10 * 19)^2 = 36,100 against 36 roundings of V and M may add up in the worst case. Random
signs leave about the square root of it: 190 eps = 1.1e-5 against 6 eps. F(4x4, 5x5) has two points
more, 1/2 and -1/2. Its sums are 15 and 19, but G is small where they are large: weighted with the
rows of G, the squares of both add up to about 30 eps. An infinity or a NaN spreads over
its tile.

Tiles go in chunks whose V and M stay in the L2 cache. From 256 channels on the filters alone fill
it; there each stage passes over many tiles, one panel of filters at a time ("staged").
Read `winograd_tiles.py` (the transforms, the stages) and `winograd_kernels.py` (all threads) first.
Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..activation.numba_cpu import activation as activate
from ..arrays import Array, Padding
from ..simd import TILE_ROWS, WIDTH
from ..simd.panel import PANEL
from ..threads import get_num_threads
from ..workspace import empty, scratch
from . import numba_direct as direct
from .winograd_kernels import (
    add_parts,
    forward,
    forward_staged,
    transform_all_filters,
    turn,
    weight_grad,
    weight_grad_staged,
)
from .winograd_tiles import F4x4, F4x4of5x5, Tiling

_GAP = 16
"""Floats between two positions of V, M or U: without them all positions of a tile would lie a power
of two apart and share the same few lines of the L1 cache (1.45 times slower)."""
_CHUNK_BYTES = 200_000
"""V of one chunk, or M: two of them in an L2 cache of 1 MiB leave room for what is read."""
_STAGED_FLOATS = 5 << 18
"""V of one staged chunk: 5 MiB, in the L3 cache. M is there for one panel of filters at a time."""
_STAGED_FROM = 256 * 256
"""Channels times filters from which on the stages pass over many tiles."""
_PARTS = 8
"""Partial sums of a weight gradient that is not staged, added in order; half as many where they
would be large."""
_PART_BYTES = 1 << 20
_SUMMED_TOGETHER = 4 * TILE_ROWS
"""Tiles whose weight gradients are summed before the sums leave the registers, at least. For
128 channels and filters these sums are 2.4 MB: with 12 tiles it takes 1.1 times as long."""
_NO_FLOOR = np.float32(-np.inf)


def _chunk_size(tiling: Tiling, channels: int, least: int) -> int:
    """Tiles of one chunk: what fits in the cache but at least so many, in whole register tiles."""
    fitting = _CHUNK_BYTES // (4 * tiling.a**2 * channels)
    size = min(max(fitting, least), 96, tiling.tiles)
    return -(-size // TILE_ROWS) * TILE_ROWS


def _staged_size(tiling: Tiling, channels: int) -> int:
    size = min(max(_STAGED_FLOATS // (tiling.a**2 * channels), 8 * TILE_ROWS), tiling.tiles)
    return -(-size // TILE_ROWS) * TILE_ROWS


def _edges(lanes: int, like: Array) -> Array:
    """For each thread, zeros to read outside the image, and a place to write there."""
    edge = scratch("winograd edge", (lanes, 2, WIDTH), like)
    edge[...] = 0
    return edge


def _correlate(tiling: Tiling, x: Array, w: Array, b: Array | None, lowest: Any, y: Array) -> None:
    """y = max(lowest, x * w + b)."""
    C, O = w.shape[2:]
    positions = tiling.a**2
    lanes = get_num_threads()
    panels = -(-O // PANEL)
    bias = scratch("winograd bias", (panels * PANEL,), x)
    bias[O:] = 0
    bias[:O] = 0 if b is None else b
    edge = _edges(lanes, x)
    if C * O < _STAGED_FROM:
        size = _chunk_size(tiling, max(C, O), TILE_ROWS)
        u = scratch("winograd u", (positions, panels * PANEL * C + _GAP), x)
        v = scratch("winograd v", (lanes, positions, size * C + _GAP), x)
        products = scratch("winograd m", (lanes, positions, size * O + _GAP), x)
        transform_all_filters(tiling, w, u)
        forward(tiling, x, u, bias, lowest, size, v, products, edge, y)
    else:
        size = _staged_size(tiling, max(C, O))
        u = scratch("winograd u", (lanes, positions, C * PANEL + _GAP), x)
        v = scratch("winograd v", (positions, size * C + _GAP), x)
        products = scratch("winograd m", (lanes, positions, size * PANEL + _GAP), x)
        forward_staged(tiling, x, w, bias, lowest, size, u, v, products, edge, y)


def _correlate_both(tiling: Tiling, x: Array, dy: Array, dw: Array) -> None:
    """dw[i, j] = the sum of x, moved by (i, j), times dy."""
    C, O = dw.shape[2:]
    positions = tiling.a**2
    lanes = get_num_threads()
    edge = _edges(lanes, x)
    if C * O < _STAGED_FROM:
        size = _chunk_size(tiling, max(C, O), _SUMMED_TOGETHER)
        large = 4 * positions * C * O > _PART_BYTES
        parts = min(_PARTS // 2 if large else _PARTS, -(-tiling.tiles // size))
        v = scratch("winograd v", (lanes, positions, size * C + _GAP), x)
        spread = scratch("winograd m", (lanes, positions, size * O + _GAP), x)
        du = scratch("winograd du", (parts, positions, C * O + _GAP), x)
        weight_grad(tiling, x, dy, size, v, spread, edge, du)
        add_parts(tiling, du, dw)
    else:
        size = _staged_size(tiling, max(C, O))
        panels = -(-O // PANEL)
        v = scratch("winograd v", (positions, size * C + _GAP), x)
        spread = scratch("winograd m", (positions, size * O + _GAP), x)
        slots = min(lanes, panels) if size >= tiling.tiles else panels
        du = scratch("winograd du", (slots, positions, C * PANEL + _GAP), x)
        weight_grad_staged(tiling, x, dy, size, v, spread, edge, du, dw)


class Winograd:
    """The trio, with the arguments of `reference.py`, on the tiles of one or several F(m, r).

    What is no convolution with stride 1 and filters of one of their sizes, on whole vectors of
    channels and without groups, is computed directly, in `numba_direct.py`.

    Flops: a^2 / (m r)^2 of the direct ones in the products, and the transforms. Bytes: x (a / m)^2
    times into the L2 cache, y once; the rest stays there.
    """

    def __init__(self, *tilings: type[Tiling]) -> None:
        self.tilings = {tiling.matrices.filters.shape[1]: tiling for tiling in tilings}

    def _tiling_for(
        self, w_shape: Any, stride: Any, dilation: Any, groups: int
    ) -> type[Tiling] | None:
        """The tiles for this geometry, or None where the direct convolution has it."""
        KH, KW, C, O = w_shape
        simple = tuple(stride) == tuple(dilation) == (1, 1) and groups == 1
        whole = C % WIDTH == 0 == O % WIDTH and C > 0 < O
        return self.tilings.get(KH) if KH == KW and simple and whole else None

    def conv2d(
        self,
        x: Array,
        w: Array,
        b: Array | None,
        *,
        stride: tuple[int, int],
        padding: Padding,
        dilation: tuple[int, int],
        groups: int,
        activation: str | None = None,
        out: Array | None = None,
    ) -> Array:
        """y = f(x * w + b).

        Error, of the largest |y|: F(4x4, 3x3) and F(4x4, 5x5) up to 3e-5, F(2x2, 3x3) 2e-6.
        """
        tiles = self._tiling_for(w.shape, stride, dilation, groups)
        if x.size == 0 or tiles is None:
            return direct.conv2d(
                x, w, b, stride=stride, padding=padding, dilation=dilation, groups=groups,
                activation=activation, out=out,
            )  # fmt: skip
        (top, bottom), (left, right) = padding
        (N, H, W, _), (KH, KW, _, O) = x.shape, w.shape
        shape = (N, H + top + bottom - KH + 1, W + left + right - KW + 1, O)
        y: Array = empty(shape, x.dtype) if out is None else out
        lowest = np.float32(0) if activation == "relu" else _NO_FLOOR
        x, w = np.ascontiguousarray(x), np.ascontiguousarray(w)
        _correlate(tiles.of(shape, top, left), x, w, b, lowest, y)
        if activation in ("tanh", "sigmoid"):
            activate(y, None, kind=activation, out=y)
        return y

    def conv2d_input_grad(
        self,
        dy: Array,
        w: Array,
        *,
        x_shape: tuple[int, int, int, int],
        stride: tuple[int, int],
        padding: Padding,
        dilation: tuple[int, int],
        groups: int,
        out: Array | None = None,
    ) -> Array:
        """dx: the forward pass of dy with the filters turned.

        Error, of the largest |dx|: F(4x4, 3x3) and F(4x4, 5x5) up to 3e-5, F(2x2, 3x3) 2e-6.
        """
        tiles = self._tiling_for(w.shape, stride, dilation, groups)
        if dy.size == 0 or tiles is None:
            return direct.conv2d_input_grad(
                dy, w, x_shape=x_shape, stride=stride, padding=padding, dilation=dilation,
                groups=groups, out=out,
            )  # fmt: skip
        KH, KW, C, O = w.shape
        (top, _), (left, _) = padding
        dx: Array = empty(x_shape, dy.dtype) if out is None else out
        turned = scratch("winograd turned", (KH, KW, O, C), w)
        turn(np.ascontiguousarray(w), turned)
        tiling = tiles.of(x_shape, KH - 1 - top, KW - 1 - left)
        _correlate(tiling, np.ascontiguousarray(dy), turned, None, _NO_FLOOR, dx)
        return dx

    def conv2d_weight_grad(
        self,
        x: Array,
        dy: Array,
        *,
        w_shape: tuple[int, int, int, int],
        stride: tuple[int, int],
        padding: Padding,
        dilation: tuple[int, int],
        groups: int,
        out: Array | None = None,
    ) -> Array:
        """dw by the adjoint of the forward pass.

        Error, of the largest |dw|: F(4x4, 3x3) and F(4x4, 5x5) up to 3e-5, F(2x2, 3x3) 2e-6.
        """
        tiles = self._tiling_for(w_shape, stride, dilation, groups)
        if dy.size == 0 or tiles is None:
            return direct.conv2d_weight_grad(
                x, dy, w_shape=w_shape, stride=stride, padding=padding, dilation=dilation,
                groups=groups, out=out,
            )  # fmt: skip
        (top, _), (left, _) = padding
        dw: Array = empty(w_shape, x.dtype) if out is None else out
        tiling = tiles.of(dy.shape, top, left)
        _correlate_both(tiling, np.ascontiguousarray(x), np.ascontiguousarray(dy), dw)
        return dw


_trio = Winograd(F4x4, F4x4of5x5)
conv2d = _trio.conv2d
conv2d_input_grad = _trio.conv2d_input_grad
conv2d_weight_grad = _trio.conv2d_weight_grad
