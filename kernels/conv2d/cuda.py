"""The convolution trio in CUDA C++, by implicit matrix products: the launchers of `cuda.cu`.

Each number of the result is one sum in float32. Error: as the reference's, K eps (|x| * |w|) with
K the number of terms, whatever the tiles and slices. Images are gathered where they are: beside the
parts of a sliced sum there is no scratch memory. Read beside it: `cuda.cu`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .. import cuda_launch
from ..activation.cuda import activation as activate
from ..activation.cuda import kind_number
from ..arrays import Array, Padding, output_length
from ..cuda_geometry import THREADS, slices_for
from ..cuda_launch import contiguous, out_with_gaps, output, pointer
from ..cuda_tile import BK, BM, columns_of_a_tile, tile_options
from ..sum_rows.cuda import sum_rows

_SOURCE = "conv2d/cuda.cu"
_WEIGHT_GRAD = "conv2d/cuda_weight_grad.cu"


class Axis(NamedTuple):
    """Rows or columns of a product of images and filters: `Axis` of `cuda.cu`."""

    places: int
    length: int
    taps: int
    step: int
    first: int
    tap: int
    weight_first: int
    weight_step: int
    out_length: int
    out_step: int
    out_first: int


@out_with_gaps
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
    """y = f(x * w + b), as `reference.conv2d`."""
    x, w, b = contiguous(x), contiguous(w), None if b is None else contiguous(b)
    N, H, W, C = x.shape
    KH, KW, depth, O = w.shape
    OH = output_length(H, KH, stride[0], padding[0], dilation[0])
    OW = output_length(W, KW, stride[1], padding[1], dilation[1])
    y = output(out, (N, OH, OW, O), x)
    down = _forward(H, OH, KH, stride[0], padding[0][0], dilation[0])
    across = _forward(W, OW, KW, stride[1], padding[1][0], dilation[1])
    pairs = [(down, across)]
    sizes = (N, C, depth, KW, O, O // groups, O)
    _gather(x, w, b, y, groups, pairs, sizes, activation, backward=False)
    return y


def _forward(length: int, places: int, size: int, stride: int, pad: int, dilation: int) -> Axis:
    """Each place of y meets all taps, in x."""
    return Axis(places, length, size, stride, -pad, dilation, 0, 1, places, 1, 0)


@out_with_gaps
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
    """dx, as `reference.conv2d_input_grad`: one launch for each remainder of the stride."""
    dy, w = contiguous(dy), contiguous(w)
    N, H, W, C = x_shape
    KH, KW, columns, O = w.shape
    dx = output(out, x_shape, dy)
    if O == 0:  # without filters there is no sum to walk through
        dx[...] = 0
        return dx
    downs = _backward(H, dy.shape[1], KH, stride[0], padding[0][0], dilation[0])
    acrosses = _backward(W, dy.shape[2], KW, stride[1], padding[1][0], dilation[1])
    pairs = [(down, across) for down in downs for across in acrosses]
    sizes = (N, O, O // groups, KW, O, columns, C)
    _gather(dy, w, None, dx, groups, pairs, sizes, None, backward=True)
    return dx


def _backward(
    length: int, outputs: int, size: int, stride: int, pad: int, dilation: int
) -> list[Axis]:
    """The places of x that leave the same remainder by the stride, for each remainder.

    Place h of x and tap i meet place (h + pad - i dilation) / stride of y, where that is whole:
    for the same taps, a fixed step apart, for all h of one remainder.
    """
    step = stride // math.gcd(stride, dilation)
    axes = []
    for first in range(min(stride, length)):
        taps = [i for i in range(size) if (first + pad - i * dilation) % stride == 0]
        tap = taps[0] if taps else 0
        meets = (first + pad - tap * dilation) // stride
        places = -(-(length - first) // stride)
        within = (outputs, len(taps), 1, meets, -(step * dilation // stride), tap, step)
        axes.append(Axis(places, *within, length, stride, first))
    return axes


@out_with_gaps
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
    """dw, as `reference.conv2d_weight_grad`: slices of the places, added in a fixed order."""
    x, dy = contiguous(x), contiguous(dy)
    N, H, W, C = x.shape
    _, OH, OW, O = dy.shape
    KH, KW, group_channels, _ = w_shape
    dw = output(out, w_shape, x)
    if dw.size == 0:
        return dw
    columns = O // groups
    rows, places = KH * KW * group_channels, N * OH * OW
    tiles = -(-rows // BM)
    BN, column_tiles = columns_of_a_tile(columns)
    blocks = tiles * column_tiles * groups
    slices = slices_for(blocks, -(-places // (16 * BK)), x)
    parts = dw if slices == 1 else output(None, (slices, rows * O), x)
    options = tile_options(
        BN,
        cuda_launch.vector_width(x, length=group_channels),
        cuda_launch.vector_width(dy, length=columns),
    )
    vector_out = cuda_launch.vector_width(parts, length=columns) == 4
    shapes = (N, H, W, C, OH, OW, O, KH, KW)
    geometry = (*stride, padding[0][0], padding[1][0], *dilation, group_channels, columns)
    of = cuda_launch.ints(*shapes, *geometry, vector_out)
    run = cuda_launch.kernel(_WEIGHT_GRAD, "weight_grad", x, options)
    grid = (tiles, column_tiles * groups, slices)
    run(grid, (THREADS,), (x, dy, parts, of))
    if slices > 1:
        sum_rows(parts, out=dw.reshape(-1))
    return dw


def _gather(
    image: Array,
    w: Array,
    b: Array | None,
    result: Array,
    groups: int,
    pairs: list[tuple[Axis, Axis]],
    sizes: tuple[int, ...],
    activation: str | None,
    *,
    backward: bool,
) -> None:
    """Run `gather` on each pair of axes: together they fill `result`, or parts of a sliced sum."""
    if result.size == 0:
        return
    N, _, depth, _, _, columns, _ = sizes
    BN, column_tiles = columns_of_a_tile(columns)
    along_channels = cuda_launch.vector_width(image, length=depth)
    along_w = cuda_launch.vector_width(w, length=depth if backward else columns)
    options = (*tile_options(BN, along_channels, along_w), f"-DINPUT_GRAD={int(backward)}")
    run = cuda_launch.kernel(_SOURCE, "gather", image, options)

    tiles = [-(-N * h.places * w.places // BM) for h, w in pairs]
    steps = [-(-h.taps * w.taps * depth // BK) for h, w in pairs]
    slices = slices_for(sum(tiles) * column_tiles * groups, max(steps) // 16, image)
    at_once = slices == 1
    target = result if at_once else output(None, (slices, result.size), image)
    vector_out = cuda_launch.vector_width(target, length=math.gcd(columns, result.size)) == 4
    kind = int(kind_number(activation)) if at_once else 0
    for (down, across), rows, terms in zip(pairs, tiles, steps, strict=True):
        of = cuda_launch.ints(*down, *across, *sizes, terms, kind, vector_out)
        arrays = (image, w, pointer(b if at_once else None), target)
        grid = (rows, column_tiles * groups, slices)
        run(grid, (THREADS,), (*arrays, np.int64(result.size), of))
    if not at_once:
        sum_rows(target, out=result.reshape(-1))
        if b is not None or activation is not None:
            activate(result, b, kind=activation or "identity", out=result)
