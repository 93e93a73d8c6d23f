"""How many bytes of arrays are alive: counted when an op makes one, discounted when it is freed.

The profiler's instrument; it sees arrays, not the scratch memory inside a kernel.
"""

from __future__ import annotations

import weakref
from collections import deque
from typing import Any

from ..backend import Array, is_array
from ..node import Node


def owner(array: Array) -> Array:
    """The array whose memory this one looks into: itself, or what it is a view of."""
    while is_array(array.base):
        array = array.base
    return array


class _Buffer:
    """One array that owns memory, as long as it lives."""

    __slots__ = ("bytes", "counted", "kept_by", "reference")

    def __init__(self, reference: Any, size: int, counted: bool) -> None:
        self.reference = reference
        self.bytes = size
        self.counted = counted
        self.kept_by: Any = None


class LiveMemory:
    """The bytes of the buffers that were told of and still live; a view adds nothing.

    Attributes:
        live: bytes now.
        peak: the most there were.

    Example:
        >>> import numpy as np
        >>> memory = LiveMemory()
        >>> a = np.zeros(1000)
        >>> memory.made(a)
        >>> memory.made(a[::2])
        >>> del a
        >>> memory.settle()
        >>> memory.live, memory.peak
        (0, 8000)
    """

    def __init__(self) -> None:
        self.live = self.peak = 0
        self._buffers: dict[int, _Buffer] = {}
        # An array may be freed by another thread in the middle of a sum here: so it only leaves a
        # note, and notes are read when the next array is told of.
        self._freed: deque[int] = deque()

    def found(self, array: Array) -> None:
        """An array from elsewhere: never counted, whatever looks into it later."""
        self._entry(array, counted=False)

    def made(self, array: Array) -> None:
        """An array that an op made."""
        self._entry(array, counted=True)

    def newly_kept(self, array: Array, node: Node) -> int:
        """The bytes that `node` makes the graph keep: 0 where another node keeps them already."""
        buffer = self._entry(array, counted=True)
        keeper = buffer.kept_by() if buffer.kept_by is not None else None
        if keeper is not None and keeper.kept is not None:
            return 0
        buffer.kept_by = weakref.ref(node)
        return buffer.bytes

    def settle(self) -> None:
        """Read the notes of freed arrays."""
        while self._freed:
            self.live -= self._freed.popleft()

    def close(self) -> None:
        """Look at nothing any more."""
        self.settle()
        self._buffers.clear()

    def _entry(self, array: Array, *, counted: bool) -> _Buffer:
        self.settle()
        whole = owner(array)
        key = id(whole)
        buffer = self._buffers.get(key)
        if buffer is None:
            buffers, freed = self._buffers, self._freed

            def forget(_: Any) -> None:
                gone = buffers.pop(key, None)
                if gone is not None and gone.counted:
                    freed.append(gone.bytes)

            buffer = buffers[key] = _Buffer(weakref.ref(whole, forget), whole.nbytes, counted)
            if counted:
                self.live += whole.nbytes
                self.peak = max(self.peak, self.live)
        return buffer
