"""The process in which one engine trains one step: built, timed in turns, or its memory measured.

Read next: `networks.py`, the steps themselves; `steps.py` is the parent.
"""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .timing import seconds_of
from .worker import serve

OURS = "ours"
PEERS = {
    "torch": ("torch", "peer_torch"),
    "torch-channels-last": ("torch", "peer_torch"),
    "torch-compile": ("torch", "peer_torch"),
    "jax": ("jax", "peer_jax"),
}
"""What a peer is called: the package that it needs, and the module here that drives it."""
STEPS_FOR_MEMORY = 5


def main(arguments: list[str]) -> None:
    """Serve one engine: `main([engine, step, threads])`."""
    engine, step, threads = arguments
    make = _engine(engine, int(threads))
    state: dict[str, Callable[[], object]] = {}

    def build() -> float:
        """Build the model and run its first step, whatever must be compiled included."""
        state["run"] = make(step)
        return seconds_of(state["run"])

    def run(count: int) -> float:
        return seconds_of(state["run"], count)

    def memory() -> float | None:
        """MB that the resident set rises above the built model during five steps."""
        state["run"] = make(step)
        gc.collect()
        before = _reset_peak()
        for _ in range(STEPS_FOR_MEMORY):
            state["run"]()
        peak = _peak()
        return None if before is None or peak is None else max(0.0, peak - before) / 1e6

    def kernels(count: int) -> list[dict[str, Any]]:
        from .launches import timed_launches

        return timed_launches(state["run"], count)

    serve({"build": build, "run": run, "memory": memory, "kernels": kernels})


def _engine(engine: str, threads: int) -> Callable[[str], Callable[[], object]]:
    """Import an engine, start its threads, and return the function that builds a step.

    The memory of a step is not to contain the libraries: each engine has computed something small,
    so that its compiler (Numba's, for us) and its threads are there before a model is built.
    """
    if engine == OURS:
        _start_ours(threads)
        from .networks import make

        return make
    package, module = PEERS[engine]
    library = importlib.import_module(package)
    if package == "torch":
        library.set_num_threads(threads)
        some = library.ones(256, 256)
        some @ some
    peer = importlib.import_module(f".{module}", __package__)
    make_for: Callable[[str, str], Callable[[], object]] = peer.make
    return lambda step: make_for(step, engine)


def _start_ours(threads: int) -> None:
    from ..kernels import compiled
    from ..kernels.threads import set_num_threads

    set_num_threads(threads)
    if compiled.available():
        from .numba_ceiling import update_pieces

        some = np.ones((threads, 16), np.float32)
        update_pieces(some, some, 1)


def _reset_peak() -> int | None:
    """Bytes resident now; from here on `_peak` tells the most there were since."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return _peak()  # elsewhere the peak cannot be forgotten: what came before it is hidden
    return _status("VmRSS")


def _peak() -> int | None:
    """The most bytes that were resident at once."""
    found = _status("VmHWM")
    if found is not None:
        return found
    import resource  # not on Windows

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _status(name: str) -> int | None:
    try:
        text = Path("/proc/self/status").read_text()
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    return None
