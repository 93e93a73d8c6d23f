"""The embedding in CUDA C++: the launchers of `cuda.cu`.

Reading is exact. The gradient sorts the numbers of the rows first, so that each row of dw is added
up by the threads that own it, in the order of the places: error as the reference's.
"""

from __future__ import annotations

import numpy as np

from .. import cuda_launch
from ..arrays import Array, array_module
from ..cuda_geometry import THREADS
from ..cuda_launch import contiguous, out_with_gaps, output

_SOURCE = "embedding/cuda.cu"
_NONE = -1  # no row has this number


@out_with_gaps
def embedding(
    weight: Array, index: Array, *, padding_index: int | None, out: Array | None = None
) -> Array:
    """Rows of a table by their numbers, as `reference.embedding`."""
    weight, index = contiguous(weight), _as_int64(index)
    y = output(out, (*index.shape, weight.shape[1]), weight)
    if y.size:
        _run("read_rows", weight, index, y, padding_index)
    return y


@out_with_gaps
def embedding_grad(
    dy: Array, index: Array, *, rows: int, padding_index: int | None, out: Array | None = None
) -> Array:
    """Each dy added to the row it came from, as `reference.embedding_grad`."""
    dy, index = contiguous(dy), _as_int64(index)
    dw = output(out, (rows, dy.shape[-1]), dy)
    dw[...] = 0
    if dy.size:
        places = array_module(index).arange(index.size, dtype=np.int64)
        sorted_places = array_module(index).sort(index.reshape(-1) * index.size + places)
        _run("add_rows", dy, sorted_places, dw, padding_index)
    return dw


def _run(name: str, source: Array, places: Array, target: Array, padding: int | None) -> None:
    """One launch: as many lanes to a row as it has packs, 32 at most."""
    D = target.shape[-1]
    width = cuda_launch.vector_width(source, target, length=D)
    packs = D // width
    lanes = min(32, 1 << (packs - 1).bit_length())
    run = cuda_launch.kernel(_SOURCE, name, source, (f"-DVEC={width}",))
    numbers = (np.int64(places.size), np.int32(packs))
    unread = np.int64(_NONE if padding is None else padding)
    blocks = -(-places.size // (THREADS // lanes))
    run((blocks,), (THREADS,), (source, places, target, *numbers, unread, np.int32(lanes)))


def _as_int64(index: Array) -> Array:
    """The numbers of the rows as the kernels read them."""
    return contiguous(array_module(index).asarray(index, dtype=np.int64))
