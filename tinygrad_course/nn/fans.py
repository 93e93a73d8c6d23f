"""What initializers count with: the fans of a weight's shape, and the gain of a nonlinearity.

A dense weight is (in, out); a conv weight is (KH, KW, C_in, C_out), and each output sees KH KW C_in
inputs. Read next: `scaling.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError, nearest
from .checks import finite, size

Array = np.ndarray[Any, Any]
Shape = Sequence[int]

MODES = ("fan_in", "fan_out", "fan_avg")
"""What `fan` may divide by."""


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
    axes = sizes("fans", shape)
    if len(axes) < 2 or min(axes) < 1:
        raise ShapeError(
            "fans: a weight has shape (in, out) or (KH, KW, C_in / groups, C_out), but this has "
            f"{axes}; a bias has no fans, start it with zeros or constant"
        )
    if axes[-1] % size("fans", "groups", groups):
        raise ShapeError(f"fans: {axes[-1]} output channels do not divide into {groups} groups")
    area = math.prod(axes[:-2])
    return area * axes[-2], area * axes[-1] // groups


def fan(name: str, shape: Shape, mode: str) -> float:
    """The fan that an initializer divides by.

    Args:
        name: of the initializer, for its errors.
        shape: of the weight.
        mode: "fan_in" keeps the variance of the outputs, "fan_out" that of the gradients,
            "fan_avg" takes their mean: a compromise.

    Raises:
        ArgumentError: an unknown mode.
        ShapeError: a shape that has no fans.

    Example:
        >>> [fan("he_normal", (400, 120), mode) for mode in MODES]
        [400.0, 120.0, 260.0]
    """
    if mode not in MODES:
        raise ArgumentError(f"{name}: there is no mode {mode!r}; {nearest(str(mode), MODES)}")
    fan_in, fan_out = fans(shape)
    return {"fan_in": float(fan_in), "fan_out": float(fan_out)}.get(mode, (fan_in + fan_out) / 2)


_GAINS = {
    "linear": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "selu": 0.75,
    # 1 / sqrt(E f(z)^2) for a standard normal z.
    "elu": 1.2451983007007064,
    "gelu": 1.5335304411955353,
    "silu": 1.6765324703310913,
}


def gain(nonlinearity: str, a: float | None = None) -> float:
    """The factor of a weight's standard deviation that makes up for what a nonlinearity takes away.

    std = gain / sqrt(fan_in)

        linear 1      relu sqrt(2)      leaky_relu sqrt(2 / (1 + a^2))      elu, gelu, silu

    keep the variance of the sums x W where it is 1: gain = 1 / sqrt(E f(z)^2) for a standard normal
    z. relu and elu hold it there from layer to layer; gelu and silu do not, since what is a little
    above 1 grows: deep stacks of them need normalization.

        tanh 5/3      sigmoid 1      selu 3/4

    are customs. tanh's E(x^2) settles near 0.43 and does not die out. What tells a sigmoid's inputs
    apart dies out within ten layers, whatever the custom. selu's signal shrinks slowly with 3/4;
    with 1 ("linear") it normalizes itself, as its paper has it.

    Args:
        nonlinearity: its name, that of the function in `F`.
        a: the negative slope of a leaky ReLU, 0.01 if None.

    Raises:
        ArgumentError: an unknown name, or a slope for another nonlinearity.

    Example:
        >>> round(gain("relu"), 6), gain("leaky_relu", 1.0)
        (1.414214, 1.0)

    References:
        He, Zhang, Ren and Sun 2015, "Delving Deep into Rectifiers", section 2.2. LeCun, Bottou,
        Orr and Mueller 1998, "Efficient BackProp", section 4.4 (5/3: about 1.7159, and the slope
        of 1.7159 tanh(2 x / 3)). Klambauer et al. 2017, "Self-Normalizing Neural Networks".
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + finite("gain", "a", 0.01 if a is None else a) ** 2))
    if nonlinearity not in _GAINS:
        names = (*_GAINS, "leaky_relu")
        raise ArgumentError(
            f"gain: there is no gain for {nonlinearity!r}; {nearest(str(nonlinearity), names)}"
        )
    if a is not None:
        raise ArgumentError(f"gain: a is the slope of leaky_relu; {nonlinearity} takes none")
    return _GAINS[nonlinearity]


def sizes(name: str, shape: Shape) -> tuple[int, ...]:
    """`shape` as a tuple of integers from 0 on, or an error that says so.

    Example:
        >>> sizes("zeros", [2, 3])
        (2, 3)
    """
    try:
        axes = tuple(int(n) for n in shape)
    except (TypeError, ValueError):
        raise ShapeError(
            f"{name}: shape must be a tuple of integers, but it is {shape!r}"
        ) from None
    if any(n < 0 for n in axes):
        raise ShapeError(f"{name}: shape must have no negative axis, but it is {axes}")
    return axes
