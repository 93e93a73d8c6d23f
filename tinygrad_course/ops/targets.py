"""What the losses share: targets checked against predictions, and the reduction.

Read next: `loss.py`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..backend import Array, check_same_device, to_host
from ..dtypes import (
    DEFAULT,
    HALF,
    array_from,
    half_mean,
    literal,
    operand,
    operands,
    share,
)
from ..errors import (
    ArgumentError,
    ArgumentTypeError,
    DtypeError,
    IndexingError,
    ShapeError,
    nearest,
)
from ..function import Function
from ..tensor import Tensor, values
from .reduction import mean, sum

REDUCTIONS = ("mean", "sum", "none")


class Loss(Function):
    """The base of losses l, one per element or per sample, which are reduced in the same op.

        y = mean of l, sum of l, or l itself        dL/dl = dL/dy / n, dL/dy, or dL/dy

    A subclass's forward returns `reduced(l)`, and its formulas are those of l: dL/dy becomes dL/dl
    before they run. A loss of pairs begins with `fitting(x, t)`; that of classes has one l per row.
    """

    promotes = True

    def __init__(self, *, reduction: str = "mean") -> None:
        self.reduction = known_reduction(self.name, reduction)

    def fitting(self, x: Array, t: Array) -> tuple[Array, ...]:
        """Predictions and targets of one shape, as floats: bytes would wrap.

        Raises:
            ShapeError: shapes that differ.
        """
        if x.shape != t.shape:
            raise _other_shape(self.name, x, t)
        return (x, t) if x.dtype.kind == "f" else floats(x, t)

    def reduced(self, losses: Array) -> Array:
        """The losses' mean, their sum, or themselves."""
        if self.reduction == "none":
            return losses
        if self.reduction == "mean":
            self.count = float(losses.size) or math.nan
            if losses.dtype == HALF:
                return half_mean(losses, None, self.count)
            return losses.sum() / self.count
        return losses.sum()

    def upstream(self, grad: Any) -> Any:
        return share(grad, self.count) if self.reduction == "mean" else grad


def same_shape(name: str, y: Any, target: Any) -> tuple[Any, Any]:
    """Predictions and targets of one shape.

    Raises:
        ShapeError: shapes that differ.
    """
    y, target = operands(y, target)
    if tuple(y.shape) != tuple(target.shape):
        raise _other_shape(name, y, target)
    return y, target


def _other_shape(name: str, y: Any, target: Any) -> ShapeError:
    return ShapeError(
        f"{name}: predictions have shape {tuple(y.shape)}, but targets {tuple(target.shape)}; "
        "they must be equal (broadcasting would compare every prediction with every target)"
    )


def floats(y: Any, target: Any) -> tuple[Any, ...]:
    """Both as floats, so that bytes do not wrap: integers take the other's dtype, or float32."""
    dtype = next((v.dtype for v in (y, target) if v.dtype.kind == "f"), DEFAULT)
    return tuple([v if v.dtype.kind == "f" else v.astype(dtype) for v in (y, target)])


def class_targets(name: str, logits: Any, targets: Any, ignore_index: int | None = None) -> Any:
    """The targets as an array or a tensor that fits the logits (..., K).

    Raises:
        ShapeError: shapes that do not fit. DtypeError: floats of the labels' shape.
        IndexingError: a label that is neither a class nor `ignore_index`.
    """
    logits = operand(logits)
    if not hasattr(targets, "shape"):
        listed = array_from(targets)
        dtype = logits.dtype if listed.dtype.kind == "f" else None
        targets = literal(targets, dtype, values(logits))
    targets = operand(targets)
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
    labels, scores = values(targets), values(logits)
    if labels.__class__ is not np.ndarray or scores.__class__ is not np.ndarray:
        check_same_device(name, (scores, labels), ("the logits", "the targets"))
    wrong = (labels < 0) | (labels >= shape[-1])
    if ignore_index is not None:
        if not isinstance(ignore_index, (int, np.integer)):
            raise ArgumentTypeError(
                f"{name}: ignore_index must be one integer or None, but it is {ignore_index!r}"
            )
        wrong = wrong & (labels != ignore_index)
    if wrong.any():
        place = first(wrong)
        raise IndexingError(
            f"{name}: label {int(labels[place])} at {place} is no class: logits of shape {shape} "
            f"have classes 0 .. {shape[-1] - 1}"
        )
    return targets


def first(wrong: Any) -> tuple[int, ...]:
    """The place of the first True, () in an array of no axes."""
    return tuple([int(i) for i in np.argwhere(to_host(wrong))[0]])


def sign_targets(name: str, scores: Any, targets: Any) -> tuple[Any, Any]:
    """Scores and their labels of one shape, each label -1 or 1.

    Raises:
        ShapeError: shapes that differ. ArgumentError: another label.
    """
    scores, targets = same_shape(name, scores, targets)
    labels = values(targets)
    wrong = abs(labels) != 1
    if wrong.any():
        place = first(wrong)
        raise ArgumentError(
            f"{name}: labels must be -1 or 1, but the one at {place} is {labels[place]}; labels t "
            "of 0 and 1 become 2 * t - 1"
        )
    return scores, targets


def reduced(name: str, losses: Any, reduction: str) -> Tensor:
    """The losses' mean, their sum, or themselves.

    Raises:
        ArgumentError: another reduction.
    """
    known_reduction(name, reduction)
    same: Tensor = losses
    return same if reduction == "none" else mean(losses) if reduction == "mean" else sum(losses)


def known_reduction(name: str, reduction: Any) -> str:
    """`reduction` if it is one of `REDUCTIONS`.

    Raises:
        ArgumentError: another word. ArgumentTypeError: no word.
    """
    if not isinstance(reduction, str):
        raise ArgumentTypeError(
            f"{name}: reduction must be 'mean', 'sum' or 'none', but it is {reduction!r}; weights "
            "of the elements multiply the losses of reduction='none'"
        )
    if reduction not in REDUCTIONS:
        raise ArgumentError(f"{name}: reduction {reduction!r}: {nearest(reduction, REDUCTIONS)}")
    return reduction
