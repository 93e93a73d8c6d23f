"""Batches, in an order that depends on (seed, epoch, batch) alone.

There is no hidden state: `epoch(3, start_batch=40)` yields what an uninterrupted run would have
seen from there on, bit by bit, which is what lets a training run be resumed.
Next: `streams.py` (the numbers), `prefetch.py` (the thread).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from ..errors import ArgumentError, ArgumentTypeError, DataError, ShapeError
from .checks import Array, as_array, check_finite, whole_number
from .prefetch import prefetch as in_background
from .streams import AUGMENTATION, permutation, stream
from .transforms import Transform

Batch = tuple[Array, Array]


class DataLoader:
    """Cuts a data set into batches.

    The order of epoch e is a function of (seed, e), the augmentation of batch b of (seed, e, b).
    Neither depends on what was drawn before, nor on `prefetch`.

    Arrays that are mapped from files (`load_mapped`, `np.load(path, mmap_mode="r")`) stay there:
    they are looked through once for values that are not finite, a block at a time (integers need
    no look), and then read a batch at a time.

    Args:
        x: samples, shape (N, ...), finite.
        y: labels or targets, shape (N, ...), finite.
        batch_size: samples a batch; the last batch of an epoch may be smaller.
        shuffle: a new random order every epoch; otherwise the order of `x`.
        seed: an integer from 0 to 2**64 - 1.
        transforms: functions `(x, rng) -> x`, applied in order to each batch's x.
        drop_last: leave out a last batch that is not full.
        prefetch: how many batches a background thread makes ahead; 0 makes them on demand.

    Raises:
        ShapeError: x and y have different lengths.
        DataError: no samples, or a NaN or an infinity in x or y.
        ArgumentError: a batch size below 1, a seed out of range, `drop_last` with less than one
            full batch.

    Example:
        >>> x, y = np.arange(5.0).reshape(5, 1), np.arange(5)
        >>> loader = DataLoader(x, y, 2, shuffle=True, seed=1)
        >>> [labels.tolist() for _, labels in loader.epoch(0)]
        [[0, 2], [3, 1], [4]]
        >>> [labels.tolist() for _, labels in loader.epoch(0, start_batch=1)]
        [[3, 1], [4]]
        >>> len(loader)
        3
    """

    def __init__(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        batch_size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
        transforms: Sequence[Transform] = (),
        drop_last: bool = False,
        prefetch: int = 0,
    ) -> None:
        self.x = check_finite(as_array(x, "x", "DataLoader"), "x")
        self.y = check_finite(as_array(y, "y", "DataLoader"), "y")
        if len(self.x) != len(self.y):
            raise ShapeError(
                f"DataLoader: x and y must have one row a sample each, but x has {len(self.x)} "
                f"(shape {self.x.shape}) and y has {len(self.y)} (shape {self.y.shape})"
            )
        if len(self.x) == 0:
            raise DataError(
                f"DataLoader: expected at least one sample, but x has the shape {self.x.shape}"
            )
        self.batch_size = whole_number(batch_size, "DataLoader: batch_size", 1)
        self.shuffle = bool(shuffle)
        self.seed = whole_number(seed, "DataLoader: seed", 0)
        self.transforms = _as_transforms(transforms)
        self.drop_last = bool(drop_last)
        self.prefetch = whole_number(prefetch, "DataLoader: prefetch", 0)
        if len(self) == 0:
            raise ArgumentError(
                f"DataLoader: drop_last leaves no batch of {self.batch_size} in {len(self.x)} "
                "samples; use a smaller batch_size or drop_last=False"
            )

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        full, rest = divmod(len(self.x), self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def epoch(self, epoch: int = 0, start_batch: int = 0) -> Generator[Batch, None, None]:
        """The batches of one epoch, from `start_batch` on.

        The arrays are the caller's own: writing into them changes nothing else. A `break` ends
        the background thread, as does `close()` or dropping the iterator.

        Args:
            epoch: which epoch, from 0.
            start_batch: how many batches to pass over without making them; `len(self)` is
                allowed and leaves none.

        Returns:
            An iterator of (x, y).

        Raises:
            ArgumentError: an epoch below 0, a start outside the epoch.
        """
        number = whole_number(epoch, "DataLoader.epoch: epoch", 0)
        start = whole_number(start_batch, "DataLoader.epoch: start_batch", 0, len(self))
        batches = self._batches(number, start)
        return in_background(batches, self.prefetch) if self.prefetch else batches

    def batch(self, epoch: int, index: int) -> Batch:
        """One batch by its number: what `epoch(epoch)` yields at place `index`."""
        last = len(self) - 1
        return next(
            self._batches(
                whole_number(epoch, "DataLoader.batch: epoch", 0),
                whole_number(index, "DataLoader.batch: index", 0, last),
            )
        )

    def _batches(self, epoch: int, start: int) -> Generator[Batch, None, None]:
        count = len(self.x)
        order = permutation(self.seed, epoch, count) if self.shuffle else np.arange(count)
        for index in range(start, len(self)):
            rows = order[index * self.batch_size : (index + 1) * self.batch_size]
            # An index array, also without shuffling: a slice would be a view into the data set.
            yield self._transformed(self.x[rows], epoch, index), self.y[rows]

    def _transformed(self, x: Array, epoch: int, index: int) -> Array:
        if not self.transforms:
            return x
        rng = np.random.Generator(stream(self.seed, AUGMENTATION, epoch, index))
        count = len(x)
        for transform in self.transforms:
            try:
                x = transform(x, rng)
            except Exception as error:
                if hasattr(error, "add_note"):  # Python 3.11
                    error.add_note(f"in {transform!r}, batch {index} of epoch {epoch}")
                raise
            if not isinstance(x, np.ndarray) or x.ndim == 0 or len(x) != count:
                got = f"shape {x.shape}" if isinstance(x, np.ndarray) else type(x).__name__
                raise ShapeError(
                    f"DataLoader: transform {transform!r} must return an array of the {count} "
                    f"samples it was given, but it returned {got}"
                )
        return x

    def __iter__(self) -> Iterator[NoReturn]:
        """Not offered: an epoch has a number, on which its order depends.

        Raises:
            ArgumentTypeError: always, with the loop to write instead.
        """
        raise ArgumentTypeError(
            "DataLoader: say which epoch to go through, since its order depends on that: "
            "`for x, y in loader.epoch(0):`"
        )

    def __repr__(self) -> str:
        return (
            f"DataLoader({len(self.x)} samples of shape {self.x.shape[1:]}, {len(self)} batches "
            f"of {self.batch_size}, shuffle={self.shuffle}, seed={self.seed}, "
            f"transforms={list(self.transforms)})"
        )


def _as_transforms(transforms: Sequence[Transform]) -> tuple[Transform, ...]:
    if callable(transforms):
        raise ArgumentTypeError(
            f"DataLoader: transforms must be a list, but it is the single transform "
            f"{transforms!r}; write transforms=[...]"
        )
    try:
        listed = tuple(transforms)
    except TypeError as error:
        raise ArgumentTypeError(
            f"DataLoader: transforms must be a list of functions (x, rng) -> x, "
            f"but it is {transforms!r}"
        ) from error
    for transform in listed:
        if not callable(transform):
            raise ArgumentTypeError(
                f"DataLoader: transforms must be functions (x, rng) -> x, but {transform!r} "
                "cannot be called"
            )
    return listed
