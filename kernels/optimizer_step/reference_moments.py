"""The definitions of Adam's relatives: AMSGrad, NAdam and RAdam; two moments and a correction.

They write in place, as `adam_step` of `reference.py`. Read next: `reference_layerwise.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..arrays import Array, array_module


def moments(
    p: Array,
    gradient: Array,
    m: Array,
    v: Array,
    *,
    lr: float,
    beta1: float,
    beta2: float,
    weight_decay: float,
    decoupled: bool,
) -> tuple[Array, Array]:
    """What all of Adam's relatives begin with: the decay, and the two running means.

        p <- p - lr weight_decay p                   (decoupled; otherwise g below holds the decay)
        g <- dp + weight_decay p
        m <- beta1 m + (1 - beta1) g                 v <- beta2 v + (1 - beta2) g^2

    Returns:
        g, and an array of its shape to compute in.

    Example:
        >>> import numpy as np
        >>> p, m, v = np.ones(1), np.zeros(1), np.zeros(1)
        >>> betas = {"beta1": 0.5, "beta2": 0.75, "weight_decay": 1.0, "decoupled": False}
        >>> g, _ = moments(p, np.array([3.0]), m, v, lr=0.1, **betas)
        >>> g, m, v
        (array([4.]), array([2.]), array([4.]))
    """
    xp = array_module(p)
    g = gradient
    if weight_decay and decoupled:
        p *= 1 - lr * weight_decay
    elif weight_decay:
        g = gradient + weight_decay * p
    scratch = xp.multiply(g, 1 - beta1, out=xp.empty_like(p))
    m *= beta1
    m += scratch
    xp.multiply(g, g, out=scratch)
    scratch *= 1 - beta2
    v *= beta2
    v += scratch
    return g, scratch


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
    """One step of AMSGrad for each parameter p: Adam that never forgets a large gradient.

        m, v as Adam's (`moments`)
        u <- max(u, v)
        p <- p - lr (m / (1 - beta1^step)) / (sqrt(u / (1 - beta2^step)) + eps)

    Error: a few eps of the largest term, in each entry.

    Args:
        parameters: written in place.
        gradients: dp, one per parameter, of its shape; only read.
        first_moments: m, zeros before the first step, written in place.
        second_moments: v, likewise.
        largest_moments: u, likewise.
        lr: the learning rate.
        beta1: how much of the first moment stays.
        beta2: how much of the second moment stays.
        eps: added to the root, outside it.
        weight_decay: the factor of p.
        decoupled: shrink p itself instead of adding the penalty's gradient.
        step: the number of this step, the first being 1.

    Example:
        >>> import numpy as np
        >>> p, m, v, u = np.ones(1), np.zeros(1), np.zeros(1), np.array([4.0])
        >>> plain = {"eps": 0.0, "weight_decay": 0.0, "decoupled": False, "step": 1}
        >>> arrays = [p], [np.array([1.0])], [m], [v], [u]
        >>> amsgrad_step(*arrays, lr=0.5, beta1=0.0, beta2=0.75, **plain)
        >>> p, v, u
        (array([0.875]), array([0.25]), array([4.]))

    References:
        Reddi, Kale and Kumar, On the Convergence of Adam and Beyond, 2018, algorithm 2 (which
        leaves out eps and the two corrections).
    """
    step_size = lr / (1 - beta1**step)
    root_of_correction = (1 - beta2**step) ** 0.5
    betas = {"lr": lr, "beta1": beta1, "beta2": beta2, "weight_decay": weight_decay}
    for arrays in zip(
        parameters, gradients, first_moments, second_moments, largest_moments, strict=True
    ):
        p, gradient, m, v, u = arrays
        xp = array_module(p)
        _, scratch = moments(p, gradient, m, v, decoupled=decoupled, **betas)
        xp.maximum(u, v, out=u)
        xp.sqrt(u, out=scratch)
        scratch /= root_of_correction
        scratch += eps
        xp.divide(m, scratch, out=scratch)
        scratch *= step_size
        p -= scratch


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
    """One step of NAdam for each parameter p: Adam with Nesterov's look ahead, momentum warming up.

        m, v as Adam's (`moments`);   mu(t) = beta1 (1 - 0.96^(t momentum_decay) / 2)
        P <- P mu(step)                              the product of all mu so far
        p <- p - lr [ (1 - mu(step)) g / (1 - P) + mu(step + 1) m / (1 - P mu(step + 1)) ]
                 / (sqrt(v / (1 - beta2^step)) + eps)

    Error: a few eps of the largest term, in each entry.

    Args:
        parameters: written in place.
        gradients: dp, one per parameter, of its shape; only read.
        first_moments: m, zeros before the first step, written in place.
        second_moments: v, likewise.
        momentum_products: P, shape (), 1 before the first step, written in place.
        lr: the learning rate.
        beta1: how much of the first moment stays.
        beta2: how much of the second moment stays.
        eps: added to the root, outside it.
        weight_decay: the factor of p.
        decoupled: shrink p itself instead of adding the penalty's gradient.
        momentum_decay: how fast mu(t) goes to beta1.
        step: the number of this step, the first being 1.

    Example:
        >>> import numpy as np
        >>> p, m, v, product = np.ones(1), np.zeros(1), np.zeros(1), np.ones(())
        >>> plain = {"eps": 0.0, "weight_decay": 0.0, "decoupled": False, "step": 1}
        >>> betas = {"beta1": 0.5, "beta2": 0.75, "momentum_decay": 0.0}
        >>> nadam_step([p], [np.array([3.0])], [m], [v], [product], lr=0.5, **betas, **plain)
        >>> p.round(6), product
        (array([0.433333]), array(0.25))

    References:
        Dozat, Incorporating Nesterov Momentum into Adam, 2016, algorithm 2 and section 3 (mu).
    """
    mu = beta1 * (1 - 0.5 * 0.96 ** (step * momentum_decay))
    next_mu = beta1 * (1 - 0.5 * 0.96 ** ((step + 1) * momentum_decay))
    root_of_correction = (1 - beta2**step) ** 0.5
    betas = {"lr": lr, "beta1": beta1, "beta2": beta2, "weight_decay": weight_decay}
    for arrays in zip(
        parameters, gradients, first_moments, second_moments, momentum_products, strict=True
    ):
        p, gradient, m, v, product = arrays
        xp = array_module(p)
        g, scratch = moments(p, gradient, m, v, decoupled=decoupled, **betas)
        product *= mu
        direction = xp.multiply(g, (1 - mu) / (1 - product), out=xp.empty_like(p))
        xp.multiply(m, next_mu / (1 - product * next_mu), out=scratch)
        direction += scratch
        xp.sqrt(v, out=scratch)
        scratch /= root_of_correction
        scratch += eps
        direction /= scratch
        direction *= lr
        p -= direction


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
    """One step of RAdam for each parameter p: Adam, its step held back while v is a guess.

        m, v as Adam's (`moments`)
        R = 2 / (1 - beta2) - 1                      the longest memory that v can have
        r = R - 2 step beta2^step / (1 - beta2^step)     the memory it has now
        c = sqrt((r - 4) (r - 2) R / ((R - 4) (R - 2) r))
        p <- p - lr (m / (1 - beta1^step)) c sqrt(1 - beta2^step) / (sqrt(v) + eps)   where r > 5
        p <- p - lr (m / (1 - beta1^step))                                            before

    Error: a few eps of the largest term, in each entry.

    Args:
        parameters: written in place.
        gradients: dp, one per parameter, of its shape; only read.
        first_moments: m, zeros before the first step, written in place.
        second_moments: v, likewise.
        lr: the learning rate.
        beta1: how much of the first moment stays.
        beta2: how much of the second moment stays.
        eps: added to the root.
        weight_decay: the factor of p.
        decoupled: shrink p itself instead of adding the penalty's gradient.
        step: the number of this step, the first being 1.

    Example:
        >>> import numpy as np
        >>> p, m, v = np.ones(1), np.zeros(1), np.zeros(1)
        >>> plain = {"eps": 0.0, "weight_decay": 0.0, "decoupled": False, "step": 1}
        >>> radam_step([p], [np.array([4.0])], [m], [v], lr=0.25, beta1=0.5, beta2=0.999, **plain)
        >>> p
        array([0.])

    References:
        Liu, Jiang, He, Chen, Liu, Gao and Han, On the Variance of the Adaptive Learning Rate and
        Beyond, 2020, algorithm 2. Its threshold is 4; here, as in the authors' code, it is 5.
    """
    step_size, trusted = rectified(lr, beta1, beta2, step)
    betas = {"lr": lr, "beta1": beta1, "beta2": beta2, "weight_decay": weight_decay}
    for arrays in zip(parameters, gradients, first_moments, second_moments, strict=True):
        p, gradient, m, v = arrays
        xp = array_module(p)
        _, scratch = moments(p, gradient, m, v, decoupled=decoupled, **betas)
        if trusted:
            xp.sqrt(v, out=scratch)
            scratch += eps
            xp.divide(m, scratch, out=scratch)
            scratch *= step_size
        else:
            xp.multiply(m, step_size, out=scratch)
        p -= scratch


def rectified(lr: float, beta1: float, beta2: float, step: int) -> tuple[float, bool]:
    """RAdam's factor of the update, and whether v is trusted to divide it: r > 5.

    Example:
        >>> rectified(0.25, 0.5, 0.999, 1)
        (0.5, False)
    """
    step_size = lr / (1 - beta1**step)
    longest = 2 / (1 - beta2) - 1
    memory = longest - 2 * step * beta2**step / (1 - beta2**step)
    if memory <= 5:
        return step_size, False
    held_back = (memory - 4) * (memory - 2) * longest
    held_back /= (longest - 4) * (longest - 2) * memory
    return step_size * (held_back * (1 - beta2**step)) ** 0.5, True
