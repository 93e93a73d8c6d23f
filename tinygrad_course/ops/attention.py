"""Scaled dot-product attention, composed of products, a softmax and a choice.

Every step is an op of this package, so its gradients of all orders are theirs.
Read next: `recurrent.py` for the other way to treat a sequence.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..backend import array_module
from ..dtypes import operand, operands
from ..errors import ArgumentTypeError, ShapeError
from ..tensor import Tensor, values
from .choice import where
from .linear import matmul
from .numbers import number
from .softmax import softmax

HIDDEN = -1e30  # e^x of it is 0 in every float, and unlike -inf it survives a subtraction


def scaled_dot_product_attention(
    q: Any,
    k: Any,
    v: Any,
    *,
    mask: Any = None,
    causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """y = softmax(q k^T scale + mask) v: each query takes a mean of the values its keys point to.

    Args:
        q: queries (..., T, D), as a rule (N, heads, T, D).
        k: keys (..., S, D).
        v: values (..., S, E).
        mask: broadcasts with (..., T, S). Bool: True where a query may look; or a float that is
            added to the scores (-inf hides, and a learned bias has its gradient).
        causal: query t may look at keys 0 .. t only.
        scale: the factor of the scores; 1 / sqrt(D) if None.

    Returns:
        (..., T, E). A query that may look nowhere gets zeros.

    Raises:
        ShapeError: sizes that do not fit.
        ArgumentTypeError: a mask of integers.

    Example:
        >>> import tinygrad_course as tg
        >>> q, k = tg.tensor([[[1.0], [1.0]]]), tg.tensor([[[2.0], [2.0]]])
        >>> v = tg.tensor([[[1.0, 0.0], [0.0, 1.0]]])
        >>> tg.scaled_dot_product_attention(q, k, v, causal=True).tolist()
        [[[1.0, 0.0], [0.5, 0.5]]]

    References:
        Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser, Polosukhin, "Attention is all you
        need", NIPS 2017, section 3.2.1.
    """
    q, k, v = operands(q, k, v)
    _check(q, k, v)
    T, S = q.shape[-2], k.shape[-2]
    if scale is None:
        scale = 1.0 / math.sqrt(max(q.shape[-1], 1))
    factor = number("scaled_dot_product_attention", "scale", scale)
    scores = matmul(q * factor, k.swapaxes(-1, -2))
    allowed: Any = array_module(values(q)).tri(T, S, dtype=bool) if causal else None
    if mask is not None:
        mask = operand(mask)
        _check_mask(mask, scores)
        seen = mask if mask.dtype.kind == "b" else mask > -math.inf
        if mask.dtype.kind == "f":
            scores = scores + mask
        allowed = seen if allowed is None else where(allowed, seen, False)
    if allowed is None:
        return matmul(softmax(scores), v)
    # The second choice is for a row that hides everything: its softmax would be a plain mean.
    weights = where(allowed, softmax(where(allowed, scores, HIDDEN)), 0.0)
    return matmul(weights, v)


def _check(q: Any, k: Any, v: Any) -> None:
    name = "scaled_dot_product_attention"
    for what, a in (("q", q), ("k", k), ("v", v)):
        if len(a.shape) < 2:
            raise ShapeError(f"{name}: {what} must be (..., T, D), but has shape {tuple(a.shape)}")
    if q.shape[-1] != k.shape[-1]:
        raise ShapeError(
            f"{name}: queries and keys must have as many features, but q has {q.shape[-1]} (shape "
            f"{tuple(q.shape)}) and k has {k.shape[-1]} (shape {tuple(k.shape)})"
        )
    if k.shape[-2] != v.shape[-2]:
        raise ShapeError(
            f"{name}: there must be a value for each key, but k has {k.shape[-2]} (shape "
            f"{tuple(k.shape)}) and v has {v.shape[-2]} (shape {tuple(v.shape)})"
        )


def _check_mask(mask: Any, scores: Any) -> None:
    name = "scaled_dot_product_attention"
    if mask.dtype.kind not in "bf":
        raise ArgumentTypeError(
            f"{name}: mask must be bool (True where a query may look) or float (added to the "
            f"scores), but it is {mask.dtype}; write mask == 1"
        )
    try:
        fits = np.broadcast_shapes(tuple(mask.shape), tuple(scores.shape)) == tuple(scores.shape)
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(
            f"{name}: mask must broadcast to the scores (..., T, S) = {tuple(scores.shape)}, but "
            f"has shape {tuple(mask.shape)}"
        )
