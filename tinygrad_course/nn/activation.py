"""Activations as layers, so that they can stand in a `Sequential`. Read next: `container.py`."""

from __future__ import annotations

from typing import Any

from .. import functional as F  # noqa: N812
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
