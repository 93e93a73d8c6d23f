"""The definitions of the optimizers' steps: they write parameters and their state in place.

Each takes whole lists, so that an implementation may update all tensors in one launch.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..arrays import Array, array_module


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
    """One step of gradient descent, with momentum, Nesterov's or none, for each parameter p.

        g <- dp + weight_decay p
        v <- momentum v + (1 - dampening) g          (v <- g in the first step)
        p <- p - lr (g + momentum v   with nesterov,   v   with momentum,   g   without)

    Error: a few eps of the largest term, in each entry.

    Args:
        parameters: written in place.
        gradients: dp, one per parameter, of its shape; only read.
        velocities: v, one per parameter, written in place; None where momentum is 0.
        lr: the learning rate.
        momentum: how much of the velocity stays.
        dampening: how much of the gradient is kept out of the velocity.
        nesterov: look ahead along the new velocity.
        weight_decay: the factor of the L2 penalty's gradient.
        first: the velocities are still empty.

    Example:
        >>> import numpy as np
        >>> p, v = np.array([1.0]), np.zeros(1)
        >>> plain = {"dampening": 0.0, "nesterov": False, "weight_decay": 0.0}
        >>> sgd_step([p], [np.array([2.0])], [v], lr=0.1, momentum=0.9, first=True, **plain)
        >>> p, v
        (array([0.8]), array([2.]))

    References:
        Sutskever, Martens, Dahl and Hinton, On the importance of initialization and momentum in
        deep learning, 2013, section 2; the velocity here is without the learning rate.
    """
    for index, gradient in enumerate(gradients):
        p = parameters[index]
        g = gradient + weight_decay * p if weight_decay else gradient
        direction = g
        if momentum and velocities is not None:
            v = velocities[index]
            if first:
                v[...] = g
            else:
                v *= momentum
                v += (1 - dampening) * g
            direction = g + momentum * v if nesterov else v
        p -= lr * direction


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
    """One step of Adam (or AdamW, `decoupled`) for each parameter p.

        p <- p - lr weight_decay p                   (decoupled; otherwise g below holds the decay)
        g <- dp + weight_decay p
        m <- beta1 m + (1 - beta1) g
        v <- beta2 v + (1 - beta2) g^2
        p <- p - lr (m / (1 - beta1^step)) / (sqrt(v / (1 - beta2^step)) + eps)

    Error: a few eps of the largest term, in each entry.

    Args:
        parameters: written in place.
        gradients: dp, one per parameter, of its shape; only read.
        first_moments: m, zeros before the first step, written in place.
        second_moments: v, zeros before the first step, written in place.
        lr: the learning rate.
        beta1: how much of the first moment stays.
        beta2: how much of the second moment stays.
        eps: added to the root, outside it.
        weight_decay: the factor of p.
        decoupled: shrink p itself (AdamW) instead of adding the penalty's gradient (Adam).
        step: the number of this step, the first being 1.

    Example:
        >>> import numpy as np
        >>> p, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
        >>> decay = {"weight_decay": 0.0, "decoupled": False}
        >>> betas = {"beta1": 0.9, "beta2": 0.999, "eps": 0.0}
        >>> adam_step([p], [np.array([5.0])], [m], [v], lr=0.1, step=1, **betas, **decay)
        >>> p.round(12)
        array([0.9])

    References:
        Kingma and Ba, Adam, 2015, Algorithm 1. Loshchilov and Hutter, Decoupled Weight Decay
        Regularization, 2019, Algorithm 2.
    """
    step_size = lr / (1 - beta1**step)
    root_of_correction = (1 - beta2**step) ** 0.5
    for arrays in zip(parameters, gradients, first_moments, second_moments, strict=True):
        p, gradient, m, v = arrays
        xp = array_module(p)
        g = gradient
        if weight_decay and decoupled:
            p *= 1 - lr * weight_decay
        elif weight_decay:
            g = gradient + weight_decay * p
        scratch = xp.empty_like(p)
        m *= beta1
        xp.multiply(g, 1 - beta1, out=scratch)
        m += scratch
        v *= beta2
        xp.multiply(g, g, out=scratch)
        scratch *= 1 - beta2
        v += scratch
        xp.sqrt(v, out=scratch)
        scratch /= root_of_correction
        scratch += eps
        xp.divide(m, scratch, out=scratch)
        scratch *= step_size
        p -= scratch
