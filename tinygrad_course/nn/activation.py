"""Activations as layers, so that they can stand in a `Sequential`. Read next: `container.py`."""

from __future__ import annotations

from typing import Any

from .. import functional as F  # noqa: N812
from ..errors import ArgumentError, nearest
from ..tensor import Tensor
from .checks import finite
from .module import Module


class ReLU(Module):
    """y = max(x, 0).

    Example:
        >>> import tinygrad_course as tg
        >>> tg.nn.ReLU()(tg.tensor([-1.0, 2.0])).tolist()
        [0.0, 2.0]

    References:
        Nair and Hinton 2010, "Rectified Linear Units Improve Restricted Boltzmann Machines".
    """

    def forward(self, x: Any) -> Tensor:
        """Any shape, unchanged."""
        return F.relu(x)


class LeakyReLU(Module):
    """y = x where x > 0, else negative_slope x.

    Args:
        negative_slope: the slope below 0.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.nn.LeakyReLU(0.5)(tg.tensor([-1.0, 2.0])).tolist()
        [-0.5, 2.0]

    References:
        Maas, Hannun and Ng 2013, "Rectifier Nonlinearities Improve Neural Network Acoustic Models".
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        finite("LeakyReLU", "negative_slope", negative_slope)
        self.negative_slope = negative_slope

    def forward(self, x: Any) -> Tensor:
        """Any shape, unchanged."""
        return F.leaky_relu(x, self.negative_slope)


class Tanh(Module):
    """y = tanh x.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.nn.Tanh()(tg.tensor([0.0])).tolist()
        [0.0]
    """

    def forward(self, x: Any) -> Tensor:
        """Any shape, unchanged."""
        return F.tanh(x)


class Sigmoid(Module):
    """y = 1 / (1 + e^-x).

    Example:
        >>> import tinygrad_course as tg
        >>> tg.nn.Sigmoid()(tg.tensor([0.0])).tolist()
        [0.5]
    """

    def forward(self, x: Any) -> Tensor:
        """Any shape, unchanged."""
        return F.sigmoid(x)


class Softmax(Module):
    """y_i = e^x_i / sum_j e^x_j along one axis. (`CrossEntropyLoss` wants logits instead.)

    Args:
        axis: the axis of the classes.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.nn.Softmax()(tg.tensor([1.0, 1.0])).tolist()
        [0.5, 0.5]
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def forward(self, x: Any) -> Tensor:
        """Any shape, unchanged."""
        return F.softmax(x, self.axis)


class LogSoftmax(Module):
    """y_i = x_i - log sum_j e^x_j along one axis.

    Args:
        axis: the axis of the classes.

    Example:
        >>> import tinygrad_course as tg
        >>> [round(y, 4) for y in tg.nn.LogSoftmax()(tg.tensor([1.0, 1.0])).tolist()]
        [-0.6931, -0.6931]
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def forward(self, x: Any) -> Tensor:
        """Any shape, unchanged."""
        return F.log_softmax(x, self.axis)


class ELU(Module):
    """y = x where x > 0, else alpha (e^x - 1).

    Args:
        alpha: -alpha is what y tends to for a very negative x.

    Example:
        >>> import tinygrad_course as tg
        >>> [round(y, 4) for y in tg.nn.ELU()(tg.tensor([-1.0, 2.0])).tolist()]
        [-0.6321, 2.0]

    References:
        Clevert, Unterthiner and Hochreiter 2016, "Fast and Accurate Deep Network Learning by
        Exponential Linear Units".
    """

    def __init__(self, alpha: float = 1.0) -> None:
        finite("ELU", "alpha", alpha)
        self.alpha = alpha

    def forward(self, x: Any) -> Tensor:
        """Any shape, unchanged."""
        return F.elu(x, self.alpha)


class GELU(Module):
    """y = x Phi(x), Phi the standard normal distribution.

    Args:
        approximate: "none", or "tanh" for the form that needs no error function.

    Example:
        >>> import tinygrad_course as tg
        >>> [round(y, 4) for y in tg.nn.GELU()(tg.tensor([-1.0, 1.0])).tolist()]
        [-0.1587, 0.8413]

    References:
        Hendrycks and Gimpel 2016, "Gaussian Error Linear Units (GELUs)".
    """

    def __init__(self, approximate: str = "none") -> None:
        if approximate not in ("none", "tanh"):
            raise ArgumentError(
                f"GELU: approximate {approximate!r}: {nearest(str(approximate), ['none', 'tanh'])}"
            )
        self.approximate = approximate

    def forward(self, x: Any) -> Tensor:
        """Any shape, unchanged."""
        return F.gelu(x, self.approximate)


class SiLU(Module):
    """y = x sigmoid(x), also called swish.

    Example:
        >>> import tinygrad_course as tg
        >>> [round(y, 4) for y in tg.nn.SiLU()(tg.tensor([-1.0, 1.0])).tolist()]
        [-0.2689, 0.7311]

    References:
        Elfwing, Uchibe and Doya 2018, "Sigmoid-Weighted Linear Units for Neural Network Function
        Approximation in Reinforcement Learning".
    """

    def forward(self, x: Any) -> Tensor:
        """Any shape, unchanged."""
        return F.silu(x)


class Softplus(Module):
    """y = ln(1 + e^(beta x)) / beta, a smooth ReLU.

    Args:
        beta: how sharply it bends.

    Example:
        >>> import tinygrad_course as tg
        >>> [round(y, 4) for y in tg.nn.Softplus()(tg.tensor([0.0, 1000.0])).tolist()]
        [0.6931, 1000.0]
    """

    def __init__(self, beta: float = 1.0) -> None:
        if finite("Softplus", "beta", beta) <= 0.0:
            raise ArgumentError(f"Softplus: beta must be positive, but it is {beta!r}")
        self.beta = beta

    def forward(self, x: Any) -> Tensor:
        """Any shape, unchanged."""
        return F.softplus(x, self.beta)
