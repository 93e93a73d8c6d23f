"""A line of the table of kernels, and what the table says in words. Read next: `kernels.py`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

NUMPY, NUMPY_ONE = "NumPy", "NumPy, 1 thread"
"""What the rows of the references are called."""


class KernelRow(NamedTuple):
    """One implementation of an op at one size.

    Attributes:
        op: the op.
        size: the label of the size.
        implementation: its name; "NumPy" and "NumPy, 1 thread" are the reference.
        chosen: whether it is what `launch` would choose here.
        us: microseconds a call, the median over the rounds.
        us_low: the 10th percentile.
        us_high: the 90th percentile.
        first_ms: the first call, with everything that it compiles.
        gigabytes_per_second: bytes that must be moved, over the time.
        gigaflops: operations that must be done, over the time, in billions.
        intensity: operations a byte.
        percent: of the ceiling.
        bound: what the ceiling is here: "memory" or "arithmetic".
        error: the largest, against float64, relative to the largest number.
        speedup: NumPy's time over this one, NumPy with its default threads.
        speedup_one: the same, NumPy with one thread.
        fault: why it was not timed.
        note: what else there is to know.
    """

    op: str
    size: str
    implementation: str
    chosen: bool = False
    us: float | None = None
    us_low: float | None = None
    us_high: float | None = None
    first_ms: float | None = None
    gigabytes_per_second: float | None = None
    gigaflops: float | None = None
    intensity: float | None = None
    percent: float | None = None
    bound: str = ""
    error: float | None = None
    speedup: float | None = None
    speedup_one: float | None = None
    fault: str = ""
    note: str = ""


def crossovers(rows: Sequence[KernelRow]) -> list[str]:
    """From which size on each implementation beats NumPy, in words.

    The sizes of an op are taken in the order of NumPy's time, the least first.

    Example:
        >>> rows = [KernelRow("dense", "small", "NumPy", us=1.0),
        ...         KernelRow("dense", "large", "NumPy", us=9.0),
        ...         KernelRow("dense", "small", "numba", us=2.0, speedup=0.5),
        ...         KernelRow("dense", "large", "numba", us=3.0, speedup=3.0)]
        >>> crossovers(rows)
        ['dense: numba is faster than NumPy from "large" on']
    """
    said = []
    for op in dict.fromkeys(row.op for row in rows):
        mine = [row for row in rows if row.op == op and row.us is not None]
        slow_last = sorted((r for r in mine if r.implementation == NUMPY), key=lambda r: r.us or 0)
        order = [row.size for row in slow_last]
        for name in dict.fromkeys(row.implementation for row in mine):
            gains = {row.size: row.speedup or 0 for row in mine if row.implementation == name}
            if name.startswith("NumPy") or set(gains) != set(order):
                continue
            losing = [place for place, size in enumerate(order) if gains[size] <= 1]
            start = losing[-1] + 1 if losing else 0
            if start == len(order):
                said.append(f"{op}: {name} does not beat NumPy at the largest size")
            elif start == 0:
                said.append(f"{op}: {name} is faster than NumPy at every size")
            else:
                said.append(f'{op}: {name} is faster than NumPy from "{order[start]}" on')
    return said
