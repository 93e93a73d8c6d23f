"""How alike two distributions or two vectors are: Kullback-Leibler divergence, cosine similarity.

The last family of losses; `nn/` stands on these.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array
from ..dtypes import check_broadcast, floating, operands
from ..errors import ArgumentError, ShapeError, nearest
from ..function import Function
from ..tensor import Tensor
from .axes import as_axis
from .choice import maximum, where
from .elementary import exp, log
from .numbers import number
from .reduction import sum
from .shaping import broadcast_to
from .statistics import norm
from .targets import reduced, same_shape


class KLDivergence(Function):
    """y = t (ln t - x), 0 where t = 0

    dL/dx = -dL/dy t        dL/dt = dL/dy (ln t + 1 - x)
    """

    name = "kl_div"
    promotes = True

    def forward(self, x: Array, t: Array) -> Array:
        return t * np.where(t > 0, np.log(np.where(t > 0, t, 1)) - x, 0)

    def grad_x(self, grad: Any, t: Any) -> Any:
        return -grad * t

    def grad_t(self, grad: Any, x: Any, t: Any) -> Any:
        positive = t > 0.0
        return where(positive, grad * (log(where(positive, t, 1.0)) + 1.0 - x), 0.0)


def kl_div(
    log_probabilities: Any, targets: Any, *, log_target: bool = False, reduction: str = "mean"
) -> Tensor:
    """Kullback-Leibler divergence t (ln t - ln q), element by element, in PyTorch's convention.

    That convention: the first argument is the model's distribution q, as *logarithms*; the second
    the true distribution t, as probabilities; and "mean" divides by the number of elements. The
    divergence sum_k t_k ln(t_k / q_k) averaged over the samples is "batchmean".

    Args:
        log_probabilities: ln q, such as `log_softmax` gives, any shape.
        targets: t of the same shape, not negative; 0 counts as 0.
        log_target: the targets are ln t.
        reduction: "mean" over all elements, "batchmean" (the sum divided by the size of the first
            axis), "sum" or "none".

    Returns:
        A scalar; the inputs' shape for "none". The gradient for a t of 0 is 0.

    Raises:
        ShapeError: shapes that differ; "batchmean" of a number. ArgumentError: another reduction.

    Example:
        >>> import tinygrad_course as tg
        >>> q, t = tg.tensor([[0.5, 0.5]]), tg.tensor([[1.0, 0.0]])
        >>> round(tg.kl_div(tg.log(q), t, reduction="batchmean").item(), 4)
        0.6931

    References:
        Kullback, Leibler, "On information and sufficiency", Annals of Mathematical Statistics 22,
        1951.
    """
    reductions = ("mean", "batchmean", "sum", "none")
    if reduction not in reductions:
        raise ArgumentError(
            f"kl_div: reduction {reduction!r}: {nearest(str(reduction), reductions)}"
        )
    x, t = same_shape("kl_div", log_probabilities, targets)
    losses = exp(t) * (t - x) if log_target else KLDivergence().apply(x, t)
    if reduction != "batchmean":
        return reduced("kl_div", losses, reduction)
    if not losses.shape:
        raise ShapeError("kl_div: 'batchmean' divides by the first axis, but the shape is ()")
    return sum(losses) / (float(losses.shape[0]) or float("nan"))


def cosine_similarity(a: Any, b: Any, axis: int = -1, *, eps: float = 1e-8) -> Tensor:
    """cos(a, b) = sum a b / (|a| |b|) along `axis`: from -1 to 1, whatever the lengths.

    Args:
        a: vectors along `axis`.
        b: vectors, of a shape that broadcasts with a's.
        axis: the axis of the vectors, counted in the broadcast shape.
        eps: the least length of each vector: zeros are similar to nothing.

    Returns:
        The broadcast shape without `axis`.

    Raises:
        ShapeError: shapes that do not broadcast, or an axis they do not have.

    Example:
        >>> import tinygrad_course as tg
        >>> a, b = tg.tensor([[1.0, 0.0], [1.0, 1.0]]), tg.tensor([[0.0, 2.0], [-3.0, -3.0]])
        >>> [round(v, 4) for v in tg.cosine_similarity(a, b).tolist()]
        [0.0, -1.0]
    """
    a, b = operands(a, b)
    check_broadcast("cosine_similarity", (a, b))
    shape = np.broadcast_shapes(tuple(a.shape), tuple(b.shape))
    along = as_axis("cosine_similarity", axis, shape, len(shape))
    dtype = a.dtype if a.dtype.kind == "f" else floating(b).dtype
    floor, units = number("cosine_similarity", "eps", eps), []
    for x in (a, b):
        vectors = broadcast_to(x if x.dtype.kind == "f" else x.astype(dtype), shape)
        units.append(vectors / maximum(norm(vectors, along, keepdims=True), floor))
    return sum(units[0] * units[1], along)
