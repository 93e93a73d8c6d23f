"""Images made brighter, noisier, patchier, or lit by another lamp: each by numbers of its own.

All take and give float batches (N, H, W, C). Where a transform keeps values in a range, it is given
as `limits`, 0 .. 1 by default, the range that `load` gives; use None for standardised images.
Next: `scaling.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..errors import ArgumentError, ArgumentTypeError, DataError, ShapeError, nearest
from .checks import Array, as_array, check_finite, whole_number
from .transforms import as_images, number_in

Limits = tuple[float, float] | None


class RandomBrightness:
    """Adds to each image one number, uniform in -amount .. amount.

    y = clip(x + b, limits).

    Args:
        amount: the largest change, in the units of the values.
        limits: the range that values are kept in, or None.

    Example:
        >>> x = np.full((1, 1, 2, 1), 0.5)
        >>> RandomBrightness(0.2)(x, np.random.default_rng(0)).round(3).ravel()
        array([0.555, 0.555])
    """

    def __init__(self, amount: float, limits: Limits = (0.0, 1.0)) -> None:
        self.amount = number_in(amount, "RandomBrightness: amount", 0)
        self.limits = _limits(limits, "RandomBrightness")

    def __call__(self, x: Array, rng: np.random.Generator) -> Array:
        """The images, brighter or darker, of the dtype of `x`.

        Raises:
            ShapeError: `x` has not four axes.
            DtypeError: `x` holds integers.
        """
        as_images(x, "RandomBrightness", floats=True)
        change = rng.uniform(-self.amount, self.amount, (len(x), 1, 1, 1))
        return _clipped(x + change.astype(x.dtype), self.limits)

    def __repr__(self) -> str:
        return f"RandomBrightness({self.amount:g}, limits={self.limits})"


class GaussianNoise:
    """Adds noise to every value: y = clip(x + std * normal, limits).

    Args:
        std: standard deviation, in the units of the values.
        limits: the range that values are kept in, or None.

    Example:
        >>> x = np.full((1, 1, 2, 1), 0.5)
        >>> GaussianNoise(0.1)(x, np.random.default_rng(0)).round(3).ravel()
        array([0.513, 0.487])

    References:
        Bishop, "Training with noise is equivalent to Tikhonov regularization", 1995.
    """

    def __init__(self, std: float, limits: Limits = (0.0, 1.0)) -> None:
        self.std = number_in(std, "GaussianNoise: std", 0)
        self.limits = _limits(limits, "GaussianNoise")

    def __call__(self, x: Array, rng: np.random.Generator) -> Array:
        """The noisy images, of the dtype of `x`.

        Raises:
            ShapeError: `x` has not four axes.
            DtypeError: `x` holds integers.
        """
        as_images(x, "GaussianNoise", floats=True)
        noise = self.std * rng.standard_normal(x.shape)
        return _clipped(x + noise.astype(x.dtype), self.limits)

    def __repr__(self) -> str:
        return f"GaussianNoise({self.std:g}, limits={self.limits})"


class Cutout:
    """Covers a square of each image, so that no single part of it can be relied on.

    The centre is a pixel drawn anew; at the border part of the square lies outside, which the paper
    found important (some images stay nearly whole).

    Args:
        size: the side of the square in pixels.
        value: what covers it; 0 is the mean of standardised images.

    Example:
        >>> x = np.ones((1, 3, 3, 1), np.float32)
        >>> Cutout(2)(x, np.random.default_rng(0))[0, :, :, 0]
        array([[1., 1., 1.],
               [0., 0., 1.],
               [0., 0., 1.]], dtype=float32)

    References:
        DeVries, Taylor, "Improved regularization of convolutional neural networks with cutout",
        2017, section 3.
    """

    def __init__(self, size: int, value: float = 0.0) -> None:
        self.size = whole_number(size, "Cutout: size", 1, 2**15)
        self.value = number_in(value, "Cutout: value", -np.inf)

    def __call__(self, x: Array, rng: np.random.Generator) -> Array:
        """The images with their squares, any dtype.

        Raises:
            ShapeError: `x` has not four axes.
        """
        n, h, w, _ = as_images(x, "Cutout").shape
        covered = self._span(rng, n, h)[:, :, np.newaxis] & self._span(rng, n, w)[:, np.newaxis]
        y: Array = x.copy()
        y[covered] = self.value
        return y

    def _span(self, rng: np.random.Generator, count: int, length: int) -> npt.NDArray[np.bool_]:
        """Which of `length` rows (or columns) each image's square covers, (count, length)."""
        start = rng.integers(0, length, (count, 1)) - self.size // 2
        place = np.arange(length)
        covers: npt.NDArray[np.bool_] = (start <= place) & (place < start + self.size)
        return covers

    def __repr__(self) -> str:
        return f"Cutout({self.size}, value={self.value:g})"


class PCAColor:
    """Shifts the colours of each image along the directions in which the training colours vary.

    With p_i the eigenvectors and lambda_i the eigenvalues of the covariance of the colours of all
    training pixels, every pixel of an image is moved by

        [p_1 p_2 p_3] [a_1 s_1, a_2 s_2, a_3 s_3]^T        a_i = std * normal, drawn per image

    where s_i = sqrt(lambda_i), the standard deviation along p_i, with `scale="deviation"`, and
    s_i = lambda_i, as the paper prints it, with `scale="variance"`. A variance has squared units:
    the printed form means something else for pixels 0 .. 255 than for 0 .. 1; the deviation does
    not, and is what is usually run.

    Args:
        vectors: p_i in columns, (C, C), from `fit`.
        variances: lambda_i, (C,), from `fit`.
        std: how strong; the paper takes 0.1.
        scale: "deviation" or "variance".
        limits: the range that values are kept in, or None.

    Example:
        >>> red = np.zeros((2, 1, 1, 3))
        >>> red[1, 0, 0, 0] = 1.0  # the training colours differ in red alone
        >>> moved = PCAColor.fit(red, limits=None)(red, np.random.default_rng(0))
        >>> (moved - red).round(4)[:, 0, 0].tolist()
        [[0.032, 0.0, 0.0], [0.0181, 0.0, 0.0]]

    References:
        Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep convolutional neural
        networks", 2012, section 4.1.
    """

    def __init__(
        self,
        vectors: npt.ArrayLike,
        variances: npt.ArrayLike,
        std: float = 0.1,
        scale: str = "deviation",
        limits: Limits = (0.0, 1.0),
    ) -> None:
        self.vectors = np.asarray(vectors, np.float64)
        self.variances = np.asarray(variances, np.float64)
        count = self.variances.shape[0] if self.variances.ndim == 1 else 0
        if not count or self.vectors.shape != (count, count):
            raise ShapeError(
                f"PCAColor: vectors must be (C, C) and variances (C,), but they are "
                f"{self.vectors.shape} and {self.variances.shape}; use PCAColor.fit"
            )
        if not (np.isfinite(self.vectors).all() and (self.variances >= 0).all()):
            raise ArgumentError("PCAColor: vectors must be finite and variances at least 0")
        self.std = number_in(std, "PCAColor: std", 0)
        if scale not in ("deviation", "variance"):
            valid = ("deviation", "variance")
            raise ArgumentError(f"PCAColor: no scale {scale!r}; {nearest(str(scale), valid)}")
        self.scale = scale
        self.limits = _limits(limits, "PCAColor")

    @classmethod
    def fit(
        cls,
        x: npt.ArrayLike,
        std: float = 0.1,
        scale: str = "deviation",
        limits: Limits = (0.0, 1.0),
    ) -> PCAColor:
        """The transform for the colours of the training images `x` (N, H, W, C), floats.

        Raises:
            ShapeError: `x` has not four axes.
            DtypeError: `x` holds integers.
            DataError: no pixels, or values that are not finite.
        """
        images = as_images(as_array(x, "x", "PCAColor.fit"), "PCAColor.fit", floats=True)
        if images.size == 0:
            raise DataError(f"PCAColor.fit: x is empty (shape {images.shape}); give it images")
        check_finite(images, "x")
        channels = images.shape[-1]
        count = images.size // channels
        mean = sum(
            block.mean((0, 1, 2), np.float64) * block[..., 0].size for block in _blocks(images)
        )
        mean = mean / count
        covariance = np.zeros((channels, channels))
        for block in _blocks(images):
            deviation = block.reshape(-1, channels) - mean
            covariance += deviation.T @ deviation
        variances, vectors = np.linalg.eigh(covariance / count)
        # An eigenvector may point either way; one way is chosen, the same on every machine.
        vectors *= np.sign(vectors[np.abs(vectors).argmax(0), np.arange(channels)])
        return cls(vectors, np.maximum(variances, 0), std, scale, limits)

    def __call__(self, x: Array, rng: np.random.Generator) -> Array:
        """The images with shifted colours, of the dtype of `x`.

        Raises:
            ShapeError: `x` has not four axes, or other channels than it was fitted on.
            DtypeError: `x` holds integers.
        """
        as_images(x, "PCAColor", floats=True)
        count = len(self.variances)
        if x.shape[-1] != count:
            raise ShapeError(
                f"PCAColor: was fitted on {count} channels, but x has {x.shape[-1]} "
                f"(shape {x.shape})"
            )
        step = np.sqrt(self.variances) if self.scale == "deviation" else self.variances
        change = (self.std * rng.standard_normal((len(x), count)) * step) @ self.vectors.T
        return _clipped(x + change[:, np.newaxis, np.newaxis].astype(x.dtype), self.limits)

    def __repr__(self) -> str:
        return f"PCAColor(std={self.std:g}, scale={self.scale!r}, limits={self.limits})"


def _blocks(x: Array) -> Sequence[Array]:
    """`x` in blocks of at most a million values: float64 copies must not double the data."""
    rows = max(1, (1 << 20) // x[0].size)
    return [x[start : start + rows] for start in range(0, len(x), rows)]


def _limits(limits: Limits, function: str) -> Limits:
    if limits is None:
        return None
    try:
        low, high = (float(value) for value in limits)
    except (TypeError, ValueError) as error:
        raise ArgumentTypeError(
            f"{function}: limits must be (low, high) or None, but it is {limits!r}"
        ) from error
    if not low < high:
        raise ArgumentError(f"{function}: limits must be (low, high), but they are {low}, {high}")
    return low, high


def _clipped(x: Array, limits: Limits) -> Array:
    if limits is not None:
        np.clip(x, *limits, out=x)
    return x
