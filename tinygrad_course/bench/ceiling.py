"""What the machine can do: the bandwidth of its memory, level by level, and its arithmetic.

A kernel is late for one of two reasons: its bytes have not arrived, or its operations are not done.
The roofline (Williams, Waterman and Patterson 2009) takes the later of the two at the machine's
best; a kernel's share of the ceiling is that time over its own. Both bests are measured in the same
run, in a process with as many threads. For memory, arrays of several sizes are copied, and updated
in place (a copy pays a third time, for the old content of what it overwrites); for arithmetic, a
register tile multiplies what never leaves the first-level cache (`kernels/simd`).
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

SIZES = tuple(1 << n for n in (14, 16, 18, 20, 22, 24, 26, 28))
"""Bytes that are touched, 16 KiB to 256 MiB, by all threads together."""
PASSES = 3
"""How often everything is measured."""


class Ceiling(NamedTuple):
    """The bests of one number of threads.

    Attributes:
        threads: how many.
        gigaflops: billions of operations a second, multiplications and additions counted apart.
        bandwidth: (bytes touched, GB/s read and written) pairs, the smallest first.
        source: how they were measured.
    """

    threads: int
    gigaflops: float
    bandwidth: Sequence[tuple[int, float]]
    source: str

    def gigabytes_per_second(self, touched: float) -> float:
        """The bandwidth for a working set of so many bytes, between the sizes that were measured.

        Example:
            >>> some = Ceiling(1, 100.0, [(1000, 90.0), (4000, 30.0)], "")
            >>> round(some.gigabytes_per_second(2000))
            60
        """
        sizes = [math.log(size) for size, _ in self.bandwidth]
        return float(np.interp(math.log(max(1.0, touched)), sizes, [b for _, b in self.bandwidth]))

    def seconds(self, flops: float, moved: float, touched: float) -> float:
        """The least time: until the operations are done, or the bytes there, whichever is later.

        Args:
            flops: operations.
            moved: bytes read and written.
            touched: bytes of the working set, which decides the level of memory.
        """
        return max(
            flops / (1e9 * self.gigaflops), moved / (1e9 * self.gigabytes_per_second(touched))
        )


def of_answer(answer: Mapping[str, Any]) -> Ceiling:
    """A ceiling as a worker sends it."""
    return Ceiling(
        answer["threads"],
        answer["gigaflops"],
        [(int(size), float(speed)) for size, speed in answer["bandwidth"]],
        answer["source"],
    )


def measure(threads: int, turn: float = 0.05) -> dict[str, Any]:
    """Measure, in this process, with the threads it has.

    Everything is measured `PASSES` times and the best is taken: another program that was busy for
    a tenth of a second would else have lowered one ceiling, and a kernel would stand above it.

    Args:
        threads: how many those are.
        turn: seconds for each of the measurements.
    """
    from ..kernels import compiled

    if compiled.available():
        from . import numba_ceiling as loops

        source = "a register tile; the faster of a copy and an update in place"
        arithmetic = functools.partial(_tile_speed, loops, threads, turn)
        memory = functools.partial(_memory_speed, loops, threads, turn)
    else:
        source = "NumPy's matrix product and copy: Numba is missing"
        arithmetic = functools.partial(_matmul_speed, turn)
        memory = functools.partial(_numpy_copy_speed, turn)
    passes = [(arithmetic(), [memory(size) for size in SIZES]) for _ in range(PASSES)]
    speeds = [max(same_size) for same_size in zip(*(speeds for _, speeds in passes), strict=True)]
    return {
        "threads": threads,
        "gigaflops": max(flops for flops, _ in passes) / 1e9,
        "bandwidth": [(size, speed / 1e9) for size, speed in zip(SIZES, speeds, strict=True)],
        "source": source,
    }


def _best_rate(call: Callable[[int], object], work: float, turn: float) -> float:
    """Work a second, the best of several tries: a ceiling is what was reached once."""
    call(1)
    start = time.perf_counter()
    call(1)
    times = max(1, round(turn / 8 / max(time.perf_counter() - start, 1e-6)))
    best = math.inf
    for _ in range(8):
        start = time.perf_counter()
        call(times)
        best = min(best, (time.perf_counter() - start) / times)
    return work / best


def _tile_speed(loops: Any, threads: int, turn: float) -> float:
    a, b, c, work = loops.tile_arrays(threads)

    def call(times: int) -> None:
        c[:] = 0
        loops.multiply_add(a, b, c, 1000 * times)

    return _best_rate(call, 1000 * work, turn)


def _memory_speed(loops: Any, threads: int, turn: float, size: int) -> float:
    """Bytes a second, read and written, of arrays that take `size` bytes together."""
    inner = max(1, (1 << 20) // size)  # so that waking the threads costs nothing beside the work
    half, whole = (np.ones((threads, size // n // threads), np.float32) for n in (8, 4))

    def rate(kernel: Any, source: Any, target: Any) -> float:
        def call(times: int) -> None:
            kernel(source, target, inner * times)

        return _best_rate(call, inner * 2.0 * target.nbytes, turn / 2)

    copied = rate(loops.copy_pieces, half, np.empty_like(half))
    return max(copied, rate(loops.update_pieces, whole, whole))


def _numpy_copy_speed(turn: float, size: int) -> float:
    source = np.ones(size // 8, np.float32)
    target = np.empty_like(source)

    def call(times: int) -> None:
        for _ in range(times):
            np.copyto(target, source)

    return _best_rate(call, 8.0 * source.size, turn)


def _matmul_speed(turn: float, n: int = 768) -> float:
    a = np.full((n, n), 0.5, np.float32)
    out = np.empty_like(a)

    def call(times: int) -> None:
        for _ in range(times):
            np.matmul(a, a, out=out)

    return _best_rate(call, 2.0 * n**3, max(turn, 0.2))
