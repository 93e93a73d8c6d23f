"""What one operation costs: forward plus backward on 4-element arrays, beside PyTorch eager.

On so few numbers the arithmetic is nothing: what is timed is Python, the graph and the dispatch.
Each engine runs in a process of its own, on one thread; they take turns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from .timing import seconds_of, spread
from .worker import Worker, serve, threads_environment

WORKER = "tinygrad_course.bench.overhead"
REPEATS = 30
OPERATIONS = 3 * REPEATS
Step = Callable[[], object]


class OverheadRow(NamedTuple):
    """One engine.

    Attributes:
        engine: its name.
        forward_us: microseconds per operation, forward alone.
        us: forward and backward.
        ratio: our time over this engine's, the median over the rounds; None in our own row.
        ratio_low: the 10th percentile.
        ratio_high: the 90th percentile.
    """

    engine: str
    forward_us: float
    us: float
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None


def bench_overhead(
    peers: Sequence[str] = (), *, rounds: int = 9, say: Callable[[str], None] = lambda _: None
) -> Iterator[OverheadRow]:
    """Our row, then one for each peer: only "torch" is known here."""
    engines = ["ours", *peers]
    times: dict[str, list[tuple[float, float]]] = {engine: [] for engine in engines}
    workers = {e: Worker(WORKER, e, environment=threads_environment(1)) for e in engines}
    try:
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}")
            for engine, worker in workers.items():
                forward, both = worker.ask("run")
                times[engine].append((forward, both))
    finally:
        for worker in workers.values():
            worker.close()
    for engine in engines:
        forward, both = (spread(column) for column in zip(*times[engine], strict=True))
        row = OverheadRow(engine, forward.median, both.median)
        if engine != "ours":
            pairs = zip(times["ours"], times[engine], strict=True)
            ratio = spread([mine[1] / theirs[1] for mine, theirs in pairs])
            row = OverheadRow(engine, forward.median, both.median, *ratio)
        yield row


def main(arguments: list[str]) -> None:
    """Serve one engine: `main(["ours"])` or `main(["torch"])`."""
    forward, both = _torch() if arguments == ["torch"] else _ours()
    serve({"run": lambda: (_microseconds(forward), _microseconds(both))})


def _microseconds(step: Step, runs: int = 100, tries: int = 5) -> float:
    """Per operation: the best of a few tries, which forgives other programs within a round."""
    step()
    return min(seconds_of(step, runs) for _ in range(tries)) / OPERATIONS * 1e6


def _ours() -> tuple[Step, Step]:
    from .. import Parameter, relu

    rng = np.random.default_rng(0)
    x, b, c = (Parameter(rng.standard_normal(4).astype("float32")) for _ in range(3))
    one = np.ones(4, "float32")

    def forward() -> Any:
        y: Any = x
        for _ in range(REPEATS):
            y = relu(y * b + c)
        return y

    def both() -> None:
        x.zero_grad()
        b.zero_grad()
        c.zero_grad()
        forward().backward(one)

    return forward, both


def _torch() -> tuple[Step, Step]:
    import importlib

    torch = importlib.import_module("torch")
    torch.set_num_threads(1)
    x, b, c = (torch.randn(4, requires_grad=True) for _ in range(3))
    one = torch.ones(4)
    relu = torch.relu

    def forward() -> Any:
        y = x
        for _ in range(REPEATS):
            y = relu(y * b + c)
        return y

    def both() -> None:
        x.grad = b.grad = c.grad = None
        forward().backward(one)

    return forward, both
