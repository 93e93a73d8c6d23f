"""The roofline: speed over arithmetic intensity, with the machine's two limits as a roof.

Below the slope a kernel waits for memory (more speed needs fewer bytes), below the flat part for
arithmetic (fewer operations). Only coordinates are made here; `templates/bench.html` draws them.

References:
    Williams, Waterman and Patterson, "Roofline: an insightful visual performance model for
    multicore architectures", Communications of the ACM 2009.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from .columns import digits

Row = Mapping[str, Any]
WIDTH, HEIGHT = 960, 520
LEFT, RIGHT, TOP, BOTTOM = 64, 940, 30, 470
COLOURS = 6


class _Axis:
    """A logarithmic axis in whole powers of ten."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        self.low = math.floor(math.log10(min(values)))
        self.high = max(self.low + 1, math.ceil(math.log10(max(values))))
        self.start, self.end = start, end

    def at(self, value: float) -> float:
        """Where a value stands."""
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self) -> list[dict[str, Any]]:
        """A tick at every power of ten."""
        powers = range(self.low, self.high + 1)
        return [{"at": self.at(10.0**power), "text": f"{10.0**power:g}"} for power in powers]


def roofline(rows: Sequence[Row], ceilings: Sequence[Row]) -> dict[str, Any] | None:
    """Everything that the template draws; None where no kernel that computes anything was timed.

    Args:
        rows: rows of `bench_kernels`, as mappings.
        ceilings: the ceilings as rows, those of most threads are drawn.

    Example:
        >>> row = {"op": "matmul", "size": "512", "implementation": "numba", "us": 10.0,
        ...        "intensity": 40.0, "gigaflops": 400.0, "percent": 80.0}
        >>> limits = [{"threads": 1, "bytes": 1 << 28, "gigabytes_per_second": 40.0,
        ...            "gigaflops": None},
        ...           {"threads": 1, "bytes": None, "gigabytes_per_second": None,
        ...            "gigaflops": 500.0}]
        >>> drawn = roofline([row], limits)
        >>> len(drawn["points"]), [tick["text"] for tick in drawn["x_ticks"]]
        (1, ['1', '10', '100'])
    """
    timed = [row for row in rows if row["us"] and row["intensity"] and row["gigaflops"]]
    threads = max((row["threads"] for row in ceilings), default=0)
    mine = [row for row in ceilings if row["threads"] == threads]
    peak = max((row["gigaflops"] for row in mine if row["gigaflops"]), default=None)
    memory = sorted((r["bytes"], r["gigabytes_per_second"]) for r in mine if r["bytes"])
    if not timed or peak is None or not memory:
        return None
    ridge = peak / memory[-1][1]
    x = _Axis([*(row["intensity"] for row in timed), ridge, ridge / 4], LEFT, RIGHT)
    y = _Axis([*(row["gigaflops"] for row in timed), peak, peak / 8], BOTTOM, TOP)
    names = list(dict.fromkeys(row["implementation"] for row in timed))
    colour = {name: number % COLOURS for number, name in enumerate(names)}
    roofs = [_roof(x, y, peak, *memory[-1], main=True)]
    roofs += [_roof(x, y, peak, *memory[place]) for place in (0, len(memory) // 2)
              if len(memory) > 2]  # fmt: skip
    return {
        "width": WIDTH, "height": HEIGHT, "left": LEFT, "right": RIGHT, "top": TOP,
        "bottom": BOTTOM, "x_ticks": x.ticks(), "y_ticks": y.ticks(), "roofs": roofs,
        "points": [_point(row, x, y, colour) for row in timed],
        "legend": [(name, colour[name]) for name in names],
    }  # fmt: skip


def _roof(
    x: _Axis, y: _Axis, peak: float, size: int, bandwidth: float, *, main: bool = False
) -> dict[str, Any]:
    """The slope of one level of memory up to the flat part, within the frame."""
    start = max(10.0**x.low, 10.0**y.low / bandwidth)
    ridge = max(start, peak / bandwidth)
    corners = [(start, start * bandwidth), (ridge, peak), (10.0**x.high, peak)]
    points = " ".join(f"{x.at(a)},{y.at(b)}" for a, b in corners if a <= 10.0**x.high)
    left, height = x.at(start), y.at(start * bandwidth)
    text = f"{digits(bandwidth)} GB/s ({size >> 10} KiB)" if size < 1 << 20 else (
        f"{digits(bandwidth)} GB/s ({size >> 20} MiB)")  # fmt: skip
    if main:
        text += f", {digits(peak)} GFLOP/s"
    return {"points": points, "main": main, "text": text, "at": (left + 10, height - 8)}


def _point(row: Row, x: _Axis, y: _Axis, colour: Mapping[str, int]) -> dict[str, Any]:
    text = (
        f"{row['op']}, {row['size']}: {row['implementation']}, {digits(row['gigaflops'])} GFLOP/s, "
        f"{row['percent']:.0f} % of the ceiling"
    )
    return {
        "x": x.at(row["intensity"]),
        "y": y.at(row["gigaflops"]),
        "colour": colour[row["implementation"]],
        "text": text,
    }
