"""The embedding: a vector for each word of a vocabulary, looked up by the word's number.

A lookup is a matrix product with one-hot rows that nobody multiplies out; its gradient adds each
row to the word it belongs to. Read next: `loss.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array, launch
from ..dtypes import operand
from ..errors import ArgumentError, ArgumentTypeError, ShapeError
from ..function import Function
from ..tensor import Tensor
from .gathering import as_index


class Embedding(Function):
    """y = the rows of weight at index        dL/dweight = the rows of dL/dy added at index"""

    def __init__(self, *, padding_index: int | None) -> None:
        self.padding_index = padding_index

    def forward(self, weight: Array, index: Array) -> Array:
        self.rows = weight.shape[0]
        return launch("embedding", weight, index, padding_index=self.padding_index)

    def grad_weight(self, grad: Any, index: Any) -> Any:
        return EmbeddingGrad(rows=self.rows, padding_index=self.padding_index).apply(grad, index)


class EmbeddingGrad(Function):
    """dw = zeros with the rows of dy added at index        dL/ddy = the rows of dL/ddw at index"""

    def __init__(self, *, rows: int, padding_index: int | None) -> None:
        self.rows = rows
        self.padding_index = padding_index

    def forward(self, dy: Array, index: Array) -> Array:
        padding_index = self.padding_index
        return launch("embedding_grad", dy, index, rows=self.rows, padding_index=padding_index)

    def grad_dy(self, grad: Any, index: Any) -> Any:
        return Embedding(padding_index=self.padding_index).apply(grad, index)


def embedding(index: Any, weight: Any, *, padding_index: int | None = None) -> Tensor:
    """The rows of `weight` at `index`: y[..., :] = weight[index[...], :].

    Args:
        index: integers of any shape, from 0 to V - 1 (or negative, from the end).
        weight: (V, D), a vector for each of V words.
        padding_index: the number of the word that stands for nothing: its vectors are zeros, and
            its row of the weight gets no gradient. (PyTorch's `padding_idx` stops the gradient
            alone and returns the row, which it first sets to zeros.)

    Returns:
        index's shape, and D.

    Raises:
        ShapeError: weight is no matrix. IndexingError: an index outside it.
        DtypeError: an index that is no integer. ArgumentError: padding_index outside the weight.

    Example:
        >>> import tinygrad_course as tg
        >>> weight = tg.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], requires_grad=True)
        >>> y = tg.embedding([2, 0, 2], weight)
        >>> y.tolist()
        [[5.0, 6.0], [1.0, 2.0], [5.0, 6.0]]
        >>> y.sum().backward()
        >>> weight.grad.tolist()
        [[1.0, 1.0], [0.0, 0.0], [2.0, 2.0]]

    References:
        Bengio, Ducharme, Vincent, Jauvin, "A neural probabilistic language model", JMLR 3, 2003.
    """
    weight = operand(weight)
    shape = tuple(weight.shape)
    if len(shape) != 2:
        raise ShapeError(
            f"embedding: weight must be (words, features), but has shape {shape}; the index comes "
            "first"
        )
    if padding_index is not None and not isinstance(padding_index, (int, np.integer)):
        raise ArgumentTypeError(
            f"embedding: padding_index must be one integer or None, but it is {padding_index!r}"
        )
    if padding_index is not None and not -shape[0] <= padding_index < shape[0]:
        raise ArgumentError(
            f"embedding: padding_index {padding_index} is no row of the weight of shape {shape}"
        )
    padding = None if padding_index is None else padding_index % shape[0]
    return Embedding(padding_index=padding).apply(weight, as_index("embedding", index, shape[0]))
