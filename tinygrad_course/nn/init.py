"""Initializers: functions from a shape to an array of first weights.

A layer with weights w and n inputs adds n terms, so Var(y) = n Var(w) E(x^2): each rule below picks
Var(w) so that the signal neither dies out nor explodes from layer to layer. A dense weight is
(in, out); a conv weight is (KH, KW, C_in, C_out), and each output sees KH KW C_in inputs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from ..errors import ArgumentError, ShapeError, nearest
from ..random import Generator, default_generator
from .checks import finite, float_dtype, size

Array = np.ndarray[Any, Any]
Shape = Sequence[int]


class Initializer(Protocol):
    """What a layer's `init` argument may be: any function of a shape with these two keywords."""

    def __call__(self, shape: Any, /, *, generator: Generator | None, dtype: Any) -> Array:
        """An array of this shape and dtype."""


def fans(shape: Shape, groups: int = 1) -> tuple[int, int]:
    """(fan_in, fan_out): how many inputs an output sees, and how many outputs an input feeds.

    fan_in = KH KW C_in / groups, fan_out = KH KW C_out / groups; a dense weight has KH = KW = 1.

    Args:
        shape: (in, out), or (KH, KW, C_in / groups, C_out).
        groups: of a grouped convolution.

    Raises:
        ShapeError: fewer than two axes, or an axis below 1.

    Example:
        >>> fans((400, 120)), fans((5, 5, 6, 16)), fans((3, 3, 1, 8), groups=8)
        ((400, 120), (150, 400), (9, 9))
    """
    sizes = _sizes("fans", shape)
    if len(sizes) < 2 or min(sizes) < 1:
        raise ShapeError(
            "fans: a weight has shape (in, out) or (KH, KW, C_in / groups, C_out), but this has "
            f"{sizes}; a bias has no fans, start it with zeros or constant"
        )
    if sizes[-1] % size("fans", "groups", groups):
        raise ShapeError(f"fans: {sizes[-1]} output channels do not divide into {groups} groups")
    area = math.prod(sizes[:-2])
    return area * sizes[-2], area * sizes[-1] // groups


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
    return np.full(_sizes("constant", shape), number, float_dtype("constant", dtype))


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
    drawn = source.numpy().standard_normal(_sizes("normal", shape))
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
    drawn = source.numpy().random(_sizes("uniform", shape))
    return np.asarray(low + (high - low) * drawn, float_dtype("uniform", dtype))


def lecun_normal(
    shape: Shape, *, generator: Generator | None = None, dtype: Any = "float32"
) -> Array:
    """Normal with Var(w) = 1 / fan_in: keeps the variance through a linear (or tanh) layer.

    Example:
        >>> import tinygrad_course as tg
        >>> w = lecun_normal((400, 300), generator=tg.Generator(0))
        >>> bool(abs(w.std() / (1 / 400) ** 0.5 - 1) < 0.01)
        True

    References:
        LeCun, Bottou, Orr and Mueller 1998, "Efficient BackProp", section 4.6.
    """
    return normal(shape, math.sqrt(1 / fans(shape)[0]), generator=generator, dtype=dtype)


def lecun_uniform(
    shape: Shape, *, generator: Generator | None = None, dtype: Any = "float32"
) -> Array:
    """Uniform within +-sqrt(3 / fan_in): the same variance as `lecun_normal`.

    Example:
        >>> bool(abs(lecun_uniform((300, 100))).max() <= 0.1)
        True

    References:
        LeCun, Bottou, Orr and Mueller 1998, "Efficient BackProp", section 4.6.
    """
    bound = math.sqrt(3 / fans(shape)[0])
    return uniform(shape, -bound, bound, generator=generator, dtype=dtype)


def xavier_normal(
    shape: Shape, *, generator: Generator | None = None, dtype: Any = "float32"
) -> Array:
    """Normal with Var(w) = 2 / (fan_in + fan_out): a compromise of forward and backward signal.

    Example:
        >>> xavier_normal((5, 5, 6, 16)).shape
        (5, 5, 6, 16)

    References:
        Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural
        networks", equation 12.
    """
    return normal(shape, math.sqrt(2 / sum(fans(shape))), generator=generator, dtype=dtype)


def xavier_uniform(
    shape: Shape, *, generator: Generator | None = None, dtype: Any = "float32"
) -> Array:
    """Uniform within +-sqrt(6 / (fan_in + fan_out)): the same variance as `xavier_normal`.

    Example:
        >>> bool(abs(xavier_uniform((350, 250))).max() <= 0.1)
        True

    References:
        Glorot and Bengio 2010, equation 16.
    """
    bound = math.sqrt(6 / sum(fans(shape)))
    return uniform(shape, -bound, bound, generator=generator, dtype=dtype)


def he_normal(
    shape: Shape,
    *,
    a: float = 0.0,
    mode: str = "fan_in",
    generator: Generator | None = None,
    dtype: Any = "float32",
) -> Array:
    """Normal with Var(w) = 2 / ((1 + a^2) fan): ReLU halves E(x^2), and the 2 makes up for it.

    Args:
        shape: of the weight.
        a: the negative slope of a leaky ReLU; 0 for ReLU.
        mode: "fan_in" keeps the variance of the outputs, "fan_out" that of the gradients.
        generator: where the numbers come from; one draw.
        dtype: of the array.

    Raises:
        ArgumentError: an unknown mode.
        ShapeError: a shape that has no fans.

    Example:
        >>> import tinygrad_course as tg
        >>> w = he_normal((5, 5, 16, 100), generator=tg.Generator(0))
        >>> bool(abs(w.std() / (2 / 400) ** 0.5 - 1) < 0.01)
        True

    References:
        He, Zhang, Ren and Sun 2015, "Delving Deep into Rectifiers", equations 10, 14 and 15.
    """
    std = math.sqrt(_he_variance("he_normal", shape, a, mode))
    return normal(shape, std, generator=generator, dtype=dtype)


def he_uniform(
    shape: Shape,
    *,
    a: float = 0.0,
    mode: str = "fan_in",
    generator: Generator | None = None,
    dtype: Any = "float32",
) -> Array:
    """Uniform within +-sqrt(6 / ((1 + a^2) fan)): the same variance as `he_normal`.

    Arguments and errors as there.

    Example:
        >>> bool(abs(he_uniform((600, 100))).max() <= 0.1)
        True

    References:
        He, Zhang, Ren and Sun 2015, "Delving Deep into Rectifiers", equations 10, 14 and 15.
    """
    bound = math.sqrt(3 * _he_variance("he_uniform", shape, a, mode))
    return uniform(shape, -bound, bound, generator=generator, dtype=dtype)


def _he_variance(name: str, shape: Shape, a: float, mode: str) -> float:
    modes = ("fan_in", "fan_out")
    if mode not in modes:
        raise ArgumentError(f"{name}: there is no mode {mode!r}; {nearest(str(mode), modes)}")
    return 2 / ((1 + finite(name, "a", a) ** 2) * fans(shape)[modes.index(mode)])


def _sizes(name: str, shape: Shape) -> tuple[int, ...]:
    """`shape` as a tuple of integers from 0 on."""
    try:
        sizes = tuple(int(n) for n in shape)
    except (TypeError, ValueError):
        raise ShapeError(
            f"{name}: shape must be a tuple of integers, but it is {shape!r}"
        ) from None
    if any(n < 0 for n in sizes):
        raise ShapeError(f"{name}: shape must have no negative axis, but it is {sizes}")
    return sizes
