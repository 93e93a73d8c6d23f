"""The definitions of the embedding, a lookup of rows, and of its gradient, a sum into rows."""

from __future__ import annotations

from ..arrays import Array, array_module


def embedding(
    weight: Array, index: Array, *, padding_index: int | None, out: Array | None = None
) -> Array:
    """Rows of a table by their numbers.

        y[..., :] = weight[index[...], :], or 0 where index[...] = padding_index

    Exact: y holds numbers of weight.

    Args:
        weight: (V, D).
        index: (...), integers from 0 to V - 1.
        padding_index: the number that stands for nothing, or None.
        out: (..., D) to write into, or None for a new array.

    Returns:
        y (..., D), of weight's dtype.

    Example:
        >>> import numpy as np
        >>> w = np.array([[1.0, 2.0], [3.0, 4.0]])
        >>> embedding(w, np.array([1, 0, 1]), padding_index=0).tolist()
        [[3.0, 4.0], [0.0, 0.0], [3.0, 4.0]]
    """
    y: Array = weight[index]
    if padding_index is not None:
        y[index == padding_index] = 0
    if out is None:
        return y
    out[...] = y
    return out


def embedding_grad(
    dy: Array, index: Array, *, rows: int, padding_index: int | None, out: Array | None = None
) -> Array:
    """dw, the gradient of `embedding` for the table: each dy is added to the row it came from.

        dw[v, :] = sum of dy[j, :] over all j with index[j] = v, or 0 for v = padding_index

    Error: |dw - exact| <= n eps sum |dy|, n the number of times that a row occurs.

    Args:
        dy: (..., D).
        index: (...), integers from 0 to rows - 1.
        rows: V, the rows of the table.
        padding_index: the number that stands for nothing, or None.
        out: (V, D) to write into, or None for a new array.

    Returns:
        dw (V, D), of dy's dtype.

    Example:
        >>> import numpy as np
        >>> dy, index = np.ones((3, 2)), np.array([1, 0, 1])
        >>> embedding_grad(dy, index, rows=2, padding_index=None).tolist()
        [[1.0, 1.0], [2.0, 2.0]]
    """
    xp = array_module(dy)
    dw: Array = xp.empty((rows, dy.shape[-1]), dtype=dy.dtype) if out is None else out
    dw[...] = 0
    xp.add.at(dw, index, dy)
    if padding_index is not None:
        dw[padding_index] = 0
    return dw
