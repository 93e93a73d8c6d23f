"""One thread pool for all compiled kernels: which it is, how many threads it uses, when it may not.

Numba owns the pool. It has three, and only two will do: TBB (starts a loop in 1 to 2 us, survives a
fork and several Python threads) and OpenMP (as fast, but it kills a forked child that uses it); the
third, "workqueue", takes 60 to 100 us and aborts when two Python threads enter it. Where neither of
the first two exists, and in a child forked from a process whose OpenMP pool had started, kernels
run in the calling thread: slower, with the same results.

Nothing is started, and no setting changed, before the first parallel kernel runs.

BLAS has a pool of its own, whose threads go on spinning for a while after a product: an alternating
product and ReLU took 6.2 ms on two pools of 2 threads, and 0.7 on one. So no kernel here calls BLAS
from a parallel loop, and of the float32 products only those go to BLAS for which it wakes nobody:
see the rule of `matmul`. Read next: `compiled.py`, whose parallel kernels ask `usable`.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib.metadata
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from .numba_here import why_not
from .registry import KernelError, KernelWarning


class _ThreadState(threading.local):
    """What this Python thread knows: whether it may use the pool, as of which settings."""

    def __init__(self) -> None:
        self.settings = -1
        self.usable = False


_state = _ThreadState()
_settings = 0  # rises whenever `_wanted` changes, and in a forked child
_wanted: int | None = None
_forked = False


def usable() -> bool:
    """Whether a parallel kernel may use the pool in this thread, now; the first call starts it."""
    if _state.settings != _settings:
        _prepare()
    return _state.usable


def set_num_threads(count: int) -> None:
    """Let compiled kernels use at most `count` threads from now on, in every Python thread.

    More than the machine offers is as many as it offers: `get_num_threads` says how many. The
    results do not depend on it. Without a call, it is the number of processors this process may
    use (or NUMBA_NUM_THREADS, if that is set). BLAS has its own setting: OPENBLAS_NUM_THREADS.

    Args:
        count: a whole number from 1.

    Raises:
        KernelError: anything else.

    Example:
        >>> set_num_threads(1)
        >>> get_num_threads()
        1
        >>> set_num_threads(1000)  # as many as there are
    """
    global _wanted, _settings  # noqa: PLW0603
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise KernelError(f"set_num_threads expects a whole number from 1, got {count!r}")
    _wanted = count
    _settings += 1


@contextlib.contextmanager
def limited(count: int | None) -> Iterator[None]:
    """Inside, `set_num_threads(count)`; afterwards as before. None changes nothing.

    Example:
        >>> with limited(1):
        ...     get_num_threads()
        1
    """
    global _wanted, _settings  # noqa: PLW0603
    before = _wanted
    if count is not None:
        set_num_threads(count)
    try:
        yield
    finally:
        if count is not None:
            _wanted = before
            _settings += 1


def get_num_threads() -> int:
    """How many threads a parallel kernel would use if it ran now (this starts the pool).

    Example:
        >>> get_num_threads() >= 1
        True
    """
    if not usable():
        return 1
    import numba

    return int(numba.get_num_threads())


def why_serial() -> str | None:
    """Why kernels run in the calling thread alone, with the remedy; None where there is a pool."""
    if _forked and layer() == "omp":
        return (
            "this process was forked from one whose OpenMP pool had started, and OpenMP does not "
            "survive a fork; start processes with multiprocessing's 'spawn' or 'forkserver', or "
            "pip install tbb"
        )
    return _why_no_pool()


def layer() -> str | None:
    """The pool's name, "tbb" or "omp", or None where there is none (this starts the pool)."""
    return None if _why_no_pool() else _started_layer()


@functools.cache
def _why_no_pool() -> str | None:
    missing = why_not()
    if missing is not None:
        return missing
    try:
        name = _started_layer()
    except (ValueError, ImportError, OSError) as error:
        return f"Numba starts no threads ({' '.join(str(error).split())}); pip install tbb"
    if name == "workqueue":
        asked = os.environ.get("NUMBA_THREADING_LAYER") == "workqueue"
        return "Numba's own pool, 'workqueue', fails when two Python threads use it, and " + (
            "NUMBA_THREADING_LAYER asks for it; unset it" if asked else _NO_OTHER
        )
    return None


_NO_OTHER = "neither TBB nor OpenMP was found; " + (
    "brew install libomp" if sys.platform == "darwin" else "pip install tbb"
)  # for macOS on ARM there is no wheel of TBB


@functools.cache
def _started_layer() -> str:
    """Start Numba's pool if nobody has, and name it."""
    import numba

    _load_tbb()
    numba.get_num_threads()
    name: Callable[[], str] = vars(numba)["threading_layer"]  # which Numba's type hints leave out
    return name()


def _load_tbb() -> None:
    """Load TBB's library from its wheel, into a folder that the system's loader does not search.

    Numba then finds it by name, as it finds one that the system has.
    """
    if sys.platform != "linux":
        return
    try:
        ctypes.CDLL("libtbb.so.12")
    except OSError:
        try:
            files = importlib.metadata.files("tbb") or []
            found = [file for file in files if file.name == "libtbb.so.12"]
            if found:
                ctypes.CDLL(str(found[0].locate()))
        except (OSError, importlib.metadata.PackageNotFoundError):
            pass  # OpenMP, then


def _prepare() -> None:
    """Find out whether this thread may use the pool, and give it its number of threads."""
    reason = why_serial()
    if reason is None:
        if _wanted is not None:
            import numba

            config: Any = numba.config
            numba.set_num_threads(min(_wanted, config.NUMBA_NUM_THREADS))
    elif not _forked:
        _say_once(reason)
    _state.usable = reason is None
    _state.settings = _settings


@functools.cache
def _say_once(reason: str) -> None:
    if (os.cpu_count() or 1) > 1:
        warnings.warn(f"kernels run on one thread: {reason}", KernelWarning, stacklevel=4)


def _after_fork() -> None:
    global _forked, _settings  # noqa: PLW0603
    _forked = _started_layer.cache_info().currsize > 0
    _settings += 1


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_after_fork)
