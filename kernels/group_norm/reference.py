"""The definition of group normalisation and of its gradient; layer norm is the case of one group.

Statistics are taken within each sample, so batches of any size give the same y. Read
`batch_norm/reference.py` beside it: the same formulas, other axes.
"""

from __future__ import annotations

from ..arrays import Array, array_module, sum_rows


def group_norm(
    x: Array,
    gamma: Array,
    beta: Array,
    *,
    groups: int,
    eps: float,
    out: tuple[Array, Array, Array] | None = None,
) -> tuple[Array, Array, Array]:
    """Normalise each group of channels of each sample, then scale and shift each channel.

        y[n, p, c] = gamma[c] (x[n, p, c] - mean[n, g]) / sqrt(var[n, g] + eps) + beta[c]
        mean[n, g] = (1/M) sum of x[n, p, c] over all positions p and the channels c of group g
        var[n, g]  = (1/M) sum of (x[n, p, c] - mean[n, g])^2 over the same        M = P C / groups

    The variance is taken from the centred numbers: E[x^2] - E[x]^2 cancels where the mean is large.
    Error of mean and var: about (256 + P / 256) eps, relative to mean |x| and to var.

    Args:
        x: (N, P, C), P positions of a sample. Layer norm over D numbers: (rows, 1, D), one group.
        gamma: (C,), the scale.
        beta: (C,), the shift.
        groups: C / groups neighbouring channels are one group.
        eps: added to the variance.
        out: C-contiguous arrays for y, mean and var, or None for new ones.

    Returns:
        y of x's shape; mean (N, groups); var (N, groups), the biased one.

    Example:
        >>> import numpy as np
        >>> x, one = np.array([[[1.0, 3.0, 5.0, 5.0]]]), np.ones(4)
        >>> y, mean, var = group_norm(x, one, 0 * one, groups=2, eps=1e-12)
        >>> y.ravel(), mean, var
        (array([-1.,  1.,  0.,  0.]), array([[2., 5.]]), array([[1., 0.]]))

    References:
        Wu and He, Group Normalization, 2018, section 3; Ba, Kiros and Hinton, Layer Normalization,
        2016, section 3.
    """
    xp = array_module(x)
    N, P, C = x.shape
    split = x.reshape(N, P, groups, C // groups)
    M = max(1, P * (C // groups))
    if out is None:
        y, mean, var = xp.empty(x.shape, x.dtype), *_statistics(x, groups)
    else:
        y, mean, var = out
    mean[...] = _group_sums(split) / M
    normalised = y.reshape(split.shape)
    xp.subtract(split, mean[:, None, :, None], out=normalised)
    var[...] = _group_sums(normalised * normalised) / M
    normalised *= (1 / xp.sqrt(var + eps))[:, None, :, None]
    y *= gamma
    y += beta
    return y, mean, var


def group_norm_grad(
    dy: Array,
    x: Array,
    gamma: Array,
    mean: Array,
    var: Array,
    *,
    groups: int,
    eps: float,
    out: tuple[Array, Array, Array] | None = None,
) -> tuple[Array, Array, Array]:
    """The gradients of `group_norm`, whose statistics depend on x.

        dbeta[c]  = sum over n, p of dy              z = (x - mean) / sqrt(var + eps)
        dgamma[c] = sum over n, p of dy z            d = dy gamma
        dx        = (d - mean of d - z (mean of d z)) / sqrt(var + eps)

    with the means over each group of each sample.
    Error: about (256 + P / 256) eps of the sums of |d| and |d z|.

    Args:
        dy: the gradient for y (N, P, C).
        x: (N, P, C), the input of the forward pass.
        gamma: (C,).
        mean: (N, groups), of this x.
        var: (N, groups), of this x, biased.
        groups: as in the forward pass.
        eps: as in the forward pass.
        out: C-contiguous arrays for dx, dgamma and dbeta, or None for new ones.

    Returns:
        dx of x's shape; dgamma (C,); dbeta (C,).

    Example:
        >>> import numpy as np
        >>> x, dy, one = np.array([[[1.0, 3.0]]]), np.array([[[1.0, 0.0]]]), np.ones((1, 1))
        >>> gamma = np.ones(2)
        >>> dx, dgamma, dbeta = group_norm_grad(dy, x, gamma, 2 * one, one, groups=1, eps=0.0)
        >>> dx.ravel(), dgamma, dbeta
        (array([0., 0.]), array([-1.,  0.]), array([1., 0.]))

    References:
        Ba, Kiros and Hinton, Layer Normalization, 2016, section 3.
    """
    xp = array_module(x)
    N, P, C = x.shape
    shape = (N, P, groups, C // groups)
    M = max(1, P * (C // groups))
    inverse_deviation = (1 / xp.sqrt(var + eps))[:, None, :, None]
    z = x.reshape(shape) - mean[:, None, :, None]
    z *= inverse_deviation
    if out is None:
        dx, dgamma, dbeta = (xp.empty(a.shape, dtype=x.dtype) for a in (x, gamma, gamma))
    else:
        dx, dgamma, dbeta = out
    products = dy * z.reshape(x.shape)
    dgamma[...] = sum_rows(products.reshape(N * P, C))
    dbeta[...] = sum_rows(dy.reshape(N * P, C))
    products *= gamma
    d = dx.reshape(shape)
    xp.multiply(dy, gamma, out=dx)
    z *= (_group_sums(products.reshape(shape)) / M)[:, None, :, None]
    d -= (_group_sums(d) / M)[:, None, :, None]
    d -= z
    d *= inverse_deviation
    return dx, dgamma, dbeta


def _group_sums(split: Array) -> Array:
    """The sums over positions and channels of (N, P, groups, C / groups), as (N, groups)."""
    N, P, groups, width = split.shape
    if groups == 1:  # one run of numbers, which the array module adds in pairs
        total: Array = split.sum((1, 3))
    else:
        channels = sum_rows(split.reshape(N, P, groups * width))
        total = channels.reshape(N, groups, width).sum(-1)
    return total


def _statistics(x: Array, groups: int) -> tuple[Array, Array]:
    """Empty arrays for mean and var."""
    xp, shape = array_module(x), (x.shape[0], groups)
    return xp.empty(shape, x.dtype), xp.empty(shape, x.dtype)
