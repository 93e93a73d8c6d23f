"""`activation` and its gradient in CUDA C++: the launchers of `cuda.cu`.

The least memory traffic: each input read once, the result written once. Error as the reference's,
but for tanh and the exponential, which CUDA computes to 2 eps. Read beside it: `cuda.cu`.
"""

from __future__ import annotations

import functools

import numpy as np

from .. import cuda_launch
from ..arrays import Array
from ..cuda_geometry import THREADS, blocks_for
from ..cuda_launch import contiguous, out_with_gaps, output, pointer
from .reference import KINDS

_SOURCE = "activation/cuda.cu"


@functools.cache
def kind_number(kind: str | None) -> np.int32:
    """An activation's kind as the kernels number it; None is the identity.

    Example:
        >>> int(kind_number("relu"))
        1
    """
    return np.int32(0 if kind is None else KINDS.index(kind))


@out_with_gaps
def activation(x: Array, b: Array | None, *, kind: str, out: Array | None = None) -> Array:
    """y = f(x + b), as `reference.activation`."""
    x = contiguous(x)
    y = output(out, x.shape, x)
    if x.size == 0:
        return y
    channels = 1
    if b is not None:
        b, channels = contiguous(b), x.shape[-1]
    width = cuda_launch.vector_width(x, y, length=0 if b is None else channels)
    run = cuda_launch.kernel(_SOURCE, "activation", x, (f"-DVEC={width}",))
    blocks = blocks_for(-(-x.size // width), run, x)
    numbers = (np.int64(x.size), np.int32(channels), kind_number(kind))
    run((blocks,), (THREADS,), (x, pointer(b), y, *numbers))
    return y


@out_with_gaps
def activation_grad(dy: Array, y: Array, *, kind: str, out: Array | None = None) -> Array:
    """dx = dy f'(x + b) by the result y, as `reference.activation_grad`."""
    dy, y = contiguous(dy), contiguous(y)
    dx = output(out, y.shape, y)
    if y.size == 0:
        return dx
    width = cuda_launch.vector_width(dy, y, dx)
    run = cuda_launch.kernel(_SOURCE, "activation_grad", y, (f"-DVEC={width}",))
    blocks = blocks_for(-(-y.size // width), run, y)
    run((blocks,), (THREADS,), (dy, y, dx, np.int64(y.size), kind_number(kind)))
    return dx
