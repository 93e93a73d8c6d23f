"""Local response normalisation in CUDA C++: the launchers of `cuda.cu`.

Every number is read once from memory, and by the neighbouring blocks of its row. Error: as the
reference's, the sums being taken from one end of the window to the other.
"""

from __future__ import annotations

import numpy as np

from .. import cuda_launch
from ..arrays import Array
from ..cuda_geometry import THREADS, allow_shared
from ..cuda_launch import contiguous, out_with_gaps, output, rows_of
from . import reference

_SOURCE = "local_response_norm/cuda.cu"
_WINDOW = np.dtype(
    [(name, "i4") for name in ("C", "tiles", "before", "after")]
    + [(name, "f4") for name in ("alpha", "beta", "k")]
)


@out_with_gaps
def local_response_norm(
    x: Array,
    *,
    before: int,
    after: int,
    alpha: float,
    beta: float,
    k: float,
    out: Array | None = None,
) -> Array:
    """y = x d^-beta, as `reference.local_response_norm`."""
    x = contiguous(x)
    y = output(out, x.shape, x)
    if x.size and not _run("normalise", (x, y), before, after, alpha, beta, k):
        window = {"before": before, "after": after}
        return reference.local_response_norm(x, **window, alpha=alpha, beta=beta, k=k, out=y)
    return y


@out_with_gaps
def local_response_norm_grad(
    dy: Array,
    x: Array,
    *,
    before: int,
    after: int,
    alpha: float,
    beta: float,
    k: float,
    out: Array | None = None,
) -> Array:
    """dx, as `reference.local_response_norm_grad`."""
    dy, x = contiguous(dy), contiguous(x)
    dx = output(out, x.shape, x)
    if x.size and not _run("input_gradient", (dy, x, dx), before, after, alpha, beta, k):
        window = {"before": before, "after": after}
        return reference.local_response_norm_grad(
            dy, x, **window, alpha=alpha, beta=beta, k=k, out=dx
        )
    return dx


def _run(name: str, arrays: tuple[Array, ...], before: int, after: int, *numbers: float) -> bool:
    """One launch; False where the window is too wide for shared memory."""
    M, C = rows_of(arrays[0])
    before, after = min(before, C - 1), min(after, C - 1)
    threads = min(THREADS, max(32, 1 << (C - 1).bit_length()))
    tiles = -(-C // threads)
    reach = before + after
    floats = threads + reach if name == "normalise" else 3 * threads + 4 * reach
    run = cuda_launch.kernel(_SOURCE, name, arrays[0])
    if not allow_shared(run, 4 * floats, arrays[0]):
        return False
    of = np.array((C, tiles, before, after, *numbers), _WINDOW)
    run((M * tiles,), (threads,), (*arrays, of), shared_mem=4 * floats)
    return True
