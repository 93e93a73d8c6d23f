"""Where a step's time goes: in which kernels, and what is left for Python, the graph and NumPy.

`kernels.find` is asked once per launch; while a step is profiled, what it returns is timed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from .. import kernels

REST = "(engine and small operations)"


def timed_launches(step: Callable[[], object], count: int) -> list[dict[str, Any]]:
    """Run a step `count` times and book the time of every launch.

    Returns:
        A record for each op and implementation, the most time first: `op`, `implementation`,
        `calls` and `ms` per step; the last one, `REST`, is what no kernel took.

    Example:
        >>> import numpy as np
        >>> from ..backend import launch
        >>> x = np.ones((2, 2), np.float32)
        >>> rows = timed_launches(lambda: launch("matmul", x, x), 3)
        >>> [(row["op"], row["calls"]) for row in rows]
        [('matmul', 1.0), ('(engine and small operations)', 1.0)]
    """
    booked: dict[tuple[str, str], list[float]] = {}
    find = kernels.find

    def timed_find(op_name: str, arrays: Any, params: Any, impl: str | None = None) -> Any:
        function = find(op_name, arrays, params, impl)
        name = kernels.choice(op_name, arrays, params, impl)
        book = booked.setdefault((op_name, name), [0, 0.0])

        def timed(*arguments: Any, **options: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                book[0] += 1
                book[1] += time.perf_counter() - start

        return timed

    kernels.find = timed_find
    try:
        start = time.perf_counter()
        for _ in range(count):
            step()
        whole = time.perf_counter() - start
    finally:
        kernels.find = find
    rows: list[dict[str, Any]] = [
        {"op": op, "implementation": name, "calls": calls / count, "ms": 1e3 * seconds / count}
        for (op, name), (calls, seconds) in booked.items()
    ]
    rows.sort(key=lambda row: -row["ms"])
    inside = sum(row["ms"] for row in rows)
    rest = {"op": REST, "implementation": "", "calls": 1.0, "ms": 1e3 * whole / count - inside}
    return [*rows, rest]
