"""The steps beyond SGD and Adam on the CPU, in the order of their papers; as `numba_cpu.py`.

Each kernel is the formula of its reference, written for one number. Left to the references are
`lars_step` and `lamb_step`, which first need the norms of whole arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arrays import Array
from ..compiled import device_function, kernel, prange
from .reference_moments import rectified
from .tables import block_ends, find_block, numbers, run

# Rprop --------------------------------------------------------------------------------------------


@kernel(parallel=True)
def _rprop(objects: Any, sizes: Any, constants: Any) -> None:
    eta_minus, eta_plus, smallest, largest = constants
    ends = block_ends(sizes)
    for block in prange(ends[-1]):
        k, start = find_block(block, ends, sizes)
        p = numbers(objects, 0, k, start, sizes, constants)
        dp = numbers(objects, 1, k, start, sizes, constants)
        s = numbers(objects, 2, k, start, sizes, constants)
        d = numbers(objects, 3, k, start, sizes, constants)
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
    ends = block_ends(sizes)
    for block in prange(ends[-1]):
        k, start = find_block(block, ends, sizes)
        p = numbers(objects, 0, k, start, sizes, constants)
        dp = numbers(objects, 1, k, start, sizes, constants)
        s = numbers(objects, 2, k, start, sizes, constants)
        for i in range(p.size):
            g = dp[i] + weight_decay * p[i] if weight_decay else dp[i]
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
    ends = block_ends(sizes)
    for block in prange(ends[-1]):
        k, start = find_block(block, ends, sizes)
        p = numbers(objects, 0, k, start, sizes, constants)
        dp = numbers(objects, 1, k, start, sizes, constants)
        v = numbers(objects, 2, k, start, sizes, constants)
        u = numbers(objects, 3, k, start, sizes, constants)
        for i in range(p.size):
            g = dp[i] + weight_decay * p[i] if weight_decay else dp[i]
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


@kernel(parallel=True)
def _rmsprop(objects: Any, sizes: Any, constants: Any, centered: Any, with_momentum: Any) -> None:
    """The lists are p, dp, v, then m where centered, then b where there is momentum."""
    lr, alpha, new, eps, weight_decay, momentum = constants
    nothing = constants.dtype.type(0)
    ends = block_ends(sizes)
    for block in prange(ends[-1]):
        k, start = find_block(block, ends, sizes)
        p = numbers(objects, 0, k, start, sizes, constants)
        dp = numbers(objects, 1, k, start, sizes, constants)
        v = numbers(objects, 2, k, start, sizes, constants)
        m = numbers(objects, 3 if centered else 2, k, start, sizes, constants)
        b = numbers(objects, len(objects) - 1, k, start, sizes, constants)
        for i in range(p.size):
            g = dp[i] + weight_decay * p[i] if weight_decay else dp[i]
            v[i] = alpha * v[i] + new * (g * g)
            variance = v[i]
            if centered:
                m[i] = alpha * m[i] + new * g
                variance -= m[i] * m[i]
                variance = nothing if variance < 0 else variance
            d = g / (np.sqrt(variance) + eps)
            if with_momentum:
                b[i] = momentum * b[i] + d
                d = b[i]
            p[i] -= lr * d


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
    is_centered = centered and means is not None
    if is_centered and means is not None:
        lists.append(means)
    has_momentum = momentum != 0 and velocities is not None
    if has_momentum and velocities is not None:
        lists.append(velocities)
    constants = lr, alpha, 1 - alpha, eps, weight_decay, momentum
    run(_rmsprop, lists, constants, is_centered, has_momentum)


# AMSGrad, NAdam, RAdam ----------------------------------------------------------------------------


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
    g = dp[i] + weight_decay * p[i] if weight_decay else dp[i]
    p[i] *= shrink
    m[i] = beta1 * m[i] + new1 * g
    v[i] = beta2 * v[i] + new2 * (g * g)
    return g


@kernel(parallel=True)
def _amsgrad(objects: Any, sizes: Any, constants: Any) -> None:
    b1, b2, new1, new2, decay, shrink, root_of_correction, step_size, eps = constants
    common = b1, b2, new1, new2, decay, shrink
    ends = block_ends(sizes)
    for block in prange(ends[-1]):
        k, start = find_block(block, ends, sizes)
        p = numbers(objects, 0, k, start, sizes, constants)
        dp = numbers(objects, 1, k, start, sizes, constants)
        m = numbers(objects, 2, k, start, sizes, constants)
        v = numbers(objects, 3, k, start, sizes, constants)
        u = numbers(objects, 4, k, start, sizes, constants)
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
    ends = block_ends(sizes)
    for block in prange(ends[-1]):
        k, start = find_block(block, ends, sizes)
        p = numbers(objects, 0, k, start, sizes, constants)
        dp = numbers(objects, 1, k, start, sizes, constants)
        m = numbers(objects, 2, k, start, sizes, constants)
        v = numbers(objects, 3, k, start, sizes, constants)
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
    ends = block_ends(sizes)
    for block in prange(ends[-1]):
        k, start = find_block(block, ends, sizes)
        p = numbers(objects, 0, k, start, sizes, constants)
        dp = numbers(objects, 1, k, start, sizes, constants)
        m = numbers(objects, 2, k, start, sizes, constants)
        v = numbers(objects, 3, k, start, sizes, constants)
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
