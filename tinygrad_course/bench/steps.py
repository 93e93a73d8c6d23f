"""Whole training steps, ours beside other libraries: `tgc bench steps`.

Every engine trains in a process of its own, with the same number of threads. In each round they
take turns, ours first, never two at once; a ratio is made of two turns of the same round. Read
next: `networks.py` (the steps), `step_worker.py` (the other side).
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from .networks import SPECS
from .step_worker import OURS, PEERS
from .timing import Spread, repeats, spread
from .worker import Worker, WorkerError, threads_environment

STEPS = tuple(SPECS)
TURN = 0.25
"""Seconds that an engine works before another has its turn."""
PAUSE = 0.05
"""Seconds between turns: threads that wait for more work spin for a while before they sleep."""
WORKER = "tinygrad_course.bench.step_worker"
Say = Callable[[str], None]


class StepRow(NamedTuple):
    """One step beside one peer; ratios are our time over theirs, so that less is better.

    Attributes:
        step: its name.
        peer: the other engine's name; None where there is none to compare with.
        ms: our milliseconds a step, the median over the rounds.
        ms_low: the 10th percentile over the rounds.
        ms_high: the 90th percentile.
        first_ms: our first step, with everything that it compiles.
        peer_ms: theirs, the median.
        ratio: the median over the rounds of ours / theirs.
        ratio_low: the 10th percentile.
        ratio_high: the 90th percentile.
        peak_mb: how far our resident set rose above the built model during five steps.
        peer_peak_mb: theirs.
        note: why something is missing.
    """

    step: str
    peer: str | None
    ms: float
    ms_low: float
    ms_high: float
    first_ms: float
    peer_ms: float | None = None
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None
    peak_mb: float | None = None
    peer_peak_mb: float | None = None
    note: str = ""


def missing(peers: Sequence[str]) -> dict[str, str]:
    """The peers that cannot run here, each with the remedy.

    Example:
        >>> missing([])
        {}
    """
    absent = {}
    for peer in peers:
        package = PEERS[peer][0]
        if importlib.util.find_spec(package) is None:
            absent[peer] = f"{package} is not installed; `pip install {package}` adds it"
    return absent


def bench_steps(
    steps: Sequence[str] = STEPS,
    peers: Sequence[str] = (),
    *,
    threads: int = 1,
    rounds: int = 9,
    turn: float = TURN,
    say: Say = lambda _: None,
) -> Iterator[StepRow]:
    """Time training steps beside peers.

    Args:
        steps: names of `STEPS`.
        peers: names of `PEERS` that are installed.
        threads: for every engine.
        rounds: how often each engine has a turn.
        turn: seconds of a turn; a step that takes longer is a turn by itself.
        say: told what happens next.

    Yields:
        A row per step and peer; one per step where there is no peer.
    """
    for step in steps:
        image = len(SPECS[step].sample) == 3
        # In channels-last order a table is what it was: the eager peer's figures stand for both.
        distinct = [OURS, *dict.fromkeys(p if image else _without_layout(p) for p in peers)]
        timed, first, faults = _timed(step, distinct, threads, rounds, turn, say)
        peaks = {}
        for engine in timed:
            say(f"{step}: memory of {engine}")
            peaks[engine] = _peak(engine, step, threads)
        ours = spread([1e3 * t for t in timed[OURS]])
        row = StepRow(step, None, *ours, 1e3 * first[OURS], peak_mb=peaks[OURS])
        if not peers:
            yield row
        for peer in peers:
            engine = peer if image else _without_layout(peer)
            if engine in timed:
                yield _beside(row, peer, timed[OURS], timed[engine], peaks[engine])
            else:
                yield row._replace(peer=peer, note=faults[engine])


def profile_step(step: str, *, threads: int = 1, count: int = 10) -> list[dict[str, Any]]:
    """Our time in each kernel during a step: the records of `launches.timed_launches`."""
    with _engine(OURS, step, threads) as worker:
        worker.ask("build")
        seconds = worker.ask("run", count=1)
        rows = worker.ask("kernels", count=min(count, repeats(seconds, 2.0)))
    whole = sum(row["ms"] for row in rows)
    return [{"step": step, **row, "share": row["ms"] / whole} for row in rows]


def _without_layout(peer: str) -> str:
    return "torch" if peer == "torch-channels-last" else peer


def _engine(engine: str, step: str, threads: int) -> Worker:
    return Worker(WORKER, engine, step, str(threads), environment=threads_environment(threads))


def _timed(
    step: str, engines: Sequence[str], threads: int, rounds: int, turn: float, say: Say
) -> tuple[dict[str, list[float]], dict[str, float], dict[str, str]]:
    """(seconds a step in each round, the first step's seconds, what kept an engine from it)."""
    workers: dict[str, Worker] = {}
    first: dict[str, float] = {}
    faults: dict[str, str] = {}
    try:
        for engine in engines:
            say(f"{step}: {engine} builds its model")
            try:
                workers[engine] = _engine(engine, step, threads)
                first[engine] = workers[engine].ask("build")
            except WorkerError as error:
                if engine == OURS:
                    raise
                workers.pop(engine, None)
                faults[engine] = str(error)
        counts = {}
        for engine, worker in workers.items():
            worker.ask("run", count=1)
            counts[engine] = repeats(worker.ask("run", count=1), turn)
        times: dict[str, list[float]] = {engine: [] for engine in workers}
        for number in range(rounds):
            say(f"{step}: round {number + 1} of {rounds}")
            for engine, worker in workers.items():
                time.sleep(PAUSE)
                worker.ask("run", count=1)  # awake again, and its data in the cache
                times[engine].append(worker.ask("run", count=counts[engine]))
    finally:
        for worker in workers.values():
            worker.close()
    return times, first, faults


def _peak(engine: str, step: str, threads: int) -> float | None:
    """MB of the engine's peak, from a fresh process."""
    with _engine(engine, step, threads) as worker:
        peak: float | None = worker.ask("memory")
    return peak


def _beside(
    row: StepRow, peer: str, ours: list[float], theirs: list[float], peak: float | None
) -> StepRow:
    ratio: Spread = spread([a / b for a, b in zip(ours, theirs, strict=True)])
    return row._replace(
        peer=peer,
        peer_ms=spread([1e3 * t for t in theirs]).median,
        ratio=ratio.median,
        ratio_low=ratio.low,
        ratio_high=ratio.high,
        peer_peak_mb=peak,
    )
