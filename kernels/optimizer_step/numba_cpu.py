"""SGD's and Adam's steps on the CPU: all parameters in one compiled call, each number touched once.

Read `reference.py` and `tables.py` first, `numba_adaptive.py` and `numba_moments.py` next.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arrays import Array
from ..compiled import kernel, prange
from .tables import block_count, block_of, decayed, run

# SGD ----------------------------------------------------------------------------------------------


@kernel(parallel=True)
def _descend(objects: Any, sizes: Any, constants: Any) -> None:
    lr, weight_decay = constants
    for block in prange(block_count(sizes)):
        p, dp, _, _, _ = block_of(objects, sizes, block, constants)
        for i in range(p.size):
            g = decayed(dp[i], p[i], weight_decay)
            p[i] -= lr * g


@kernel(parallel=True)
def _roll(objects: Any, sizes: Any, constants: Any, nesterov: Any, first: Any) -> None:
    lr, weight_decay, momentum, let_in = constants
    for block in prange(block_count(sizes)):
        p, dp, v, _, _ = block_of(objects, sizes, block, constants)
        for i in range(p.size):
            g = decayed(dp[i], p[i], weight_decay)
            v[i] = g if first else momentum * v[i] + let_in * g
            p[i] -= lr * (g + momentum * v[i] if nesterov else v[i])


def sgd_step(
    parameters: Sequence[Array],
    gradients: Sequence[Array],
    velocities: Sequence[Array] | None,
    *,
    lr: float,
    momentum: float,
    dampening: float,
    nesterov: bool,
    weight_decay: float,
    first: bool,
) -> None:
    """`reference.sgd_step`. Error: 4 eps of the largest term, in each entry.

    That is one eps for each of g, v, the look-ahead and p; a product and its sum may round once.
    """
    if momentum and velocities is not None:
        constants = lr, weight_decay, momentum, 1 - dampening
        run(_roll, (parameters, gradients, velocities), constants, nesterov, first)
    else:
        run(_descend, (parameters, gradients), (lr, weight_decay))


# Adam ---------------------------------------------------------------------------------------------


@kernel(parallel=True)
def _adam(objects: Any, sizes: Any, constants: Any) -> None:
    step_size, root_of_correction, beta1, beta2, new1, new2, eps, weight_decay, shrink = constants
    for block in prange(block_count(sizes)):
        p, dp, m, v, _ = block_of(objects, sizes, block, constants)
        for i in range(p.size):
            g = decayed(dp[i], p[i], weight_decay)
            m[i] = beta1 * m[i] + new1 * g
            v[i] = beta2 * v[i] + new2 * (g * g)
            p[i] = shrink * p[i] - step_size * (m[i] / (np.sqrt(v[i]) / root_of_correction + eps))


def adam_step(
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
    """`reference.adam_step`. Error: 3 eps of the largest term of m and v, 8 of that of p.

    In each entry; the root and the two divisions add one each to the update.
    """
    constants = (
        lr / (1 - beta1**step),
        (1 - beta2**step) ** 0.5,
        beta1,
        beta2,
        1 - beta1,
        1 - beta2,
        eps,
        0.0 if decoupled else weight_decay,
        1 - lr * weight_decay if decoupled else 1.0,
    )
    run(_adam, (parameters, gradients, first_moments, second_moments), constants)
