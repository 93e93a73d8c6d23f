"""What is done to a batch before the network sees it: shift it, standardise it.

A transform is any function `transform(x, rng) -> x` of a batch and its random numbers; a list of
them is applied in order. `rng` is the batch's own generator, so what happens to a batch does not
depend on the batches before it. A transform never writes into its input. Next: `loader.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from ..errors import ArgumentError, ArgumentTypeError, DataError, ShapeError
from .checks import Array, as_array, check_finite, whole_number

_BLOCK = 1 << 20
"""Values converted to float64 in one go while statistics are summed."""


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
        if x.ndim != 4:
            raise ShapeError(
                f"RandomShift: x must be images (N, H, W, C), but its shape is {x.shape}; "
                "reshape rows of pixels first"
            )
        n, h, w, c = x.shape
        p = self.pixels
        framed = np.zeros((n, h + 2 * p, w + 2 * p, c), x.dtype)
        framed[:, p : p + h, p : p + w] = x
        # windows[i, a, b] is image i seen through an H x W window at row a, column b of its
        # frame: a view, so that one indexing moves all images at once.
        image, row, column, channel = framed.strides
        windows = as_strided(
            framed,
            (n, 2 * p + 1, 2 * p + 1, h, w, c),
            (image, row, column, row, column, channel),
            writeable=False,
        )
        down, right = rng.integers(0, 2 * p + 1, size=(2, n))
        moved: Array = windows[np.arange(n), down, right]
        return moved

    def __repr__(self) -> str:
        return f"RandomShift({self.pixels})"


class Standardize:
    """Subtracts the mean and divides by the standard deviation, both of the training data.

    z = (x - mean) / std. Fitted on the training part alone: a statistic that has seen the test
    part tells the network about it. A feature that never changes (std 0) is centred only.

    Args:
        mean: shape that broadcasts against one sample.
        std: the same shape, positive.

    Example:
        >>> train = np.array([[1.0, 5.0], [3.0, 5.0]])
        >>> standardize = Standardize.fit(train)
        >>> standardize(train)
        array([[-1.,  0.],
               [ 1.,  0.]])
        >>> standardize.inverse(standardize(train)).tolist() == train.tolist()
        True

    References:
        LeCun, Bottou, Orr, Mueller, "Efficient BackProp", 1998, section 4.3.
    """

    def __init__(self, mean: npt.ArrayLike, std: npt.ArrayLike) -> None:
        self.mean = np.asarray(mean, dtype=np.float64)
        self.std = np.asarray(std, dtype=np.float64)
        if self.mean.shape != self.std.shape:
            raise ShapeError(
                f"Standardize: mean and std must have one shape, but mean has {self.mean.shape} "
                f"and std {self.std.shape}"
            )
        if not (np.isfinite(self.mean).all() and np.isfinite(self.std).all()):
            raise ArgumentError("Standardize: mean and std must be finite; fit on clean data")
        if not (self.std > 0).all():
            raise ArgumentError(
                f"Standardize: std must be positive, but its smallest value is {self.std.min()}; "
                "use 1 for a feature that never changes"
            )

    @classmethod
    def fit(cls, x: npt.ArrayLike, axis: int | tuple[int, ...] | None = None) -> Standardize:
        """The transform that gives `x` mean 0 and standard deviation 1.

        Args:
            x: training data (N, ...), of any numeric dtype; sums are taken in float64.
            axis: the axes to average over, axis 0 among them. The default is all but the last:
                one mean per channel of images, one per column of a table.

        Raises:
            ArgumentError: `axis` leaves out the samples or does not exist.
            DataError: no samples, or values that are not finite.
        """
        data = check_finite(as_array(x, "x", "Standardize.fit"), "x")
        if data.size == 0:
            raise DataError(f"Standardize.fit: x is empty (shape {data.shape}); give it samples")
        axes = _reduced_axes(axis, data.ndim)
        low, high = data.min(axes, keepdims=True), data.max(axes, keepdims=True)
        count = data.size // low.size
        mean = _block_sum(data, axes, np.zeros(low.shape), power=1) / count
        variance = _block_sum(data, axes, mean, power=2) / count
        # Rounding can leave a constant feature a variance of 1e-34, and dividing by its root
        # would blow rounding errors up to the size of real signals.
        varies = (low != high) & (variance > 0)
        std = np.sqrt(np.where(varies, variance, 1.0))
        return cls(mean[0], std[0])

    def __call__(self, x: Array, rng: np.random.Generator | None = None) -> Array:
        """The standardised batch, float (integers become float32); `rng` is not used.

        Raises:
            ShapeError: the samples have another shape than those it was fitted on.
        """
        mean, std = self._as(x, "Standardize")
        result: Array = (x - mean) / std
        return result

    def inverse(self, z: Array) -> Array:
        """The data again: x = z std + mean."""
        mean, std = self._as(z, "Standardize.inverse")
        result: Array = z * std + mean
        return result

    def state(self) -> dict[str, Any]:
        """Mean and standard deviation as plain lists, fit for JSON (where floats stay exact)."""
        return {"mean": self.mean.tolist(), "std": self.std.tolist()}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Standardize:
        """The transform whose `state()` this is.

        Raises:
            ArgumentError: an entry is missing.
        """
        missing = {"mean", "std"} - set(state)
        if missing:
            raise ArgumentError(
                f"Standardize.from_state: expected the entries mean and std, but "
                f"{' and '.join(sorted(missing))} is missing (got: {', '.join(state) or 'nothing'})"
            )
        return cls(state["mean"], state["std"])

    def _as(self, x: Array, function: str) -> tuple[Array, Array]:
        """Mean and std in the dtype of `x`, after a look at the shape."""
        sample = x.shape[1:]
        try:
            fits = x.ndim > 0 and np.broadcast_shapes(self.mean.shape, sample) == sample
        except ValueError:
            fits = False
        if not fits:
            raise ShapeError(
                f"{function}: was fitted with statistics of shape {self.mean.shape}, which do not "
                f"fit samples of shape {sample} (x has shape {x.shape})"
            )
        dtype = x.dtype if x.dtype.kind == "f" else np.dtype(np.float32)
        return self.mean.astype(dtype), self.std.astype(dtype)

    def __repr__(self) -> str:
        if self.mean.size == 1:
            return f"Standardize(mean={self.mean.item():.6g}, std={self.std.item():.6g})"
        return f"Standardize(mean and std of shape {self.mean.shape})"


def _reduced_axes(axis: int | tuple[int, ...] | None, ndim: int) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(ndim - 1)) or (0,)
    try:
        given = (axis,) if isinstance(axis, int) else tuple(axis)
        axes = tuple(sorted({a + ndim if a < 0 else a for a in given}))
    except TypeError as error:
        raise ArgumentTypeError(
            f"Standardize.fit: axis must be an integer or a tuple of them, but it is {axis!r}"
        ) from error
    if not axes or axes[0] != 0 or axes[-1] >= ndim:
        raise ArgumentError(
            f"Standardize.fit: axis must hold 0, the samples, and lie below {ndim}, "
            f"but it is {axis!r}"
        )
    return axes


def _block_sum(data: Array, axes: tuple[int, ...], center: Array, *, power: int) -> Array:
    """Sum of (data - center)**power over `axes`, in float64, a block of samples at a time."""
    total = np.zeros(center.shape)
    rows = max(1, _BLOCK // max(1, data[0].size))
    for start in range(0, len(data), rows):
        deviation = data[start : start + rows] - center
        total += (deviation**power).sum(axes, keepdims=True)
    return total
