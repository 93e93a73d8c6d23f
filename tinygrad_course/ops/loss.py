"""Losses: cross-entropy, mean squared error, binary cross-entropy with logits.

Each is a value per sample first, then a reduction. The last family; `nn/` stands on these.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array, as_array, is_array, launch
from ..dtypes import floating
from ..errors import ArgumentError, DtypeError, IndexingError, ShapeError, nearest
from ..function import Function
from ..tensor import Tensor
from .activation import log_softmax, softmax
from .elementary import sigmoid
from .indexing import place_last, take_last
from .reduction import mean, sum


class SoftmaxCrossEntropy(Function):
    """y = log sum_j e^logits_j - logits_target        dL/dlogits = dL/dy (softmax - onehot)"""

    def forward(self, logits: Array, targets: Array) -> Array:
        return launch("softmax_cross_entropy", logits, targets)

    def grad_logits(self, grad: Any, logits: Any, targets: Any) -> Any:
        return SoftmaxCrossEntropyGrad().apply(grad, logits, targets)


class SoftmaxCrossEntropyGrad(Function):
    """dx = dy (p - onehot), p = softmax(logits)

    dL/ddy = sum dL/ddx (p - onehot)        dL/dlogits = p (v - sum p v), v = dL/ddx dy
    """

    def forward(self, dy: Array, logits: Array, targets: Array) -> Array:
        return launch("softmax_cross_entropy_grad", dy, logits, targets)

    def grad_dy(self, grad: Any, logits: Any, targets: Any) -> Any:
        return (grad * softmax(logits)).sum(axis=-1) - take_last(grad, targets)

    def grad_logits(self, grad: Any, dy: Any, logits: Any) -> Any:
        p = softmax(logits)
        v = grad * dy.reshape((*dy.shape, 1))
        return p * (v - (p * v).sum(axis=-1, keepdims=True))


class BinaryCrossEntropy(Function):
    """y = max(x, 0) - x t + log(1 + e^-|x|)        dL/dx = dL/dy (sigmoid(x) - t)

    which is -t log sigmoid(x) - (1 - t) log(1 - sigmoid(x)) without a log of a small number.
    """

    def forward(self, x: Array, t: Array) -> Array:
        return np.maximum(x, 0) - x * t + np.log1p(np.exp(-abs(x)))

    def grad_x(self, grad: Any, x: Any, t: Any) -> Any:
        return grad * (sigmoid(x) - t)

    def grad_t(self, grad: Any, x: Any) -> Any:
        return -grad * x


def cross_entropy(logits: Any, targets: Any, *, reduction: str = "mean") -> Tensor:
    """Cross-entropy of softmax(logits) against targets; stable for any logits.

    loss = -log softmax(logits)[target], or -sum_k target_k log softmax(logits)_k.

    Args:
        logits: (..., K), before any softmax.
        targets: classes, integers of shape (...) from 0 to K - 1; or probabilities (..., K).
        reduction: "mean" over the samples, "sum", or "none".

    Returns:
        A scalar; shape (...) for "none".

    Raises:
        ShapeError: shapes that do not fit. IndexingError: a label out of range.
        DtypeError: float targets of the labels' shape.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> loss = tg.cross_entropy(tg.tensor([[0.0, 0.0]]), np.array([1]))
        >>> round(loss.item(), 4)
        0.6931

    References:
        Bridle, "Probabilistic interpretation of feedforward classification network outputs", 1990.
    """
    targets = _targets("cross_entropy", logits, targets)
    if targets.dtype.kind == "f":
        losses = -sum(targets * log_softmax(logits), -1)
    else:
        losses = SoftmaxCrossEntropy().apply(floating(logits), targets)
    return _reduced("cross_entropy", losses, reduction)


def softmax_cross_entropy_composed(logits: Any, targets: Any, *, reduction: str = "mean") -> Tensor:
    """`cross_entropy` of integer targets as a plain composition: the tests' oracle.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> z, t = tg.tensor([[0.0, 0.0]]), np.array([1])
        >>> round(tg.functional.softmax_cross_entropy_composed(z, t).item(), 4)
        0.6931
    """
    targets = _targets("softmax_cross_entropy_composed", logits, targets)
    losses = -take_last(log_softmax(logits), targets)
    return _reduced("softmax_cross_entropy_composed", losses, reduction)


def one_hot(targets: Any, classes: int) -> Array:
    """Integer classes (...) as float32 rows (..., classes) of zeros with one 1.

    Example:
        >>> import numpy as np
        >>> one_hot(np.array([1]), 3).tolist()
        [[0.0, 1.0, 0.0]]
    """
    index = targets.numpy() if isinstance(targets, Tensor) else np.asarray(targets)
    return place_last(np.ones(index.shape, np.float32), index, size=classes)


def mse(y: Any, target: Any, *, reduction: str = "mean") -> Tensor:
    """Squared error (y - target)^2, its mean over all elements by default. (No factor 1/2.)

    Args:
        y: predictions, any shape.
        target: the same shape; (N, 1) beside (N,) would broadcast to (N, N), so it is refused.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: shapes that differ.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.mse(tg.tensor([1.0, 2.0]), tg.tensor([1.0, 4.0])).item()
        2.0
    """
    y, target = _same_shape("mse", y, target)
    difference = y - target
    return _reduced("mse", difference * difference, reduction)


def binary_cross_entropy_with_logits(
    logits: Any, targets: Any, *, reduction: str = "mean"
) -> Tensor:
    """-t log p - (1 - t) log(1 - p) with p = sigmoid(logits); stable for any logits.

    Args:
        logits: any shape, before any sigmoid.
        targets: probabilities (or 0 and 1) of the same shape.
        reduction: "mean" over all elements, "sum" or "none".

    Raises:
        ShapeError: shapes that differ.

    Example:
        >>> import tinygrad_course as tg
        >>> loss = tg.binary_cross_entropy_with_logits(tg.tensor([0.0]), tg.tensor([1.0]))
        >>> round(loss.item(), 4)
        0.6931
    """
    logits, targets = _same_shape("binary_cross_entropy_with_logits", logits, targets)
    if targets.dtype != logits.dtype and targets.dtype.kind != "f":
        targets = targets.astype(logits.dtype)
    losses = BinaryCrossEntropy().apply(logits, targets)
    return _reduced("binary_cross_entropy_with_logits", losses, reduction)


def _array_or_tensor(x: Any) -> Any:
    return x if isinstance(x, Tensor) or is_array(x) else as_array(x)


def _same_shape(name: str, y: Any, target: Any) -> tuple[Any, Any]:
    y, target = _array_or_tensor(y), _array_or_tensor(target)
    if tuple(y.shape) != tuple(target.shape):
        raise ShapeError(
            f"{name}: predictions have shape {tuple(y.shape)}, but targets {tuple(target.shape)}; "
            "they must be equal (broadcasting would compare every prediction with every target)"
        )
    return y, target


def _targets(name: str, logits: Any, targets: Any) -> Any:
    """The targets as an array or a tensor that fits the logits."""
    targets = _array_or_tensor(targets)
    shape, have = tuple(logits.shape), tuple(targets.shape)
    if not shape or not shape[-1]:
        raise ShapeError(
            f"{name}: logits must be (..., K) with K >= 1 classes, but have shape {shape}"
        )
    if targets.dtype.kind == "f":
        if have == shape:
            return targets
        if have == shape[:-1]:
            raise DtypeError(
                f"{name}: classes must be integers, but the targets are {targets.dtype}; convert "
                "them with .astype('int64') (probabilities would have the logits' shape)"
            )
    if targets.dtype.kind not in "iu" or have != shape[:-1]:
        raise ShapeError(
            f"{name}: logits of shape {shape} need integer classes of shape {shape[:-1]} or "
            f"probabilities of shape {shape}, but the targets are {targets.dtype} of shape {have}"
        )
    labels = targets.numpy() if isinstance(targets, Tensor) else targets
    wrong = (labels < 0) | (labels >= shape[-1])
    if wrong.any():
        place = tuple([int(i[0]) for i in wrong.nonzero()])
        raise IndexingError(
            f"{name}: label {int(labels[place])} at {place} is no class: logits of shape {shape} "
            f"have classes 0 .. {shape[-1] - 1}"
        )
    return targets


def _reduced(name: str, losses: Tensor, reduction: str) -> Tensor:
    if reduction == "mean":
        return mean(losses)
    if reduction == "sum":
        return sum(losses)
    if reduction != "none":
        raise ArgumentError(
            f"{name}: reduction {reduction!r}: {nearest(str(reduction), ['mean', 'sum', 'none'])}"
        )
    return losses
