"""Convolution by Winograd's algorithm: 3x3 filters, stride 1, a quarter of the multiplications.

An image is cut into tiles of m x m outputs, each of which reads a x a inputs, a = m + 2. Written
with the matrices of `simd/winograd.py`, one tile of one filter is

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

Error, as |error| / max |y|: F(4x4) 4e-6 to 3e-5, F(2x2) 2e-7 to 1e-6, as good as the direct one.
The reason is cancellation: B^T and A^T have rows whose entries sum (in absolute value) to 10 and 19
for m = 4, to 2 and 3 for m = 2; taken for rows and for columns, (10 * 19)^2 = 36,100 against 36
roundings of V and M may add up in the worst case. Random signs leave about the square root of it:
190 eps = 1.1e-5 against 6 eps. An infinity or a NaN spreads over its tile.

Tiles go in chunks whose V and M stay in the L2 cache. From 128 channels on the filters alone fill
it; there each stage passes over many tiles, one panel of filters at a time ("staged").
Read downward: the transforms, the stages, the kernels, the three functions.
Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..activation.numba_cpu import activation as activate
from ..arrays import Array, Padding
from ..simd import TILE_ROWS, WIDTH
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
from .winograd_tiles import PANEL

_GAP = 16
"""Floats between two positions of V, M or U: without them all positions of a tile would lie a power
of two apart and share the same few lines of the L1 cache (1.45 times slower)."""
_CHUNK_BYTES = 200_000
"""V of one chunk, or M: two of them in an L2 cache of 1 MiB leave room for what is read."""
_STAGED_FLOATS = 2 << 20
"""V of one staged chunk: 8 MiB, and as much for M, in the L3 cache."""
_STAGED_FROM = 256 * 256
"""Channels times filters from which on the stages pass over many tiles."""
_PARTS = 8
"""Partial sums of a weight gradient that is not staged, added in order; half as many where they
would be large."""
_PART_BYTES = 1 << 20
_NO_FLOOR = np.float32(-np.inf)


def _can(w_shape: Any, stride: Any, dilation: Any, groups: int) -> bool:
    """Whether the algorithm applies; the direct one does the rest."""
    KH, KW, C, O = w_shape
    return (
        (KH, KW) == (3, 3)
        and tuple(stride) == tuple(dilation) == (1, 1)
        and groups == 1
        and C % WIDTH == 0 == O % WIDTH
        and C > 0 < O
    )


def _tile_count(m: int, y_shape: Any) -> tuple[int, int, int]:
    """Tiles along a column and along a row of an image, and in all images."""
    down, across = -(-y_shape[1] // m), -(-y_shape[2] // m)
    return down, across, y_shape[0] * down * across


def _chunk_size(m: int, channels: int, tiles: int) -> int:
    """Tiles of one chunk: what fits in the cache, in whole register tiles."""
    fitting = _CHUNK_BYTES // (4 * (m + 2) ** 2 * channels)
    size = min(max(fitting, TILE_ROWS), 96, tiles)
    return -(-size // TILE_ROWS) * TILE_ROWS


def _staged_size(m: int, channels: int, tiles: int) -> int:
    size = min(max(_STAGED_FLOATS // ((m + 2) ** 2 * channels), 8 * TILE_ROWS), tiles)
    return -(-size // TILE_ROWS) * TILE_ROWS


def _edges(lanes: int, like: Array) -> Array:
    """For each thread, zeros to read outside the image, and a place to write there."""
    edge = scratch("winograd edge", (lanes, 2, WIDTH), like)
    edge[...] = 0
    return edge


def _correlate(
    m: int, x: Array, w: Array, b: Array | None, lowest: Any, top: int, left: int, y: Array
) -> None:
    """y = max(lowest, x * w + b), the frame of x beginning at (-top, -left)."""
    C, O = w.shape[2:]
    positions = (m + 2) ** 2
    down, across, tiles = _tile_count(m, y.shape)
    lanes = get_num_threads()
    panels = -(-O // PANEL)
    bias = scratch("winograd bias", (panels * PANEL,), x)
    bias[O:] = 0
    bias[:O] = 0 if b is None else b
    edge = _edges(lanes, x)
    if C * O < _STAGED_FROM:
        size = _chunk_size(m, max(C, O), tiles)
        u = scratch("winograd u", (positions, panels * PANEL * C + _GAP), x)
        v = scratch("winograd v", (lanes, positions, size * C + _GAP), x)
        products = scratch("winograd m", (lanes, positions, size * O + _GAP), x)
        transform_all_filters(m, w, u)
        forward(m, x, u, bias, lowest, down, across, top, left, size, v, products, edge, y)
    else:
        size = _staged_size(m, max(C, O), tiles)
        u = scratch("winograd u", (lanes, positions, C * PANEL + _GAP), x)
        v = scratch("winograd v", (positions, size * C + _GAP), x)
        products = scratch("winograd m", (positions, size * O + _GAP), x)
        forward_staged(
            m, x, w, bias, lowest, down, across, top, left, size, u, v, products, edge, y
        )


def run_forward(
    m: int, x: Array, w: Array, b: Array | None, *, padding: Padding, activation: str | None,
    out: Array | None, **geometry: Any,
) -> Array:  # fmt: skip
    """`conv2d` by F(m x m, 3x3)."""
    if x.size == 0 or not _can(w.shape, **geometry):
        return direct.conv2d(x, w, b, padding=padding, activation=activation, out=out, **geometry)
    (top, bottom), (left, right) = padding
    N, H, W, _ = x.shape
    shape = (N, H + top + bottom - 2, W + left + right - 2, w.shape[3])
    y: Array = empty(shape, x.dtype) if out is None else out
    lowest = np.float32(0) if activation == "relu" else _NO_FLOOR
    x, w = np.ascontiguousarray(x), np.ascontiguousarray(w)
    _correlate(m, x, w, b, lowest, top, left, y)
    if activation in ("tanh", "sigmoid"):
        activate(y, None, kind=activation, out=y)
    return y


def run_input_grad(
    m: int,
    dy: Array,
    w: Array,
    *,
    x_shape: Any,
    padding: Padding,
    out: Array | None,
    **geometry: Any,
) -> Array:
    """`conv2d_input_grad` by F(m x m, 3x3): the forward pass of dy with the filters turned."""
    if dy.size == 0 or not _can(w.shape, **geometry):
        return direct.conv2d_input_grad(
            dy, w, x_shape=x_shape, padding=padding, out=out, **geometry
        )
    C, O = w.shape[2:]
    dx: Array = empty(x_shape, dy.dtype) if out is None else out
    turned = scratch("winograd turned", (3, 3, O, C), w)
    turn(np.ascontiguousarray(w), turned)
    (top, _), (left, _) = padding
    _correlate(m, np.ascontiguousarray(dy), turned, None, _NO_FLOOR, 2 - top, 2 - left, dx)
    return dx


def run_weight_grad(
    m: int,
    x: Array,
    dy: Array,
    *,
    w_shape: Any,
    padding: Padding,
    out: Array | None,
    **geometry: Any,
) -> Array:
    """`conv2d_weight_grad` by the adjoint of F(m x m, 3x3)."""
    if dy.size == 0 or not _can(w_shape, **geometry):
        return direct.conv2d_weight_grad(
            x, dy, w_shape=w_shape, padding=padding, out=out, **geometry
        )
    C, O = w_shape[2:]
    positions = (m + 2) ** 2
    dw: Array = empty(w_shape, x.dtype) if out is None else out
    x, dy = np.ascontiguousarray(x), np.ascontiguousarray(dy)
    down, across, tiles = _tile_count(m, dy.shape)
    (top, _), (left, _) = padding
    lanes = get_num_threads()
    edge = _edges(lanes, x)
    if C * O < _STAGED_FROM:
        size = _chunk_size(m, max(C, O), tiles)
        large = 4 * positions * C * O > _PART_BYTES
        parts = min(_PARTS // 2 if large else _PARTS, -(-tiles // size))
        v = scratch("winograd v", (lanes, positions, size * C + _GAP), x)
        spread = scratch("winograd m", (lanes, positions, size * O + _GAP), x)
        du = scratch("winograd du", (parts, positions, C * O + _GAP), x)
        weight_grad(m, x, dy, down, across, top, left, size, v, spread, edge, du)
        add_parts(m, du, dw)
    else:
        size = _staged_size(m, max(C, O), tiles)
        panels = -(-O // PANEL)
        v = scratch("winograd v", (positions, size * C + _GAP), x)
        spread = scratch("winograd m", (positions, size * O + _GAP), x)
        slots = min(lanes, panels) if size >= tiles else panels
        du = scratch("winograd du", (slots, positions, C * PANEL + _GAP), x)
        weight_grad_staged(m, x, dy, down, across, top, left, size, v, spread, edge, du, dw)
    return dw


def conv2d(
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
    """y = f(x * w + b) by F(4x4, 3x3); the arguments are those of `reference.py`.

    Flops: 36 / 144 of the direct ones in the products, and the transforms. Bytes: x 36 / 16 times
    into the L2 cache, y once; the rest stays there.
    Error: up to 3e-5 of the largest |y|; see above. What is no 3x3 convolution with stride 1 on
    whole vectors of channels is computed directly, in `numba_direct.py`.
    """
    return run_forward(
        4, x, w, b, stride=stride, padding=padding, dilation=dilation, groups=groups,
        activation=activation, out=out,
    )  # fmt: skip


def conv2d_input_grad(
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
    """dx by F(4x4, 3x3). Error: up to 3e-5 of the largest |dx|."""
    return run_input_grad(
        4, dy, w, x_shape=x_shape, stride=stride, padding=padding, dilation=dilation,
        groups=groups, out=out,
    )  # fmt: skip


def conv2d_weight_grad(
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
    """dw by the adjoint of F(4x4, 3x3). Error: up to 3e-5 of the largest |dw|."""
    return run_weight_grad(
        4, x, dy, w_shape=w_shape, stride=stride, padding=padding, dilation=dilation,
        groups=groups, out=out,
    )  # fmt: skip
