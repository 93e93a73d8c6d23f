"""The definitions of softmax with cross-entropy and of its gradient, for integer targets."""

from __future__ import annotations

from ..arrays import Array, array_module


def softmax_cross_entropy(logits: Array, targets: Array, *, out: Array | None = None) -> Array:
    """-log of the probability that softmax gives to the target, one loss per example.

        loss = log(sum over k of exp(z[k] - m)) - (z[t] - m)          m = max over k of z[k]

    Subtracting the largest logit changes nothing in exact arithmetic and makes every exponent at
    most 0: logits of 1e4 neither overflow nor lose their loss, since log(softmax) is never formed
    from a probability that has become 0. A class with logit -inf has probability 0.
    Error: about (K + 2) eps (1 + |loss|).

    Args:
        logits: z (..., K).
        targets: t (...), integers from 0 to K - 1.
        out: array of targets' shape, or None for a new one.

    Returns:
        losses (...), of the logits' dtype.

    Example:
        >>> import numpy as np
        >>> softmax_cross_entropy(np.array([[0.0, 0.0], [1e4, 0.0]]), np.array([1, 1]))
        array([6.93147181e-01, 1.00000000e+04])

    References:
        Blanchard, Higham and Higham, Accurately computing the log-sum-exp and softmax functions,
        2021, section 4.
    """
    xp = array_module(logits)
    rows = logits.reshape(-1, logits.shape[-1])
    shifted = rows - rows.max(axis=-1, keepdims=True)
    at_target = shifted[xp.arange(len(rows)), targets.reshape(-1)]
    xp.exp(shifted, out=shifted)
    losses: Array = xp.log(shifted.sum(axis=-1))
    losses -= at_target
    losses = losses.reshape(targets.shape)
    if out is None:
        return losses
    out[...] = losses
    return out


def softmax_cross_entropy_grad(
    dy: Array, logits: Array, targets: Array, *, out: Array | None = None
) -> Array:
    """dz, the gradient of `softmax_cross_entropy` for the logits.

        dz[k] = dy (softmax(z)[k] - [k = t])

    Error: |dz - exact| <= (K + 4) eps |dy| in each entry.

    Args:
        dy: the gradient for the losses (...).
        logits: z (..., K).
        targets: t (...), integers from 0 to K - 1.
        out: C-contiguous array of the logits' shape, or None for a new one.

    Returns:
        dz (..., K), of the logits' dtype.

    Example:
        >>> import numpy as np
        >>> softmax_cross_entropy_grad(np.ones(1), np.zeros((1, 2)), np.array([1]))
        array([[ 0.5, -0.5]])
    """
    xp = array_module(logits)
    dz: Array = xp.empty(logits.shape, dtype=logits.dtype) if out is None else out
    rows = dz.reshape(-1, logits.shape[-1])
    z = logits.reshape(rows.shape)
    xp.subtract(z, z.max(axis=-1, keepdims=True), out=rows)
    xp.exp(rows, out=rows)
    rows /= rows.sum(axis=-1, keepdims=True)
    rows[xp.arange(len(rows)), targets.reshape(-1)] -= 1
    rows *= dy.reshape(-1, 1)
    return dz
