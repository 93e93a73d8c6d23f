"""Arrays with a fence on either side: what writes past their ends is found out.

NumPy checks every index; compiled code and GPU code check none, and a write past the end lands in
somebody else's array. Read next: `verify.py`, which hands these to kernels nobody knows yet.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .arrays import Array

FENCE = 4096  # bytes on each side: a page, so that whole rows that are written too far are seen
MARK = 0xA5


class Guarded:
    """A copy of an array in the middle of a larger block of marked bytes.

    Attributes:
        array: the copy, C-contiguous.

    Example:
        >>> guarded = Guarded(np.zeros((2, 3), np.float32))
        >>> guarded.breach() is None
        True
        >>> np.lib.stride_tricks.as_strided(guarded.array, (7,), (4,))[6] = 1.0  # one too many
        >>> guarded.breach()
        'past the end'
    """

    def __init__(self, original: Array) -> None:
        size = original.nbytes
        self._block = np.full(size + 2 * FENCE + 64, MARK, np.uint8)
        start = FENCE + -(self._block.ctypes.data + FENCE) % 64  # kernels may expect alignment
        self._before, self._after = self._block[:start], self._block[start + size :]
        inside = self._block[start : start + size]
        self.array: Array = inside.view(original.dtype).reshape(original.shape)
        self.array[...] = original
        self._original = self.array.copy()

    def breach(self) -> str | None:
        """Where something was written outside the array: "past the end", "before the beginning"."""
        if (self._after != MARK).any():
            return "past the end"
        return "before the beginning" if (self._before != MARK).any() else None

    def changed(self) -> bool:
        """Whether the array itself is no longer what it was."""
        return self.array.tobytes() != self._original.tobytes()


def guard(value: Any, fences: list[Guarded]) -> Any:
    """A kernel's argument with its arrays guarded; the guards are added to `fences`.

    Example:
        >>> fences = []
        >>> [array.shape for array in guard([np.zeros(2), np.ones(3)], fences)], len(fences)
        ([(2,), (3,)], 2)
    """
    if isinstance(value, (list, tuple)):
        return type(value)(guard(item, fences) for item in value)
    if not isinstance(value, np.ndarray):
        return value
    fences.append(Guarded(value))
    return fences[-1].array
