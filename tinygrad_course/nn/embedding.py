"""The embedding: a trained vector for each word of a vocabulary.

Read next: `../ops/embedding.py`.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from .. import functional as F  # noqa: N812
from ..errors import ArgumentError, ArgumentTypeError
from ..random import Generator
from ..tensor import Tensor
from .checks import float_dtype, size
from .init import Initializer, normal
from .module import Module
from .weights import weight


class Embedding(Module):
    """y = the rows of a table at the indices.

    Args:
        num_embeddings: V, the number of words.
        embedding_dim: D, the size of a word's vector.
        padding_index: the word that stands for nothing: its vectors are zeros and stay so.
        init: fills the table; by default normal with variance 1.
        generator: where the first values come from; the default generator if None.
        dtype: of the parameters.

    Attributes:
        weight: (num_embeddings, embedding_dim).

    Raises:
        ArgumentError: a size below 1; padding_index outside the table.
        ArgumentTypeError: a size or an index that is no integer, a dtype that is no float.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> layer = tg.nn.Embedding(10, 4, padding_index=0)
        >>> layer(np.array([[1, 2, 0]])).shape
        (1, 3, 4)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_index: int | None = None,
        *,
        init: Initializer = normal,
        generator: Generator | None = None,
        dtype: Any = "float32",
    ) -> None:
        shape = (
            size("Embedding", "num_embeddings", num_embeddings),
            size("Embedding", "embedding_dim", embedding_dim),
        )
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_index = None if padding_index is None else _row(padding_index, shape[0])
        self.init = init
        self.dtype = float_dtype("Embedding", dtype)
        self.weight = weight("Embedding", init, shape, generator=generator, dtype=self.dtype)
        if self.padding_index is not None:
            words = np.arange(shape[0])[:, None]
            self.weight.assign(self.weight.numpy() * (words != self.padding_index))

    def forward(self, index: Any) -> Tensor:
        """Integers (...) to (..., embedding_dim)."""
        return F.embedding(index, self.weight, padding_index=self.padding_index)


def _row(padding_index: Any, rows: int) -> int:
    """The padding's row, counted from 0."""
    try:
        number = operator.index(padding_index)
    except TypeError:
        raise ArgumentTypeError(
            f"Embedding: padding_index must be an integer or None, but it is {padding_index!r}"
        ) from None
    if not -rows <= number < rows:
        raise ArgumentError(
            f"Embedding: padding_index must be a row of the table, {-rows} .. {rows - 1}, but it "
            f"is {number}"
        )
    return number % rows
