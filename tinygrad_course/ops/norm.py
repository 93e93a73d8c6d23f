"""Batch normalisation, in training and in inference.

In training the statistics are functions of x, and the gradient has to say so: the op's gradient is
a Function of its own that is handed x again. Read next: `dropout.py`.
"""

from __future__ import annotations

import math
from typing import Any

from ..backend import Array, launch
from ..composition import pullback_of
from ..dtypes import floating, operands
from ..errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError
from ..function import Function
from ..grad_mode import mode
from ..tensor import Tensor, filled
from .activation import relu
from .elementary import sigmoid, sqrt, tanh
from .epilogue import activation_grad, activation_kind
from .linear import sum_rows
from .numbers import fraction, not_negative
from .reduction import mean, sum

ACTIVATIONS = {"relu": relu, "tanh": tanh, "sigmoid": sigmoid}


class BatchNorm(Function):
    """y = f(gamma (x - mean) / sqrt(var + eps) + beta), mean and var over all axes but the last"""

    name = "batch_norm"

    def __init__(self, *, eps: float, momentum: float, activation: str | None = None) -> None:
        self.eps = eps
        self.momentum = momentum
        self.activation = activation

    def forward(self, x: Array, gamma: Array, beta: Array, *running: Array) -> Array:
        y, self.mean, self.var = launch(
            "batch_norm", x, gamma, beta, eps=self.eps, activation=self.activation
        )
        if running and x.size and not mode.replaying:
            count = x.size // x.shape[-1]
            unbiased = self.var * (count / (count - 1))
            launch("running_statistics", running[0], self.mean, momentum=self.momentum)
            launch("running_statistics", running[1], unbiased, momentum=self.momentum)
        return y

    def backward(self, grad: Any, x: Any, gamma: Any, beta: Any, mean: Any, var: Any) -> list[Any]:
        op = BatchNormGrad(eps=self.eps, activation=self.activation)
        grads = op.apply(grad, x, gamma, beta, mean, var)
        return [*grads, *[None] * (len(self.edges or ()) - 3)]


class BatchNormGrad(Function):
    """dbeta = sum da;  dgamma = sum da z;  dx = gamma / s (da - dbeta / m - z dgamma / m)

    with s = sqrt(var + eps), z = (x - mean) / s, da = dy f'(gamma z + beta) and m values per
    channel. mean and var are functions of x, so the second derivative recomputes them from x.
    """

    def __init__(self, *, eps: float, activation: str | None = None) -> None:
        self.eps = eps
        self.activation = activation

    def forward(
        self, dy: Array, x: Array, gamma: Array, beta: Array, mean: Array, var: Array
    ) -> tuple[Array, ...]:
        arrays = dy, x, gamma, beta, mean, var
        grads: tuple[Array, ...] = launch(
            "batch_norm_grad", *arrays, eps=self.eps, activation=self.activation
        )
        return grads

    def backward(self, grad: Any, dy: Any, x: Any, gamma: Any, beta: Any) -> list[Any]:
        return [*pullback_of(self.composed, (dy, x, gamma, beta), grad), None, None]

    def composed(self, dy: Any, x: Any, gamma: Any, beta: Any) -> tuple[Any, ...]:
        axes = tuple(range(len(x.shape) - 1))
        m = float(math.prod(x.shape[:-1]))
        if not m:  # no rows, no statistics: everything is empty or a sum of nothing
            return dy * gamma + beta * 0.0, sum(dy * x, axes), sum(dy, axes)
        centred = x - mean(x, axes)
        s = sqrt(mean(centred * centred, axes) + self.eps)
        z = centred / s
        if self.activation is not None:
            dy = activation_grad(
                dy, ACTIVATIONS[self.activation](gamma * z + beta), self.activation
            )
        dbeta = sum(dy, axes)
        dgamma = sum(dy * z, axes)
        return gamma / s * (dy - dbeta / m - z * (dgamma / m)), dgamma, dbeta


class BatchNormInference(Function):
    """y = gamma (x - mean) / s + beta, s = sqrt(var + eps): the statistics are given"""

    name = "batch_norm"

    def __init__(self, *, eps: float) -> None:
        self.eps = eps

    def forward(self, x: Array, gamma: Array, beta: Array, mean: Array, var: Array) -> Array:
        return launch("batch_norm_inference", x, gamma, beta, mean, var, eps=self.eps)

    def grad_x(self, grad: Any, gamma: Any, var: Any) -> Any:
        return grad * (gamma / sqrt(var + self.eps))

    def grad_gamma(self, grad: Any, x: Any, mean: Any, var: Any) -> Any:
        return sum_rows(grad * (x - mean)) / sqrt(var + self.eps)

    def grad_beta(self, grad: Any) -> Any:
        return sum_rows(grad)

    def grad_mean(self, grad: Any, gamma: Any, var: Any) -> Any:
        return -sum_rows(grad) * gamma / sqrt(var + self.eps)

    def grad_var(self, grad: Any, x: Any, gamma: Any, mean: Any, var: Any) -> Any:
        return sum_rows(grad * (x - mean)) * gamma * -0.5 * (var + self.eps) ** -1.5


class BatchNormInferenceActivation(BatchNormInference):
    """y = f(gamma (x - mean) / s + beta)        dL/dz = dL/dy f'(z), and on as above"""

    def __init__(self, *, eps: float, activation: str) -> None:
        self.eps = eps
        self.activation = activation

    def forward(self, x: Array, gamma: Array, beta: Array, mean: Array, var: Array) -> Array:
        arrays = x, gamma, beta, mean, var
        return launch("batch_norm_inference", *arrays, eps=self.eps, activation=self.activation)

    def upstream(self, grad: Any, y: Any) -> Any:
        return activation_grad(grad, y, self.activation)


def batch_norm(
    x: Any,
    weight: Any = None,
    bias: Any = None,
    running_mean: Any = None,
    running_var: Any = None,
    *,
    training: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
    activation: str | None = None,
) -> Tensor:
    """y = f(weight (x - mean) / sqrt(var + eps) + bias), per channel (the last axis).

    In training, mean and (biased) variance are those of the batch, over all axes but the last, and
    the running statistics move towards them: running = (1 - momentum) running + momentum batch,
    with the unbiased variance, count / (count - 1) times the biased one. In inference the running
    statistics are used.

    Args:
        x: (..., C).
        weight: gamma (C,), or None for ones.
        bias: beta (C,), or None for zeros.
        running_mean: (C,) tensor or array, updated in place in training; may be None in training.
        running_var: the same for the variance.
        training: which of the two.
        momentum: how far the running statistics move, 0 to 1.
        eps: added to the variance.
        activation: "relu", "tanh" or "sigmoid", computed in the same kernel; None for no f.

    Raises:
        ShapeError: sizes that do not fit, or one value per channel in training, which would
            normalise everything to zero.
        ArgumentError: inference without running statistics, a momentum outside 0 .. 1, a negative
            eps, another activation.
        ArgumentTypeError: a momentum or eps that is no number; in training, a running statistic
            that is no tensor or array.
        DtypeError: in training, running statistics of another dtype than x's.

    Example:
        >>> import tinygrad_course as tg
        >>> [round(v, 3) for v in tg.batch_norm(tg.tensor([[1.0], [3.0]]))[:, 0].tolist()]
        [-1.0, 1.0]

    References:
        Ioffe, Szegedy, "Batch normalization", ICML 2015, algorithm 1, and algorithm 2 for the
        unbiased variance in inference.
    """
    momentum = fraction("batch_norm", "momentum", momentum)
    eps = not_negative("batch_norm", "eps", eps)
    kind = activation_kind("batch_norm", activation)
    x, weight, bias = operands(x, optional=[weight, bias])
    if len(x.shape) < 2:
        raise ShapeError(f"batch_norm: x must be (..., C), but has shape {tuple(x.shape)}")
    x, channels = floating(x), (x.shape[-1],)
    if training:
        _check_updatable(x, running_mean, running_var)
    else:
        _, running_mean, running_var = operands(x, optional=[running_mean, running_var])
    gamma = filled(x, channels, 1.0) if weight is None else weight
    beta = filled(x, channels, 0.0) if bias is None else bias
    given = {
        "weight": gamma,
        "bias": beta,
        "running_mean": running_mean,
        "running_var": running_var,
    }
    for name, value in given.items():
        if value is not None and tuple(value.shape) != channels:
            raise ShapeError(
                f"batch_norm: {name} must have shape {channels} for x of shape {tuple(x.shape)}, "
                f"but has {tuple(value.shape)}"
            )
    if (running_mean is None) != (running_var is None):
        raise ArgumentError("batch_norm: give running_mean and running_var both, or neither")
    if not training:
        if running_mean is None:
            raise ArgumentError(
                "batch_norm: inference needs running_mean and running_var; train first, or pass "
                "training=True to use the batch's own statistics"
            )
        inference = (
            BatchNormInference(eps=eps)
            if kind is None
            else BatchNormInferenceActivation(eps=eps, activation=kind)
        )
        return inference.apply(x, gamma, beta, running_mean, running_var)
    if math.prod(x.shape[:-1]) == 1:
        raise ShapeError(
            f"batch_norm: training needs more than one value per channel, but x has shape "
            f"{tuple(x.shape)}; use a larger batch, or eval()"
        )
    running = () if running_mean is None else (running_mean, running_var)
    op = BatchNorm(eps=eps, momentum=momentum, activation=kind)
    return op.apply(x, gamma, beta, *running)


def _check_updatable(x: Any, *running: Any) -> None:
    for name, value in zip(("running_mean", "running_var"), running, strict=True):
        if value is None:
            continue
        if not hasattr(value, "shape"):
            raise ArgumentTypeError(
                f"batch_norm: {name} is updated in place in training, so it must be a tensor or an "
                f"array, but it is a {type(value).__name__}"
            )
        if value.dtype != x.dtype:
            raise DtypeError(
                f"batch_norm: {name} must have x's dtype {x.dtype}, but it is {value.dtype}; "
                f"convert it with .astype('{x.dtype}')"
            )


def batch_norm_composed(x: Any, weight: Any, bias: Any, *, eps: float = 1e-5) -> Tensor:
    """Training's `batch_norm` as a plain composition: the lesson, and the tests' oracle.

    Example:
        >>> import tinygrad_course as tg
        >>> y = tg.functional.batch_norm_composed(tg.tensor([[1.0], [3.0]]), 1.0, 0.0)
        >>> [round(v, 3) for v in y[:, 0].tolist()]
        [-1.0, 1.0]
    """
    x, weight, bias = operands(x, weight, bias)
    axes = tuple(range(len(x.shape) - 1))
    centred = x - mean(x, axes)
    variance = mean(centred * centred, axes)
    y: Tensor = centred / sqrt(variance + eps) * weight + bias
    return y
