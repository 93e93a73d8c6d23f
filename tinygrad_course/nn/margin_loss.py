"""Losses of margins as layers, and the two that compare distributions and vectors.

Read next: `../ops/margin_loss.py`.
"""

from __future__ import annotations

from typing import Any

from .. import functional as F  # noqa: N812
from ..errors import ArgumentError, nearest
from ..tensor import Tensor
from .checks import finite
from .loss import REDUCTIONS, check_reduction
from .module import Module


class LogisticLoss(Module):
    """log(1 + e^(-y z)) for scores z and labels y of -1 or 1.

    Args:
        reduction: "mean" over all elements, "sum", or "none".

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> round(tg.nn.LogisticLoss()(tg.tensor([0.0]), np.array([-1])).item(), 4)
        0.6931
    """

    def __init__(self, reduction: str = "mean") -> None:
        check_reduction("LogisticLoss", reduction)
        self.reduction = reduction

    def forward(self, scores: Any, targets: Any) -> Tensor:
        """Scores and labels of one shape."""
        return F.logistic_loss(scores, targets, reduction=self.reduction)


class HingeLoss(Module):
    """max(0, margin - y z) for scores z and labels y of -1 or 1.

    Args:
        reduction: "mean" over all elements, "sum", or "none".
        margin: how far on its side a score must lie to cost nothing.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> tg.nn.HingeLoss()(tg.tensor([0.5]), np.array([1])).item()
        0.5
    """

    def __init__(self, reduction: str = "mean", *, margin: float = 1.0) -> None:
        check_reduction("HingeLoss", reduction)
        finite("HingeLoss", "margin", margin)
        self.reduction = reduction
        self.margin = margin

    def forward(self, scores: Any, targets: Any) -> Tensor:
        """Scores and labels of one shape."""
        return F.hinge(scores, targets, margin=self.margin, reduction=self.reduction)


class MultiClassHingeLoss(Module):
    """max(0, margin + s_k - s_t) for each wrong class k: their sum / K, or the largest.

    Args:
        reduction: "mean" over the samples, "sum", or "none".
        margin: by how much the right class must lead to cost nothing.
        form: "weston-watkins" (the sum / K, PyTorch's `MultiMarginLoss`) or "crammer-singer" (the
            largest).

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> loss = tg.nn.MultiClassHingeLoss(form="crammer-singer")
        >>> loss(tg.tensor([[2.0, 1.5, 2.5]]), np.array([0])).item()
        1.5
    """

    def __init__(
        self, reduction: str = "mean", *, margin: float = 1.0, form: str = "weston-watkins"
    ) -> None:
        check_reduction("MultiClassHingeLoss", reduction)
        finite("MultiClassHingeLoss", "margin", margin)
        forms = ("weston-watkins", "crammer-singer")
        if form not in forms:
            raise ArgumentError(f"MultiClassHingeLoss: form {form!r}: {nearest(str(form), forms)}")
        self.reduction = reduction
        self.margin = margin
        self.form = form

    def forward(self, scores: Any, targets: Any) -> Tensor:
        """Scores (..., K); targets: integers (...)."""
        return F.multi_class_hinge(
            scores, targets, margin=self.margin, form=self.form, reduction=self.reduction
        )


class PerceptronLoss(Module):
    """max(0, -y z) for scores z and labels y of -1 or 1.

    Args:
        reduction: "mean" over all elements, "sum", or "none".

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> tg.nn.PerceptronLoss()(tg.tensor([-2.0]), np.array([1])).item()
        2.0
    """

    def __init__(self, reduction: str = "mean") -> None:
        check_reduction("PerceptronLoss", reduction)
        self.reduction = reduction

    def forward(self, scores: Any, targets: Any) -> Tensor:
        """Scores and labels of one shape."""
        return F.perceptron_criterion(scores, targets, reduction=self.reduction)


class KLDivLoss(Module):
    """t (log t - log q) of log-probabilities log q and probabilities t, as PyTorch orders them.

    Args:
        reduction: "mean" over all elements, "batchmean" over the first axis, "sum", or "none".
        log_target: the targets are log t.

    Example:
        >>> import tinygrad_course as tg
        >>> q, t = tg.tensor([[0.5, 0.5]]), tg.tensor([[1.0, 0.0]])
        >>> round(tg.nn.KLDivLoss("batchmean")(tg.log(q), t).item(), 4)
        0.6931
    """

    def __init__(self, reduction: str = "mean", *, log_target: bool = False) -> None:
        reductions = (*REDUCTIONS, "batchmean")
        if reduction not in reductions:
            raise ArgumentError(
                f"KLDivLoss: there is no reduction {reduction!r}; "
                f"{nearest(str(reduction), reductions)}"
            )
        self.reduction = reduction
        self.log_target = log_target

    def forward(self, log_probabilities: Any, targets: Any) -> Tensor:
        """Two tensors of one shape."""
        return F.kl_div(
            log_probabilities, targets, log_target=self.log_target, reduction=self.reduction
        )


class CosineSimilarity(Module):
    """cos(a, b) along one axis.

    Args:
        axis: the axis of the vectors.
        eps: the least length of each vector.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.nn.CosineSimilarity()(tg.tensor([1.0, 0.0]), tg.tensor([0.0, 3.0])).item()
        0.0
    """

    def __init__(self, axis: int = -1, *, eps: float = 1e-8) -> None:
        if finite("CosineSimilarity", "eps", eps) < 0.0:
            raise ArgumentError(f"CosineSimilarity: eps must not be negative, but it is {eps!r}")
        self.axis = axis
        self.eps = eps

    def forward(self, a: Any, b: Any) -> Tensor:
        """Two tensors of shapes that broadcast."""
        return F.cosine_similarity(a, b, self.axis, eps=self.eps)
