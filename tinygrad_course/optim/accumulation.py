"""Gradient accumulation: a large batch in several small passes, where memory holds only those."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

from ..errors import ArgumentError, ArgumentTypeError

Batch = TypeVar("Batch")


class MicroBatch(NamedTuple):
    """One small batch of a window.

    Attributes:
        batch: what the loader yielded.
        weight: its share of the window's samples; the weights of a window sum to 1.
        last: whether the window ends here and the optimizer should step.
    """

    batch: Any
    weight: float
    last: bool


def accumulate(
    batches: Iterable[Batch], window: int, *, samples: Callable[[Batch], int] | None = None
) -> Iterator[MicroBatch]:
    """Group batches into windows of one optimizer step each.

    Of batch i with n_i samples the mean loss is L_i; the whole window's mean loss, and therefore
    its gradient, is sum_i (n_i / sum n) L_i. So each loss is multiplied by its weight, `.grad` adds
    up what backward leaves there, and the step is taken at `last`:

        for batch, weight, last in accumulate(loader, 4):
            x, y = batch
            (F.cross_entropy(model(x), y) * weight).backward()
            if last:
                optimizer.step()
                optimizer.zero_grad()

    The last window may be shorter, and its last batch smaller: both are weighted by what they hold.
    The result is the large batch's, except in layers that look across the batch (batch norm).

    Args:
        batches: batches; `window` of them are held at a time.
        window: how many make one step, at least 1.
        samples: counts a batch's samples; by default the length of the batch's first element (or
            of the batch itself, if it is no tuple or list).

    Yields:
        MicroBatch (batch, weight, last).

    Raises:
        ArgumentError: a window below 1, a batch without samples.
        ArgumentTypeError: a window that is no integer.

    Example:
        >>> batches = [([1, 2], "ab"), ([3, 4], "cd"), ([5], "e")]
        >>> [(weight, last) for _, weight, last in accumulate(batches, 2)]
        [(0.5, False), (0.5, True), (1.0, True)]
    """
    try:
        length = None if isinstance(window, bool) else operator.index(window)
    except TypeError:
        length = None
    if length is None:
        raise ArgumentTypeError(f"accumulate: window must be an integer, but it is {window!r}")
    if length < 1:
        raise ArgumentError(f"accumulate: window must be at least 1, but it is {length}")
    return _windows(batches, length, _samples if samples is None else samples)


def _windows(
    batches: Iterable[Batch], length: int, samples: Callable[[Batch], int]
) -> Iterator[MicroBatch]:
    held: list[Batch] = []
    for batch in batches:
        held.append(batch)
        if len(held) == length:
            yield from _weighted(held, samples)
            held = []
    if held:
        yield from _weighted(held, samples)


def _weighted(window: list[Batch], samples: Callable[[Batch], int]) -> Iterator[MicroBatch]:
    counts = [samples(batch) for batch in window]
    if min(counts) < 1:
        raise ArgumentError("accumulate: a batch has no samples; leave it out")
    total, final = sum(counts), len(window) - 1
    for index, (batch, count) in enumerate(zip(window, counts, strict=True)):
        yield MicroBatch(batch, count / total, index == final)


def _samples(batch: Any) -> int:
    return len(batch[0]) if isinstance(batch, (tuple, list)) else len(batch)
