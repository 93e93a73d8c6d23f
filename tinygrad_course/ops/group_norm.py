"""Group normalisation and layer normalisation: statistics within each sample, not over the batch.

Both are one op: layer norm has one group and one position. As in `norm.py` the gradient is a
Function that is handed x again, because the statistics depend on it.
Read next: `response_norm.py`.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

from ..backend import Array, launch
from ..composition import pullback_of
from ..dtypes import floating, operands
from ..errors import ArgumentError, ArgumentTypeError, ShapeError
from ..function import Function
from ..tensor import Tensor, filled
from .elementary import sqrt
from .numbers import not_negative, whole
from .reduction import mean, sum
from .shaping import reshape


class GroupNorm(Function):
    """y = gamma (x - mean) / sqrt(var + eps) + beta, mean and var of each group of each sample"""

    name = "group_norm"

    def __init__(self, *, groups: int, eps: float) -> None:
        self.groups = groups
        self.eps = eps

    def forward(self, x: Array, gamma: Array, beta: Array) -> Array:
        y, self.mean, self.var = launch(
            "group_norm", x, gamma, beta, groups=self.groups, eps=self.eps
        )
        return y

    def backward(self, grad: Any, x: Any, gamma: Any, mean: Any, var: Any) -> Any:
        return GroupNormGrad(groups=self.groups, eps=self.eps).apply(grad, x, gamma, mean, var)


class GroupNormGrad(Function):
    """dbeta = sum dy;  dgamma = sum dy z;  dx = (d - mean d - z mean(d z)) / s

    with s = sqrt(var + eps), z = (x - mean) / s and d = dy gamma, the means over each group of each
    sample. mean and var are functions of x, so the second derivative recomputes them from x.
    """

    def __init__(self, *, groups: int, eps: float) -> None:
        self.groups = groups
        self.eps = eps

    def forward(
        self, dy: Array, x: Array, gamma: Array, mean: Array, var: Array
    ) -> tuple[Array, ...]:
        grads: tuple[Array, ...] = launch(
            "group_norm_grad", dy, x, gamma, mean, var, groups=self.groups, eps=self.eps
        )
        return grads

    def backward(self, grad: Any, dy: Any, x: Any, gamma: Any) -> list[Any]:
        return [*pullback_of(self.composed, (dy, x, gamma), grad), None, None]

    def composed(self, dy: Any, x: Any, gamma: Any) -> tuple[Any, ...]:
        split = (*x.shape[:2], self.groups, x.shape[2] // self.groups)
        d, rows = reshape(dy * gamma, split), reshape(x, split)
        if not x.shape[0]:  # no samples, no statistics: everything is empty or a sum of nothing
            return dy * gamma, sum(dy * x, (0, 1)), sum(dy, (0, 1))
        centred = rows - mean(rows, (1, 3), keepdims=True)
        s = sqrt(mean(centred * centred, (1, 3), keepdims=True) + self.eps)
        z = centred / s
        projected = mean(d, (1, 3), keepdims=True) + z * mean(d * z, (1, 3), keepdims=True)
        dgamma = sum(dy * reshape(z, x.shape), (0, 1))
        return reshape((d - projected) / s, x.shape), dgamma, sum(dy, (0, 1))


def layer_norm(
    x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, *, eps: float = 1e-5
) -> Tensor:
    """y = weight (x - mean) / sqrt(var + eps) + bias, over the last axes of x, row by row.

    It is the same in training and in inference, and does not look at the rest of the batch.

    Args:
        x: (..., D), or with several axes to normalise over.
        normalized_shape: the sizes of these last axes: D, or a tuple.
        weight: of that shape, or None for 1.
        bias: of that shape, or None for 0.
        eps: added to the (biased) variance.

    Returns:
        y, of x's shape.

    Raises:
        ShapeError: sizes that do not fit.

    Example:
        >>> import tinygrad_course as tg
        >>> y = tg.layer_norm(tg.tensor([[1.0, 3.0], [10.0, 30.0]]), 2)
        >>> [[round(v, 3) for v in row] for row in y.tolist()]
        [[-1.0, 1.0], [-1.0, 1.0]]

    References:
        Ba, Kiros, Hinton, "Layer normalization", arXiv 1607.06450, section 3.
    """
    x, shape, gamma, beta = _layer_arguments(x, normalized_shape, weight, bias)
    D = math.prod(shape)
    rows = reshape(x, (math.prod(x.shape[: len(x.shape) - len(shape)]), 1, D))
    op = GroupNorm(groups=1, eps=not_negative("layer_norm", "eps", eps))
    op.name = "layer_norm"
    y = op.apply(rows, reshape(gamma, (D,)), reshape(beta, (D,)))
    return reshape(y, x.shape)


def layer_norm_composed(
    x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, *, eps: float = 1e-5
) -> Tensor:
    """`layer_norm` as a plain composition: the lesson, and the tests' oracle.

    Example:
        >>> import tinygrad_course as tg
        >>> y = tg.functional.layer_norm_composed(tg.tensor([[1.0, 3.0]]), 2)
        >>> [round(v, 3) for v in y[0].tolist()]
        [-1.0, 1.0]
    """
    x, shape, gamma, beta = _layer_arguments(x, normalized_shape, weight, bias)
    axes = tuple(range(len(x.shape) - len(shape), len(x.shape)))
    centred = x - mean(x, axes, keepdims=True)
    variance = mean(centred * centred, axes, keepdims=True)
    y: Tensor = centred / sqrt(variance + eps) * gamma + beta
    return y


def group_norm(
    x: Any, num_groups: int, weight: Any = None, bias: Any = None, *, eps: float = 1e-5
) -> Tensor:
    """y = weight (x - mean) / sqrt(var + eps) + bias, over each group of channels of each sample.

    num_groups = C is instance norm, num_groups = 1 takes the whole sample.

    Args:
        x: (N, ..., C): statistics are over all axes between, and C / num_groups channels.
        num_groups: into how many groups of neighbours the channels are cut.
        weight: (C,), or None for 1.
        bias: (C,), or None for 0.
        eps: added to the (biased) variance.

    Returns:
        y, of x's shape.

    Raises:
        ShapeError: sizes that do not fit, or groups that do not divide the channels.
        ArgumentError: num_groups below 1.

    Example:
        >>> import tinygrad_course as tg
        >>> y = tg.group_norm(tg.tensor([[1.0, 3.0, 10.0, 30.0]]), 2)
        >>> [round(v, 3) for v in y[0].tolist()]
        [-1.0, 1.0, -1.0, 1.0]

    References:
        Wu, He, "Group normalization", ECCV 2018, section 3.
    """
    x, gamma, beta = _group_arguments(x, num_groups, weight, bias)
    rows = reshape(x, (x.shape[0], math.prod(x.shape[1:-1]), x.shape[-1]))
    op = GroupNorm(groups=int(num_groups), eps=not_negative("group_norm", "eps", eps))
    return reshape(op.apply(rows, gamma, beta), x.shape)


def group_norm_composed(
    x: Any, num_groups: int, weight: Any = None, bias: Any = None, *, eps: float = 1e-5
) -> Tensor:
    """`group_norm` as a plain composition: the lesson, and the tests' oracle.

    Example:
        >>> import tinygrad_course as tg
        >>> y = tg.functional.group_norm_composed(tg.tensor([[1.0, 3.0, 10.0, 30.0]]), 2)
        >>> [round(v, 3) for v in y[0].tolist()]
        [-1.0, 1.0, -1.0, 1.0]
    """
    x, gamma, beta = _group_arguments(x, num_groups, weight, bias)
    N, C = x.shape[0], x.shape[-1]
    split = reshape(x, (N, math.prod(x.shape[1:-1]), num_groups, C // num_groups))
    centred = split - mean(split, (1, 3), keepdims=True)
    variance = mean(centred * centred, (1, 3), keepdims=True)
    y: Tensor = reshape(centred / sqrt(variance + eps), x.shape) * gamma + beta
    return y


def _layer_arguments(
    x: Any, normalized_shape: Any, weight: Any, bias: Any
) -> tuple[Any, tuple[int, ...], Any, Any]:
    """x as a float, the sizes, and the parameters, all checked."""
    shape = trailing_sizes("layer_norm", normalized_shape)
    x, weight, bias = operands(x, optional=[weight, bias])
    x = floating(x)
    if tuple(x.shape[len(x.shape) - len(shape) :]) != shape or len(x.shape) < len(shape):
        raise ShapeError(
            f"layer_norm: x must end with the axes {shape}, but has shape {tuple(x.shape)}"
        )
    return x, shape, *_parameters("layer_norm", x, shape, weight, bias)


def _group_arguments(x: Any, num_groups: Any, weight: Any, bias: Any) -> tuple[Any, Any, Any]:
    """x as a float and the parameters, all checked."""
    x, weight, bias = operands(x, optional=[weight, bias])
    x = floating(x)
    if len(x.shape) < 2:
        raise ShapeError(f"group_norm: x must be (N, ..., C), but has shape {tuple(x.shape)}")
    num_groups = whole("group_norm", "num_groups", num_groups, least=1)
    if x.shape[-1] % num_groups:
        raise ShapeError(
            f"group_norm: {x.shape[-1]} channels (x of shape {tuple(x.shape)}) do not divide into "
            f"{num_groups} groups"
        )
    return x, *_parameters("group_norm", x, tuple(x.shape[-1:]), weight, bias)


def _parameters(name: str, x: Any, shape: tuple[int, ...], weight: Any, bias: Any) -> list[Any]:
    """Weight and bias of `shape`; ones and zeros where there is none."""
    out = []
    for what, value, default in (("weight", weight, 1.0), ("bias", bias, 0.0)):
        given = filled(x, shape, default) if value is None else value
        if tuple(given.shape) != shape:
            raise ShapeError(
                f"{name}: {what} must have shape {shape} for x of shape {tuple(x.shape)}, but has "
                f"{tuple(given.shape)}"
            )
        out.append(given)
    return out


def trailing_sizes(name: str, value: Any) -> tuple[int, ...]:
    """`normalized_shape` as a tuple of sizes of at least 1."""
    given = tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
    try:
        sizes = tuple([operator.index(n) for n in given])
    except TypeError:
        sizes = ()
    if not sizes:
        raise ArgumentTypeError(
            f"{name}: normalized_shape must be an integer or a tuple of them, but it is {value!r}"
        )
    if min(sizes) < 1:
        raise ArgumentError(f"{name}: normalized_shape must be at least 1, but it is {value!r}")
    return sizes
