"""Losses of margins: hinge, its forms for several classes, and the perceptron's criterion.

A margin is how far a score lies on the right side; these losses vanish once it is large enough.
Read next: `similarity.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array, array_module
from ..dtypes import floating
from ..errors import ArgumentError, DtypeError, nearest
from ..pointwise import Unary
from ..tensor import Tensor, values
from .activation import relu
from .choice import where
from .indexing import take_last
from .numbers import number
from .reduction import max, sum
from .shaping import expand_dims
from .targets import class_targets, reduced, sign_targets

FORMS = ("weston-watkins", "crammer-singer")


class Perceptron(Unary):
    """y = max(0, -x)        dL/dx = -dL/dy where x <= 0, else 0

    At the kink any number from -1 to 0 is a subgradient. It is -1, so that a perceptron of zero
    weights, whose margins are all 0, learns from its first sample.
    """

    def forward(self, x: Array) -> Array:
        return np.maximum(-x, 0)

    def grad_x(self, grad: Any, x: Any) -> Any:
        return where(x > 0.0, 0.0, -grad)


def hinge(scores: Any, targets: Any, *, margin: float = 1.0, reduction: str = "mean") -> Tensor:
    """max(0, margin - y z) for scores z and labels y of -1 or 1: the support vector machine's loss.

    The gradient at the kink is 0. (PyTorch's `hinge_embedding_loss` is another function.)

    Args:
        scores: z, any shape.
        targets: y, -1 or 1, the same shape.
        margin: how far on its side a score must lie to cost nothing.
        reduction: "mean" over all elements, "sum" or "none".

    Raises:
        ShapeError: shapes that differ. ArgumentError: a label that is neither -1 nor 1.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> tg.hinge(tg.tensor([0.5, 2.0, 1.0]), np.array([1, 1, -1]), reduction="none").tolist()
        [0.5, 0.0, 2.0]

    References:
        Cortes, Vapnik, "Support-vector networks", Machine Learning 20, 1995.
    """
    scores, targets = sign_targets("hinge", scores, targets)
    return reduced("hinge", relu(number("hinge", "margin", margin) - scores * targets), reduction)


def multi_class_hinge(
    scores: Any,
    targets: Any,
    *,
    margin: float = 1.0,
    form: str = "weston-watkins",
    reduction: str = "mean",
) -> Tensor:
    """Hinge losses for K classes, of the scores s and the right class t.

    "weston-watkins": sum over k != t of max(0, margin + s_k - s_t), divided by K. This is PyTorch's
    `multi_margin_loss` with p = 1.
    "crammer-singer": max over k != t of max(0, margin + s_k - s_t), the strongest rival alone.

    Args:
        scores: (..., K).
        targets: classes, integers of shape (...) from 0 to K - 1.
        margin: by how much the right class must lead to cost nothing.
        form: one of the two above.
        reduction: "mean" over the samples, "sum" or "none".

    Returns:
        A scalar; shape (...) for "none". The gradient at a kink is 0; of equally strong rivals the
        first one takes it.

    Raises:
        ShapeError: shapes that do not fit. IndexingError: a label out of range.
        DtypeError: targets that are no integers. ArgumentError: another form.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> scores, classes = tg.tensor([[2.0, 1.5, 2.5]]), np.array([0])
        >>> round(tg.multi_class_hinge(scores, classes).item(), 4)
        0.6667
        >>> tg.multi_class_hinge(scores, classes, form="crammer-singer").item()
        1.5

    References:
        Weston, Watkins, "Support vector machines for multi-class pattern recognition", ESANN 1999;
        Crammer, Singer, "On the algorithmic implementation of multiclass kernel-based vector
        machines", JMLR 2, 2001.
    """
    if not isinstance(form, str) or form not in FORMS:
        raise ArgumentError(f"multi_class_hinge: form {form!r}: {nearest(str(form), FORMS)}")
    scores = floating(scores)
    targets = class_targets("multi_class_hinge", scores, targets)
    if targets.dtype.kind == "f":
        raise DtypeError("multi_class_hinge: targets are classes, integers, not probabilities")
    labels = values(targets)
    K = scores.shape[-1]
    right = array_module(labels).arange(K) == labels[..., None]
    lead = scores - expand_dims(take_last(scores, labels), -1)
    violations = where(right, 0.0, relu(lead + number("multi_class_hinge", "margin", margin)))
    losses = sum(violations, -1) / float(K) if form == FORMS[0] else max(violations, -1)
    return reduced("multi_class_hinge", losses, reduction)


def perceptron_criterion(scores: Any, targets: Any, *, reduction: str = "mean") -> Tensor:
    """max(0, -y z) for scores z and labels y of -1 or 1.

    Rosenblatt's rule, w += a y x for every mistake, is stochastic gradient descent on it with the
    rate a (not on the number of mistakes, which has no slope). In the form w += a (y - sign(z)) x
    the difference is 2 y, so the rate is 2 a. A score of 0 counts as a mistake: the gradient there
    is the subgradient -y.

    Args:
        scores: z = w x, any shape.
        targets: y, -1 or 1, the same shape.
        reduction: "mean" over all elements, "sum" or "none".

    Raises:
        ShapeError: shapes that differ. ArgumentError: a label that is neither -1 nor 1.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> z = tg.tensor([-2.0, 3.0, 0.0], requires_grad=True)
        >>> loss = tg.perceptron_criterion(z, np.array([1, 1, 1]), reduction="sum")
        >>> loss.backward()
        >>> loss.item(), z.grad.tolist()
        (2.0, [-1.0, 0.0, -1.0])

    References:
        Rosenblatt, "The perceptron", Psychological Review 65, 1958; Bishop, "Pattern recognition
        and machine learning", 2006, section 4.1.7.
    """
    scores, targets = sign_targets("perceptron_criterion", scores, targets)
    return reduced("perceptron_criterion", Perceptron().apply(scores * targets), reduction)
