"""A straight line with noise: the regression whose answer is known. Next: `transforms.py`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..errors import ArgumentError, ArgumentTypeError
from .dataset import Dataset, Info, Split, assemble, float_dtype
from .generated import checked_noise, checked_sizes
from .streams import GENERATED, stream


def linear(
    *,
    weights: Sequence[float] = (2.0, -1.0),
    bias: float = 0.5,
    train: int = 200,
    test: int = 100,
    noise: float = 0.1,
    seed: int = 0,
    dtype: npt.DTypeLike = np.float32,
) -> Dataset:
    """Targets that are a weighted sum of the inputs, plus noise.

    y = x w + bias + noise * normal, with every x normal. Least squares on the training part finds
    w and bias to about noise / sqrt(N), and no model predicts better than a mean squared error of
    noise**2: both say whether a training loop works.

    Args:
        weights: w, one for each feature.
        bias: the value at x = 0.
        train: number of training samples.
        test: number of test samples.
        noise: standard deviation of the noise; 0 gives the line itself.
        seed: the samples are a function of it.
        dtype: float32 or float64.

    Returns:
        x of shape (N, D), y of shape (N, 1), both floats; no classes.

    Raises:
        ArgumentTypeError: weights that are no numbers.
        ArgumentError: no weights or infinite ones, a size below 1, a noise below 0.
        DtypeError: another dtype.

    Example:
        >>> x, y = linear(noise=0, dtype="float64").train
        >>> ones = np.ones((len(x), 1))
        >>> np.linalg.lstsq(np.hstack([x, ones]), y)[0].ravel().round(12)
        array([ 2. , -1. ,  0.5])
    """
    kind = float_dtype(dtype, "linear")
    spread = checked_noise(noise, "linear")
    try:
        w = np.asarray(weights, np.float64)
        b = float(bias)
    except (TypeError, ValueError) as error:
        raise ArgumentTypeError(
            f"linear: weights must be numbers and bias a number, but they are {weights!r} and "
            f"{bias!r}"
        ) from error
    if w.ndim != 1 or not w.size or not (np.isfinite(w).all() and np.isfinite(b)):
        raise ArgumentError(
            f"linear: weights must be one finite number a feature and bias finite, but they are "
            f"{weights!r} and {bias!r}"
        )

    def part(size: int, minor: int) -> Split:
        rng = np.random.Generator(stream(seed, GENERATED, 3, minor))
        x = rng.standard_normal((size, len(w)))
        y = x @ w + b + spread * rng.standard_normal(size)
        return Split(x.astype(kind), y.astype(kind)[:, np.newaxis])

    checked_sizes("linear", train, test, seed)
    info = Info(
        name="linear",
        description=f"A weighted sum of {len(w)} numbers, noise {spread:g}: regression",
        classes=(),
        input_shape=(len(w),),
        train_size=int(train),
        test_size=int(test),
        origin="generated",
        licence="none needed (generated)",
        source="tinygrad_course.data.linear",
    )
    return assemble(info, part(train, 0), part(test, 1))
