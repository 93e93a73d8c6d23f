"""Times as they are reported here: medians over rounds, with their spread. Read next: `worker.py`.

A mean is at the mercy of whatever else the machine does, and a minimum shows the day on which
everything was in the cache. The median over rounds forgives bursts; candidates that take turns in
every round meet the same weather, so their *ratios* hold where their times drift.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple


class Spread(NamedTuple):
    """The middle of some measurements, and the band that eight in ten of them fall into.

    Attributes:
        median: the middle one.
        low: the 10th percentile.
        high: the 90th percentile.
    """

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """The median and the 10th and 90th percentiles, interpolated between neighbours.

    Example:
        >>> spread([3.0, 1.0, 2.0])
        Spread(median=2.0, low=1.2, high=2.8)
        >>> spread([5.0])
        Spread(median=5.0, low=5.0, high=5.0)
    """
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    tenths = statistics.quantiles(values, n=10, method="inclusive")
    return Spread(statistics.median(values), tenths[0], tenths[-1])


class OtherPrograms:
    """What share of the processors was busy with other programs since this was made.

    It knows of this process and of the children that have ended.
    """

    def __init__(self) -> None:
        self._start = self._now()

    @staticmethod
    def _now() -> tuple[float, float, float] | None:
        """Seconds that all processors were there for, were busy, and were busy with us."""
        try:
            fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
        except OSError:
            return None
        ticks = [int(field) for field in fields]
        second = os.sysconf("SC_CLK_TCK")
        busy = sum(ticks) - ticks[3] - ticks[4]  # without idle and waiting for a disk
        return sum(ticks) / second, busy / second, sum(os.times()[:4])

    def share(self) -> float | None:
        """0 to 1; None where the system does not say, or after less than half a second.

        Example:
            >>> OtherPrograms().share() is None
            True
        """
        now = self._now()
        if self._start is None or now is None or now[0] - self._start[0] < 0.5:
            return None
        whole, busy, ours = (end - begin for begin, end in zip(self._start, now, strict=True))
        return min(1.0, max(0.0, (busy - ours) / whole))


def seconds_of(call: Callable[[], object], count: int = 1) -> float:
    """Seconds per call, over `count` calls one after the other."""
    start = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - start) / count


def repeats(seconds: float, turn: float, most: int = 100_000) -> int:
    """How many calls of so many seconds fill a turn of `turn` seconds; at least one.

    Example:
        >>> repeats(0.01, turn=0.2), repeats(3.0, turn=0.2)
        (20, 1)
    """
    return max(1, min(most, round(turn / max(seconds, 1e-9))))
