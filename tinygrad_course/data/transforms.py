"""What is done to a batch before the network sees it; the simplest of it: shift it.

A transform is any function `transform(x, rng) -> x` of a batch and its random numbers; a list of
them is applied in order. `rng` is the batch's own generator, so what happens to a batch does not
depend on the batches before it. A transform never writes into its input, and only training data
are augmented. Next: `geometry.py` and `colour.py` for more of them, `scaling.py` for fitted ones.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError
from .checks import Array, whole_number


class Transform(Protocol):
    """The form of a transform: a batch and its random numbers in, the new batch out."""

    def __call__(self, x: Array, rng: np.random.Generator, /) -> Array:
        """The batch, changed; shape (N, ...) with the same N."""


class RandomShift:
    """Moves each image by a whole number of pixels, drawn anew for every image.

    y[n, h, w] = x[n, h - a, w - b] with a, b uniform in -pixels .. pixels; what comes in from
    outside the image is 0. A digit moved by a pixel is the same digit: the network is shown that
    where it looks does not matter, and overfits less.

    Args:
        pixels: the largest shift, up or down, left or right.

    Example:
        >>> x = np.ones((1, 3, 3, 1), np.float32)
        >>> RandomShift(1)(x, np.random.default_rng(0))[0, :, :, 0]
        array([[1., 1., 1.],
               [1., 1., 1.],
               [0., 0., 0.]], dtype=float32)

    References:
        Simard, Steinkraus, Platt, "Best practices for convolutional neural networks applied to
        visual document analysis", ICDAR 2003, section 2.
    """

    def __init__(self, pixels: int) -> None:
        self.pixels = whole_number(pixels, "RandomShift: pixels", 0, 2**15)

    def __call__(self, x: Array, rng: np.random.Generator) -> Array:
        """The shifted images.

        Args:
            x: images (N, H, W, C), any dtype.
            rng: where the shifts come from.

        Returns:
            A new array of the shape and dtype of `x`.

        Raises:
            ShapeError: `x` has not four axes.
        """
        n, h, w, c = as_images(x, "RandomShift").shape
        p = self.pixels
        framed = np.zeros((n, h + 2 * p, w + 2 * p, c), x.dtype)
        framed[:, p : p + h, p : p + w] = x
        down, right = rng.integers(0, 2 * p + 1, size=(2, n))
        return windows(framed, down, right, (h, w))

    def __repr__(self) -> str:
        return f"RandomShift({self.pixels})"


def windows(x: Array, top: Array, left: Array, size: tuple[int, int]) -> Array:
    """Of each image the part of `size` that begins at its row `top` and column `left`.

    Args:
        x: images (N, H, W, C), contiguous.
        top: N rows, 0 .. H - size[0].
        left: N columns, 0 .. W - size[1].
        size: height and width of the parts.

    Returns:
        A new array (N, *size, C).
    """
    n, h, w, c = x.shape
    image, row, column, channel = x.strides
    # parts[i, a, b] is image i seen through a window at row a, column b: a view, so that one
    # indexing moves all images at once.
    parts = as_strided(
        x,
        (n, h - size[0] + 1, w - size[1] + 1, *size, c),
        (image, row, column, row, column, channel),
        writeable=False,
    )
    result: Array = parts[np.arange(n), top, left]
    return result


def as_images(x: Array, function: str, *, floats: bool = False) -> Array:
    """`x`, after making sure that it is a batch of images.

    Args:
        x: what should be (N, H, W, C).
        function: who asks, for the error.
        floats: whether the values must be floats, because they will be mixed or shifted.

    Raises:
        ShapeError: not four axes.
        DtypeError: integers where floats are needed.
    """
    if x.ndim != 4:
        raise ShapeError(
            f"{function}: x must be images (N, H, W, C), but its shape is {x.shape}; "
            "reshape rows of pixels first"
        )
    if floats and x.dtype.kind != "f":
        raise DtypeError(
            f"{function}: x must hold floats, but its dtype is {x.dtype}; for pixels 0 .. 255 "
            "use x.astype(np.float32) / 255"
        )
    return x


def number_in(value: float, name: str, low: float, high: float = np.inf) -> float:
    """`value` as a float in low .. high; `name` is "function: argument".

    Raises:
        ArgumentTypeError: not a number.
        ArgumentError: out of range, or a NaN.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(
        value, (int, float, np.integer, np.floating)
    ):
        raise ArgumentTypeError(f"{name} must be a number, but it is {value!r}")
    if not (low <= value <= high and np.isfinite(value)):
        limit = f"at least {low:g}" if high == np.inf else f"in {low:g} .. {high:g}"
        raise ArgumentError(f"{name} must be {limit}, but it is {value}")
    return float(value)
