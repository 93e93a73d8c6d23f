"""The definitions of batch normalisation: training, its gradient, inference, running statistics.

All four see x as M rows of C channels, whatever axes the rows came from.
"""

from __future__ import annotations

import math

from ..activation.reference import activation as activate
from ..activation.reference import activation_grad
from ..arrays import Array, array_module, sum_rows


def batch_norm(
    x: Array,
    gamma: Array,
    beta: Array,
    *,
    eps: float,
    activation: str | None = None,
    out: tuple[Array, Array, Array] | None = None,
) -> tuple[Array, Array, Array]:
    """Normalise each channel by the statistics of this batch, then scale and shift.

        y       = f(gamma (x - mean) / sqrt(var + eps) + beta)
        mean[c] = (1/M) sum over m of x[m, c]
        var[c]  = (1/M) sum over m of (x[m, c] - mean[c])^2

    M runs over all axes but the last. The variance is taken from the centred numbers, in a second
    pass: E[x^2] - E[x]^2 cancels where the mean is large. Four passes over x, one scratch array.
    Error of mean and var: about (256 + M / 256) eps, relative to mean |x| and to var.

    Args:
        x: (..., C).
        gamma: (C,), the scale.
        beta: (C,), the shift.
        eps: added to the variance.
        activation: the kind of f (`../activation`), or None for the identity.
        out: C-contiguous arrays for y, mean and var, or None for new ones.

    Returns:
        y of x's shape; mean (C,); var (C,), the biased one. For no rows, mean and var are 0.

    Example:
        >>> import numpy as np
        >>> y, mean, var = batch_norm(np.array([[1.0], [3.0]]), np.ones(1), np.zeros(1), eps=0.0)
        >>> y.ravel(), mean, var
        (array([-1.,  1.]), array([2.]), array([1.]))

    References:
        Ioffe and Szegedy, Batch Normalization, 2015, Algorithm 1.
    """
    xp = array_module(x)
    rows = _rows(x)
    M = max(1, len(rows))
    if out is None:
        y, mean, var = (xp.empty(a.shape, dtype=x.dtype) for a in (x, gamma, gamma))
    else:
        y, mean, var = out
    mean[...] = sum_rows(rows) / M
    normalised = y.reshape(rows.shape)
    xp.subtract(rows, mean, out=normalised)
    var[...] = sum_rows(normalised * normalised) / M
    normalised *= gamma / xp.sqrt(var + eps)
    activate(normalised, beta, kind=activation or "identity", out=normalised)
    return y, mean, var


def batch_norm_grad(
    dy: Array,
    x: Array,
    gamma: Array,
    beta: Array,
    mean: Array,
    var: Array,
    *,
    eps: float,
    activation: str | None = None,
    out: tuple[Array, Array, Array] | None = None,
) -> tuple[Array, Array, Array]:
    """The gradients of `batch_norm`, whose statistics depend on x.

        dz     = dy f'(z)                                z = gamma xhat + beta
        dbeta  = sum over m of dz
        dgamma = sum over m of dz xhat                   xhat = (x - mean) / sqrt(var + eps)
        dx     = gamma / sqrt(var + eps) (dz - dbeta / M - xhat dgamma / M)

    The two subtracted terms are what reaches x through the mean and through the variance.
    f(z) is computed again from x, which has to be read for xhat anyway: y is not asked for.
    Error of dgamma and dbeta: about (256 + M / 256) eps of the sums of |dz xhat| and |dz|.

    Args:
        dy: the gradient for y (..., C).
        x: (..., C), the input of the forward pass.
        gamma: (C,).
        beta: (C,); it matters only where there is an activation.
        mean: (C,), of this x.
        var: (C,), of this x, biased.
        eps: as in the forward pass.
        activation: as in the forward pass.
        out: C-contiguous arrays for dx, dgamma and dbeta, or None for new ones.

    Returns:
        dx of x's shape; dgamma (C,); dbeta (C,).

    Example:
        >>> import numpy as np
        >>> dy, x, one = np.array([[1.0], [0.0]]), np.array([[1.0], [3.0]]), np.ones(1)
        >>> dx, dgamma, dbeta = batch_norm_grad(dy, x, one, one, 2 * one, one, eps=0.0)
        >>> dx.ravel(), dgamma, dbeta
        (array([0., 0.]), array([-1.]), array([1.]))

    References:
        Ioffe and Szegedy, Batch Normalization, 2015, section 3.
    """
    xp = array_module(x)
    rows, dy_rows = _rows(x), _rows(dy)
    M = max(1, len(rows))
    inverse_deviation = 1 / xp.sqrt(var + eps)
    normalised = rows - mean
    normalised *= inverse_deviation
    if activation is not None:
        y = normalised * gamma
        activate(y, beta, kind=activation, out=y)
        dy_rows = activation_grad(dy_rows, y, kind=activation, out=y)
    if out is None:
        dx, dgamma, dbeta = (xp.empty(a.shape, dtype=x.dtype) for a in (x, gamma, gamma))
    else:
        dx, dgamma, dbeta = out
    dx_rows = dx.reshape(rows.shape)
    xp.multiply(dy_rows, normalised, out=dx_rows)
    dgamma[...] = sum_rows(dx_rows)
    dbeta[...] = sum_rows(dy_rows)
    normalised *= dgamma / M
    xp.subtract(dy_rows, normalised, out=dx_rows)
    dx_rows -= dbeta / M
    dx_rows *= gamma * inverse_deviation
    return dx, dgamma, dbeta


def batch_norm_inference(
    x: Array,
    gamma: Array,
    beta: Array,
    mean: Array,
    var: Array,
    *,
    eps: float,
    activation: str | None = None,
    out: Array | None = None,
) -> Array:
    """Normalise each channel by statistics given from outside, then scale and shift.

        y = f(gamma (x - mean) / sqrt(var + eps) + beta)

    Error: |y - exact| <= 6 eps (|y - beta| + |beta|), and gamma eps (|x| + |mean|) / deviation.

    Args:
        x: (..., C).
        gamma: (C,), the scale.
        beta: (C,), the shift.
        mean: (C,), as a rule the running mean.
        var: (C,), as a rule the running variance.
        eps: added to the variance.
        activation: the kind of f (`../activation`), or None for the identity.
        out: array of x's shape to write y into, or None for a new one.

    Returns:
        y, of x's shape.

    Example:
        >>> import numpy as np
        >>> one = np.ones(1)
        >>> batch_norm_inference(np.array([[5.0]]), one, one, 3 * one, 4 * one, eps=0.0)
        array([[2.]])

    References:
        Ioffe and Szegedy, Batch Normalization, 2015, Algorithm 2.
    """
    xp = array_module(x)
    y: Array = xp.subtract(x, mean, out=out)
    y *= gamma / xp.sqrt(var + eps)
    return activate(y, beta, kind=activation or "identity", out=y)


def running_statistics(running: Array, value: Array, *, momentum: float) -> Array:
    """Move a running statistic towards that of this batch, in place.

        running <- (1 - momentum) running + momentum value

    Args:
        running: (C,), written.
        value: (C,), the statistic of this batch.
        momentum: the weight of this batch (PyTorch's meaning of the word).

    Returns:
        running.

    Example:
        >>> import numpy as np
        >>> running_statistics(np.zeros(1), np.ones(1), momentum=0.25)
        array([0.25])
    """
    running *= 1 - momentum
    running += momentum * value
    return running


def _rows(x: Array) -> Array:
    """x as M rows of C channels; -1 could not be worked out where C is 0."""
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
