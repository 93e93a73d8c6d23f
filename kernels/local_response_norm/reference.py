"""The definition of local response normalisation, and of its gradient."""

from __future__ import annotations

from ..arrays import Array, array_module


def local_response_norm(
    x: Array,
    *,
    before: int,
    after: int,
    alpha: float,
    beta: float,
    k: float,
    out: Array | None = None,
) -> Array:
    """Each channel divided by what it and its neighbours say.

        y[c] = x[c] d[c]^-beta
        d[c] = k + alpha (sum of x[j]^2 over c - before <= j <= c + after, where such j exist)

    Error: |y - exact| <= (before + after + 4) (1 + beta) eps |y|, where k and alpha are positive.

    Args:
        x: (..., C).
        before: neighbours below c.
        after: neighbours above c.
        alpha: the factor of the sum.
        beta: the exponent.
        k: what is added to the sum.
        out: C-contiguous array of x's shape, or None for a new one.

    Returns:
        y (..., C), of x's dtype.

    Example:
        >>> import numpy as np
        >>> local_response_norm(np.ones(3), before=1, after=1, alpha=1.0, beta=1.0, k=2.0)
        array([0.25, 0.2 , 0.25])

    References:
        Krizhevsky, Sutskever and Hinton, ImageNet classification with deep convolutional neural
        networks, 2012, section 3.3.
    """
    y: Array = array_module(x).multiply(x, x, out=out)
    d = _window_sums(y, before, after)
    d *= alpha
    d += k
    d **= -beta
    array_module(x).multiply(x, d, out=y)
    return y


def local_response_norm_grad(
    dy: Array,
    x: Array,
    *,
    before: int,
    after: int,
    alpha: float,
    beta: float,
    k: float,
    out: Array | None = None,
) -> Array:
    """dx, the gradient of `local_response_norm`.

        dx[c] = dy[c] d[c]^-beta - 2 alpha beta x[c] (sum of dy[j] x[j] d[j]^(-beta - 1) over the
                channels j that have c in their window: c - after <= j <= c + before)

    Error: about (before + after + 4) (2 + beta) eps of the sum of the terms' magnitudes.

    Args:
        dy: the gradient for y (..., C).
        x: (..., C), the input of the forward pass.
        before: as in the forward pass.
        after: as in the forward pass.
        alpha: as in the forward pass.
        beta: as in the forward pass.
        k: as in the forward pass.
        out: C-contiguous array of x's shape, or None for a new one.

    Returns:
        dx (..., C), of x's dtype.

    Example:
        >>> import numpy as np
        >>> one, half = np.ones(1), {"before": 0, "after": 0, "alpha": 1.0, "beta": 0.5, "k": 0.0}
        >>> local_response_norm_grad(one, 3 * one, **half)  # y = x / |x|
        array([0.])
    """
    xp = array_module(x)
    d = _window_sums(x * x, before, after)
    d *= alpha
    d += k
    scale = d**-beta
    felt = dy * x
    felt *= scale
    felt /= d
    dx: Array = xp.multiply(_window_sums(felt, after, before), x, out=out)
    dx *= -2.0 * alpha * beta
    scale *= dy
    dx += scale
    return dx


def _window_sums(x: Array, before: int, after: int) -> Array:
    """The sums of x[..., c - before : c + after + 1], as far as there are such channels."""
    sums: Array = array_module(x).array(x, order="C")
    C = x.shape[-1]
    for shift in range(1, min(before, C - 1) + 1):
        sums[..., shift:] += x[..., : C - shift]
    for shift in range(1, min(after, C - 1) + 1):
        sums[..., : C - shift] += x[..., shift:]
    return sums
