"""The bank's normalisations: batch norm in training mode, layer norm.

Both in the same letters: xhat = (x - mean) / std, and the gradient in its short form,
dx = (g - mean(g) - xhat mean(g xhat)) / std with g = gamma dy. Read next: `sequences.py`.
"""

from __future__ import annotations

from .operation import Mutant, Operation, Values
from .sampling import Generator, normal, positive, sizes

EPS = (1e-5, 1e-8, 1e-3, 1e-6, 1e-7, 1e-12, 0.0)


def _values(rng: Generator, square: bool) -> Values:
    N, D = sizes(rng, 2, square)
    N, D = N + 2, D + 2
    gamma = positive(rng, D)
    return {"x": normal(rng, N, D), "gamma": gamma, "beta": normal(rng, D), "eps": 1e-5}


BATCH_NORM = Operation(
    name="batch_norm",
    arguments=("x", "gamma", "beta", "eps"),
    checked=("x", "gamma", "beta"),
    forward="""
        over = tuple(range(x.ndim - 1))
        n = x.size // x.shape[-1]
        mean = x.mean(axis=over)
        std = np.sqrt(x.var(axis=over) + eps)
        xhat = (x - mean) / std
        y = gamma * xhat + beta
    """,
    backward="""
        g = gamma * dy
        through_mean = g.mean(axis=over)
        through_var = xhat * (g * xhat).mean(axis=over)
        dx = (g - through_mean - through_var) / std
        dgamma = (dy * xhat).sum(axis=over)
        dbeta = dy.sum(axis=over)
    """,
    sample=_values,
    defaults="""
        gamma = np.ones(x.shape[-1])
        beta = np.zeros(x.shape[-1])
        eps = 1e-5
    """,
    words=("batchnorm", "bn", "batchnorm2d", "batchnorm1d"),
    choices={"eps": EPS},
    layouts=({"x": (0, 2, 3, 1), "y": (0, 2, 3, 1)},),
    mutants=(
        Mutant(
            "no_mean_term",
            "through_mean = np.zeros_like(std)",
            "the mean of the batch depends on x as well: its term - mean(g) is missing",
            also=("missing-mean:axis0",),
        ),
        Mutant(
            "no_variance_term",
            "through_var = np.zeros_like(x)",
            "the variance of the batch depends on x as well: - xhat mean(g xhat) is missing",
            also=("statistic-constant:axis0",),
        ),
        Mutant(
            "statistics_constant",
            "dx = g / std",
            "mean and variance are treated as constants, as in evaluation mode",
            "pytorch #4253",
            also=("statistic-constant:axis0",),
        ),
        Mutant(
            "gamma_forgotten",
            "g = dy",
            "the upstream gradient has to be multiplied by gamma first",
            also=("missing-factor:gamma",),
        ),
        Mutant(
            "std_forgotten",
            "dx = g - through_mean - through_var",
            "the division by the standard deviation is missing",
            also=("slice-factor:axis1",),
        ),
        Mutant(
            "variance_for_std",
            "dx = (g - through_mean - through_var) / std**2",
            "divided by the variance instead of the standard deviation",
            also=("slice-factor:axis1",),
        ),
        Mutant(
            "unbiased_variance",
            "through_var = xhat * (g * xhat).sum(axis=over) / (n - 1)",
            "forward normalises with the biased variance, backward divides by n - 1",
            "pytorch #77427",
            also=("statistic-constant:axis0",),
        ),
        Mutant(
            "sums_for_means",
            "through_mean = g.sum(axis=over)",
            "the sum over the batch stands where its mean belongs",
            also=("missing-mean:axis0",),
        ),
        Mutant(
            "mean_over_features",
            "through_mean = g.mean(axis=-1, keepdims=True)",
            "the mean runs over the features, as in layer norm, instead of the batch",
        ),
        Mutant(
            "xhat_forgotten",
            "dgamma = dy.sum(axis=over)",
            "gamma multiplies xhat: its gradient has the factor xhat inside the sum",
            also=("gradient-of:beta",),
        ),
        Mutant(
            "x_for_xhat",
            "dgamma = (dy * x).sum(axis=over)",
            "gamma multiplies the normalised xhat, not x",
        ),
        Mutant(
            "gamma_mean",
            "dgamma = (dy * xhat).mean(axis=over)",
            "gamma is shared by the batch: sum over it, not mean",
            also=("factor:1/N", "factor:1/rows"),
        ),
        Mutant(
            "beta_mean",
            "dbeta = dy.mean(axis=over)",
            "beta is shared by the batch: sum over it, not mean",
            also=("factor:1/N", "mean-for-sum:axis0"),
        ),
        Mutant(
            "beta_times_gamma",
            "dbeta = (dy * gamma).sum(axis=over)",
            "beta is added behind gamma: gamma does not touch its gradient",
            also=("extra-factor:gamma",),
        ),
    ),
)

LAYER_NORM = Operation(
    name="layer_norm",
    arguments=("x", "gamma", "beta", "eps"),
    checked=("x", "gamma", "beta"),
    forward="""
        mean = x.mean(axis=-1, keepdims=True)
        std = np.sqrt(x.var(axis=-1, keepdims=True) + eps)
        xhat = (x - mean) / std
        y = gamma * xhat + beta
    """,
    backward="""
        over = tuple(range(x.ndim - 1))
        g = gamma * dy
        through_mean = g.mean(axis=-1, keepdims=True)
        through_var = xhat * (g * xhat).mean(axis=-1, keepdims=True)
        dx = (g - through_mean - through_var) / std
        dgamma = (dy * xhat).sum(axis=over)
        dbeta = dy.sum(axis=over)
    """,
    sample=_values,
    defaults="""
        gamma = np.ones(x.shape[-1])
        beta = np.zeros(x.shape[-1])
        eps = 1e-5
    """,
    words=("layernorm", "ln"),
    choices={"eps": EPS},
    mutants=(
        Mutant(
            "no_mean_term",
            "through_mean = np.zeros_like(std)",
            "the mean over the features depends on x as well: its term is missing",
            also=("missing-mean:axis1",),
        ),
        Mutant(
            "no_variance_term",
            "through_var = np.zeros_like(x)",
            "the variance over the features depends on x as well: its term is missing",
            also=("statistic-constant:axis1",),
        ),
        Mutant(
            "statistics_constant",
            "dx = g / std",
            "mean and variance are treated as constants",
            also=("statistic-constant:axis1",),
        ),
        Mutant(
            "gamma_forgotten",
            "g = dy",
            "the upstream gradient has to be multiplied by gamma, before the means are taken",
        ),
        Mutant(
            "gamma_too_late",
            "dx = gamma * (dy - dy.mean(-1, keepdims=True)"
            " - xhat * (dy * xhat).mean(-1, keepdims=True)) / std",
            "gamma differs within the axis that is normalised: multiply before the means are taken",
        ),
        Mutant(
            "over_the_batch",
            "through_mean = g.mean(axis=0)",
            "the mean runs over the batch, as in batch norm, instead of the features",
        ),
        Mutant(
            "std_forgotten",
            "dx = g - through_mean - through_var",
            "the division by the standard deviation is missing",
            also=("slice-factor:axis0",),
        ),
        Mutant(
            "gamma_over_features",
            "dgamma = (dy * xhat).mean(axis=over)",
            "gamma is shared by the samples: sum over them, not mean",
            also=("factor:1/N",),
        ),
        Mutant(
            "beta_mean",
            "dbeta = dy.mean(axis=over)",
            "beta is shared by the samples: sum over them, not mean",
            also=("factor:1/N", "mean-for-sum:axis0"),
        ),
        Mutant(
            "xhat_forgotten",
            "dgamma = dy.sum(axis=over)",
            "gamma multiplies xhat: its gradient has the factor xhat inside the sum",
            also=("gradient-of:beta",),
        ),
    ),
)

NORMS = (BATCH_NORM, LAYER_NORM)
