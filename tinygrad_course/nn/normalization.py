"""Normalization layers. Read next: `dropout.py`, or `../ops/norm.py` for the mathematics."""

from __future__ import annotations

from typing import Any

from .. import functional as F  # noqa: N812
from ..errors import ArgumentError
from ..ops.epilogue import activation_kind
from ..tensor import Parameter, Tensor
from .checks import finite, float_dtype, fraction, size
from .init import constant, zeros
from .module import Module


class BatchNorm(Module):
    """y = f(weight (x - mean) / sqrt(var + eps) + bias), for each channel of the last axis.

    One class for (N, C), (N, T, C) and (N, H, W, C): statistics are taken over all axes but the
    last. In training they are the batch's, and the running statistics move towards them (the
    variance's unbiased form); after `eval()` the running ones are used.

    Args:
        num_features: C.
        eps: added to the variance, at least 0.
        momentum: how far the running statistics move at a batch, 0 to 1.
        affine: whether there are a weight (first 1) and a bias (first 0).
        activation: f: "relu", "tanh" or "sigmoid", in the same kernel; None for no f, or for one
            that is a layer of its own after this one.
        dtype: of parameters and running statistics.

    Attributes:
        weight: (C,), or None.
        bias: (C,), or None.
        running_mean: (C,), a buffer, first 0.
        running_var: (C,), a buffer, first 1.

    Raises:
        ArgumentError: a size below 1, a momentum outside 0 .. 1, a negative eps, another
            activation.
        ArgumentTypeError: a size that is no integer, a dtype that is no float.

    Example:
        >>> import tinygrad_course as tg
        >>> layer = tg.nn.BatchNorm(1)
        >>> [round(v, 3) for v in layer(tg.tensor([[1.0], [3.0]]))[:, 0].tolist()]
        [-1.0, 1.0]
        >>> [round(v, 3) for v in layer.eval()(tg.tensor([[1.0], [3.0]]))[:, 0].tolist()]
        [0.763, 2.67]

    References:
        Ioffe and Szegedy 2015, "Batch Normalization", algorithms 1 and 2.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        *,
        activation: str | None = None,
        dtype: Any = "float32",
    ) -> None:
        shape = (size("BatchNorm", "num_features", num_features),)
        if finite("BatchNorm", "eps", eps) < 0:
            raise ArgumentError(f"BatchNorm: eps must be at least 0, but it is {eps!r}")
        fraction("BatchNorm", "momentum", momentum)
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.activation = activation_kind("BatchNorm", activation)
        self.dtype = float_dtype("BatchNorm", dtype)
        self.weight = Parameter(constant(shape, 1.0, dtype=self.dtype)) if affine else None
        self.bias = Parameter(zeros(shape, dtype=self.dtype)) if affine else None
        self.running_mean = Tensor(zeros(shape, dtype=self.dtype))
        self.running_var = Tensor(constant(shape, 1.0, dtype=self.dtype))

    def forward(self, x: Any) -> Tensor:
        """(..., C) to (..., C)."""
        return F.batch_norm(
            x,
            self.weight,
            self.bias,
            self.running_mean,
            self.running_var,
            training=self.training,
            momentum=self.momentum,
            eps=self.eps,
            activation=self.activation,
        )
