"""Initializers whose variance follows the layer's fans: LeCun's, Xavier's, He's, and all in one.

A layer with weights w and n inputs adds n terms, so Var(y) = n Var(w) E(x^2): each rule picks
Var(w) so that the signal neither dies out nor explodes from layer to layer. Read next:
`structured.py`.
"""

from __future__ import annotations

import math
from typing import Any

from ..errors import ArgumentError, nearest
from ..random import Generator
from .checks import finite
from .distributions import normal, truncated_normal, uniform
from .fans import Array, Shape, fan, fans


def variance_scaling(
    shape: Shape,
    gain: float = 1.0,
    *,
    mode: str = "fan_in",
    distribution: str = "normal",
    generator: Generator | None = None,
    dtype: Any = "float32",
) -> Array:
    """Any of the rules below: Var(w) = gain^2 / fan.

    gain 1 with "fan_in" is LeCun's, with "fan_avg" Xavier's; gain sqrt(2) is He's.

    Args:
        shape: of the weight.
        gain: what makes up for the nonlinearity; see `gain`.
        mode: "fan_in" keeps the variance of the outputs, "fan_out" that of the gradients,
            "fan_avg" takes their mean.
        distribution: "normal", "truncated_normal" (cut at two standard deviations) or "uniform".
        generator: where the numbers come from; one draw.
        dtype: of the array.

    Raises:
        ArgumentError: an unknown mode or distribution.
        ShapeError: a shape that has no fans.

    Example:
        >>> import tinygrad_course as tg
        >>> w = variance_scaling((400, 200), 2.0, mode="fan_avg", generator=tg.Generator(0))
        >>> bool(abs(w.std() / (4 / 300) ** 0.5 - 1) < 0.01)
        True
    """
    std = finite("variance_scaling", "gain", gain) / math.sqrt(fan("variance_scaling", shape, mode))
    return _drawn("variance_scaling", distribution, shape, abs(std), generator, dtype)


def _drawn(
    name: str, distribution: str, shape: Shape, std: float, generator: Generator | None, dtype: Any
) -> Array:
    """An array of this standard deviation and mean 0."""
    if distribution == "normal":
        return normal(shape, std, generator=generator, dtype=dtype)
    if distribution == "truncated_normal":
        return truncated_normal(shape, std, generator=generator, dtype=dtype)
    if distribution == "uniform":
        bound = math.sqrt(3) * std
        return uniform(shape, -bound, bound, generator=generator, dtype=dtype)
    names = ("normal", "truncated_normal", "uniform")
    raise ArgumentError(
        f"{name}: there is no distribution {distribution!r}; {nearest(str(distribution), names)}"
    )


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
        mode: "fan_in" keeps the variance of the outputs, "fan_out" that of the gradients,
            "fan_avg" takes their mean.
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
    return 2 / ((1 + finite(name, "a", a) ** 2) * fan(name, shape, mode))
