"""Pooling of sequences: the pools of images, on images of one row.

Nothing is computed here: a sequence (N, T, C) is an image (N, 1, T, C), a window of K steps one of
1 by K. Read next: `adaptive_pool.py`, or `pool.py` for the arithmetic.
"""

from __future__ import annotations

from typing import Any

from ..dtypes import floating, operand
from ..errors import ShapeError
from ..tensor import Tensor
from .numbers import whole
from .pool import MaxPool2d, mean_of, rounded_up
from .shaping import reshape
from .windows import Padding, Pair, one_sided, output_length


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
    image, geometry, _ = _as_image("max_pool1d", x, kernel_size, stride, padding, ceil_mode)
    return _as_sequences(MaxPool2d(**geometry).apply(floating(image)))


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
    image, geometry, given = _as_image("avg_pool1d", x, kernel_size, stride, padding, ceil_mode)
    return _as_sequences(mean_of(image, geometry, given, count_include_pad))


def _as_image(
    name: str, x: Any, size: Any, stride: Any, padding: Any, ceil_mode: bool
) -> tuple[Any, dict[str, Any], Padding]:
    """The sequences as images of one row, the geometry of those, and the padding that was given."""
    x = operand(x)
    if len(x.shape) != 3:
        hint = "; add the batch axis with x[None]" if len(x.shape) == 2 else ""
        raise ShapeError(
            f"{name}: x must be a batch of sequences (N, T, C), but has shape "
            f"{tuple(x.shape)}{hint}"
        )
    N, T, C = x.shape
    window, step, given = sequence_window(name, size, stride, padding, T)
    sides = rounded_up(T, window, step, given) if ceil_mode else given
    output_length(name, T, window, step, sides, 1)
    geometry = {"size": (1, window), "stride": (1, step), "padding": ((0, 0), sides)}
    return reshape(x, (N, 1, T, C)), geometry, ((0, 0), given)


def sequence_window(
    name: str, size: Any, stride: Any, padding: Any, length: int
) -> tuple[int, int, Pair]:
    """A window of sequences, as users write it: its size, stride and padding (left, right).

    Raises:
        ShapeError: padding that a whole window fits into. ArgumentError: a size below 1, a negative
            padding. ArgumentTypeError: no integers.
    """
    window = whole(name, "kernel_size", size, least=1)
    step = window if stride is None else whole(name, "stride", stride, least=1)
    sides = one_sided(name, padding, length, window, step, 1)
    if max(sides) >= window:
        raise ShapeError(
            f"{name}: padding {sides} must be less than the window of {window} steps on both "
            "sides, or a window would hold nothing but padding"
        )
    return window, step, sides


def _as_sequences(y: Any) -> Tensor:
    N, _, T, C = y.shape
    return reshape(y, (N, T, C))
