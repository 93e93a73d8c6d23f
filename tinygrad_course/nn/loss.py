"""Losses as layers, for those who like objects; `F.cross_entropy` and its kin are the same.

Read next: `../ops/loss.py`.
"""

from __future__ import annotations

from typing import Any

from .. import functional as F  # noqa: N812
from ..errors import ArgumentError, nearest
from ..tensor import Tensor
from .module import Module

REDUCTIONS = ("mean", "sum", "none")


def _check(layer: str, reduction: str) -> None:
    if reduction not in REDUCTIONS:
        raise ArgumentError(
            f"{layer}: there is no reduction {reduction!r}; {nearest(str(reduction), REDUCTIONS)}"
        )


class CrossEntropyLoss(Module):
    """-log softmax(logits)[target]: hand it logits, not probabilities.

    Args:
        reduction: "mean" over the samples, "sum", or "none".

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> loss = tg.nn.CrossEntropyLoss()(tg.tensor([[0.0, 0.0]]), np.array([1]))
        >>> round(loss.item(), 4)
        0.6931
    """

    def __init__(self, reduction: str = "mean") -> None:
        _check("CrossEntropyLoss", reduction)
        self.reduction = reduction

    def forward(self, logits: Any, targets: Any) -> Tensor:
        """Logits (..., K); targets: integers (...), or probabilities (..., K)."""
        return F.cross_entropy(logits, targets, reduction=self.reduction)


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
        _check("MSELoss", reduction)
        self.reduction = reduction

    def forward(self, y: Any, target: Any) -> Tensor:
        """Two tensors of one shape."""
        return F.mse(y, target, reduction=self.reduction)


class BCEWithLogitsLoss(Module):
    """-t log sigmoid(x) - (1 - t) log(1 - sigmoid(x)), stable for any logit x.

    Args:
        reduction: "mean" over all elements, "sum", or "none".

    Example:
        >>> import tinygrad_course as tg
        >>> loss = tg.nn.BCEWithLogitsLoss()(tg.tensor([0.0]), tg.tensor([1.0]))
        >>> round(loss.item(), 4)
        0.6931
    """

    def __init__(self, reduction: str = "mean") -> None:
        _check("BCEWithLogitsLoss", reduction)
        self.reduction = reduction

    def forward(self, logits: Any, targets: Any) -> Tensor:
        """Two tensors of one shape; targets from 0 to 1."""
        return F.binary_cross_entropy_with_logits(logits, targets, reduction=self.reduction)
