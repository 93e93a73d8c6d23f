"""One op on the GPU: every implementation at every size, found right and then timed.

Read next: `peers.py`, `resume.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from tinygrad_course.kernels import verify

from tinygrad_course import kernels
from tinygrad_course.bench.kernel_rows import KernelRow
from tinygrad_course.bench.timing import spread

from .card import Limits
from .clock import Call, Clock, Times
from .peers import peer_call

LARGEST_ROTATION = 8 << 30  # bytes of inputs that take turns, at most
MOST_COPIES = 64
LARGEST_EXACT = 1 << 25
"""Numbers up to which NumPy computes what is right, in float64; above, it would take minutes, and
the reference on the GPU takes its place."""


Truth: TypeAlias = tuple[list[Any], list[Any]]
"""What is right, in float32 and in float64."""


class Case(NamedTuple):
    """One implementation at one size, its row so far, and its calls on the copies of the inputs."""

    row: KernelRow
    calls: list[Call]


def kernel_rows(cupy: Any, op: str, limits: Limits, *, tiny: bool) -> Iterator[KernelRow]:
    """A row for each size of an op and implementation, and one for PyTorch where there is one.

    Args:
        cupy: CuPy, or its double.
        op: the op.
        limits: of the card.
        tiny: the smallest size alone, and not timed: it runs, and is right.
    """
    clock, spec = Clock(cupy), kernels.op(op)
    sizes = sorted(spec.benchmark_shapes, key=numbers_of)[: 1 if tiny else None]
    for size in sizes:
        arrays = spec.make(np.random.default_rng(0), np.float32, size.shapes, size.params)
        truth: Truth | None = None
        if numbers_of(size) <= LARGEST_EXACT:
            truth = verify.expectation(spec, arrays, size.params)
        cost = spec.cost(*arrays, **size.params)
        copies = copies_of(cupy, arrays, cost.bytes)
        cases = []
        for name in names_for(op):
            row, got = first_call(cupy, clock, op, size, arrays, name)
            if not row.fault:
                truth = truth or (got, got)
                row = judged(row, got, truth)
            if row.fault or tiny:
                yield row
                cupy.cuda.runtime.deviceSynchronize()  # raises where the GPU is lost to us
            else:
                calls = [call_on(op, given, size.params, name) for given in copies]
                cases.append(Case(row, calls))
        if not tiny:
            peer = peer_case(clock, op, size, copies)
            if peer.row.fault:
                yield peer.row
            elif peer.calls:
                cases.append(peer)
        times = clock.in_turns([case.calls for case in cases])
        for case, measured in zip(cases, times, strict=True):
            yield filled(case.row, cost, limits, measured)
        del cases, copies
        cupy.get_default_memory_pool().free_all_blocks()


def first_call(
    cupy: Any, clock: Clock, op: str, size: Any, arrays: Any, name: str
) -> tuple[KernelRow, list[Any]]:
    """A row with what the first call took, and all arrays that it returned or wrote in place."""
    row = KernelRow(op, size.label, name)
    got: list[Any] = []

    def call() -> None:
        given = on_device(cupy, arrays)
        returned = call_on(op, given, size.params, name)()
        got.extend(verify.arrays_in(on_host([returned, *[given[k] for k in in_place]])))

    in_place = kernels.op(op).in_place
    try:
        seconds = clock.first(call)
    except Exception as fault:  # noqa: BLE001 - one broken kernel must not end the run
        return row._replace(fault=told(fault)), []
    return row._replace(first_ms=seconds * 1e3), got


def judged(row: KernelRow, got: list[Any], truth: Truth) -> KernelRow:
    """The row with its error, or with what is wrong."""
    wrong, error = verify.judged(got, *truth)
    return row._replace(error=error, fault=f"wrong: {wrong}" if wrong else "", note="right")


def peer_case(clock: Clock, op: str, size: Any, copies: list[Any]) -> Case:
    """The same work by PyTorch; without calls, where it has nothing of the kind."""
    row = KernelRow(op, size.label, "PyTorch")
    try:
        calls = [c for c in (peer_call(op, given, size.params) for given in copies) if c]
        seconds = clock.first(calls[0]) if calls else 0.0
    except Exception as fault:  # noqa: BLE001 - versions of PyTorch differ
        return Case(row._replace(fault=told(fault)), [])
    return Case(row._replace(first_ms=seconds * 1e3), calls)


def numbers_of(size: kernels.Benchmark) -> int:
    """How many numbers the inputs are."""
    return sum(math.prod(shape) for shape in size.shapes)


def names_for(op: str) -> list[str]:
    """The implementations of an op that take CuPy arrays and run here."""
    found = kernels.implementations(op)
    return [n for n, i in found.items() if i.family in ("any", "cupy") and i.available()]


def on_device(cupy: Any, value: Any) -> Any:
    """Arrays, also in lists, on the GPU; the rest as it is."""
    if isinstance(value, (list, tuple)):
        return type(value)([on_device(cupy, v) for v in value])
    return cupy.asarray(value) if isinstance(value, np.ndarray) else value


def on_host(value: Any) -> Any:
    """The reverse."""
    if isinstance(value, (list, tuple)):
        return type(value)([on_host(v) for v in value])
    return value.get() if hasattr(value, "get") else value


def call_on(op: str, given: Any, params: Any, name: str) -> Call:
    """A call of an implementation on these inputs."""
    function = kernels.find(op, given, params, name)
    return lambda: function(*given, **params)


def copies_of(cupy: Any, arrays: Any, moved: float) -> list[Any]:
    """The inputs on the GPU, so many times that no cache holds them all."""
    cache = cupy.cuda.Device().attributes.get("L2CacheSize", 64 << 20)
    wanted = min(3 * cache, LARGEST_ROTATION) / max(1.0, moved)
    return [on_device(cupy, arrays) for _ in range(max(1, min(MOST_COPIES, math.ceil(wanted))))]


def filled(row: KernelRow, cost: kernels.Cost, limits: Limits, measured: list[Times]) -> KernelRow:
    """The row with what was measured, beside what the card can do."""
    middle = spread([times.gpu for times in measured])
    by_memory = cost.bytes / limits.gigabytes_per_second / 1e9
    by_arithmetic = cost.flops / limits.gigaflops / 1e9
    host = spread([times.host for times in measured]).median
    return row._replace(
        us=middle.median * 1e6,
        us_low=middle.low * 1e6,
        us_high=middle.high * 1e6,
        gigabytes_per_second=cost.bytes / middle.median / 1e9,
        gigaflops=cost.flops / middle.median / 1e9,
        intensity=cost.flops / max(1.0, cost.bytes),
        percent=100 * max(by_memory, by_arithmetic) / middle.median,
        bound="memory" if by_memory > by_arithmetic else "arithmetic",
        note=f"host {host * 1e6:.1f} us a launch",
    )


def told(fault: Exception) -> str:
    """What went wrong, in a line."""
    return f"{type(fault).__name__}: {fault}".splitlines()[0]
