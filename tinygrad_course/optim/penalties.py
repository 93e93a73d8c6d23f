"""Penalties on large weights: functions called between `backward()` and `step()`.

    loss.backward()
    penalty = optim.l2_penalty(weights, 1e-4)      # the loss that is minimised is loss + penalty
    optimizer.step()

They add the penalty's gradient to `.grad`, so they work with every optimizer. Give them the weights
alone: a bias only shifts, and shrinking it makes nothing simpler. Read next: `constraints.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array, array_module
from .groups import Interval, check_number, pairs


def l2_penalty(parameters: Any, strength: float) -> float:
    """Add the gradient of (strength / 2) sum p^2, which is strength p.

    The half belongs to it: without, the gradient is 2 strength p. Course slides sometimes print the
    loss with lambda sum w^2 and the update with (1 - lr lambda) w; that update is of the loss with
    lambda / 2, and the loss's own is (1 - 2 lr lambda) w. In `SGD` it is the same as its
    `weight_decay`; in Adam the penalty's gradient is rescaled with the rest (see `AdamW`).

    Args:
        parameters: parameters or (name, parameter) pairs; those without a gradient are passed over.
        strength: the factor of p in the gradient, not negative.

    Returns:
        The penalty, (strength / 2) sum p^2.

    Raises:
        ArgumentError: a negative or non-finite strength.
        ArgumentTypeError: something that is no `Parameter`.

    Example:
        >>> import tinygrad_course as tg
        >>> w = tg.Parameter([3.0, -4.0])
        >>> w.sum().backward()
        >>> l2_penalty([w], 0.5)
        6.25
        >>> w.grad.tolist()
        [2.5, -1.0]

    References:
        Goodfellow, Bengio and Courville 2016, "Deep Learning", section 7.1.1.
    """
    factor = check_number("l2_penalty", "strength", strength, Interval())
    total = 0.0
    for weight, gradient in _with_gradients("l2_penalty", parameters):
        gradient += factor * weight  # noqa: PLW2901 - in place
        total += float((weight.astype(np.float64) ** 2).sum())
    return factor / 2 * total


def l1_penalty(parameters: Any, strength: float) -> float:
    """Add a subgradient of strength sum |p|, which is strength sign(p), and 0 where p is 0.

    It pulls every weight by the same amount, but hardly ever onto 0: there a step overshoots. Real
    zeros come from `proximal_l1`.

    Args:
        parameters: parameters or (name, parameter) pairs; those without a gradient are passed over.
        strength: the factor of |p|, not negative.

    Returns:
        The penalty, strength sum |p|.

    Raises:
        ArgumentError: a negative or non-finite strength.
        ArgumentTypeError: something that is no `Parameter`.

    Example:
        >>> import tinygrad_course as tg
        >>> w = tg.Parameter([3.0, -4.0, 0.0])
        >>> w.sum().backward()
        >>> l1_penalty([w], 0.5)
        3.5
        >>> w.grad.tolist()
        [1.5, 0.5, 1.0]

    References:
        Goodfellow, Bengio and Courville 2016, "Deep Learning", section 7.1.2.
    """
    factor = check_number("l1_penalty", "strength", strength, Interval())
    total = 0.0
    for weight, gradient in _with_gradients("l1_penalty", parameters):
        gradient += factor * array_module(weight).sign(weight)  # noqa: PLW2901 - in place
        total += float(abs(weight.astype(np.float64)).sum())
    return factor * total


def _with_gradients(function: str, parameters: Any) -> list[tuple[Array, Array]]:
    """(values, gradient) of every parameter that has a gradient."""
    return [
        (parameter.data, parameter.grad.data)
        for _, parameter in pairs(function, parameters)
        if parameter.grad is not None
    ]
