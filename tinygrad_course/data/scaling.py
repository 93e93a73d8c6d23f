"""Scaling fitted on the training part: mean 0 and deviation 1, or a range of 0 .. 1.

Both are (x - shift) / scale with two numbers for each feature. They belong to the model: fitted on
training data alone, saved with it, and applied unchanged to whatever it is asked about. A statistic
that has seen the test part tells the network about it. Next: `loader.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ..errors import ArgumentError, ArgumentTypeError, DataError, ShapeError
from .checks import Array, as_array, check_finite

_BLOCK = 1 << 20
"""Values converted to float64 in one go while statistics are summed."""

S = TypeVar("S", bound="_Scaling")


class _Scaling:
    """z = (x - shift) / scale, with one of each for every feature."""

    _terms: tuple[str, str]
    """The names of the two fitted arrays, as attributes, arguments and entries of `state`."""

    def __init__(self, first: npt.ArrayLike, second: npt.ArrayLike) -> None:
        name = type(self).__name__
        one, two = self._terms
        a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
        if a.shape != b.shape:
            raise ShapeError(
                f"{name}: {one} and {two} must have one shape, but {one} has {a.shape} "
                f"and {two} {b.shape}"
            )
        if not (np.isfinite(a).all() and np.isfinite(b).all()):
            raise ArgumentError(f"{name}: {one} and {two} must be finite; fit on clean data")
        setattr(self, one, a)
        setattr(self, two, b)

    def _shift_and_scale(self, dtype: np.dtype[Any]) -> tuple[Array, Array]:
        raise NotImplementedError

    def __call__(self, x: Array, rng: np.random.Generator | None = None) -> Array:
        """The scaled batch, float (integers become float32); `rng` is not used.

        Raises:
            ShapeError: the samples have another shape than those it was fitted on.
        """
        shift, scale = self._fitted(x, type(self).__name__)
        result: Array = (x - shift) / scale
        return result

    def inverse(self, z: Array) -> Array:
        """The data again: x = z scale + shift."""
        shift, scale = self._fitted(z, f"{type(self).__name__}.inverse")
        result: Array = z * scale + shift
        return result

    def state(self) -> dict[str, Any]:
        """The two fitted arrays as plain lists, fit for JSON (where floats stay exact)."""
        return {term: getattr(self, term).tolist() for term in self._terms}

    @classmethod
    def from_state(cls: type[S], state: Mapping[str, Any]) -> S:
        """The transform whose `state()` this is.

        Raises:
            ArgumentError: an entry is missing.
        """
        one, two = cls._terms
        missing = {one, two} - set(state)
        if missing:
            raise ArgumentError(
                f"{cls.__name__}.from_state: expected the entries {one} and {two}, but "
                f"{' and '.join(sorted(missing))} is missing (got: {', '.join(state) or 'nothing'})"
            )
        return cls(state[one], state[two])

    def _fitted(self, x: Array, function: str) -> tuple[Array, Array]:
        """Shift and scale in the dtype of `x`, after a look at the shape."""
        dtype = x.dtype if x.dtype.kind == "f" else np.dtype(np.float32)
        shift, scale = self._shift_and_scale(dtype)
        sample = x.shape[1:]
        try:
            fits = x.ndim > 0 and np.broadcast_shapes(shift.shape, sample) == sample
        except ValueError:
            fits = False
        if not fits:
            raise ShapeError(
                f"{function}: was fitted with statistics of shape {shift.shape}, which do not "
                f"fit samples of shape {sample} (x has shape {x.shape})"
            )
        return shift, scale

    def __repr__(self) -> str:
        name, (one, two) = type(self).__name__, self._terms
        a, b = getattr(self, one), getattr(self, two)
        if a.size == 1:
            return f"{name}({one}={a.item():.6g}, {two}={b.item():.6g})"
        return f"{name}({one} and {two} of shape {a.shape})"


class Standardize(_Scaling):
    """Subtracts the mean and divides by the standard deviation, both of the training data.

    z = (x - mean) / std. A feature that never changes (std 0) is centred only.

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

    _terms = ("mean", "std")
    mean: npt.NDArray[np.float64]
    std: npt.NDArray[np.float64]

    def __init__(self, mean: npt.ArrayLike, std: npt.ArrayLike) -> None:
        super().__init__(mean, std)
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
        data, axes = _training_data(x, axis, "Standardize.fit")
        low, high = data.min(axes, keepdims=True), data.max(axes, keepdims=True)
        count = data.size // low.size
        mean = _block_sum(data, axes, np.zeros(low.shape), power=1) / count
        variance = _block_sum(data, axes, mean, power=2) / count
        # Rounding can leave a constant feature a variance of 1e-34, and dividing by its root
        # would blow rounding errors up to the size of real signals.
        varies = (low != high) & (variance > 0)
        std = np.sqrt(np.where(varies, variance, 1.0))
        return cls(mean[0], std[0])

    def _shift_and_scale(self, dtype: np.dtype[Any]) -> tuple[Array, Array]:
        return self.mean.astype(dtype), self.std.astype(dtype)


class MinMax(_Scaling):
    """Subtracts the smallest value and divides by the range, both of the training data.

    z = (x - low) / (high - low): the training data fill 0 .. 1 exactly; other data may lie outside.
    A feature that never changes becomes 0.

    Against outliers this is the wrong choice: one extreme value is the range, and all others are
    pushed together at one end. Standardisation suffers less, since an outlier is one of N terms of
    the deviation:

        >>> x = np.append(np.linspace(0, 1, 99), 1000.0)[:, None]
        >>> usual = slice(0, 99)
        >>> [float(np.ptp(scaling.fit(x)(x)[usual]).round(4)) for scaling in (MinMax, Standardize)]
        [0.001, 0.0101]

    Args:
        low: the value that becomes 0; shape that broadcasts against one sample.
        high: the value that becomes 1; the same shape.

    Example:
        >>> train = np.array([[1.0, 5.0], [3.0, 5.0]])
        >>> scale = MinMax.fit(train)
        >>> scale(train).tolist(), scale(np.array([[5.0, 6.0]])).tolist()
        ([[0.0, 0.0], [1.0, 0.0]], [[2.0, 1.0]])
        >>> MinMax(0, 255)(np.array([0, 51, 255], np.uint8)).tolist()  # pixels need no fitting
        [0.0, 0.20000000298023224, 1.0]
    """

    _terms = ("low", "high")
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]

    def __init__(self, low: npt.ArrayLike, high: npt.ArrayLike) -> None:
        super().__init__(low, high)
        if not (self.low <= self.high).all():
            raise ArgumentError("MinMax: high must be at least low, but somewhere it is below")

    @classmethod
    def fit(cls, x: npt.ArrayLike, axis: int | tuple[int, ...] | None = None) -> MinMax:
        """The transform that makes `x` fill the range 0 .. 1.

        Args:
            x: training data (N, ...), of any numeric dtype.
            axis: the axes to look over, axis 0 among them. The default is all but the last: one
                range per channel of images, one per column of a table.

        Raises:
            ArgumentError: `axis` leaves out the samples or does not exist.
            DataError: no samples, or values that are not finite.
        """
        data, axes = _training_data(x, axis, "MinMax.fit")
        return cls(data.min(axes, keepdims=True)[0], data.max(axes, keepdims=True)[0])

    def _shift_and_scale(self, dtype: np.dtype[Any]) -> tuple[Array, Array]:
        # Subtracted in the dtype of the data, so that the largest value gives exactly 1.
        low = self.low.astype(dtype)
        span = self.high.astype(dtype) - low
        return low, np.where(span > 0, span, dtype.type(1))


def _training_data(
    x: npt.ArrayLike, axis: int | tuple[int, ...] | None, function: str
) -> tuple[Array, tuple[int, ...]]:
    """The data to fit on, finite and not empty, and the axes to reduce."""
    data = check_finite(as_array(x, "x", function), "x")
    if data.size == 0:
        raise DataError(f"{function}: x is empty (shape {data.shape}); give it samples")
    return data, _reduced_axes(axis, data.ndim, function)


def _reduced_axes(axis: int | tuple[int, ...] | None, ndim: int, function: str) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(ndim - 1)) or (0,)
    try:
        given = (axis,) if isinstance(axis, int) else tuple(axis)
        axes = tuple(sorted({a + ndim if a < 0 else a for a in given}))
    except TypeError as error:
        raise ArgumentTypeError(
            f"{function}: axis must be an integer or a tuple of them, but it is {axis!r}"
        ) from error
    if not axes or axes[0] != 0 or axes[-1] >= ndim:
        raise ArgumentError(
            f"{function}: axis must hold 0, the samples, and lie below {ndim}, but it is {axis!r}"
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
