"""Clipping gradients before a step, so that one bad batch cannot throw the parameters far away."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..backend import Array, array_module, device_of, to_host
from ..errors import AnomalyError, ArgumentError, ArgumentTypeError
from ..tensor import Tensor


def clip_grad_norm(parameters: Iterable[Any], max_norm: float) -> float:
    """Scale all gradients by one factor, so that their joint norm is at most `max_norm`.

    norm = sqrt(sum over all parameters of sum g^2);  g <- g max_norm / norm where norm > max_norm.

    The direction stays. The norm is computed in float64 and cannot overflow.

    Args:
        parameters: parameters or (name, parameter) pairs; those without a gradient are passed over.
        max_norm: the largest norm allowed, above 0; math.inf only measures.

    Returns:
        The norm before clipping.

    Raises:
        AnomalyError: a gradient holds a NaN or an infinity; it is named, and nothing was scaled.
        ArgumentError: a max_norm that is not above 0.

    Example:
        >>> import tinygrad_course as tg
        >>> w = tg.Parameter([3.0, 4.0])
        >>> (0.5 * w * w).sum().backward()
        >>> clip_grad_norm([w], max_norm=1.0)
        5.0
        >>> [round(g, 6) for g in w.grad.tolist()]
        [0.6, 0.8]

    References:
        Pascanu, Mikolov and Bengio 2013, "On the difficulty of training recurrent neural networks",
        algorithm 1.
    """
    _check("clip_grad_norm", "max_norm", max_norm)
    gradients, largest = _gradients("clip_grad_norm", parameters)
    if largest == 0.0:
        return 0.0
    # Dividing by the largest entry first: g^2 itself overflows float64 from 1e154 on.
    squares = _numbers([((g.astype(np.float64) / largest) ** 2).sum() for g in gradients])
    norm = largest * math.sqrt(sum(squares))
    if norm > max_norm:
        for gradient in gradients:
            gradient *= max_norm / norm  # noqa: PLW2901 - in place
    return norm


def clip_grad_value(parameters: Iterable[Any], max_value: float) -> None:
    """Hold every entry of every gradient between -max_value and max_value.

    The direction changes: large entries lose more than small ones. See `clip_grad_norm`.

    Args:
        parameters: parameters or (name, parameter) pairs; those without a gradient are passed over.
        max_value: the largest magnitude allowed, above 0.

    Raises:
        AnomalyError: a gradient holds a NaN or an infinity; it is named, and nothing was clipped.
        ArgumentError: a max_value that is not above 0.

    Example:
        >>> import tinygrad_course as tg
        >>> w = tg.Parameter([3.0, -4.0, 0.5])
        >>> (0.5 * w * w).sum().backward()
        >>> clip_grad_value([w], max_value=1.0)
        >>> w.grad.tolist()
        [1.0, -1.0, 0.5]
    """
    _check("clip_grad_value", "max_value", max_value)
    for gradient in _gradients("clip_grad_value", parameters)[0]:
        array_module(gradient).clip(gradient, -max_value, max_value, out=gradient)


def _check(function: str, name: str, value: Any) -> None:
    if isinstance(value, (bool, str)) or not hasattr(value, "__float__"):
        raise ArgumentTypeError(f"{function}: {name} must be a number, but it is {value!r}")
    if not float(value) > 0:
        raise ArgumentError(f"{function}: {name} must be above 0, but it is {value!r}")


def _gradients(function: str, parameters: Iterable[Any]) -> tuple[list[Array], float]:
    """The gradients' arrays that have entries, all of them finite; and the largest magnitude."""
    if isinstance(parameters, Tensor):
        raise ArgumentTypeError(f"{function}: parameters must be a list; put the tensor into one")
    named = []
    for position, item in enumerate(parameters):
        name, parameter = item if isinstance(item, tuple) else (str(position), item)
        if not isinstance(parameter, Tensor):
            raise ArgumentTypeError(
                f"{function}: entry {name!r} of parameters must be a Parameter, but it is a "
                f"{type(parameter).__name__}"
            )
        if parameter.grad is not None and parameter.size:
            named.append((name, parameter.grad.data))
    arrays = [array for _, array in named]
    magnitudes = _numbers([abs(array).max() for array in arrays])
    for (name, array), magnitude in zip(named, magnitudes, strict=True):
        if not math.isfinite(magnitude):
            raise AnomalyError(
                f"{function}: the gradient of parameter {name!r} (shape {array.shape}) holds a "
                "NaN or an infinity; run the step inside tg.detect_anomaly() to see where it "
                "arises, or lower the learning rate"
            )
    return arrays, max(magnitudes, default=0.0)


def _numbers(scalars: list[Any]) -> list[float]:
    """Numbers that arrays were reduced to; from a GPU all at once, as each fetch waits for it."""
    if len({device_of(scalar) for scalar in scalars}) != 1:
        return [float(scalar) for scalar in scalars]
    found: list[float] = to_host(array_module(scalars[0]).stack(scalars)).tolist()
    return found
