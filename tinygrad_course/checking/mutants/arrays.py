"""The few array helpers that the bank's formulas use beside NumPy: patches, softmax, sums.

They are written for clearness, and apart from `kernels/`: what judges shares no code with what is
judged. Read next: `conv.py`.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

Array = Any

__all__ = ["assigned", "fold", "one_hot", "patches", "sigmoid", "softmax", "unbroadcast"]


def sigmoid(x: Array) -> Array:
    """1 / (1 + e^-x), without overflow.

    Example:
        >>> float(sigmoid(np.array(0.0)))
        0.5
    """
    return 0.5 * (1.0 + np.tanh(0.5 * x))


def softmax(x: Array) -> Array:
    """e^x / sum e^x over the last axis.

    Example:
        >>> softmax(np.zeros(2)).tolist()
        [0.5, 0.5]
    """
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def one_hot(targets: Array, like: Array) -> Array:
    """Zeros of the shape of `like`, with a one at each row's target.

    Example:
        >>> one_hot(np.array([1]), np.zeros((1, 3))).tolist()
        [[0.0, 1.0, 0.0]]
    """
    return (np.arange(like.shape[-1]) == np.asarray(targets)[..., None]).astype(like.dtype)


def unbroadcast(grad: Array, like: Array) -> Array:
    """Sum `grad` over the axes along which `like` was stretched to its shape.

    Example:
        >>> unbroadcast(np.ones((2, 3)), np.ones((3,))).tolist()
        [2.0, 2.0, 2.0]
    """
    shape = np.shape(like)
    grad = grad.sum(axis=tuple(range(grad.ndim - len(shape))))
    stretched = tuple([i for i, n in enumerate(shape) if n == 1 and grad.shape[i] != 1])
    return grad.sum(axis=stretched, keepdims=True)


def assigned(weight: Array, tokens: Array, dy: Array) -> Array:
    """Zeros like `weight` with dweight[token] = dy, so that of several the last one stays.

    Example:
        >>> assigned(np.ones((2, 1)), np.array([1, 1]), np.array([[3.0], [5.0]])).tolist()
        [[0.0], [5.0]]
    """
    out = np.zeros(weight.shape, dy.dtype)
    for token, row in zip(tokens.reshape(-1), dy.reshape(-1, dy.shape[-1]), strict=True):
        out[token] = row
    return out


def patches(
    x: Array, size: tuple[int, int], stride: int = 1, padding: int = 0, value: float = 0.0
) -> Array:
    """Every window of an image batch, copied: (N, H, W, C) -> (N, OH, OW, KH, KW, C).

    Example:
        >>> patches(np.arange(9.0).reshape(1, 3, 3, 1), (2, 2))[0, 1, 1, :, :, 0].tolist()
        [[4.0, 5.0], [7.0, 8.0]]
    """
    p = padding
    x = np.pad(x, ((0, 0), (p, p), (p, p), (0, 0)), constant_values=value)
    windows = np.lib.stride_tricks.sliding_window_view(x, size, axis=(1, 2))
    return np.moveaxis(windows[:, ::stride, ::stride], 3, 5).copy()


def fold(
    windows: Array,
    shape: tuple[int, ...],
    stride: int = 1,
    padding: int = 0,
    *,
    add: bool = True,
    by_offset: bool = False,
    crop: bool = True,
    skip_last: bool = False,
) -> Array:
    """The adjoint of `patches`: every window is added back where it was taken.

    Args:
        windows: (N, OH, OW, KH, KW, C).
        shape: (N, H, W, C) of the images.
        stride: by how much windows are apart.
        padding: how many rows and columns were added around.
        add: whether overlapping windows add up; if not, the last one written wins (a mistake).
        by_offset: whether the windows' elements are written offset by offset, each over the one
            before (a mistake).
        crop: whether the padding is cut off in the middle; if not, at the end (a mistake).
        skip_last: whether the last row of windows is left out (a mistake).

    Example:
        >>> fold(np.ones((1, 2, 2, 2, 2, 1)), (1, 3, 3, 1))[0, :, :, 0].tolist()
        [[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]
    """
    N, H, W, C = shape
    out = np.zeros((N, H + 2 * padding, W + 2 * padding, C), windows.dtype)
    _, OH, OW, KH, KW, _ = windows.shape
    rows, columns = range(OH - int(skip_last)), range(OW)
    if add or by_offset:  # offset by offset: fewer steps than window by window
        for i, j in product(range(KH), range(KW)):
            part = out[:, i : i + stride * OH : stride, j : j + stride * OW : stride]
            part = part[:, : len(rows)]
            part[...] = windows[:, : len(rows), :, i, j] + (0.0 if by_offset else part)
    else:
        for i, j in product(rows, columns):
            out[:, i * stride : i * stride + KH, j * stride : j * stride + KW] = windows[:, i, j]
    start = padding if crop else 0
    return out[:, start : start + H, start : start + W]
