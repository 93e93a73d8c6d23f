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
from . import kernel_rows
from .ceiling import Ceiling, of_answer
from .kernel_rows import KernelRow
from .kernel_worker import NUMPY, OURS, USER
from .sizes import Size, sizes_of
from .timing import Spread, repeats, spread
from .worker import Worker, WorkerError, threads_environment

WORKER = "tinygrad_course.bench.kernel_worker"
ONE = "numpy-one-thread"
SLOW = ("cuda-emulated", "cuda-tile-emulated", "numba-cuda-simulated")
"""Implementations that are there to be read and tested; timed only where they are named."""
TURN = 0.02
"""Seconds that a candidate works before another has its turn."""
PAUSE = 0.06
"""Seconds between turns of two processes: OpenBLAS' threads spin for 26 ms before they sleep."""
WAKE = 0.005
"""Seconds that a process runs before it is timed again: threads awake, data in the cache."""
Say = Callable[[str], None]


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
    _Candidate(NUMPY, "reference", kernel_rows.NUMPY),
    _Candidate(ONE, "reference", kernel_rows.NUMPY_ONE),
)


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
            raise ArgumentError(str(error)) from None
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
    times = _rounds(workers, counts, rounds, turn)
    for candidate, row in rows.items():
        title = "reference" if candidate in NUMPY_CANDIDATES else candidate.implementation
        row = row._replace(chosen=title == chosen and candidate.worker != ONE)  # noqa: PLW2901
        if candidate in times:
            ceiling = ceilings[ONE if candidate.worker == ONE else OURS]
            row = _filled(row, times, candidate, cost, ceiling)  # noqa: PLW2901
        yield row


def _rounds(
    workers: _Workers, counts: Mapping[_Candidate, int], rounds: int, turn: float
) -> dict[_Candidate, list[float]]:
    """Seconds a call of each candidate in each round; every other round goes backwards."""
    times: dict[_Candidate, list[float]] = {candidate: [] for candidate in counts}
    before = ""
    order = list(counts.items())
    for number in range(rounds):
        for candidate, count in order if number % 2 == 0 else reversed(order):
            name = candidate.implementation
            if candidate.worker != before:
                time.sleep(PAUSE)
                awake = max(1, round(count * WAKE / turn))
                workers.ask(candidate.worker, "run", implementation=name, count=awake)
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
