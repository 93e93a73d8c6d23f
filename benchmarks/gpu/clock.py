"""The GPU's time for a batch of launches, and the host's. Read next: `card.py`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from tinygrad_course.bench.timing import repeats

Call = Callable[[], Any]

ROUNDS = 7
TURN = 0.05  # seconds of launches in one turn
MOST = 5000  # launches in one turn
BURST = 64  # launches timed on the host: of more than about 1,000 the last ones wait for the GPU


class Times(NamedTuple):
    """Seconds per call: on the GPU, and until the host had launched one."""

    gpu: float
    host: float


class Clock:
    """Events on CuPy's current stream."""

    def __init__(self, cupy: Any) -> None:
        self.cupy = cupy
        self.start, self.end = cupy.cuda.Event(), cupy.cuda.Event()

    def run(self, calls: Sequence[Call], count: int) -> Times:
        """Launch `count` times, the calls in turn, and wait."""
        stream = self.cupy.cuda.get_current_stream()
        burst = min(count, BURST)
        self.start.record(stream)
        begin = time.perf_counter()
        for i in range(burst):
            calls[i % len(calls)]()
        host = time.perf_counter() - begin
        for i in range(burst, count):
            calls[i % len(calls)]()
        self.end.record(stream)
        self.end.synchronize()
        gpu = self.cupy.cuda.get_elapsed_time(self.start, self.end) / 1e3
        return Times(max(gpu, 1e-9) / count, host / burst)

    def first(self, call: Call) -> float:
        """Seconds until a first call is done, with everything that it compiles."""
        begin = time.perf_counter()
        call()
        self.cupy.cuda.runtime.deviceSynchronize()
        return time.perf_counter() - begin

    def in_turns(self, candidates: Sequence[Sequence[Call]]) -> Iterator[list[Times]]:
        """For each candidate its times, round by round: in a round each has its turn."""
        counts = []
        for calls in candidates:
            self.run(calls, len(calls))
            once = self.run(calls, max(3, len(calls)))
            counts.append(max(5, repeats(max(once), TURN, MOST)))
        rounds = [
            [self.run(calls, count) for calls, count in zip(candidates, counts, strict=True)]
            for _ in range(ROUNDS)
        ]
        yield from map(list, zip(*rounds, strict=True))
