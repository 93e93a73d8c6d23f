"""The pools in CUDA C++: the launchers of `cuda.cu`. Every gradient is gathered, none scattered.

Errors as the reference's; the maximum and its place are exact. The gradient of the maximum needs
eight bytes of scratch a window and four a place: lists of the windows that chose each place.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import cuda_launch
from ..arrays import Array, Padding, array_module, output_length
from ..cuda_geometry import THREADS, blocks_for
from ..cuda_launch import contiguous, out_with_gaps, output

_SOURCE = "pool2d/cuda.cu"


@out_with_gaps
def max_pool2d(
    x: Array,
    *,
    size: tuple[int, int],
    stride: tuple[int, int],
    padding: Padding,
    out: tuple[Array, Array] | None = None,
) -> tuple[Array, Array]:
    """y and argmax, as `reference.max_pool2d`."""
    x = contiguous(x)
    outputs = _outputs(x.shape, size, stride, padding)
    y = output(None if out is None else out[0], outputs, x)
    argmax = array_module(x).empty(outputs, dtype=np.int64) if out is None else out[1]
    if y.size:
        of = _geometry(x.shape, outputs, size, stride, padding)
        _by_lines("max_pool2d", (x, y, argmax), of, outputs, (x, y))
    return y, argmax


@out_with_gaps
def max_pool2d_grad(
    dy: Array, argmax: Array, *, x_shape: tuple[int, int, int, int], out: Array | None = None
) -> Array:
    """dx.flat[argmax[k]] += dy[k], as `reference.max_pool2d_grad`."""
    dy, argmax = contiguous(dy), contiguous(argmax)
    dx = output(out, x_shape, dy)
    if dx.size == 0:
        return dx
    xp = array_module(dy)
    newest, older = xp.full(dx.size, -1, dtype=np.int32), xp.empty(dy.size, dtype=np.int32)
    if dy.size:
        run = cuda_launch.kernel(_SOURCE, "link_windows", dy)
        blocks = blocks_for(dy.size, run, dy)
        run((blocks,), (THREADS,), (argmax, newest, older, np.int32(dy.size)))
    run = cuda_launch.kernel(_SOURCE, "sum_linked_windows", dy)
    blocks = blocks_for(dx.size, run, dy)
    run((blocks,), (THREADS,), (dy, newest, older, dx, np.int64(dx.size)))
    return dx


@out_with_gaps
def max_pool2d_gather(x: Array, argmax: Array, *, out: Array | None = None) -> Array:
    """x.flat[argmax], as `reference.max_pool2d_gather`."""
    x, argmax = contiguous(x), contiguous(argmax)
    y = output(out, argmax.shape, x)
    if y.size:
        run = cuda_launch.kernel(_SOURCE, "max_pool2d_gather", x)
        blocks = blocks_for(y.size, run, x)
        run((blocks,), (THREADS,), (x, argmax, y, np.int64(y.size)))
    return y


@out_with_gaps
def avg_pool2d(
    x: Array,
    *,
    size: tuple[int, int],
    stride: tuple[int, int],
    padding: Padding,
    count_include_pad: bool,
    out: Array | None = None,
) -> Array:
    """The mean under each window, as `reference.avg_pool2d`."""
    x = contiguous(x)
    outputs = _outputs(x.shape, size, stride, padding)
    y = output(out, outputs, x)
    if y.size:
        of = _geometry(x.shape, outputs, size, stride, padding, count_include_pad)
        _by_lines("avg_pool2d", (x, y), of, outputs, (x, y))
    return y


@out_with_gaps
def avg_pool2d_grad(
    dy: Array,
    *,
    x_shape: tuple[int, int, int, int],
    size: tuple[int, int],
    stride: tuple[int, int],
    padding: Padding,
    count_include_pad: bool,
    out: Array | None = None,
) -> Array:
    """Each window's dy shared out evenly, as `reference.avg_pool2d_grad`."""
    dy = contiguous(dy)
    dx = output(out, x_shape, dy)
    if dx.size:
        of = _geometry(x_shape, dy.shape, size, stride, padding, count_include_pad)
        _by_lines("avg_pool2d_grad", (dy, dx), of, x_shape, (dy, dx))
    return dx


def _outputs(
    x_shape: tuple[int, ...], size: tuple[int, int], stride: tuple[int, int], padding: Padding
) -> tuple[int, int, int, int]:
    N, H, W, C = x_shape
    OH = output_length(H, size[0], stride[0], padding[0])
    return N, OH, output_length(W, size[1], stride[1], padding[1]), C


def _geometry(
    x_shape: tuple[int, ...],
    outputs: tuple[int, ...],
    size: tuple[int, int],
    stride: tuple[int, int],
    padding: Padding,
    count_include_pad: bool = False,
) -> Any:
    """The struct `Pool` of `cuda.cu`."""
    corner = (padding[0][0], padding[1][0])
    return cuda_launch.ints(*x_shape, *outputs[1:3], *size, *stride, *corner, count_include_pad)


def _by_lines(
    name: str, arrays: tuple[Array, ...], of: Any, written: tuple[int, ...], packed: tuple[Any, ...]
) -> None:
    """Launch a kernel that writes images of the shape `written`, a thread for each pack of it.

    A block belongs to one line: where lines are short, blocks are of fewer warps.
    """
    width = cuda_launch.vector_width(*packed, length=written[3])
    run = cuda_launch.kernel(_SOURCE, name, arrays[0], (f"-DVEC={width}",))
    packs, lines = written[2] * written[3] // width, math.prod(written[:2])
    threads = min(THREADS, -(-packs // 32) * 32)
    run((-(-packs // threads), min(lines, 65535)), (threads,), (*arrays, of))
