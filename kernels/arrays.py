"""What every kernel shares: the array's own module, images in chunks, windows, sums over rows.

The references are written once for NumPy and CuPy: they ask an array for its module and go on.
Read next: any `reference.py`, `matmul/` and `conv2d/` first.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]
"""A NumPy array; a CuPy array, which has the same methods, where CuPy is installed."""

Number: TypeAlias = float | np.floating[Any]
"""A Python or a NumPy float: a compiled kernel takes a np.float32 where it computes in float32."""

Padding: TypeAlias = tuple[tuple[int, int], tuple[int, int]]
"""((top, bottom), (left, right)) rows and columns around an image."""

CHUNK_BYTES = 2 << 20
"""Scratch memory a kernel fills before it uses it. 2 MiB stays in cache: im2col on (128, 32, 32,
32) float32 took 24 ms in chunks of 2 MiB, 47 ms in one piece, on a CPU with 1 MiB of L2."""


def array_module(array: Array) -> ModuleType:
    """The module `array` belongs to: `numpy`, or `cupy` when it is a CuPy array.

    CuPy is never imported here: where one of its arrays exists, it has been imported already.

    Example:
        >>> array_module(np.zeros(3)).__name__
        'numpy'
    """
    if isinstance(array, np.ndarray):
        return np
    return sys.modules[type(array).__module__.partition(".")[0]]


def image_chunks(count: int, bytes_per_image: int) -> Iterator[slice]:
    """Slices that cut `count` images into runs of at most about `CHUNK_BYTES` of scratch.

    Example:
        >>> list(image_chunks(5, CHUNK_BYTES // 2))
        [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    images = max(1, CHUNK_BYTES // max(1, bytes_per_image))
    for start in range(0, count, images):
        yield slice(start, min(start + images, count))


def output_length(
    length: int, size: int, stride: int, padding: tuple[int, int], dilation: int = 1
) -> int:
    """How many windows fit along one axis: floor((length + pads - reach) / stride) + 1.

    Example:
        >>> output_length(28, 5, stride=2, padding=(2, 2))
        14
    """
    reach = (size - 1) * dilation + 1
    return (length + padding[0] + padding[1] - reach) // stride + 1


def pad_images(x: Array, padding: Padding, value: float = 0.0) -> Array:
    """`x` (N, H, W, C) in a frame of `value`; `x` itself, not a copy, where the frame is empty.

    Example:
        >>> pad_images(np.ones((1, 1, 1, 1)), ((0, 1), (1, 0)))[0, :, :, 0]
        array([[0., 1.],
               [0., 0.]])
    """
    (top, bottom), (left, right) = padding
    if not (top or bottom or left or right):
        return x
    N, H, W, C = x.shape
    frame = (N, H + top + bottom, W + left + right, C)
    padded: Array = array_module(x).full(frame, value, dtype=x.dtype)
    padded[:, top : top + H, left : left + W] = x
    return padded


def tap(index: int, count: int, stride: int, dilation: int = 1) -> slice:
    """The places along one padded axis that weight `index` of a window meets in `count` windows.

    A window operation is a short loop over its taps, each a whole strided slice of the images.

    Example:
        >>> list(range(9))[tap(1, count=3, stride=2)]
        [1, 3, 5]
    """
    start = index * dilation
    return slice(start, start + (count - 1) * stride + 1, stride)


def sum_rows(x: Array) -> Array:
    """The sum over the last axis but one of `x` (..., M, C), as (..., C).

    Sums of 256 rows, by a matrix product where C is small, then those in the same way: faster than
    `x.sum(-2)`, and closer. The rounding error grows with 256 log M / log 256 instead of M.

    Example:
        >>> sum_rows(np.ones((1000, 2)))
        array([1000., 1000.])
    """
    *before, M, C = x.shape
    block = 256
    whole = M - M % block
    total: Array = x[..., whole:, :].sum(-2)
    if whole:
        blocks = x[..., :whole, :].reshape(*before, whole // block, block, C)
        if C < 512:
            ones = array_module(x).ones((1, block), dtype=x.dtype)
            sums = (ones @ blocks).reshape(*before, whole // block, C)
        else:
            sums = blocks.sum(-2)
        total += sum_rows(sums)
    return total


def byte_count(*arrays: Array) -> int:
    """The bytes of all the arrays together: what a kernel that touches each once has to move.

    Example:
        >>> byte_count(np.zeros(4, np.float32), np.zeros(2))
        32
    """
    return sum(array.size * array.itemsize for array in arrays)
