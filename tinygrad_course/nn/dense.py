"""The dense (fully connected) layer: the simplest one, and the pattern of all others.

Read next: `convolution.py`, then `container.py`.
"""

from __future__ import annotations

from typing import Any

from .. import functional as F  # noqa: N812
from ..ops.epilogue import activation_kind
from ..random import Generator
from ..tensor import Parameter, Tensor
from .checks import float_dtype, size
from .init import Initializer, he_normal, zeros
from .module import Module
from .weights import weight


class Dense(Module):
    """y = f(x W + b), on the last axis.

    Args:
        in_features: the size of x's last axis.
        out_features: the size of y's last axis.
        bias: whether there is a b.
        init: fills W; by default He: normal with variance 2 / in_features, made for ReLU. A tanh
            network wants `nn.init.xavier_uniform`. The bias starts at zero.
        activation: f: "relu", "tanh" or "sigmoid", in the product's own kernel; None for no f, as
            before a softmax, or for one that is a layer of its own after this one.
        generator: where the first weights come from; the default generator if None.
        dtype: of the parameters.

    Attributes:
        weight: (in_features, out_features).
        bias: (out_features,), or None.

    Raises:
        ArgumentError: a size below 1, another activation.
        ArgumentTypeError: a size that is no integer, a dtype that is no float.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> layer = tg.nn.Dense(4, 3)
        >>> layer(tg.tensor(np.ones((2, 4), "float32"))).shape
        (2, 3)
        >>> layer
        Dense(4, 3)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        activation: str | None = None,
        init: Initializer = he_normal,
        generator: Generator | None = None,
        dtype: Any = "float32",
    ) -> None:
        shape = (
            size("Dense", "in_features", in_features),
            size("Dense", "out_features", out_features),
        )
        self.in_features = in_features
        self.out_features = out_features
        self.activation = activation_kind("Dense", activation)
        self.init = init
        self.dtype = float_dtype("Dense", dtype)
        self.weight = weight("Dense", init, shape, generator=generator, dtype=self.dtype)
        self.bias = Parameter(zeros(shape[1:], dtype=self.dtype)) if bias else None

    def forward(self, x: Any) -> Tensor:
        """(..., in_features) to (..., out_features)."""
        return F.dense(x, self.weight, self.bias, activation=self.activation)
