"""Activations: relu and its kin (tanh, sigmoid and softplus: `elementary.py`).

Read next: `softmax.py`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..backend import Array, launch
from ..errors import ArgumentError, nearest
from ..pointwise import Unary
from ..tensor import Tensor
from .arithmetic import sign
from .choice import minimum, where
from .elementary import exp, sigmoid, tanh
from .epilogue import LARGE, activation_grad
from .erf import erf
from .numbers import number

ZERO = {np.dtype(d): np.zeros((), d) for d in ("float32", "float64")}
SQRT_2_PI = math.sqrt(2.0 / math.pi)
CUBIC = 0.044715


class ReLU(Unary):
    """y = max(x, 0)        dL/dx = dL/dy sign(y), 0 at the kink"""

    keeps_integers = True

    def forward(self, x: Array) -> Array:
        if x.size >= LARGE or x.__class__ is not np.ndarray:
            return launch("activation", x, None, kind="relu")
        # A 0-d array of x's dtype: NumPy needs half the time it takes for a Python number.
        return np.maximum(x, ZERO.get(x.dtype, 0))

    def grad_x(self, grad: Any, y: Any) -> Any:
        return grad * sign(y) if y.size < LARGE else activation_grad(grad, y, "relu")


class LeakyReLU(Unary):
    """y = x where x > 0, else slope x        dL/dx = dL/dy (1 or slope); slope at the kink"""

    name = "leaky_relu"

    def __init__(self, *, slope: float) -> None:
        self.slope = slope

    def forward(self, x: Array) -> Array:
        return np.where(x > 0, x, x * self.slope)

    def grad_x(self, grad: Any, x: Any) -> Any:
        return where(x > 0.0, grad, grad * self.slope)


class ELU(Unary):
    """y = x where x > 0, else alpha (e^x - 1)        dL/dx = dL/dy (1 or alpha e^x)"""

    def __init__(self, *, alpha: float) -> None:
        self.alpha = alpha

    def forward(self, x: Array) -> Array:
        return np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0)))

    def grad_x(self, grad: Any, x: Any) -> Any:
        # The power of a large x is not wanted, and would overflow.
        return where(x > 0.0, grad, grad * self.alpha * exp(minimum(x, 0.0)))


class GELU(Unary):
    """y = x Phi(x)        dL/dx = dL/dy (Phi(x) + x phi(x))

    Phi(x) = (1 + erf(x / sqrt 2)) / 2 is the normal distribution, phi(x) = e^(-x^2 / 2) /
    sqrt(2 pi) its density.
    """

    def forward(self, x: Array) -> Array:
        return x * (0.5 * (1.0 + erf(x * math.sqrt(0.5))))

    def grad_x(self, grad: Any, x: Any) -> Any:
        phi = exp(-0.5 * x * x) * (1.0 / math.sqrt(2.0 * math.pi))
        return grad * (0.5 * (1.0 + erf(x * math.sqrt(0.5))) + x * phi)


class GELUTanh(Unary):
    """y = x / 2 (1 + t)        dL/dx = dL/dy ((1 + t) / 2 + x / 2 (1 - t^2) u')

    with t = tanh u, u = sqrt(2 / pi) (x + 0.044715 x^3), u' = sqrt(2 / pi) (1 + 0.134145 x^2).
    """

    def forward(self, x: Array) -> Array:
        return 0.5 * x * (1.0 + np.tanh(SQRT_2_PI * (x + CUBIC * (x * x * x))))

    def grad_x(self, grad: Any, x: Any) -> Any:
        t = tanh(SQRT_2_PI * (x + CUBIC * (x * x * x)))
        slope = SQRT_2_PI * (1.0 + 3.0 * CUBIC * (x * x))
        return grad * (0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * slope)


class SiLU(Unary):
    """y = x s, s = sigmoid(x)        dL/dx = dL/dy s (1 + x (1 - s))"""

    def forward(self, x: Array) -> Array:
        return x * sigmoid(x)

    def grad_x(self, grad: Any, x: Any) -> Any:
        s = sigmoid(x)
        return grad * (s * (1.0 + x * (1.0 - s)))


def relu(x: Any) -> Tensor:
    """y = max(x, 0); the gradient at 0 is 0.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.relu(tg.tensor([-1.0, 2.0])).tolist()
        [0.0, 2.0]

    References:
        Nair, Hinton, "Rectified linear units improve restricted Boltzmann machines", ICML 2010.
    """
    return ReLU().apply(x)


def leaky_relu(x: Any, negative_slope: float = 0.01) -> Tensor:
    """y = x where x > 0, else negative_slope x; the gradient at 0 is negative_slope.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.leaky_relu(tg.tensor([-10.0, 2.0]), 0.5).tolist()
        [-5.0, 2.0]

    References:
        Maas, Hannun, Ng, "Rectifier nonlinearities improve neural network acoustic models", 2013.
    """
    return LeakyReLU(slope=number("leaky_relu", "negative_slope", negative_slope)).apply(x)


def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """y = x where x > 0, else alpha (e^x - 1); the gradient at 0 is alpha.

    Args:
        x: a tensor or an array.
        alpha: -alpha is what y tends to for a very negative x.

    Example:
        >>> import tinygrad_course as tg
        >>> [round(v, 4) for v in tg.elu(tg.tensor([-1.0, 2.0])).tolist()]
        [-0.6321, 2.0]

    References:
        Clevert, Unterthiner, Hochreiter, "Fast and accurate deep network learning by exponential
        linear units", ICLR 2016.
    """
    return ELU(alpha=number("elu", "alpha", alpha)).apply(x)


def gelu(x: Any, approximate: str = "none") -> Tensor:
    """y = x Phi(x): x times the probability that a standard normal variable lies below x.

    Args:
        x: a tensor or an array.
        approximate: "none" for Phi(x) = (1 + erf(x / sqrt 2)) / 2; "tanh" for
            (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2, within 5e-4 of it, as GPT-2 has it.

    Raises:
        ArgumentError: another approximation.

    Example:
        >>> import tinygrad_course as tg
        >>> [round(v, 4) for v in tg.gelu(tg.tensor([-1.0, 0.0, 1.0])).tolist()]
        [-0.1587, 0.0, 0.8413]
        >>> round(tg.gelu(tg.tensor([1.0]), "tanh").item(), 4)
        0.8412

    References:
        Hendrycks, Gimpel, "Gaussian error linear units (GELUs)", 2016, section 2.
    """
    if approximate not in ("none", "tanh"):
        raise ArgumentError(
            f"gelu: approximate {approximate!r}: {nearest(str(approximate), ['none', 'tanh'])}"
        )
    return (GELU() if approximate == "none" else GELUTanh()).apply(x)


def silu(x: Any) -> Tensor:
    """y = x sigmoid(x), also called swish.

    Example:
        >>> import tinygrad_course as tg
        >>> [round(v, 4) for v in tg.silu(tg.tensor([-1.0, 0.0, 1.0])).tolist()]
        [-0.2689, 0.0, 0.7311]

    References:
        Elfwing, Uchibe, Doya, "Sigmoid-weighted linear units for neural network function
        approximation in reinforcement learning", Neural Networks 107, 2018.
    """
    return SiLU().apply(x)
