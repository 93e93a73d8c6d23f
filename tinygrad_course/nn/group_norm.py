"""Normalization within a sample: layer, group and local response norm. Read next: `dropout.py`."""

from __future__ import annotations

from typing import Any

from .. import functional as F  # noqa: N812
from ..errors import ArgumentError
from ..ops.group_norm import trailing_sizes
from ..tensor import Parameter, Tensor
from . import checks
from .checks import finite, float_dtype, size
from .init import constant, zeros
from .module import Module


class LayerNorm(Module):
    """y = weight (x - mean) / sqrt(var + eps) + bias, over the last axes, row by row.

    Args:
        normalized_shape: the sizes of these axes: D, or a tuple.
        eps: added to the variance, at least 0.
        affine: whether there are a weight (first 1) and a bias (first 0).
        dtype: of the parameters.

    Attributes:
        weight: of normalized_shape, or None.
        bias: of normalized_shape, or None.

    Raises:
        ArgumentError: a size below 1, a negative eps.
        ArgumentTypeError: a size that is no integer, a dtype that is no float.

    Example:
        >>> import tinygrad_course as tg
        >>> layer = tg.nn.LayerNorm(2)
        >>> [round(v, 3) for v in layer(tg.tensor([[1.0, 3.0]]))[0].tolist()]
        [-1.0, 1.0]

    References:
        Ba, Kiros and Hinton 2016, "Layer normalization", section 3.
    """

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        dtype: Any = "float32",
    ) -> None:
        shape = trailing_sizes("LayerNorm", normalized_shape)
        _check_eps("LayerNorm", eps)
        self.normalized_shape = normalized_shape
        self.eps = eps
        self.affine = affine
        self.dtype = float_dtype("LayerNorm", dtype)
        self.weight = Parameter(constant(shape, 1.0, dtype=self.dtype)) if affine else None
        self.bias = Parameter(zeros(shape, dtype=self.dtype)) if affine else None

    def forward(self, x: Any) -> Tensor:
        """(..., *normalized_shape), unchanged."""
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, eps=self.eps)


class GroupNorm(Module):
    """y = weight (x - mean) / sqrt(var + eps) + bias, over groups of channels of each sample.

    Args:
        num_groups: into how many groups the channels are cut; num_channels gives instance norm.
        num_channels: C.
        eps: added to the variance, at least 0.
        affine: whether there are a weight (first 1) and a bias (first 0).
        dtype: of the parameters.

    Attributes:
        weight: (C,), or None.
        bias: (C,), or None.

    Raises:
        ArgumentError: a size below 1, groups that do not divide the channels, a negative eps.
        ArgumentTypeError: a size that is no integer, a dtype that is no float.

    Example:
        >>> import tinygrad_course as tg
        >>> layer = tg.nn.GroupNorm(2, 4)
        >>> [round(v, 3) for v in layer(tg.tensor([[1.0, 3.0, 10.0, 30.0]]))[0].tolist()]
        [-1.0, 1.0, -1.0, 1.0]

    References:
        Wu and He 2018, "Group normalization", section 3.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        dtype: Any = "float32",
    ) -> None:
        shape = (size("GroupNorm", "num_channels", num_channels),)
        if shape[0] % size("GroupNorm", "num_groups", num_groups):
            raise ArgumentError(
                f"GroupNorm: num_groups must divide num_channels, but {num_groups} does not "
                f"divide {num_channels}"
            )
        _check_eps("GroupNorm", eps)
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self.dtype = float_dtype("GroupNorm", dtype)
        self.weight = Parameter(constant(shape, 1.0, dtype=self.dtype)) if affine else None
        self.bias = Parameter(zeros(shape, dtype=self.dtype)) if affine else None

    def forward(self, x: Any) -> Tensor:
        """(N, ..., C), unchanged."""
        return F.group_norm(x, self.num_groups, self.weight, self.bias, eps=self.eps)


class LocalResponseNorm(Module):
    """b_c = a_c / (k + alpha sum a_j^2)^beta, over neighbouring channels: AlexNet's norm.

    Args:
        size: how many channels a window holds.
        alpha: the factor of the sum of squares.
        beta: the exponent.
        k: what is added to the sum.
        alpha_per_window: divide alpha by the size, as Caffe and PyTorch do.

    Raises:
        ArgumentError: a size below 1.
        ArgumentTypeError: a size that is no integer.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> tg.nn.LocalResponseNorm()(tg.tensor(np.ones((1, 5, 5, 96), "float32"))).shape
        (1, 5, 5, 96)

    References:
        Krizhevsky, Sutskever and Hinton 2012, "ImageNet classification with deep convolutional
        neural networks", section 3.3.
    """

    def __init__(
        self,
        size: int = 5,
        alpha: float = 1e-4,
        beta: float = 0.75,
        k: float = 2.0,
        alpha_per_window: bool = False,
    ) -> None:
        self.size = checks.size("LocalResponseNorm", "size", size)
        self.alpha = finite("LocalResponseNorm", "alpha", alpha)
        self.beta = finite("LocalResponseNorm", "beta", beta)
        self.k = finite("LocalResponseNorm", "k", k)
        self.alpha_per_window = alpha_per_window

    def forward(self, x: Any) -> Tensor:
        """(..., C), unchanged."""
        return F.local_response_norm(
            x,
            self.size,
            alpha=self.alpha,
            beta=self.beta,
            k=self.k,
            alpha_per_window=self.alpha_per_window,
        )


def _check_eps(layer: str, eps: Any) -> None:
    if finite(layer, "eps", eps) < 0:
        raise ArgumentError(f"{layer}: eps must be at least 0, but it is {eps!r}")
