"""A row of any length, vector by vector: the last vector is filled up where the row has ended.

    for k in range(0, K, WIDTH):
        put(y, n * K, k, K, piece(x, n * K, k, K, 0.0) * scale)         # y[n, :] = x[n, :] * scale

Whole vectors take the short way: the branch is the same for all of them but the last.
Read next: `../softmax/numba_cpu.py`, which is written with these.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..compiled import device_function
from .cpu import WIDTH
from .functions import broadcast, first, max_lanes, select
from .vector import load, load_first, store, store_first


@device_function
def piece(x: Any, start: Any, k: Any, K: Any, beyond: Any) -> Any:
    """Numbers k to k + WIDTH of the K numbers at `start`, and `beyond` past their end."""
    if k + WIDTH <= K:
        return load(x, start + k)
    return first(load_first(x, start + k, K - k), K - k, np.float32(beyond))


@device_function
def put(y: Any, start: Any, k: Any, K: Any, vector: Any) -> None:
    """Write numbers k to k + WIDTH of the K numbers at `start`, as far as they go."""
    if k + WIDTH <= K:
        store(y, start + k, vector)
    else:
        store_first(y, start + k, vector, K - k)


@device_function
def largest(x: Any, start: Any, K: Any) -> Any:
    """The largest of the K numbers at `start`, passing over NaN; -inf if there is nothing else."""
    m = broadcast(np.float32(-np.inf))
    for k in range(0, K, WIDTH):
        v = piece(x, start, k, K, -np.inf)
        m = select(v > m, v, m)
    return max_lanes(m)
