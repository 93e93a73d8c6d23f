"""Pooling of sequences: the pools of images, on images of one row.

Nothing is computed here: a sequence (N, T, C) is an image (N, 1, T, C), a window of K steps one of
1 by K. Read next: `adaptive_pool.py`, or `pool.py` for the arithmetic.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from ..dtypes import operand
from ..errors import ShapeError
from ..tensor import Tensor
from .conv1d import one_sided
from .numbers import whole
from .pool import largest, mean_of
from .shaping import reshape
from .windows import Padding, Pair

Window: TypeAlias = tuple[Pair, Pair, Padding]


def max_pool1d(
    x: Any,
    kernel_size: int,
    *,
    stride: int | None = None,
    padding: Any = 0,
    ceil_mode: bool = False,
) -> Tensor:
    """The largest value under each window; a tie's gradient goes to its first step.

    Args:
        x: sequences (N, T, C).
        kernel_size: the window, in steps.
        stride: step between windows; the window's size if None, so that they do not overlap.
        padding: as in `conv1d`, less than the window; padding never wins.
        ceil_mode: round the number of windows up: a last one that starts inside the sequence (or
            its padding before it) may reach over the end.

    Returns:
        (N, OT, C) with OT = floor((T + left + right - K) / stride) + 1, or its ceiling.

    Raises:
        ShapeError: no batch of sequences, or a window larger than the padded sequence.
        ArgumentError: a size below 1. ArgumentTypeError: one that is no integer.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.max_pool1d(tg.tensor([[[1.0], [5.0], [2.0], [3.0], [4.0]]]), 2).tolist()
        [[[5.0], [3.0]]]
    """
    name = "max_pool1d"
    image, window = _as_image(name, x, kernel_size, stride, padding)
    return _as_sequences(largest(name, image, *window, ceil_mode))


def avg_pool1d(
    x: Any,
    kernel_size: int,
    *,
    stride: int | None = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean under each window.

    Args:
        x: sequences (N, T, C).
        kernel_size: the window, in steps.
        stride: step between windows; the window's size if None.
        padding: as in `conv1d`, less than the window.
        ceil_mode: as in `max_pool1d`; what lies beyond sequence and padding is never counted.
        count_include_pad: divide by the whole window also at the ends, or only by what lies inside
            the sequence.

    Returns:
        (N, OT, C).

    Raises:
        ShapeError: no batch of sequences, or a window larger than the padded sequence.
        ArgumentError: a size below 1. ArgumentTypeError: one that is no integer.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.avg_pool1d(tg.tensor([[[1.0], [5.0], [2.0], [3.0], [4.0]]]), 2).tolist()
        [[[3.0], [2.5]]]
    """
    name = "avg_pool1d"
    image, window = _as_image(name, x, kernel_size, stride, padding)
    return _as_sequences(mean_of(name, image, *window, ceil_mode, count_include_pad))


def _as_image(name: str, x: Any, size: Any, stride: Any, padding: Any) -> tuple[Any, Window]:
    """The sequences as images of one row, and the window, stride and padding of those."""
    x = operand(x)
    if len(x.shape) != 3:
        hint = "; add the batch axis with x[None]" if len(x.shape) == 2 else ""
        raise ShapeError(
            f"{name}: x must be a batch of sequences (N, T, C), but has shape "
            f"{tuple(x.shape)}{hint}"
        )
    N, T, C = x.shape
    window, step, sides = sequence_window(name, size, stride, padding, T)
    return reshape(x, (N, 1, T, C)), ((1, window), (1, step), ((0, 0), sides))


def sequence_window(
    name: str, size: Any, stride: Any, padding: Any, length: int
) -> tuple[int, int, Pair]:
    """A window of sequences, as users write it: its size, stride and padding (left, right).

    Raises:
        ArgumentError: a size below 1, a negative padding. ArgumentTypeError: no integers.
    """
    window = whole(name, "kernel_size", size, least=1)
    step = window if stride is None else whole(name, "stride", stride, least=1)
    return window, step, one_sided(name, padding, length, window, step, 1)


def _as_sequences(y: Any) -> Tensor:
    N, _, T, C = y.shape
    return reshape(y, (N, T, C))
