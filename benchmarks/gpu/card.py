"""The card: what it is called, and what its memory and its arithmetic reach.

Read next: `kernel_times.py`.
"""

from __future__ import annotations

import math
import statistics
from typing import Any, NamedTuple

import numpy as np
from tinygrad_course.kernels import compiled

import tinygrad_course as tg

from .clock import ROUNDS, Clock


class Limits(NamedTuple):
    """The best that was reached.

    Attributes:
        gigabytes_per_second: of memory, read and written.
        gigaflops: of the vendor's matrix product in float32.
        rows: how each was measured, as rows of `tgc bench ceiling`.
    """

    gigabytes_per_second: float
    gigaflops: float
    rows: list[dict[str, Any]]


def limits(cupy: Any, clock: Clock, *, tiny: bool) -> Limits:
    """Measure a copy, a kernel that reads and writes once, and the vendor's matrix product."""
    count, side = (1 << 12, 64) if tiny else (1 << 28, 8192)
    source, target = normal(cupy, count), cupy.zeros(count, np.float32)
    a, b = (normal(cupy, side * side).reshape(side, side) for _ in range(2))
    c = cupy.empty((side, side), np.float32)
    stream = cupy.cuda.get_current_stream()
    calls = {
        "copy": lambda: target.data.copy_from_device_async(source.data, source.nbytes, stream),
        "one read, one write": lambda: cupy.add(source, np.float32(1), out=target),
        "matmul": lambda: cupy.matmul(a, b, out=c),
    }
    rows = []
    for what, call in calls.items():
        if tiny and what == "copy":
            continue  # CuPy's double has none
        clock.run([call], 3)
        seconds = statistics.median(clock.run([call], 20).gpu for _ in range(ROUNDS))
        flops = what == "matmul"
        if tiny:
            seconds = math.inf  # nothing was measured
        rows.append(
            {
                "what": what,
                "threads": 1,
                "bytes": None if flops else source.nbytes,
                "gigabytes_per_second": None if flops else 2 * source.nbytes / seconds / 1e9,
                "gigaflops": 2 * side**3 / seconds / 1e9 if flops else None,
            }
        )
    memory = max(row["gigabytes_per_second"] or 0.0 for row in rows) or 1.0
    arithmetic = max(row["gigaflops"] or 0.0 for row in rows) or 1.0
    return Limits(memory, arithmetic, rows)


def normal(cupy: Any, count: int) -> Any:
    """Normal numbers: on zeros or ones a GPU draws less power, and so runs faster."""
    block = np.random.default_rng(0).standard_normal(1 << 12, np.float32)
    array = cupy.empty((count >> 12, 1 << 12), np.float32)
    array[...] = cupy.asarray(block)
    return array.reshape(count)


def about(cupy: Any) -> dict[str, Any]:
    """The card, and the versions of what runs on it."""
    runtime, device = cupy.cuda.runtime, cupy.cuda.Device()
    properties = runtime.getDeviceProperties(runtime.getDevice())
    name = properties["name"]
    return {
        "processor": name.decode() if isinstance(name, bytes) else name,
        "threads": device.attributes["MultiProcessorCount"],
        "memory GiB": round(properties["totalGlobalMem"] / 2**30, 1),
        "compute capability": device.compute_capability,
        "driver": runtime.driverGetVersion(),
        "runtime": runtime.runtimeGetVersion(),
        "cupy": cupy.__version__,
        "numpy": np.__version__,
        "tinygrad_course": tg.__version__,
        "torch": _torch_version(),
        "kernels": compiled.source_hash(),
    }


def _torch_version() -> str | None:
    try:
        import torch
    except ImportError:
        return None
    return str(torch.__version__) if torch.cuda.is_available() else None
