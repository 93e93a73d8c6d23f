"""The convolution trio in CUDA C++, by implicit matrix products: the launchers of `cuda.cu`.

Each number of the result is one sum in float32. Error: as the reference's, K eps (|x| * |w|) with
K the number of terms, whatever the tiles and slices. Images are gathered where they are: beside the
parts of a sliced sum there is no scratch memory. Read beside it: `cuda.cu`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import cuda_launch
from ..activation.cuda import activation as activate
from ..arrays import Array, Padding, output_length
from ..cuda_launch import THREADS, contiguous, kind_number, output
from ..sum_rows.cuda import sum_rows

_SOURCE = "conv2d/cuda.cu"
_BM, _BK = 128, 8
_TILES = {128: (8, 8), 64: (8, 4), 32: (4, 4)}
"""Columns of a tile, and the rows and columns of a thread's part in it."""

_PROBLEM = (
    *("N", "P", "Q", "H", "W", "channels", "depth"),
    *("taps_h", "h_step", "h_first", "h_tap", "taps_w", "w_step", "w_first", "w_tap"),
    *("i_first", "i_step", "j_first", "j_step", "KW", "columns", "filters"),
    *("out_H", "out_W", "out_channels"),
    *("out_h_step", "out_h_first", "out_w_step", "out_w_first", "steps", "kind", "vector_out"),
)
_WEIGHTS = (
    *("N", "H", "W", "C", "OH", "OW", "O", "KH", "KW"),
    *("stride_h", "stride_w", "top", "left", "dilation_h", "dilation_w"),
    *("group_channels", "columns", "vector_out"),
)


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
    rows = {"taps_h": KH, "h_step": stride[0], "h_first": -padding[0][0], "h_tap": dilation[0]}
    places = {"taps_w": KW, "w_step": stride[1], "w_first": -padding[1][0], "w_tap": dilation[1]}
    problem = {
        **{"N": N, "P": OH, "Q": OW, "H": H, "W": W, "channels": C, "depth": depth},
        **rows,
        **places,
        **{"i_first": 0, "i_step": 1, "j_first": 0, "j_step": 1, "KW": KW},
        **{"columns": O // groups, "filters": O, "out_H": OH, "out_W": OW, "out_channels": O},
        **{"out_h_step": 1, "out_h_first": 0, "out_w_step": 1, "out_w_first": 0},
    }
    _gather(x, w, b, y, groups, [problem], activation, backward=False)
    return y


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
    written = contiguous(dx)
    shared = {
        **{"N": N, "H": dy.shape[1], "W": dy.shape[2], "channels": O, "depth": O // groups},
        **{"KW": KW, "columns": columns, "filters": O, "out_H": H, "out_W": W, "out_channels": C},
    }
    problems = []
    for first_h in range(min(stride[0], H)):
        down = _taps_that_reach(first_h, H, KH, stride[0], padding[0][0], dilation[0])
        for first_w in range(min(stride[1], W)):
            across = _taps_that_reach(first_w, W, KW, stride[1], padding[1][0], dilation[1])
            places = {
                **{"P": down["places"], "Q": across["places"]},
                **{"taps_h": down["taps"], "h_step": 1, "h_first": down["at"], "h_tap": down["to"]},
                **{"taps_w": across["taps"], "w_step": 1},
                **{"w_first": across["at"], "w_tap": across["to"]},
                **{"i_first": down["first"], "i_step": down["step"]},
                **{"j_first": across["first"], "j_step": across["step"]},
                **{"out_h_step": stride[0], "out_h_first": first_h},
                **{"out_w_step": stride[1], "out_w_first": first_w},
            }
            problems.append({**shared, **places})
    _gather(dy, w, None, written, groups, problems, None, backward=True)
    if written is not dx:
        dx[...] = written
    return dx


def _taps_that_reach(
    first: int, length: int, size: int, stride: int, pad: int, dilation: int
) -> dict[str, int]:
    """Which taps join the places first, first + stride, ... of an axis of x with those of y.

    Place h of x and tap i meet place (h + pad - i dilation) / stride of y, where that is whole:
    for taps i_first, i_first + step, ..., and there at `at`, `at` + `to`, ... for the first h.
    """
    met = [i for i in range(size) if (first + pad - i * dilation) % stride == 0]
    step = stride // math.gcd(stride, dilation)
    start = met[0] if met else 0
    return {
        "places": -(-(length - first) // stride),
        "taps": len(met),
        "first": start,
        "step": step,
        "at": (first + pad - start * dilation) // stride,
        "to": -(step * dilation // stride),
    }


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
    tiles = -(-rows // _BM)
    BN, column_tiles = _columns_of_a_tile(columns)
    blocks = tiles * column_tiles * groups
    slices = cuda_launch.slices_for(blocks, -(-places // (16 * _BK)), x)
    written = contiguous(dw)
    parts = written if slices == 1 else output(None, (slices, rows * O), x)
    options = _options(
        BN,
        cuda_launch.vector_width(x, length=group_channels),
        cuda_launch.vector_width(dy, length=columns),
    )
    geometry = {
        **{"N": N, "H": H, "W": W, "C": C, "OH": OH, "OW": OW, "O": O, "KH": KH, "KW": KW},
        **{"stride_h": stride[0], "stride_w": stride[1], "top": padding[0][0]},
        **{"left": padding[1][0], "dilation_h": dilation[0], "dilation_w": dilation[1]},
        **{"group_channels": group_channels, "columns": columns},
        "vector_out": int(cuda_launch.vector_width(parts, length=columns) == 4),
    }
    run = cuda_launch.kernel(_SOURCE, "weight_grad", x, options)
    grid = (tiles, column_tiles * groups, slices)
    run(grid, (THREADS,), (x, dy, parts, cuda_launch.struct(_WEIGHTS, geometry)))
    if slices > 1:
        sum_rows(parts, out=written.reshape(-1))
    if written is not dw:
        dw[...] = written
    return dw


def _gather(
    image: Array,
    w: Array,
    b: Array | None,
    result: Array,
    groups: int,
    problems: list[dict[str, int]],
    activation: str | None,
    *,
    backward: bool,
) -> None:
    """Run `gather` on each problem; together they fill `result`, or parts of a sliced sum of it."""
    if result.size == 0:
        return
    depth, columns = problems[0]["depth"], problems[0]["columns"]
    along_channels = cuda_launch.vector_width(image, length=depth)
    along_w = cuda_launch.vector_width(w, length=depth if backward else columns)
    BN, column_tiles = _columns_of_a_tile(columns)
    options = _options(BN, along_channels, along_w, backward=backward)
    run = cuda_launch.kernel(_SOURCE, "gather", image, options)
    terms = max(problem["taps_h"] * problem["taps_w"] for problem in problems) * depth
    places = max(problem["N"] * problem["P"] * problem["Q"] for problem in problems)
    blocks = -(-places // _BM) * column_tiles * groups * len(problems)
    slices = cuda_launch.slices_for(blocks, -(-terms // (16 * _BK)), image)
    target = result if slices == 1 else output(None, (slices, result.size), image)
    vector_out = int(cuda_launch.vector_width(target, length=columns) == 4 and result.size % 4 == 0)
    at_once = slices == 1
    for problem in problems:
        rows = problem["N"] * problem["P"] * problem["Q"]
        steps = -(-problem["taps_h"] * problem["taps_w"] * depth // _BK)
        kind = int(kind_number(activation)) if at_once else 0
        last = {"steps": steps, "kind": kind, "vector_out": vector_out}
        grid = (-(-rows // _BM), column_tiles * groups, slices)
        of = cuda_launch.struct(_PROBLEM, {**problem, **last})
        run(grid, (THREADS,), (image, w, b if at_once else None, target, np.int64(result.size), of))
    if slices > 1:
        sum_rows(target, out=result.reshape(-1))
        if b is not None or activation is not None:
            activate(result, b, kind=activation or "identity", out=result)


def _columns_of_a_tile(columns: int) -> tuple[int, int]:
    """The width of a tile that wastes least on this many columns, and how many tiles there are."""
    BN = 128 if columns > 64 else 64 if columns > 32 else 32
    return BN, -(-columns // BN)


def _options(BN: int, vec_a: int, vec_b: int, *, backward: bool = False) -> tuple[str, ...]:
    TM, TN = _TILES[BN]
    values: dict[str, Any] = {"BM": _BM, "BN": BN, "TM": TM, "TN": TN, "VEC_A": vec_a}
    values.update(VEC_B=vec_b, INPUT_GRAD=int(backward))
    return tuple(f"-D{name}={value}" for name, value in values.items())
