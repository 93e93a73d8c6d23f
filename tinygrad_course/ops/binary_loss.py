"""Losses for two classes: cross-entropy of logits or of probabilities, and the logistic loss.

The labels are 0 and 1 in the first two, -1 and 1 in the third. Read next: `margin_loss.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array
from ..dtypes import operands
from ..errors import ArgumentError, ShapeError
from ..pointwise import Unary
from ..tensor import Tensor, values
from .choice import maximum, where
from .elementary import sigmoid, softplus
from .targets import Loss, first, floats, reduced, same_shape, sign_targets


class BinaryCrossEntropy(Loss):
    """l = max(x, 0) - x t + log(1 + e^-|x|)        dL/dx = dL/dl (sigmoid(x) - t)

    which is -t log sigmoid(x) - (1 - t) log(1 - sigmoid(x)) without a log of a small number.
    dL/dt = -dL/dl x
    """

    name = "binary_cross_entropy_with_logits"

    def forward(self, x: Array, t: Array) -> Array:
        x, t = self.fitting(x, t)
        return self.reduced(np.maximum(x, 0) - x * t + np.log1p(np.exp(-abs(x))))

    def grad_x(self, grad: Any, x: Any, t: Any) -> Any:
        return grad * (sigmoid(x) - t)

    def grad_t(self, grad: Any, x: Any) -> Any:
        return -grad * x


class ProbabilityCrossEntropy(Loss):
    """l = -t ln x - (1 - t) ln(1 - x), both logarithms at least -100

    dL/dx = dL/dl (x - t) / (x (1 - x)), the denominator at least 1e-12 (of float16, 6e-5)
    dL/dt = dL/dl (ln(1 - x) - ln x)
    """

    name = "binary_cross_entropy"

    def forward(self, x: Array, t: Array) -> Array:
        x, t = self.fitting(x, t)
        with np.errstate(divide="ignore"):
            yes, no = np.maximum(np.log(x), -100), np.maximum(np.log1p(-x), -100)
        return self.reduced(-t * yes - (1 - t) * no)

    def grad_x(self, grad: Any, x: Any, t: Any) -> Any:
        return grad * (x - t) / maximum(x * (1.0 - x), _least(x.dtype))

    def grad_t(self, grad: Any, x: Any) -> Any:
        return grad * (_bounded_log(1.0 - x) - _bounded_log(x))


def _least(dtype: Any) -> float:
    """1e-12, or what is 0 no more in this dtype: float16's smallest normal number is 6e-5."""
    return max(1e-12, float(np.finfo(dtype).tiny))


class BoundedLog(Unary):
    """y = max(ln x, -100)        dL/dx = dL/dy / x, 0 where y = -100"""

    def forward(self, x: Array) -> Array:
        with np.errstate(divide="ignore"):
            return np.maximum(np.log(x), -100)

    def grad_x(self, grad: Any, x: Any, y: Any) -> Any:
        bound = y == -100.0
        return where(bound, 0.0, grad / where(bound, 1.0, x))


def _bounded_log(x: Any) -> Any:
    return BoundedLog().apply(x)


def binary_cross_entropy_with_logits(
    logits: Any, targets: Any, *, pos_weight: Any = None, reduction: str = "mean"
) -> Tensor:
    """-w t log p - (1 - t) log(1 - p) with p = sigmoid(logits); stable for any logits.

    Args:
        logits: any shape, before any sigmoid.
        targets: probabilities (or 0 and 1) of the same shape.
        pos_weight: w, how much a positive counts, a number or one for each of the last axis; None
            is 1. As many negatives as there are for each positive make up for a rare class.
        reduction: "mean" over all elements (not weighted, as in PyTorch), "sum" or "none".

    Raises:
        ShapeError: shapes that differ, or weights that do not broadcast to them.

    Example:
        >>> import tinygrad_course as tg
        >>> loss = tg.binary_cross_entropy_with_logits(tg.tensor([0.0]), tg.tensor([1.0]))
        >>> round(loss.item(), 4)
        0.6931
    """
    if pos_weight is None:
        return BinaryCrossEntropy(reduction=reduction).apply(logits, targets)
    x, t = floats(*same_shape("binary_cross_entropy_with_logits", logits, targets))
    # -t log p = t softplus(-x), and there it stays small where p is nearly 1.
    more = (_positive_weight(pos_weight, x) - 1.0) * t * softplus(-x)
    losses = BinaryCrossEntropy(reduction="none").apply(x, t) + more
    return reduced("binary_cross_entropy_with_logits", losses, reduction)


def _positive_weight(weight: Any, x: Any) -> Array:
    """The weight of a positive, a constant of x's dtype that broadcasts to x's shape."""
    weights: Array = values(operands(x, weight)[1])
    shape, have = tuple(x.shape), tuple(weights.shape)
    if len(have) > len(shape) or any(
        n not in (1, m) for n, m in zip(have[::-1], shape[::-1], strict=False)
    ):
        raise ShapeError(
            f"binary_cross_entropy_with_logits: pos_weight of shape {have} does not broadcast to "
            f"logits of shape {shape}; give one number, or one for each of the last axis"
        )
    return weights.astype(x.dtype)


def binary_cross_entropy(probabilities: Any, targets: Any, *, reduction: str = "mean") -> Tensor:
    """-t ln p - (1 - t) ln(1 - p), of probabilities p.

    Where a logit is at hand, `binary_cross_entropy_with_logits` is exact and stable; here p = 0 and
    p = 1 have lost it. As in PyTorch, a logarithm is at least -100, so that a wrong certainty costs
    100, and the gradient's denominator p (1 - p) at least 1e-12 (in float16, its
    smallest normal number). (The gradient of t is bounded by 100 as well, where PyTorch's is
    infinite.)

    Args:
        probabilities: p, from 0 to 1, any shape.
        targets: t, probabilities (or 0 and 1) of the same shape.
        reduction: "mean" over all elements, "sum" or "none".

    Raises:
        ShapeError: shapes that differ. ArgumentError: p outside 0 .. 1.

    Example:
        >>> import tinygrad_course as tg
        >>> p, t = tg.tensor([0.5, 0.0]), tg.tensor([1.0, 1.0])
        >>> [round(v, 4) for v in tg.binary_cross_entropy(p, t, reduction="none").tolist()]
        [0.6931, 100.0]
    """
    p, targets = same_shape("binary_cross_entropy", probabilities, targets)
    given = values(p)
    wrong = (given < 0) | (given > 1)
    if wrong.any():
        place = first(wrong)
        raise ArgumentError(
            f"binary_cross_entropy: {given[place]} at {place} is no probability; for logits use "
            "binary_cross_entropy_with_logits"
        )
    return ProbabilityCrossEntropy(reduction=reduction).apply(p, targets)


def logistic_loss(scores: Any, targets: Any, *, reduction: str = "mean") -> Tensor:
    """ln(1 + e^(-y z)) for scores z and labels y of -1 or 1; stable for any score.

    With p = sigmoid(z) it is -ln |y / 2 - 1/2 + p|: -ln p for y = 1, -ln(1 - p) for y = -1.

    Args:
        scores: z, any shape.
        targets: y, -1 or 1, the same shape.
        reduction: "mean" over all elements, "sum" or "none".

    Raises:
        ShapeError: shapes that differ. ArgumentError: a label that is neither -1 nor 1.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> loss = tg.logistic_loss(tg.tensor([0.0, -1000.0]), np.array([1, 1]), reduction="none")
        >>> [round(v, 4) for v in loss.tolist()]
        [0.6931, 1000.0]
    """
    scores, targets = sign_targets("logistic_loss", scores, targets)
    return reduced("logistic_loss", softplus(-(scores * targets)), reduction)
