"""Rprop, Adagrad, Adadelta and RMSprop on the CPU: `reference_adaptive.py`, compiled.

Each kernel is the formula of its reference, written for one number. Read `tables.py` first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arrays import Array
from ..compiled import device_function, kernel, prange
from .tables import block_count, block_of, decayed, run

# Rprop --------------------------------------------------------------------------------------------


@kernel(parallel=True)
def _rprop(objects: Any, sizes: Any, constants: Any) -> None:
    eta_minus, eta_plus, smallest, largest = constants
    for block in prange(block_count(sizes)):
        p, dp, s, d, _ = block_of(objects, sizes, block, constants)
        for i in range(p.size):
            sign = np.sign(dp[i])
            turned = sign * s[i] < 0
            if turned:
                d[i] *= eta_minus
            elif sign * s[i] > 0:
                d[i] *= eta_plus
            d[i] = min(max(d[i], smallest), largest)
            s[i] = 0 if turned else sign
            p[i] -= d[i] * s[i]


def rprop_step(
    parameters: Sequence[Array],
    gradients: Sequence[Array],
    signs: Sequence[Array],
    step_sizes: Sequence[Array],
    *,
    eta_minus: float,
    eta_plus: float,
    smallest: float,
    largest: float,
) -> None:
    """`reference.rprop_step`. Error: one rounding of d and one of p, in each entry."""
    lists = parameters, gradients, signs, step_sizes
    run(_rprop, lists, (eta_minus, eta_plus, smallest, largest))


# Adagrad, Adadelta, RMSprop -----------------------------------------------------------------------


@kernel(parallel=True)
def _adagrad(objects: Any, sizes: Any, constants: Any) -> None:
    rate, eps, weight_decay = constants
    for block in prange(block_count(sizes)):
        p, dp, s, _, _ = block_of(objects, sizes, block, constants)
        for i in range(p.size):
            g = decayed(dp[i], p[i], weight_decay)
            s[i] += g * g
            p[i] -= rate * (g / (np.sqrt(s[i]) + eps))


def adagrad_step(
    parameters: Sequence[Array],
    gradients: Sequence[Array],
    square_sums: Sequence[Array],
    *,
    lr: float,
    lr_decay: float,
    eps: float,
    weight_decay: float,
    step: int,
) -> None:
    """`reference.adagrad_step`. Error: 8 eps of the largest term, in each entry."""
    constants = lr / (1 + (step - 1) * lr_decay), eps, weight_decay
    run(_adagrad, (parameters, gradients, square_sums), constants)


@kernel(parallel=True)
def _adadelta(objects: Any, sizes: Any, constants: Any) -> None:
    lr, rho, new, eps, weight_decay = constants
    for block in prange(block_count(sizes)):
        p, dp, v, u, _ = block_of(objects, sizes, block, constants)
        for i in range(p.size):
            g = decayed(dp[i], p[i], weight_decay)
            v[i] = rho * v[i] + new * (g * g)
            d = g * (np.sqrt(u[i] + eps) / np.sqrt(v[i] + eps))
            u[i] = rho * u[i] + new * (d * d)
            p[i] -= lr * d


def adadelta_step(
    parameters: Sequence[Array],
    gradients: Sequence[Array],
    square_means: Sequence[Array],
    update_means: Sequence[Array],
    *,
    lr: float,
    rho: float,
    eps: float,
    weight_decay: float,
) -> None:
    """`reference.adadelta_step`. Error: 12 eps of the largest term, in each entry."""
    lists = parameters, gradients, square_means, update_means
    run(_adadelta, lists, (lr, rho, 1 - rho, eps, weight_decay))


@device_function
def _scaled(i: Any, g: Any, v: Any, constants: Any) -> Any:
    """g over the root of its running mean square v."""
    alpha, new, eps = constants
    v[i] = alpha * v[i] + new * (g * g)
    return g / (np.sqrt(v[i]) + eps)


@device_function
def _centered(i: Any, g: Any, v: Any, m: Any, constants: Any) -> Any:
    """g over its running deviation, the root of v less the square of its running mean m."""
    alpha, new, eps = constants
    v[i] = alpha * v[i] + new * (g * g)
    m[i] = alpha * m[i] + new * g
    variance = v[i] - m[i] * m[i]
    return g / (np.sqrt(v.dtype.type(0) if variance < 0 else variance) + eps)


@kernel(parallel=True)
def _rmsprop(objects: Any, sizes: Any, constants: Any, centered: Any, with_momentum: Any) -> None:
    """The lists are p, dp, v, then m where centered, then b where there is momentum.

    A loop for each case: where m or b is missing it stands for another list, and a loop that might
    write to both would take no vectors (ten times as long).
    """
    lr, weight_decay, momentum, alpha, new, eps = constants
    common = alpha, new, eps
    for block in prange(block_count(sizes)):
        p, dp, v, m, b = block_of(objects, sizes, block, constants)
        if centered and with_momentum:
            for i in range(p.size):
                g = decayed(dp[i], p[i], weight_decay)
                b[i] = momentum * b[i] + _centered(i, g, v, m, common)
                p[i] -= lr * b[i]
        elif centered:
            for i in range(p.size):
                g = decayed(dp[i], p[i], weight_decay)
                p[i] -= lr * _centered(i, g, v, m, common)
        elif with_momentum:
            for i in range(p.size):
                g = decayed(dp[i], p[i], weight_decay)
                b[i] = momentum * b[i] + _scaled(i, g, v, common)
                p[i] -= lr * b[i]
        else:
            for i in range(p.size):
                g = decayed(dp[i], p[i], weight_decay)
                p[i] -= lr * _scaled(i, g, v, common)


def rmsprop_step(
    parameters: Sequence[Array],
    gradients: Sequence[Array],
    square_means: Sequence[Array],
    means: Sequence[Array] | None,
    velocities: Sequence[Array] | None,
    *,
    lr: float,
    alpha: float,
    eps: float,
    weight_decay: float,
    momentum: float,
    centered: bool,
) -> None:
    """`reference.rmsprop_step`. Error: 12 eps of the largest term, in each entry.

    Centered, v - m^2 loses what cancels, as there.
    """
    lists = [parameters, gradients, square_means]
    if centered and means is not None:
        lists.append(means)
    if momentum and velocities is not None:
        lists.append(velocities)
    constants = lr, weight_decay, momentum, alpha, 1 - alpha, eps
    run(_rmsprop, lists, constants, centered, momentum != 0)
