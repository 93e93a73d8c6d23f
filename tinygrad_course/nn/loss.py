"""Losses as layers, for those who like objects; `F.cross_entropy` and its kin are the same.

Here are those for classes and numbers. Read next: `margin_loss.py`, or `../ops/cross_entropy.py`.
"""

from __future__ import annotations

from typing import Any

from .. import functional as F  # noqa: N812
from ..errors import ArgumentError, nearest
from ..tensor import Tensor, tensor
from .checks import finite, fraction
from .module import Module

REDUCTIONS = ("mean", "sum", "none")


def check_reduction(layer: str, reduction: str) -> None:
    """Raise unless it is one of the three.

    Raises:
        ArgumentError: another reduction.
    """
    if not isinstance(reduction, str) or reduction not in REDUCTIONS:
        raise ArgumentError(
            f"{layer}: there is no reduction {reduction!r}; {nearest(str(reduction), REDUCTIONS)}"
        )


def constant_weights(weight: Any) -> Tensor:
    """Weights of the classes as a buffer; the loss converts them to its logits' dtype."""
    return weight.detach() if isinstance(weight, Tensor) else tensor(weight, dtype="float64")


class CrossEntropyLoss(Module):
    """-log softmax(logits)[target]: hand it logits, not probabilities.

    Args:
        reduction: "mean" over the samples, "sum", or "none".
        weight: (K,), a weight for each class.
        ignore_index: samples of this label count for nothing.
        label_smoothing: how much of each target is spread over all classes, 0 to 1.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> loss = tg.nn.CrossEntropyLoss()(tg.tensor([[0.0, 0.0]]), np.array([1]))
        >>> round(loss.item(), 4)
        0.6931
    """

    def __init__(
        self,
        reduction: str = "mean",
        *,
        weight: Any = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        check_reduction("CrossEntropyLoss", reduction)
        self.reduction = reduction
        self.weight = weight if weight is None else constant_weights(weight)
        self.ignore_index = ignore_index
        self.label_smoothing = fraction("CrossEntropyLoss", "label_smoothing", label_smoothing)

    def forward(self, logits: Any, targets: Any) -> Tensor:
        """Logits (..., K); targets: integers (...), or probabilities (..., K)."""
        return F.cross_entropy(
            logits,
            targets,
            weight=self.weight,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            reduction=self.reduction,
        )


class NLLLoss(Module):
    """-log p[target] of log-probabilities; `CrossEntropyLoss` is this behind a `LogSoftmax`.

    Args:
        reduction: "mean" over the samples, "sum", or "none".
        weight: (K,), a weight for each class.
        ignore_index: samples of this label count for nothing.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> tg.nn.NLLLoss()(tg.tensor([[-0.5, -1.0]]), np.array([1])).item()
        1.0
    """

    def __init__(
        self, reduction: str = "mean", *, weight: Any = None, ignore_index: int | None = None
    ) -> None:
        check_reduction("NLLLoss", reduction)
        self.reduction = reduction
        self.weight = weight if weight is None else constant_weights(weight)
        self.ignore_index = ignore_index

    def forward(self, log_probabilities: Any, targets: Any) -> Tensor:
        """Log-probabilities (..., K); targets: integers (...)."""
        return F.nll(
            log_probabilities,
            targets,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )


class MSELoss(Module):
    """(y - target)^2.

    Args:
        reduction: "mean" over all elements, "sum", or "none".

    Example:
        >>> import tinygrad_course as tg
        >>> tg.nn.MSELoss()(tg.tensor([1.0, 3.0]), tg.tensor([1.0, 1.0])).item()
        2.0
    """

    def __init__(self, reduction: str = "mean") -> None:
        check_reduction("MSELoss", reduction)
        self.reduction = reduction

    def forward(self, y: Any, target: Any) -> Tensor:
        """Two tensors of one shape."""
        return F.mse(y, target, reduction=self.reduction)


class L1Loss(Module):
    """|y - target|.

    Args:
        reduction: "mean" over all elements, "sum", or "none".

    Example:
        >>> import tinygrad_course as tg
        >>> tg.nn.L1Loss()(tg.tensor([1.0, 3.0]), tg.tensor([1.0, 1.0])).item()
        1.0
    """

    def __init__(self, reduction: str = "mean") -> None:
        check_reduction("L1Loss", reduction)
        self.reduction = reduction

    def forward(self, y: Any, target: Any) -> Tensor:
        """Two tensors of one shape."""
        return F.l1(y, target, reduction=self.reduction)


class HuberLoss(Module):
    """d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2), with d = y - target.

    Args:
        reduction: "mean" over all elements, "sum", or "none".
        delta: where the parabola becomes a line.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.nn.HuberLoss()(tg.tensor([3.0]), tg.tensor([0.0])).item()
        2.5
    """

    def __init__(self, reduction: str = "mean", *, delta: float = 1.0) -> None:
        check_reduction("HuberLoss", reduction)
        if finite("HuberLoss", "delta", delta) <= 0.0:
            raise ArgumentError(f"HuberLoss: delta must be positive, but it is {delta!r}")
        self.reduction = reduction
        self.delta = delta

    def forward(self, y: Any, target: Any) -> Tensor:
        """Two tensors of one shape."""
        return F.huber(y, target, delta=self.delta, reduction=self.reduction)


class BCEWithLogitsLoss(Module):
    """-w t log sigmoid(x) - (1 - t) log(1 - sigmoid(x)), stable for any logit x.

    Args:
        reduction: "mean" over all elements, "sum", or "none".
        pos_weight: w, how much a positive counts; None is 1.

    Example:
        >>> import tinygrad_course as tg
        >>> loss = tg.nn.BCEWithLogitsLoss()(tg.tensor([0.0]), tg.tensor([1.0]))
        >>> round(loss.item(), 4)
        0.6931
    """

    def __init__(self, reduction: str = "mean", *, pos_weight: Any = None) -> None:
        check_reduction("BCEWithLogitsLoss", reduction)
        self.reduction = reduction
        self.pos_weight = pos_weight if pos_weight is None else constant_weights(pos_weight)

    def forward(self, logits: Any, targets: Any) -> Tensor:
        """Two tensors of one shape; targets from 0 to 1."""
        return F.binary_cross_entropy_with_logits(
            logits, targets, pos_weight=self.pos_weight, reduction=self.reduction
        )


class BCELoss(Module):
    """-t log p - (1 - t) log(1 - p) of probabilities p; `BCEWithLogitsLoss` is the stable one.

    Args:
        reduction: "mean" over all elements, "sum", or "none".

    Example:
        >>> import tinygrad_course as tg
        >>> round(tg.nn.BCELoss()(tg.tensor([0.5]), tg.tensor([1.0])).item(), 4)
        0.6931
    """

    def __init__(self, reduction: str = "mean") -> None:
        check_reduction("BCELoss", reduction)
        self.reduction = reduction

    def forward(self, probabilities: Any, targets: Any) -> Tensor:
        """Two tensors of one shape, both from 0 to 1."""
        return F.binary_cross_entropy(probabilities, targets, reduction=self.reduction)
