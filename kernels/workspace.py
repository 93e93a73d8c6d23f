"""Output buffers and scratch memory that kernels use again instead of asking for fresh pages.

A fresh page costs more at its first touch than it takes to fill: LeNet-5's activations and their
gradients at batch 64 took 1.1 ms to allocate and write, 0.10 ms here; VGG-small's at batch 128 25
and 10 ms, ResNet-18's at batch 8 42 and 13 ms (2 threads). Read next: `conv2d/reference.py`, which
lives on `scratch`.
"""

from __future__ import annotations

import contextlib
import math
import mmap
import os
import sys
import threading
import weakref
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .arrays import Array, array_module

_LARGEST_KEPT = 16 << 20  # bytes of one scratch buffer; what is larger is given back at once
_LINE = 64  # bytes of a cache line; a vector across two lines costs two accesses (1.2 times slower)
_SMALLEST_POOLED = 64 << 10  # bytes; below, the C library's own free lists are as fast
_LARGE_PAGES_FROM = 4 << 20  # bytes
_SLACK = 2  # a step holds its sizes at different times: with less, some blocks came back fresh


# Scratch: a kernel's own, overwritten by the next call --------------------------------------------


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
        del kept  # the smaller one goes before the larger one comes
        _buffers.by_name.pop(name, None)
        kept = _buffers.by_name[name] = _fresh_scratch(needed)
    return kept[:needed].view(like.dtype).reshape(shape)


def _fresh_scratch(size: int) -> Array:
    """Bytes that begin at a cache line: large ones on pages that go back when they are outgrown.

    The C library keeps what is freed, for the next block of that size: AlexNet's first images left
    5 MB of outgrown buffers behind.
    """
    if size >= _SMALLEST_POOLED:
        return np.ndarray((size,), np.uint8, _fresh_block(size))
    larger = np.empty(size + _LINE, np.uint8)
    return larger[-larger.ctypes.data % _LINE :][:size]


# Results: memory that comes back when the last array that looks at it is gone ---------------------


class Report(NamedTuple):
    """Bytes of the pool behind `empty`.

    Attributes:
        in_use: under arrays that are alive.
        kept: waiting to be used again.
        peak: the most that was ever in use at once.
    """

    in_use: int
    kept: int
    peak: int


class _Lease(weakref.ref):  # type: ignore[type-arg]
    """Watches an array that was handed out; knows the block it stands on.

    A view keeps alive the array it was made of, and views of views the same one: NumPy follows
    their bases down to the last *array*. The block under it is none, so there it stops.
    """

    __slots__ = ("block",)
    block: mmap.mmap


class _Pool:
    """Blocks of memory by size, the sizes in the order in which they were last handed out.

    What it holds, in use and not, never exceeds `_SLACK` times the most that was in use at once.

    A finalizer may run in the middle of a change here, in the same thread, and ask for memory: it
    is let in (a plain lock would wait for itself), and is given memory that is not the pool's.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.changing = False
        self.unused: dict[int, list[mmap.mmap]] = {}
        self.leases: dict[int, _Lease] = {}  # a weak reference must itself be kept
        self.ended: deque[_Lease] = deque()
        self.in_use = self.kept = self.peak = 0

    def lease(self, shape: tuple[int, ...], dtype: np.dtype[Any], size: int) -> Array:
        """An array on a block of at least `size` bytes, which comes back when the array dies."""
        size = _size_class(size)
        with self._change() as outermost:
            if not outermost:
                return np.empty(shape, dtype)
            self._collect()
            size = self._fitting(size)
            blocks = self.unused.pop(size, [])
            self.unused[size] = blocks
            if blocks:
                block = blocks.pop()
                self.kept -= size
            else:
                block = _fresh_block(size)
            self.in_use += size
            self.peak = max(self.peak, self.in_use)
            if self.in_use + self.kept > _SLACK * self.peak:
                self._shrink(int(_SLACK * self.peak) - self.in_use)
            array: Array = np.ndarray(shape, dtype, block)
            lease = _Lease(array, self.ended.append)
            lease.block = block
            self.leases[id(lease)] = lease
        return array

    @contextlib.contextmanager
    def _change(self) -> Iterator[bool]:
        """One thread at a time; whether the pool is not in the middle of another change."""
        with self.lock:
            if self.changing:
                yield False
                return
            self.changing = True
            try:
                yield True
            finally:
                self.changing = False

    def _fitting(self, size: int) -> int:
        """The size to take: this one, or if none is unused the next up to 3 times as large that is.

        Otherwise a network whose sizes are all different would keep a block for each of them:
        AlexNet's activations stood on 20 MB, of which 11 were ever in use at once.
        """
        if self.unused.get(size):
            return size
        larger = (s for s, blocks in self.unused.items() if size < s <= 3 * size and blocks)
        return min(larger, default=size)

    def _collect(self) -> None:
        """Take back the blocks whose last array died, in whatever thread it did.

        A lease ends inside the garbage collector, anywhere: there it is only put in a queue.
        """
        while self.ended:
            lease = self.ended.popleft()
            del self.leases[id(lease)]
            size = len(lease.block)
            self.unused.setdefault(size, []).append(lease.block)
            self.in_use -= size
            self.kept += size

    def _shrink(self, bound: int) -> None:
        """Give unused blocks back until `bound` bytes are left, the longest unused sizes first."""
        for size in list(self.unused):
            blocks = self.unused[size]
            while blocks and self.kept > bound:
                blocks.pop(0)
                self.kept -= size
            if not blocks:
                del self.unused[size]

    def report(self) -> Report:
        with self._change() as outermost:
            if outermost:
                self._collect()
            return Report(self.in_use, self.kept, self.peak)

    def release(self) -> None:
        with self._change() as outermost:
            if outermost:
                self._collect()
                self._shrink(0)
                self.peak = self.in_use


def _size_class(size: int) -> int:
    """`size` rounded up to one of eight steps between two powers of two: at most 1/8 is unused."""
    step = 1 << max(12, size.bit_length() - 4)
    return -(-size // step) * step


def _fresh_block(size: int) -> mmap.mmap:
    """Pages of the system's own, large ones where it has them: NumPy asks for the same.

    They are private: shared ones, Python's default, would stay one memory in a process and its
    forked child, each writing into the other's arrays.
    """
    if sys.platform == "win32":  # which has no fork
        return mmap.mmap(-1, size)
    block = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if size >= _LARGE_PAGES_FROM and sys.platform == "linux":
        with contextlib.suppress(OSError):
            block.madvise(mmap.MADV_HUGEPAGE)
    return block


_pool = _Pool()


def _after_fork() -> None:
    """The child has one thread; a lock that another thread held at the fork would stay shut."""
    _pool.lock = threading.RLock()
    _pool.changing = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def empty(shape: tuple[int, ...], dtype: Any) -> Array:
    """`np.empty` for a kernel's result, in memory that was used before where there is some.

    The array is the caller's like any other. Its memory is handed out again only when neither it
    nor any view of it exists; what it holds before it is written is arbitrary.

    Example:
        >>> y = empty((1000, 1000), np.float32)
        >>> y.shape, y.dtype, y.flags.c_contiguous
        ((1000, 1000), dtype('float32'), True)
    """
    dtype = np.dtype(dtype)
    needed = math.prod(shape) * dtype.itemsize
    if needed < _SMALLEST_POOLED:
        return np.empty(shape, dtype)
    return _pool.lease(shape, dtype, needed)


def report() -> Report:
    """What the pool behind `empty` holds.

    Example:
        >>> release()
        >>> before = report().in_use
        >>> y = empty((1 << 20,), np.uint8)
        >>> report().in_use - before
        1048576
        >>> del y
        >>> report().in_use - before
        0
    """
    return _pool.report()


def release() -> None:
    """Give all memory that no array uses back to the system, and forget the peak."""
    _pool.release()
