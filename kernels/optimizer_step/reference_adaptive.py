"""The definitions of Adagrad, Adadelta, RMSprop and Rprop: each number has a step of its own size.

They write in place, as those in `reference.py`. Read next: `reference_moments.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..arrays import Array, array_module


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
    """One step of Adagrad for each parameter p: every gradient so far makes the next steps smaller.

        g <- dp + weight_decay p
        s <- s + g^2
        p <- p - lr / (1 + (step - 1) lr_decay) g / (sqrt(s) + eps)

    Error: a few eps of the largest term, in each entry.

    Args:
        parameters: written in place.
        gradients: dp, one per parameter, of its shape; only read.
        square_sums: s, not negative, written in place.
        lr: the learning rate.
        lr_decay: how fast the rate itself falls.
        eps: added to the root.
        weight_decay: the factor of p.
        step: the number of this step, the first being 1.

    Example:
        >>> import numpy as np
        >>> p, s = np.array([1.0]), np.array([9.0])
        >>> plain = {"lr_decay": 0.0, "eps": 0.0, "weight_decay": 0.0, "step": 1}
        >>> adagrad_step([p], [np.array([4.0])], [s], lr=0.5, **plain)
        >>> p, s
        (array([0.6]), array([25.]))

    References:
        Duchi, Hazan and Singer, Adaptive Subgradient Methods, 2011, section 1.1 (diagonal form).
    """
    rate = lr / (1 + (step - 1) * lr_decay)
    for arrays in zip(parameters, gradients, square_sums, strict=True):
        p, gradient, s = arrays
        xp = array_module(p)
        g = gradient + weight_decay * p if weight_decay else gradient
        scratch = xp.multiply(g, g, out=xp.empty_like(p))
        s += scratch
        xp.sqrt(s, out=scratch)
        scratch += eps
        xp.divide(g, scratch, out=scratch)
        scratch *= rate
        p -= scratch


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
    """One step of Adadelta for each parameter p: updates in the units of p, so no rate to choose.

        g <- dp + weight_decay p
        v <- rho v + (1 - rho) g^2
        d <- g sqrt(u + eps) / sqrt(v + eps)
        u <- rho u + (1 - rho) d^2
        p <- p - lr d

    Error: a few eps of the largest term, in each entry.

    Args:
        parameters: written in place.
        gradients: dp, one per parameter, of its shape; only read.
        square_means: v, zeros before the first step, written in place.
        update_means: u, zeros before the first step, written in place.
        lr: a factor of the update; the paper's is 1.
        rho: how much of the two means stays.
        eps: added inside both roots; it sizes the first steps.
        weight_decay: the factor of p.

    Example:
        >>> import numpy as np
        >>> p, v, u = np.array([1.0]), np.zeros(1), np.zeros(1)
        >>> adadelta_step([p], [np.array([4.0])], [v], [u], lr=1, rho=0.5, eps=1.0, weight_decay=0)
        >>> p.round(6), v
        (array([-0.333333]), array([8.]))

    References:
        Zeiler, ADADELTA: An Adaptive Learning Rate Method, 2012, algorithm 1.
    """
    for arrays in zip(parameters, gradients, square_means, update_means, strict=True):
        p, gradient, v, u = arrays
        xp = array_module(p)
        g = gradient + weight_decay * p if weight_decay else gradient
        scratch = xp.multiply(g, g, out=xp.empty_like(p))
        scratch *= 1 - rho
        v *= rho
        v += scratch
        xp.add(v, eps, out=scratch)
        xp.sqrt(scratch, out=scratch)
        update = xp.add(u, eps, out=xp.empty_like(p))
        xp.sqrt(update, out=update)
        update /= scratch
        update *= g
        xp.multiply(update, update, out=scratch)
        scratch *= 1 - rho
        u *= rho
        u += scratch
        update *= lr
        p -= update


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
    """One step of RMSprop for each parameter p, the gradient in units of its recent size.

        g <- dp + weight_decay p
        v <- alpha v + (1 - alpha) g^2
        m <- alpha m + (1 - alpha) g                       (centered)
        d <- g / (sqrt(v - m^2) + eps)   when centered,    g / (sqrt(v) + eps)   otherwise
        b <- momentum b + d                                (with momentum)
        p <- p - lr b   with momentum,   p - lr d   without

    Error: a few eps of the largest term, in each entry; centered, v - m^2 loses what cancels.

    Args:
        parameters: written in place.
        gradients: dp, one per parameter, of its shape; only read.
        square_means: v, zeros before the first step, written in place.
        means: m, likewise; None where not centered.
        velocities: b, likewise; None where momentum is 0.
        lr: the learning rate.
        alpha: how much of the means stays.
        eps: added to the root, outside it.
        weight_decay: the factor of p.
        momentum: how much of the velocity stays.
        centered: divide by the gradient's standard deviation instead of its size.

    Example:
        >>> import numpy as np
        >>> p, v = np.array([1.0]), np.zeros(1)
        >>> plain = {"eps": 0.0, "weight_decay": 0.0, "momentum": 0.0, "centered": False}
        >>> rmsprop_step([p], [np.array([4.0])], [v], None, None, lr=0.25, alpha=0.75, **plain)
        >>> p, v
        (array([0.5]), array([4.]))

    References:
        Tieleman and Hinton, Neural Networks for Machine Learning, lecture 6.5, 2012. Centered, with
        momentum: Graves, Generating Sequences With Recurrent Neural Networks, 2013, equations 38
        to 41 (there eps is inside the root and the velocity contains the rate).
    """
    for index, gradient in enumerate(gradients):
        p, v = parameters[index], square_means[index]
        xp = array_module(p)
        g = gradient + weight_decay * p if weight_decay else gradient
        scratch = xp.multiply(g, g, out=xp.empty_like(p))
        scratch *= 1 - alpha
        v *= alpha
        v += scratch
        if centered and means is not None:
            m = means[index]
            xp.multiply(g, 1 - alpha, out=scratch)
            m *= alpha
            m += scratch
            xp.multiply(m, m, out=scratch)
            xp.subtract(v, scratch, out=scratch)
            # A variance: where gradients hardly change, rounding can leave it a little below 0.
            xp.maximum(scratch, 0, out=scratch)
            xp.sqrt(scratch, out=scratch)
        else:
            xp.sqrt(v, out=scratch)
        scratch += eps
        xp.divide(g, scratch, out=scratch)
        if momentum and velocities is not None:
            b = velocities[index]
            b *= momentum
            b += scratch
            xp.multiply(b, lr, out=scratch)
        else:
            scratch *= lr
        p -= scratch


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
    """One step of Rprop for each parameter p: only the signs of its gradient count.

        c <- sign(dp) s                                    (s: the sign of the step before)
        d <- d eta_plus where c > 0,   d eta_minus where c < 0,   within [smallest, largest]
        s <- 0 where c < 0,   sign(dp) elsewhere
        p <- p - d s

    Where the sign turned, a minimum was jumped over: that number rests for this step, and the next
    one starts afresh (s = 0). Error: one rounding of p, in each entry.

    Args:
        parameters: written in place.
        gradients: dp of the whole training set, one per parameter, of its shape; only read.
        signs: s, zeros before the first step, written in place.
        step_sizes: d, written in place.
        eta_minus: the factor of d where the sign turned, below 1.
        eta_plus: the factor of d where it stayed, above 1.
        smallest: the least d.
        largest: the largest d.

    Example:
        >>> import numpy as np
        >>> p, s, d = np.ones(3), np.array([1.0, -1.0, 0.0]), np.full(3, 0.5)
        >>> etas = {"eta_minus": 0.5, "eta_plus": 1.25, "smallest": 0.0, "largest": 50.0}
        >>> rprop_step([p], [np.array([7.0, 7.0, 7.0])], [s], [d], **etas)
        >>> p, s, d
        (array([0.375, 1.   , 0.5  ]), array([1., 0., 1.]), array([0.625, 0.25 , 0.5  ]))

    References:
        Riedmiller and Braun, A Direct Adaptive Method for Faster Backpropagation Learning: The
        RPROP Algorithm, 1993. The variant without backtracking: Igel and Huesken, Improving the
        Rprop Learning Algorithm, 2000, section 2.3 (iRprop-).
    """
    for arrays in zip(parameters, gradients, signs, step_sizes, strict=True):
        p, gradient, s, d = arrays
        xp = array_module(p)
        # The product of signs, not of gradients, which underflows where both are tiny.
        sign = xp.sign(gradient, out=xp.empty_like(p))
        s *= sign
        turned = s < 0
        d[s > 0] *= eta_plus
        d[turned] *= eta_minus
        xp.clip(d, smallest, largest, out=d)
        s[...] = sign
        s[turned] = 0
        xp.multiply(d, s, out=sign)
        p -= sign
