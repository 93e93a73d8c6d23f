"""The definitions of LARS and LAMB: the length of a parameter's step follows its own length.

Built for batches of thousands, where one rate for all layers is too large for some. They write in
place, as those in `reference.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..arrays import Array, array_module
from .reference_moments import moments


def _norm(x: Array, scratch: Array) -> Any:
    """sqrt(sum x^2) of the whole array, summed in float64."""
    xp = array_module(x)
    xp.multiply(x, x, out=scratch)
    return xp.sqrt(scratch.sum(dtype=xp.float64))


def _ratio(length: Any, slope: Any, more: float, trust: float, like: Array) -> Any:
    """trust length / (slope + more length), in the dtype of `like`; 1 where either norm is 0.

    The papers leave it open. With 0, what starts at zero, as biases do, would stay there for ever.
    """
    xp = array_module(like)
    nothing = (length == 0) | (slope == 0)
    below = xp.where(nothing, 1, slope + more * length)
    return xp.where(nothing, 1, trust * length / below).astype(like.dtype)


def lars_step(
    parameters: Sequence[Array],
    gradients: Sequence[Array],
    velocities: Sequence[Array],
    *,
    lr: float,
    momentum: float,
    weight_decay: float,
    trust: float,
) -> None:
    """One step of LARS for each parameter p: momentum, with a rate for each layer.

        a = trust |p| / (|dp| + weight_decay |p|)    its local rate; 1 where |p| or |dp| is 0
        v <- momentum v + lr a (dp + weight_decay p)
        p <- p - v

    |.| is the Euclidean norm of the whole array. Error: a few eps of the largest term.

    Args:
        parameters: written in place.
        gradients: dp, one per parameter, of its shape; only read.
        velocities: v, zeros before the first step, written in place.
        lr: the global learning rate; the velocity contains it.
        momentum: how much of the velocity stays.
        weight_decay: the factor of p.
        trust: how much of its length a parameter may move, at lr 1.

    Example:
        >>> import numpy as np
        >>> p, v = np.array([3.0, 4.0]), np.zeros(2)
        >>> plain = {"lr": 1.0, "momentum": 0.9, "weight_decay": 0.0}
        >>> lars_step([p], [np.array([0.0, 20.0])], [v], trust=0.1, **plain)
        >>> p
        array([3. , 3.5])

    References:
        You, Gitman and Ginsburg, Large Batch Training of Convolutional Networks, 2017, algorithm 1.
    """
    for arrays in zip(parameters, gradients, velocities, strict=True):
        p, gradient, v = arrays
        xp = array_module(p)
        scratch = xp.empty_like(p)
        local = _ratio(_norm(p, scratch), _norm(gradient, scratch), weight_decay, trust, p)
        if weight_decay:
            xp.multiply(p, weight_decay, out=scratch)
            scratch += gradient
            scratch *= lr * local
        else:
            xp.multiply(gradient, lr * local, out=scratch)
        v *= momentum
        v += scratch
        p -= v


def lamb_step(
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
    step: int,
) -> None:
    """One step of LAMB for each parameter p: Adam's direction, as long as p is.

        m <- beta1 m + (1 - beta1) dp                v <- beta2 v + (1 - beta2) dp^2
        r = (m / (1 - beta1^step)) / (sqrt(v / (1 - beta2^step)) + eps) + weight_decay p
        p <- p - lr (|p| / |r|) r                    the ratio is 1 where |p| or |r| is 0

    |.| is the Euclidean norm of the whole array. Error: a few eps of the largest term.

    Args:
        parameters: written in place.
        gradients: dp, one per parameter, of its shape; only read.
        first_moments: m, zeros before the first step, written in place.
        second_moments: v, likewise.
        lr: the learning rate: which part of its length a parameter moves.
        beta1: how much of the first moment stays.
        beta2: how much of the second moment stays.
        eps: added to the root, outside it.
        weight_decay: the factor of p, in the direction and not in the moments.
        step: the number of this step, the first being 1.

    Example:
        >>> import numpy as np
        >>> p, m, v = np.array([3.0, 4.0]), np.zeros(2), np.zeros(2)
        >>> betas = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0}
        >>> lamb_step([p], [np.array([0.0, 20.0])], [m], [v], lr=0.1, step=1, **betas)
        >>> p
        array([3. , 3.5])

    References:
        You, Li, Reddi et al., Large Batch Optimization for Deep Learning: Training BERT in 76
        minutes, 2020, algorithm 2, with phi(z) = z.
    """
    correction = 1 - beta1**step
    root_of_correction = (1 - beta2**step) ** 0.5
    plain = {"lr": lr, "beta1": beta1, "beta2": beta2, "weight_decay": 0.0}
    for arrays in zip(parameters, gradients, first_moments, second_moments, strict=True):
        p, gradient, m, v = arrays
        xp = array_module(p)
        _, scratch = moments(p, gradient, m, v, decoupled=False, **plain)
        xp.sqrt(v, out=scratch)
        scratch /= root_of_correction
        scratch += eps
        scratch *= correction
        direction = xp.divide(m, scratch, out=xp.empty_like(p))
        if weight_decay:
            xp.multiply(p, weight_decay, out=scratch)
            direction += scratch
        direction *= lr * _ratio(_norm(p, scratch), _norm(direction, scratch), 0.0, 1.0, p)
        p -= direction
