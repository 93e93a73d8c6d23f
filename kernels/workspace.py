"""Scratch memory that kernels use again instead of asking the system for fresh pages each time.

A page's first touch costs as much as copying it: LeNet's first convolution took 2.5 ms with fresh
windows in every chunk, 1.2 ms with these. Read next: `conv2d/reference.py`, which lives on it.
"""

from __future__ import annotations

import math
import threading

import numpy as np

from .arrays import Array, array_module

_LARGEST_KEPT = 16 << 20  # bytes; what is larger is given back at once


class _Buffers(threading.local):
    """The buffers of one thread, by name."""

    def __init__(self) -> None:
        self.by_name: dict[str, Array] = {}


_buffers = _Buffers()


def scratch(name: str, shape: tuple[int, ...], like: Array) -> Array:
    """An uninitialised array for a kernel's own use, on the module and of the dtype of `like`.

    It is overwritten by the next call with the same name in this thread: it must not be returned,
    nor outlive the kernel. CuPy's arrays come from CuPy's own pool.

    Example:
        >>> first = scratch("example", (2, 3), np.zeros(1, np.float32))
        >>> first.shape, first.dtype
        ((2, 3), dtype('float32'))
        >>> np.shares_memory(first, scratch("example", (2,), np.zeros(1)))
        True
    """
    xp = array_module(like)
    needed = math.prod(shape) * like.itemsize
    if xp is not np or needed > _LARGEST_KEPT:
        fresh: Array = xp.empty(shape, dtype=like.dtype)
        return fresh
    kept = _buffers.by_name.get(name)
    if kept is None or kept.size < needed:
        kept = _buffers.by_name[name] = np.empty(needed, dtype=np.uint8)
    return kept[:needed].view(like.dtype).reshape(shape)
