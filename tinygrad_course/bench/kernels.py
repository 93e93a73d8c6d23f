"""Every implementation of an op on the same inputs, beside NumPy: `tgc bench kernels`.

NumPy, which is the references, works in processes of its own, one with its default threads and one
with a single one; all the others share a process; the user's kernel has one that may crash. In each
round they take turns. A kernel that is wrong is never timed. Read next: `kernel_worker.py` (the
other side), `ceiling.py` (what a share of the ceiling is).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .. import kernels
from ..errors import ArgumentError
from .ceiling import Ceiling, of_answer
from .kernel_worker import NUMPY, OURS, USER
from .timing import Spread, repeats, spread
from .worker import Worker, WorkerError, threads_environment

WORKER = "tinygrad_course.bench.kernel_worker"
ONE = "numpy-one-thread"
SLOW = ("cuda-emulated",)
"""Implementations that are there to be read and tested; timed only where they are named."""
TURN = 0.02
"""Seconds that a candidate works before another has its turn."""
PAUSE = 0.01
"""Seconds between turns of two processes: threads that wait for more work spin for a while."""
Say = Callable[[str], None]
Shapes = tuple[tuple[int, ...], ...]


class Size(NamedTuple):
    """The shapes and parameters of one call."""

    label: str
    shapes: Shapes
    params: Mapping[str, Any]


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


class Subject(NamedTuple):
    """The user's kernel."""

    path: Path
    name: str
    op: str


class _Candidate(NamedTuple):
    """An implementation, where it runs, and what its row calls it."""

    worker: str
    implementation: str
    title: str


NUMPY_CANDIDATES = (
    _Candidate(NUMPY, "reference", "NumPy"),
    _Candidate(ONE, "reference", "NumPy, 1 thread"),
)


def sizes_of(op: str, given: Sequence[str] = (), *, sweep: bool = False) -> list[Size]:
    """The op's benchmark sizes, or those given as "128x784,784x800,800".

    Args:
        op: the op.
        given: shapes of its arrays.
        sweep: also smaller ones, a quarter of the first axis at a time.

    Raises:
        ArgumentError: shapes that cannot be read, or that the op cannot take.

    Example:
        >>> [size.label for size in sizes_of("matmul", ["2x3,3x4"])]
        ['2x3,3x4']
    """
    benchmarks = kernels.op(op).benchmark_shapes
    sizes = [Size(b.label, b.shapes, b.params) for b in benchmarks]
    if given:
        sizes = [_given_size(op, text, sizes[0]) for text in given]
    if sweep:
        sizes = [smaller for size in sizes[:1] for smaller in _sweep(op, size)] + sizes[1:]
    return sizes


def _given_size(op: str, text: str, like: Size) -> Size:
    try:
        shapes = tuple(tuple(int(n) for n in part.split("x")) for part in text.split(","))
    except ValueError:
        raise ArgumentError(
            f"--shape: expected lengths as 128x784, shapes of several arrays with commas between "
            f"them, but got {text!r}"
        ) from None
    size = _like(like, shapes, text)
    fault = _unfit(op, size)
    if fault is not None or len(shapes) != len(like.shapes):
        expected = ",".join("x".join(map(str, shape)) for shape in like.shapes)
        raise ArgumentError(
            f"--shape: {op} cannot take {text!r}{f' ({fault})' if fault else ''}; its first size "
            f"is {expected}"
        )
    return size


def _like(size: Size, shapes: Shapes, label: str) -> Size:
    """The same call with other shapes, also where a parameter (x_shape) is one of them."""
    other = dict(zip(size.shapes, shapes, strict=False))
    params = {
        name: other.get(value, value) if isinstance(value, tuple) else value
        for name, value in size.params.items()
    }
    return Size(label, shapes, params)


def _unfit(op: str, size: Size) -> str | None:
    """Why the reference refuses arrays of these shapes; None if it takes them."""
    import numpy as np

    spec = kernels.op(op)
    try:
        with np.errstate(all="ignore"):
            arrays = spec.make(np.random.default_rng(0), np.float32, size.shapes, dict(size.params))
            spec.reference(*arrays, **size.params)
    except Exception as error:  # noqa: BLE001 - references check nothing: anything may come
        return f"{type(error).__name__}: {error}"
    return None


def _sweep(op: str, size: Size) -> Iterator[Size]:
    """The size with its first axis cut to 1, 4, 16, ... and in full."""
    full = size.shapes[0][0]
    lengths = [n for n in (4**k for k in range(12)) if n < full]
    for length in lengths:
        together = tuple((length, *s[1:]) if s[:1] == (full,) else s for s in size.shapes)
        alone = ((length, *size.shapes[0][1:]), *size.shapes[1:])
        for shapes in (together, alone):
            smaller = _like(size, shapes, f"{size.label}, {length} of {full}")
            if _unfit(op, smaller) is None:
                yield smaller
                break
    yield size


def bench_kernels(
    ops: Sequence[str],
    *,
    implementations: Sequence[str] = (),
    shapes: Sequence[str] = (),
    sweep: bool = False,
    subject: Subject | None = None,
    threads: int = 1,
    rounds: int = 9,
    turn: float = TURN,
    limit: float = 60.0,
    say: Say = lambda _: None,
) -> Iterator[KernelRow | Ceiling]:
    """Time the implementations of some ops: first what the machine can do, then a row each.

    Args:
        ops: their names.
        implementations: of ours, those to time; all if none is named.
        shapes: sizes to time instead of the op's own.
        sweep: smaller sizes too.
        subject: the user's kernel.
        threads: for every process but the one where NumPy has one.
        rounds: turns of each candidate.
        turn: seconds of a turn.
        limit: seconds for the user's kernel to be verified in, or to make its first call.
        say: told what happens next.

    Raises:
        ArgumentError: shapes or a user's kernel that cannot be used.
    """
    with _Workers(threads, subject) as workers:
        if subject is not None:
            _find(workers, subject, limit)
        ceilings = {}
        for name, count in ((OURS, threads), (ONE, 1)):
            say(f"measuring the machine with {count} threads")
            ceilings[name] = of_answer(workers.ask(name, "ceiling"))
            yield ceilings[name]
        for op in ops:
            candidates = [*NUMPY_CANDIDATES]
            for name, implementation in kernels.implementations(op).items():
                wanted = name in implementations if implementations else name not in SLOW
                if name != "reference" and wanted:
                    reason = _refusal(implementation)
                    if reason is None:
                        candidates.append(_Candidate(OURS, name, name))
            if subject is not None:
                candidates.append(_Candidate(USER, "user", f"{subject.path.name}::{subject.name}"))
            sizes = sizes_of(op, shapes, sweep=sweep)
            good = []
            for candidate in candidates:
                say(f"{op}: is {candidate.title} right?")
                row = _verified(workers, op, candidate, sizes[0], limit)
                if row.fault:
                    yield row
                else:
                    good.append((candidate, row))
            for number, size in enumerate(sizes):
                say(f"{op}: {size.label}")
                for row in _timed(workers, ceilings, op, size, good, rounds, turn, limit):
                    compiled = {c.title: verified.first_ms for c, verified in good}
                    first = compiled[row.implementation] if number == 0 else None
                    yield row if first is None else row._replace(first_ms=first)


def _refusal(implementation: Any) -> str | None:
    import numpy as np

    reason: str | None = implementation.refusal(np.zeros(1, np.float32))
    return reason


class _Workers:
    """The processes of a run, started when they are first asked; one that died starts again."""

    def __init__(self, threads: int, subject: Subject | None) -> None:
        many, one = threads_environment(threads), threads_environment(1)
        user = [] if subject is None else [str(subject.path), subject.name, subject.op]
        simulator = {}
        if subject is not None and _without_gpu(subject.path):
            simulator = {"NUMBA_ENABLE_CUDASIM": "1"}
        self._plans: dict[str, tuple[list[str], dict[str, str]]] = {
            NUMPY: ([NUMPY, str(threads)], {}),
            ONE: ([NUMPY, "1"], one),
            OURS: ([OURS, str(threads)], many),
            USER: ([USER, str(threads), *user], {**many, **simulator}),
        }
        self._running: dict[str, Worker] = {}

    def ask(self, name: str, what: str, *, limit: float = 600.0, **given: Any) -> Any:
        """The answer of one of them."""
        worker = self._running.get(name)
        if worker is None:
            arguments, environment = self._plans[name]
            worker = Worker(WORKER, *arguments, environment=environment)
            self._running[name] = worker
        try:
            return worker.ask(what, limit=limit, **given)
        except WorkerError as error:
            if error.kind != "raised":
                worker.close()
                del self._running[name]
            raise

    def __enter__(self) -> _Workers:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._running.values():
            worker.close()


def _without_gpu(path: Path) -> bool:
    from .subject import wants_simulator

    return wants_simulator(path) and not Path("/dev/nvidiactl").exists()


def _find(workers: _Workers, subject: Subject, limit: float) -> None:
    """Let the user's process import its kernel.

    Raises:
        ArgumentError: there is none, or another signature than the op's.
    """
    try:
        workers.ask(USER, "find", limit=limit)
    except WorkerError as error:
        if error.kind == "raised":
            raise ArgumentError(str(error).partition(": ")[2]) from None
        raise ArgumentError(f"--with: importing {subject.path} {_in_words(error, limit)}") from None


def _verified(
    workers: _Workers, op: str, candidate: _Candidate, size: Size, limit: float
) -> KernelRow:
    """The candidate's row before it is timed: its first call, what it refuses, what is wrong."""
    row = KernelRow(op, "", candidate.title)
    if candidate in NUMPY_CANDIDATES:
        return row
    try:
        verdict = workers.ask(
            candidate.worker,
            "verify",
            limit=limit if candidate.worker == USER else 600.0,
            op=op,
            implementation=candidate.implementation,
            shapes=size.shapes,
            params=dict(size.params),
        )
    except WorkerError as error:
        return row._replace(fault=_in_words(error, limit))
    if verdict["fault"]:
        return row._replace(fault=f"wrong: {verdict['fault']}", error=verdict["error"] or None)
    limits = verdict["limits"]
    note = f"{candidate.title} refuses some inputs: {limits[0]}" if limits else ""
    return row._replace(first_ms=1e3 * verdict["seconds"], note=note)


def _in_words(error: WorkerError, limit: float) -> str:
    """What became of a process, for a reader who wrote the kernel in it."""
    if error.kind == "crashed" and "SIG" in str(error):
        return (
            f"crashed: {error}; it probably reads or writes outside an array: check every index "
            "against the shape"
        )
    if error.kind == "hung":
        return f"hung: it did not end within {limit:g} s; a loop that never ends? (--limit)"
    return f"crashed: {error}" if error.kind == "crashed" else f"failed: {error}"


def _timed(
    workers: _Workers,
    ceilings: Mapping[str, Ceiling],
    op: str,
    size: Size,
    good: Sequence[tuple[_Candidate, KernelRow]],
    rounds: int,
    turn: float,
    limit: float,
) -> Iterator[KernelRow]:
    rows: dict[_Candidate, KernelRow] = {}
    counts: dict[_Candidate, int] = {}
    cost: dict[str, Any] = {}
    chosen = ""
    loaded: set[str] = set()
    for candidate, verified in good:
        row = KernelRow(op, size.label, candidate.title, note=verified.note)
        try:
            if candidate.worker not in loaded:
                cost = workers.ask(
                    candidate.worker, "load", op=op, shapes=size.shapes, params=dict(size.params)
                )
                loaded.add(candidate.worker)
            chosen = cost["chosen"]
            bound = limit if candidate.worker == USER else 600.0
            name = candidate.implementation
            first = workers.ask(candidate.worker, "first", limit=bound, implementation=name)
            rows[candidate] = row._replace(
                first_ms=1e3 * first["seconds"],
                error=first["error"],
                fault=f"wrong: {first['fault']}" if first["fault"] else "",
            )
            if not first["fault"]:
                once = workers.ask(
                    candidate.worker, "run", limit=bound, implementation=name, count=1
                )
                counts[candidate] = repeats(once, turn)
        except WorkerError as error:
            loaded.discard(candidate.worker)
            rows[candidate] = row._replace(fault=_in_words(error, limit))
    times = _rounds(workers, counts, rounds)
    for candidate, row in rows.items():
        title = "reference" if candidate in NUMPY_CANDIDATES else candidate.implementation
        row = row._replace(chosen=title == chosen and candidate.worker != ONE)  # noqa: PLW2901
        if candidate in times:
            ceiling = ceilings[ONE if candidate.worker == ONE else OURS]
            row = _filled(row, times, candidate, cost, ceiling)  # noqa: PLW2901
        yield row


def _rounds(
    workers: _Workers, counts: Mapping[_Candidate, int], rounds: int
) -> dict[_Candidate, list[float]]:
    """Seconds a call of each candidate in each round."""
    times: dict[_Candidate, list[float]] = {candidate: [] for candidate in counts}
    before = ""
    for _ in range(rounds):
        for candidate, count in counts.items():
            name = candidate.implementation
            if candidate.worker != before:
                time.sleep(PAUSE)
                workers.ask(candidate.worker, "run", implementation=name, count=1)
                before = candidate.worker
            seconds = workers.ask(candidate.worker, "run", implementation=name, count=count)
            times[candidate].append(seconds)
    return times


def _filled(
    row: KernelRow,
    times: Mapping[_Candidate, list[float]],
    candidate: _Candidate,
    cost: Mapping[str, Any],
    ceiling: Ceiling,
) -> KernelRow:
    """The row with its figures."""
    mine = times[candidate]
    middle: Spread = spread(mine)
    least = ceiling.seconds(cost["flops"], cost["bytes"], cost["touched"])
    arithmetic = cost["flops"] / (1e9 * ceiling.gigaflops)

    def against(other: _Candidate) -> float | None:
        if other not in times:
            return None
        return spread([a / b for a, b in zip(times[other], mine, strict=True)]).median

    return row._replace(
        us=1e6 * middle.median,
        us_low=1e6 * middle.low,
        us_high=1e6 * middle.high,
        gigabytes_per_second=cost["bytes"] / middle.median / 1e9,
        gigaflops=cost["flops"] / middle.median / 1e9,
        intensity=cost["flops"] / max(1.0, cost["bytes"]),
        percent=100 * least / middle.median,
        bound="arithmetic" if arithmetic >= least else "memory",
        speedup=against(NUMPY_CANDIDATES[0]),
        speedup_one=against(NUMPY_CANDIDATES[1]),
    )


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
    title = NUMPY_CANDIDATES[0].title
    for op in dict.fromkeys(row.op for row in rows):
        mine = [row for row in rows if row.op == op and row.us is not None]
        slow_last = sorted((r for r in mine if r.implementation == title), key=lambda r: r.us or 0)
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
