"""AMSGrad, NAdam and RAdam on the CPU: `reference_moments.py`, compiled.

Each kernel is the formula of its reference, written for one number. Read `tables.py` first. LARS
and LAMB (`reference_layerwise.py`) are not compiled: they need the norms of whole arrays first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arrays import Array
from ..compiled import device_function, kernel, prange
from .reference_moments import rectified
from .tables import block_count, block_of, decayed, find_block, run


def _adam_constants(
    lr: float, beta1: float, beta2: float, weight_decay: float, decoupled: bool, step: int
) -> tuple[float, ...]:
    """What all three begin their constants with: those of `_moments`, and sqrt(1 - beta2^step)."""
    decay, shrink = (0.0, 1 - lr * weight_decay) if decoupled else (weight_decay, 1.0)
    return beta1, beta2, 1 - beta1, 1 - beta2, decay, shrink, (1 - beta2**step) ** 0.5


@device_function
def _moments(i: Any, p: Any, dp: Any, m: Any, v: Any, constants: Any) -> Any:
    """The decay of p and the two running means of g, written at i; g itself."""
    beta1, beta2, new1, new2, weight_decay, shrink = constants
    g = decayed(dp[i], p[i], weight_decay)
    p[i] *= shrink
    m[i] = beta1 * m[i] + new1 * g
    v[i] = beta2 * v[i] + new2 * (g * g)
    return g


@kernel(parallel=True)
def _amsgrad(objects: Any, sizes: Any, constants: Any) -> None:
    b1, b2, new1, new2, decay, shrink, root_of_correction, step_size, eps = constants
    common = b1, b2, new1, new2, decay, shrink
    for block in prange(block_count(sizes)):
        p, dp, m, v, u = block_of(objects, sizes, block, constants)
        for i in range(p.size):
            _moments(i, p, dp, m, v, common)
            u[i] = v[i] if (v[i] > u[i]) | (v[i] != v[i]) else u[i]
            p[i] -= step_size * (m[i] / (np.sqrt(u[i]) / root_of_correction + eps))


def amsgrad_step(
    parameters: Sequence[Array],
    gradients: Sequence[Array],
    first_moments: Sequence[Array],
    second_moments: Sequence[Array],
    largest_moments: Sequence[Array],
    *,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    step: int,
) -> None:
    """`reference.amsgrad_step`. Error: 8 eps of the largest term, in each entry."""
    common = _adam_constants(lr, beta1, beta2, weight_decay, decoupled, step)
    lists = parameters, gradients, first_moments, second_moments, largest_moments
    run(_amsgrad, lists, (*common, lr / (1 - beta1**step), eps))


@kernel(parallel=True)
def _nadam(objects: Any, sizes: Any, constants: Any, of_gradient: Any, of_moment: Any) -> None:
    """The last two hold a factor of g and one of m for each parameter."""
    b1, b2, new1, new2, decay, shrink, root_of_correction, lr, eps = constants
    common = b1, b2, new1, new2, decay, shrink
    for block in prange(block_count(sizes)):
        k, _ = find_block(block, sizes)
        p, dp, m, v, _ = block_of(objects, sizes, block, constants)
        for i in range(p.size):
            g = _moments(i, p, dp, m, v, common)
            ahead = of_gradient[k] * g + of_moment[k] * m[i]
            p[i] -= lr * (ahead / (np.sqrt(v[i]) / root_of_correction + eps))


def nadam_step(
    parameters: Sequence[Array],
    gradients: Sequence[Array],
    first_moments: Sequence[Array],
    second_moments: Sequence[Array],
    momentum_products: Sequence[Array],
    *,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    momentum_decay: float,
    step: int,
) -> None:
    """`reference.nadam_step`. Error: 12 eps of the largest term, in each entry."""
    mu = beta1 * (1 - 0.5 * 0.96 ** (step * momentum_decay))
    next_mu = beta1 * (1 - 0.5 * 0.96 ** ((step + 1) * momentum_decay))
    for product in momentum_products:
        np.multiply(product, mu, out=product)
    products = np.array(momentum_products)
    factors = (1 - mu) / (1 - products), next_mu / (1 - products * next_mu)
    common = _adam_constants(lr, beta1, beta2, weight_decay, decoupled, step)
    lists = parameters, gradients, first_moments, second_moments
    run(_nadam, lists, (*common, lr, eps), *factors)


@kernel(parallel=True)
def _radam(objects: Any, sizes: Any, constants: Any, trusted: Any) -> None:
    b1, b2, new1, new2, decay, shrink, _, step_size, eps = constants
    common = b1, b2, new1, new2, decay, shrink
    for block in prange(block_count(sizes)):
        p, dp, m, v, _ = block_of(objects, sizes, block, constants)
        for i in range(p.size):
            _moments(i, p, dp, m, v, common)
            p[i] -= step_size * (m[i] / (np.sqrt(v[i]) + eps) if trusted else m[i])


def radam_step(
    parameters: Sequence[Array],
    gradients: Sequence[Array],
    first_moments: Sequence[Array],
    second_moments: Sequence[Array],
    *,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    step: int,
) -> None:
    """`reference.radam_step`. Error: 8 eps of the largest term, in each entry."""
    step_size, trusted = rectified(lr, beta1, beta2, step)
    common = _adam_constants(lr, beta1, beta2, weight_decay, decoupled, step)
    lists = parameters, gradients, first_moments, second_moments
    run(_radam, lists, (*common, step_size, eps), trusted)
