"""Random numbers addressed by what they are for, not by what was drawn before.

Order and augmentation are functions of (seed, epoch, batch). A run that starts in the middle draws
exactly what the uninterrupted run would have drawn there. Next: `loader.py`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

ORDER, AUGMENTATION, GENERATED, SPLIT = 1, 2, 3, 4
"""Purposes. 0 belongs to `tinygrad_course.random.Generator`, which counts from zero under the same
kind of key: weights and orders of one seed must not come from the same numbers."""


def stream(seed: int, purpose: int, major: int = 0, minor: int = 0) -> np.random.Philox:
    """The Philox stream with the key (seed, major), counting from (0, 0, purpose, minor).

    A stream advances the low words of its counter only, so 2**128 blocks lie before the next one.

    References:
        Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
    """
    return np.random.Philox(
        key=np.array([seed, major], dtype=np.uint64),
        counter=np.array([0, 0, purpose, minor], dtype=np.uint64),
    )


def permutation(seed: int, epoch: int, count: int, purpose: int = ORDER) -> npt.NDArray[np.intp]:
    """A uniformly random order of 0 .. count - 1, a function of (seed, epoch, purpose) alone.

    The numbers are sorted by a random 64-bit word each (equal words, one chance in 2**64 a pair,
    keep their order). NumPy fixes the raw words of its bit generators for good, which it does not
    promise for `Generator.permutation`; so an order outlives an upgrade.
    """
    words = stream(seed, purpose, epoch).random_raw(count)
    return np.argsort(words, kind="stable")
