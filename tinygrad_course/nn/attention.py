"""Attention without parameters of its own. Read next: `../ops/attention.py` for the formula."""

from __future__ import annotations

from typing import Any

from .. import functional as F  # noqa: N812
from ..tensor import Tensor
from .checks import finite
from .module import Module


class ScaledDotProductAttention(Module):
    """y = softmax(q k^T scale + mask) v.

    Args:
        causal: query t may look at keys 0 .. t only.
        scale: the factor of the scores; 1 / sqrt(D) if None.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> q = tg.tensor(np.ones((2, 4, 10, 8), "float32"))
        >>> tg.nn.ScaledDotProductAttention(causal=True)(q, q, q).shape
        (2, 4, 10, 8)

    References:
        Vaswani et al. 2017, "Attention is all you need", section 3.2.1.
    """

    def __init__(self, causal: bool = False, scale: float | None = None) -> None:
        self.causal = causal
        self.scale = None if scale is None else finite(type(self).__name__, "scale", scale)

    def forward(self, q: Any, k: Any, v: Any, mask: Any = None) -> Tensor:
        """(N, heads, T, D), (N, heads, S, D) and (N, heads, S, E) to (N, heads, T, E)."""
        return F.scaled_dot_product_attention(
            q, k, v, mask=mask, causal=self.causal, scale=self.scale
        )
