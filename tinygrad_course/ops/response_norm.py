"""Local response normalisation: a channel is held down by what its neighbours say (AlexNet).

The papers and the libraries disagree on what alpha multiplies: the sum of the squares under the
window, or their mean. Both are here. Read next: `dropout.py`.
"""

from __future__ import annotations

from typing import Any

from ..backend import Array, array_module, launch
from ..composition import pullback_of
from ..dtypes import floating
from ..errors import ArgumentError, ShapeError
from ..function import Function
from ..tensor import Tensor
from .numbers import number


class WindowSum(Function):
    """y_c = sum of x_j for c - before <= j <= c + after        dL/dx = the mirrored window's sum"""

    def __init__(self, *, before: int, after: int) -> None:
        self.before = before
        self.after = after

    def forward(self, x: Array) -> Array:
        y = array_module(x).array(x, order="C")
        C = x.shape[-1]
        for shift in range(1, min(self.before, C - 1) + 1):
            y[..., shift:] += x[..., : C - shift]
        for shift in range(1, min(self.after, C - 1) + 1):
            y[..., : C - shift] += x[..., shift:]
        return y

    def grad_x(self, grad: Any) -> Any:
        return WindowSum(before=self.after, after=self.before).apply(grad)


class LocalResponseNorm(Function):
    """y = x d^-beta, d = k + alpha sum x^2 over the window"""

    def __init__(self, *, before: int, after: int, alpha: float, beta: float, k: float) -> None:
        self.before = before
        self.after = after
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, x: Array) -> Array:
        return launch("local_response_norm", x, **_settings(self))

    def grad_x(self, grad: Any, x: Any) -> Any:
        return LocalResponseNormGrad(**_settings(self)).apply(grad, x)


class LocalResponseNormGrad(Function):
    """dx = dy d^-beta - 2 alpha beta x sum' (dy x d^(-beta - 1))

    sum' is over the mirrored window: the channels that have this one among their neighbours.
    """

    def __init__(self, *, before: int, after: int, alpha: float, beta: float, k: float) -> None:
        self.before = before
        self.after = after
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, dy: Array, x: Array) -> Array:
        return launch("local_response_norm_grad", dy, x, **_settings(self))

    def backward(self, grad: Any, dy: Any, x: Any) -> Any:
        return pullback_of(self.composed, (dy, x), grad)

    def composed(self, dy: Any, x: Any) -> Any:
        squares = WindowSum(before=self.before, after=self.after).apply(x * x)
        d = squares * self.alpha + self.k
        mirrored = WindowSum(before=self.after, after=self.before)
        felt = mirrored.apply(dy * x * d ** (-self.beta - 1.0))
        return dy * d**-self.beta - x * felt * (2.0 * self.alpha * self.beta)


def _settings(op: LocalResponseNorm | LocalResponseNormGrad) -> dict[str, Any]:
    """What both directions and their kernels take."""
    return {name: getattr(op, name) for name in ("before", "after", "alpha", "beta", "k")}


def local_response_norm(
    x: Any,
    size: int = 5,
    *,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 2.0,
    alpha_per_window: bool = False,
) -> Tensor:
    """b_c = a_c / (k + alpha sum a_j^2)^beta, over `size` neighbouring channels around c.

    The defaults are AlexNet's. With `alpha_per_window` alpha is divided by the size of the window,
    as Caffe and PyTorch do (their default k is 1): the same numbers then mean a weaker norm.

    Args:
        x: (..., C): channels are last.
        size: n, how many channels a window holds; at the border it holds fewer, and the sum
            has fewer terms. An even window has one more before c than after it.
        alpha: the factor of the sum of squares.
        beta: the exponent.
        k: what is added to the sum; with beta > 0 it should be positive.
        alpha_per_window: use alpha / size.

    Returns:
        b, of x's shape.

    Raises:
        ArgumentError: a size below 1.
        ShapeError: no axis for channels.

    Example:
        >>> import tinygrad_course as tg
        >>> a = tg.tensor([[1.0, 1.0, 1.0]])
        >>> tg.local_response_norm(a, 3, alpha=1.0, beta=1.0, k=1.0).tolist()
        [[0.3333333432674408, 0.25, 0.3333333432674408]]
        >>> tg.local_response_norm(a, 3, alpha=3.0, beta=1.0, k=1.0, alpha_per_window=True).tolist()
        [[0.3333333432674408, 0.25, 0.3333333432674408]]

    References:
        Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep convolutional neural
        networks", NIPS 2012, section 3.3.
    """
    x = floating(x)
    if not len(x.shape):
        raise ShapeError("local_response_norm: x must be (..., C), but is a single number")
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise ArgumentError(
            f"local_response_norm: size must be an integer of at least 1, but it is {size!r}"
        )
    return LocalResponseNorm(
        before=size // 2,
        after=(size - 1) // 2,
        alpha=number("local_response_norm", "alpha", alpha) / (size if alpha_per_window else 1),
        beta=number("local_response_norm", "beta", beta),
        k=number("local_response_norm", "k", k),
    ).apply(x)
