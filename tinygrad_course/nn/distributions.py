"""First values that know nothing of the layer: constants, and numbers drawn from a distribution.

Read next: `scaling.py`, which chooses the distribution's width by the layer.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..random import Generator, default_generator
from .checks import finite, float_dtype
from .fans import Array, Shape, sizes


def zeros(shape: Shape, *, generator: Generator | None = None, dtype: Any = "float32") -> Array:
    """All zeros: for biases. (Weights that start equal stay equal.)

    Example:
        >>> zeros((2,)).tolist()
        [0.0, 0.0]
    """
    return constant(shape, 0.0, dtype=dtype)


def constant(
    shape: Shape,
    value: float = 1.0,
    *,
    generator: Generator | None = None,
    dtype: Any = "float32",
) -> Array:
    """One value everywhere; `generator` is taken and ignored, as a layer hands it over.

    Example:
        >>> constant((2,), 0.5).tolist()
        [0.5, 0.5]
    """
    number = finite("constant", "value", value)
    return np.full(sizes("constant", shape), number, float_dtype("constant", dtype))


def normal(
    shape: Shape,
    std: float = 1.0,
    *,
    mean: float = 0.0,
    generator: Generator | None = None,
    dtype: Any = "float32",
) -> Array:
    """Normal with this mean and standard deviation.

    Args:
        shape: of the array.
        std: the standard deviation, not negative.
        mean: the mean.
        generator: where the numbers come from; one draw.
        dtype: of the array; the numbers are drawn in float64 and rounded to it.

    Raises:
        ArgumentError: a negative or non-finite std.

    Example:
        >>> import tinygrad_course as tg
        >>> normal((2, 3), 0.1, generator=tg.Generator(0)).shape
        (2, 3)
    """
    if finite("normal", "std", std) < 0:
        raise ArgumentError(f"normal: std must be at least 0, but it is {std!r}")
    source = default_generator if generator is None else generator
    drawn = source.numpy().standard_normal(sizes("normal", shape))
    return np.asarray(finite("normal", "mean", mean) + std * drawn, float_dtype("normal", dtype))


def uniform(
    shape: Shape,
    low: float = -1.0,
    high: float = 1.0,
    *,
    generator: Generator | None = None,
    dtype: Any = "float32",
) -> Array:
    """Uniform between two bounds.

    Args:
        shape: of the array.
        low: the lower bound.
        high: the upper bound, not below `low`.
        generator: where the numbers come from; one draw.
        dtype: of the array; the numbers are drawn in float64 and rounded to it.

    Raises:
        ArgumentError: bounds in the wrong order, or not finite.

    Example:
        >>> import tinygrad_course as tg
        >>> bool(abs(uniform((100,), -0.5, 0.5, generator=tg.Generator(0))).max() <= 0.5)
        True
    """
    if finite("uniform", "low", low) > finite("uniform", "high", high):
        raise ArgumentError(f"uniform: low must not exceed high, but they are {low!r} and {high!r}")
    source = default_generator if generator is None else generator
    drawn = source.numpy().random(sizes("uniform", shape))
    return np.asarray(low + (high - low) * drawn, float_dtype("uniform", dtype))


def truncated_normal(
    shape: Shape,
    std: float = 1.0,
    *,
    mean: float = 0.0,
    bound: float = 2.0,
    generator: Generator | None = None,
    dtype: Any = "float32",
) -> Array:
    """Normal without its tails: what lies further out than `bound` is drawn again.

    w = mean + std z / s,   z standard normal with |z| < bound,   s^2 = Var(z)
    s^2 = 1 - 2 bound phi(bound) / (2 Phi(bound) - 1),   0.774 for bound 2

    The cut takes variance away, and the division by s gives it back: `std` is that of the array.
    (In other libraries it is often that of the normal before the cut, and the array's is s std.)

    Args:
        shape: of the array.
        std: the standard deviation of the array, not negative.
        mean: the mean.
        bound: where z is cut, at least 1; no number lies further from the mean than
            bound std / s, 2.27 std for bound 2.
        generator: where the numbers come from; one draw.
        dtype: of the array; the numbers are drawn in float64 and rounded to it.

    Raises:
        ArgumentError: a negative std, or a bound below 1.

    Example:
        >>> import tinygrad_course as tg
        >>> w = truncated_normal((400, 300), 0.1, generator=tg.Generator(0))
        >>> bool(abs(w.std() / 0.1 - 1) < 0.01), bool(abs(w).max() < 0.2274)
        (True, True)
    """
    if finite("truncated_normal", "std", std) < 0:
        raise ArgumentError(f"truncated_normal: std must be at least 0, but it is {std!r}")
    if finite("truncated_normal", "bound", bound) < 1:
        raise ArgumentError(f"truncated_normal: bound must be at least 1, but it is {bound!r}")
    source = (default_generator if generator is None else generator).numpy()
    z = source.standard_normal(sizes("truncated_normal", shape))
    while (outside := np.abs(z) >= bound).any():
        z[outside] = source.standard_normal(int(outside.sum()))
    density = math.exp(-(bound**2) / 2) / math.sqrt(2 * math.pi)
    kept = math.sqrt(1 - 2 * bound * density / math.erf(bound / math.sqrt(2)))
    values = finite("truncated_normal", "mean", mean) + std / kept * z
    return np.asarray(values, float_dtype("truncated_normal", dtype))
