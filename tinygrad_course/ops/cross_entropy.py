"""Losses for classes: softmax cross-entropy in one kernel, and negative log-likelihood.

Each is a value per sample, and their reduction. Read next: `binary_loss.py`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..backend import Array, launch
from ..dtypes import floating, operand, operands
from ..errors import ArgumentError, DtypeError, IndexingError, ShapeError
from ..function import Function
from ..tensor import Tensor, filled, values
from .choice import where
from .gathering import as_index, take
from .indexing import place_last, take_last
from .numbers import fraction, whole
from .reduction import sum
from .softmax import log_softmax, softmax
from .targets import Loss, class_targets, reduced


class SoftmaxCrossEntropy(Loss):
    """l = log sum_j e^logits_j - logits_target        dL/dlogits = dL/dl (softmax - onehot)"""

    name = "cross_entropy"
    promotes = False  # classes stay integers

    def forward(self, logits: Array, targets: Array) -> Array:
        return self.reduced(launch("softmax_cross_entropy", logits, targets))

    def grad_logits(self, grad: Any, logits: Any, targets: Any) -> Any:
        return SoftmaxCrossEntropyGrad().apply(grad, logits, targets)


class SoftmaxCrossEntropyGrad(Function):
    """dx = dy (p - onehot), p = softmax(logits); dy of each sample, or one number for all

    dL/ddy = sum dL/ddx (p - onehot)        dL/dlogits = p (v - sum p v), v = dL/ddx dy
    """

    def forward(self, dy: Array, logits: Array, targets: Array) -> Array:
        self.one_for_all = dy.ndim < targets.ndim
        if self.one_for_all:
            dy = filled(logits, targets.shape, dy)
        return launch("softmax_cross_entropy_grad", dy, logits, targets)

    def grad_dy(self, grad: Any, logits: Any, targets: Any) -> Any:
        owed = (grad * softmax(logits)).sum(axis=-1) - take_last(grad, targets)
        return owed.sum() if self.one_for_all else owed

    def grad_logits(self, grad: Any, dy: Any, logits: Any) -> Any:
        p = softmax(logits)
        v = grad * dy.reshape((*dy.shape, 1))
        return p * (v - (p * v).sum(axis=-1, keepdims=True))


def cross_entropy(
    logits: Any,
    targets: Any,
    *,
    weight: Any = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    """Cross-entropy of softmax(logits) against targets; stable for any logits.

    loss = -sum_k w_k t_k log softmax(logits)_k, where t is 1 at the class and 0 elsewhere, or the
    probabilities given. With label smoothing e, (1 - e) t_k + e / K stands for t_k.

    Args:
        logits: (..., K), before any softmax.
        targets: classes, integers of shape (...) from 0 to K - 1; or probabilities (..., K).
        weight: w, (K,), a weight for each class; a constant.
        ignore_index: samples of this label, in 0 .. K - 1 or not, count for nothing: no loss, no
            gradient, no share in the mean. For classes only.
        label_smoothing: e, from 0 to 1.
        reduction: "mean", "sum", or "none". The mean of classes is weighted: the sum divided by the
            sum of w at the targets; the mean of probabilities divides by the number of samples.

    Returns:
        A scalar; shape (...) for "none". The mean of no samples, or of ignored ones alone, is NaN;
        its gradient is 0.

    Raises:
        ShapeError: shapes that do not fit. IndexingError: a label out of range.
        DtypeError: float targets of the labels' shape.
        ArgumentError: smoothing outside 0 .. 1; ignore_index for probabilities.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> loss = tg.cross_entropy(tg.tensor([[0.0, 0.0]]), np.array([1]))
        >>> round(loss.item(), 4)
        0.6931
        >>> logits, classes = tg.tensor([[2.0, 0.0], [0.0, 9.0]]), np.array([1, -1])
        >>> round(tg.cross_entropy(logits, classes, ignore_index=-1).item(), 4)
        2.1269

    References:
        Bridle, "Probabilistic interpretation of feedforward classification network outputs", 1990;
        Szegedy et al., "Rethinking the Inception architecture", CVPR 2016, section 7, for the
        smoothing.
    """
    logits = floating(logits)
    targets = class_targets("cross_entropy", logits, targets, ignore_index)
    label_smoothing = fraction("cross_entropy", "label_smoothing", label_smoothing)
    K = float(logits.shape[-1])
    w = _class_weights("cross_entropy", weight, logits)
    if targets.dtype.kind == "f":
        if ignore_index is not None:
            raise ArgumentError(
                "cross_entropy: ignore_index is a label, but the targets are probabilities; give "
                "the rows to ignore zeros"
            )
        t = targets * (1.0 - label_smoothing) + label_smoothing / K if label_smoothing else targets
        log_p = log_softmax(logits)
        return reduced(
            "cross_entropy", -sum(t * (log_p if w is None else log_p * w), -1), reduction
        )
    rows = _Rows(targets, ignore_index, w, logits)
    if rows.weights is None and not label_smoothing:
        return SoftmaxCrossEntropy(reduction=reduction).apply(logits, rows.targets)
    losses = SoftmaxCrossEntropy(reduction="none").apply(logits, rows.targets)
    if not label_smoothing:
        return rows.reduced("cross_entropy", rows.weighted(losses), reduction)
    log_p = log_softmax(logits)
    smooth = -sum(log_p if w is None else log_p * w, -1) * (label_smoothing / K)
    losses = rows.weighted(losses) * (1.0 - label_smoothing) + smooth
    return rows.reduced("cross_entropy", losses, reduction)


def nll(
    log_probabilities: Any,
    targets: Any,
    *,
    weight: Any = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood: -w_t log p_t, of log-probabilities such as `log_softmax` gives.

    `cross_entropy` is `nll` of `log_softmax`, in one kernel.

    Args:
        log_probabilities: (..., K).
        targets: classes, integers of shape (...) from 0 to K - 1.
        weight: w, (K,), a weight for each class; a constant.
        ignore_index: samples of this label count for nothing.
        reduction: "mean" (the sum divided by the sum of w at the targets), "sum", or "none".

    Returns:
        A scalar; shape (...) for "none". The mean of no samples is NaN, its gradient 0.

    Raises:
        ShapeError: shapes that do not fit. IndexingError: a label out of range.
        DtypeError: targets that are no integers.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> tg.nll(tg.tensor([[-0.5, -2.0], [-3.0, -0.25]]), np.array([0, 1])).item()
        0.375
    """
    log_p = floating(log_probabilities)
    targets = class_targets("nll", log_p, targets, ignore_index)
    if targets.dtype.kind == "f":
        raise DtypeError("nll: targets are classes, integers; for probabilities use kl_div")
    rows = _Rows(targets, ignore_index, _class_weights("nll", weight, log_p), log_p)
    return rows.reduced("nll", rows.weighted(-take_last(log_p, rows.targets)), reduction)


def softmax_cross_entropy_composed(logits: Any, targets: Any, *, reduction: str = "mean") -> Tensor:
    """`cross_entropy` of integer targets as a plain composition: the tests' oracle.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> z, t = tg.tensor([[0.0, 0.0]]), np.array([1])
        >>> round(tg.functional.softmax_cross_entropy_composed(z, t).item(), 4)
        0.6931
    """
    targets = class_targets("softmax_cross_entropy_composed", logits, targets)
    losses = -take_last(log_softmax(logits), targets)
    return reduced("softmax_cross_entropy_composed", losses, reduction)


def one_hot(targets: Any, classes: int) -> Array:
    """Integer classes (...) as float32 rows (..., classes) of zeros with one 1.

    Raises:
        IndexingError: a class outside 0 .. classes - 1. DtypeError: one that is no integer.

    Example:
        >>> import numpy as np
        >>> one_hot(np.array([1]), 3).tolist()
        [[0.0, 1.0, 0.0]]
    """
    classes = whole("one_hot", "classes", classes, least=0)
    given = operand(values(targets))
    index = as_index("one_hot", given, classes)
    if (given < 0).any():
        raise IndexingError(f"one_hot: {given.min()} is no class: classes are 0 .. {classes - 1}")
    return place_last(filled(index, index.shape, 1.0, np.float32), index, size=classes)


class _Rows:
    """Which samples count, and how much: constants, as the labels are."""

    def __init__(self, targets: Any, ignore_index: int | None, weight: Any, logits: Any) -> None:
        self.targets = values(targets)
        self.kept = self.weights = None
        if ignore_index is not None:
            self.kept = self.targets != ignore_index
            # Any class will do for the ignored: their losses are dropped.
            self.targets = where(self.kept, self.targets, 0)
            self.weights = filled(logits, self.targets.shape, 1.0)
        if weight is not None:
            self.weights = take(weight, self.targets, 0)

    def weighted(self, losses: Any) -> Any:
        """Each sample's loss times its class's weight."""
        return losses if self.weights is None else losses * self.weights

    def reduced(self, name: str, losses: Any, reduction: str) -> Tensor:
        """The losses of the samples that count, reduced; the mean is weighted."""
        weights = self.weights
        if self.kept is not None:
            losses, weights = where(self.kept, losses, 0.0), where(self.kept, weights, 0.0)
        if reduction != "mean" or weights is None:
            return reduced(name, losses, reduction)
        total = sum(weights)
        return sum(losses) / where(total == 0.0, math.nan, total)


def _class_weights(name: str, weight: Any, logits: Any) -> Array | None:
    """A weight for each class, in the logits' dtype."""
    if weight is None:
        return None
    weights: Array = values(operands(logits, weight)[1])
    if weights.shape != (logits.shape[-1],):
        raise ShapeError(
            f"{name}: weight must have shape {(logits.shape[-1],)}, one number for each class of "
            f"logits of shape {tuple(logits.shape)}, but has {weights.shape}"
        )
    return weights.astype(logits.dtype)
