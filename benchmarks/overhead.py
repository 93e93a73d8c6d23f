"""What one op costs: forward plus backward on 4-element arrays, ours beside PyTorch eager.

    python benchmarks/overhead.py [--rounds 7] [--json]

30 times y = relu(y * b + c), then backward: 90 ops. The two engines run in processes of their own,
in turn, so that neither's thread pool disturbs the other and a drift of the machine meets both.
Reported: microseconds per op, the median over the rounds of each round's best, and the median of
the ratios round by round. PyTorch is a peer, not a requirement: without it, only our figure.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

REPEATS = 30
OPS = 3 * REPEATS


def best_of(step: Callable[[], None], runs: int = 200, tries: int = 7) -> float:
    """Microseconds per op: the best of several tries, which forgives other programs."""
    step()
    times = []
    for _ in range(tries):
        start = time.perf_counter()
        for _ in range(runs):
            step()
        times.append((time.perf_counter() - start) / runs)
    return min(times) / OPS * 1e6


def ours() -> tuple[float, float]:
    """Our engine: forward alone, forward and backward."""
    import tinygrad_course as tg

    rng = np.random.default_rng(0)
    x, b, c = (tg.Parameter(rng.standard_normal(4).astype("float32")) for _ in range(3))
    one = np.ones(4, "float32")
    relu = tg.relu

    def forward() -> tg.Tensor:
        y: tg.Tensor = x
        for _ in range(REPEATS):
            y = relu(y * b + c)
        return y

    def both() -> None:
        x.zero_grad()
        b.zero_grad()
        c.zero_grad()
        forward().backward(one)

    return best_of(lambda: (forward(), None)[1]), best_of(both)


def pytorch() -> tuple[float, float]:
    """The same in PyTorch eager, on one thread."""
    import torch

    torch.set_num_threads(1)
    x, b, c = (torch.randn(4, requires_grad=True) for _ in range(3))
    one = torch.ones(4)
    relu = torch.relu

    def forward() -> torch.Tensor:
        y = x
        for _ in range(REPEATS):
            y = relu(y * b + c)
        return y

    def both() -> None:
        x.grad = b.grad = c.grad = None
        forward().backward(one)

    return best_of(lambda: (forward(), None)[1]), best_of(both)


WORKERS = {"ours": ours, "torch": pytorch}


def measure(worker: str) -> tuple[float, float]:
    """One worker's figures, from a process of its own."""
    command = [sys.executable, str(Path(__file__).resolve()), "--worker", worker]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    forward, both = json.loads(out)
    return forward, both


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", choices=sorted(WORKERS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(WORKERS[arguments.worker]()))
        return
    have_torch = importlib.util.find_spec("torch") is not None
    names = ["ours", "torch"] if have_torch else ["ours"]
    rounds = [{name: measure(name) for name in names} for _ in range(arguments.rounds)]
    result: dict[str, object] = {
        "machine": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "rounds": arguments.rounds,
    }
    for name in names:
        result[f"{name}_forward_us"] = statistics.median(r[name][0] for r in rounds)
        result[f"{name}_us"] = statistics.median(r[name][1] for r in rounds)
    if have_torch:
        ratios = [r["ours"][1] / r["torch"][1] for r in rounds]
        result["ratio"] = statistics.median(ratios)
        result["ratio_low"], result["ratio_high"] = min(ratios), max(ratios)
    if arguments.json:
        print(json.dumps(result))
        return
    print(f"{'':8s}{'forward':>10s}{'forward + backward':>22s}   us per op, 4-element arrays")
    for name in names:
        print(f"{name:8s}{result[f'{name}_forward_us']:10.2f}{result[f'{name}_us']:22.2f}")
    if have_torch:
        low, high = result["ratio_low"], result["ratio_high"]
        print(f"ratio ours / torch {result['ratio']:.2f}   ({low:.2f} to {high:.2f})")
    else:
        print("PyTorch is not installed: no ratio (pip install torch)")


if __name__ == "__main__":
    main()
