"""The one door to Numba: how a kernel of this folder is compiled, kept on disk, and refused.

`kernel` compiles a function at its first call; the files of kernels import it from here and nothing
from Numba itself. Where Numba is missing the references carry everything, and `why_not`, of
`numba_here.py`, says what is missing. Read next: `threads.py`, then `matmul/numba_cpu.py`, which
uses all of it.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, TypeVar, overload

from . import threads
from .numba_here import available, why_not
from .registry import KernelWarning

if TYPE_CHECKING:
    prange = range

__all__ = [
    "PATIENCE",
    "ParallelKernel",
    "announce",
    "available",
    "cache_folder",
    "cache_home",
    "device_function",
    "failed_to_compile",
    "kernel",
    "prange",
    "quietly",
    "source_hash",
    "why_not",
]

P = ParamSpec("P")
R = TypeVar("R")


def __getattr__(name: str) -> Any:
    """`prange` is Numba's, fetched when a kernel file asks for it."""
    if name == "prange":
        from numba import prange as numba_prange

        return numba_prange
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# Compiling ----------------------------------------------------------------------------------------


class ParallelKernel(Generic[P, R]):
    """A kernel whose `prange` loops run on the thread pool, or in this thread alone.

    Calling it uses the pool wherever the pool may be used. `serial` is the same function compiled
    without threads: for sizes where waking the pool (1 to 2 us) costs more than it gives.
    """

    def __init__(self, function: Callable[P, R]) -> None:
        functools.update_wrapper(self, function)
        self.threaded: Callable[P, R] = _compile(function, "threads", parallel=True)
        self.serial: Callable[P, R] = _compile(function, "serial")

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if threads.usable():
            return self.threaded(*args, **kwargs)
        return self.serial(*args, **kwargs)


@overload
def kernel(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def kernel(*, parallel: Literal[True]) -> Callable[[Callable[P, R]], ParallelKernel[P, R]]: ...


def kernel(function: Any = None, /, *, parallel: bool = False) -> Any:
    """Compile a function for this machine at its first call, and keep the result on disk.

    Every floating-point operation is done as it is written. Fast-math, by which a compiler may
    reorder a sum or round a b + c once, would save nothing here: sums that are worth it are
    written in vectors, and fused multiply-adds as `fma`. It would cost the bits. Numba optimises
    the body of a parallel loop once where it has just compiled it and twice where it comes from
    the disk, and each time fast-math may round it otherwise: a run that is resumed would end
    elsewhere than one that was not interrupted.

    Args:
        function: plain loops over arrays and numbers, at module level.
        parallel: run its `prange` loops on the thread pool; see `ParallelKernel`. Cut the work
            into pieces whose number does not depend on the number of threads and combine their
            results in order: then one thread and eight give the same bits.

    Example, in a `numba_cpu.py`:

        @kernel(parallel=True)
        def _scale(x, factor, y):
            for i in prange(x.size):
                y[i] = factor * x[i]
    """

    def decorate(function: Callable[P, R]) -> Any:
        if parallel:
            return ParallelKernel(function)
        return _compile(function, "serial")

    return decorate if function is None else decorate(function)


def device_function(function: Callable[P, R]) -> Callable[P, R]:
    """A helper that is compiled into the kernels that call it, and called from nowhere else."""
    from numba import njit

    compiled: Callable[P, R] = njit(nogil=True, error_model="numpy", forceinline=True)(function)
    return compiled


_decorating = threading.Lock()


def _compile(function: Any, variant: str, *, parallel: bool = False) -> Any:
    """Numba's dispatcher for `function`, cached in the folder of this `variant`.

    Numba's index of a cached function holds its bytecode and signature but not its options, so
    the two compilations of a parallel kernel must not share a folder.
    """
    import numba

    _listen()
    config: Any = numba.config
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "parallel": parallel}
    folder = cache_folder()
    if folder is None:
        return numba.njit(**options)(function)
    with _decorating:  # the setting is global; it is ours for the length of one decoration
        before = config.CACHE_DIR
        config.CACHE_DIR = str(folder / variant)
        try:
            return numba.njit(cache=True, **options)(function)
        finally:
            config.CACHE_DIR = before


def failed_to_compile(error: BaseException) -> bool:
    """Whether `error` comes out of Numba or LLVM themselves, not out of a kernel that ran.

    An error raised by a running kernel (or by the Python around it) has no frame of theirs.
    """
    numba = sys.modules.get("numba")
    if numba is None:
        return False
    homes = [str(Path(str(numba.__file__)).parent) + os.sep]
    llvmlite = sys.modules.get("llvmlite")
    if llvmlite is not None:
        homes.append(str(Path(str(llvmlite.__file__)).parent) + os.sep)
    step = error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename.startswith(tuple(homes)):
            return True
        step = step.tb_next
    return False


# The cache on disk --------------------------------------------------------------------------------


@functools.cache
def source_hash() -> str:
    """A hash of every source file under `kernels/`, and of what else shapes the machine code.

    Numba looks only at the file of the function itself: after an edit of a helper in another
    file, a kernel from its cache would still give the old answer.
    """
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.suffix in {".py", ".cu", ".cuh", ".h"}:
            digest.update(f"{path.relative_to(root)}\0".encode())
            digest.update(path.read_bytes())
    digest.update(os.environ.get("TGC_SIMD_WIDTH", "").encode())
    return digest.hexdigest()[:16]


@functools.cache
def cache_folder() -> Path | None:
    """Where compiled kernels are kept, or None where no folder can be written (said once)."""
    home = cache_home()
    folder = home / source_hash()
    try:
        new = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        warnings.warn(
            f"compiled kernels cannot be kept in {folder} ({error.strerror or error}), so every "
            "start of Python compiles them again; set NUMBA_CACHE_DIR to a folder that can be "
            "written",
            KernelWarning,
            stacklevel=2,
        )
        return None
    if new:
        _forget_old(home, folder)
    return folder


def cache_home() -> Path:
    """The folder of all versions' kernels: Numba's own where it is set, else the system's."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        return Path(chosen) / "tinygrad_course"
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "tinygrad_course" / "kernels"


def _forget_old(home: Path, current: Path) -> None:
    """Delete the kernels of sources that nobody has compiled for 30 days."""
    import shutil

    month_ago = time.time() - 30 * 86400
    for folder in home.iterdir():
        with contextlib.suppress(OSError):
            if folder != current and folder.is_dir() and folder.stat().st_mtime < month_ago:
                shutil.rmtree(folder, ignore_errors=True)


# One line while the first kernels compile ---------------------------------------------------------


def _announce_on_terminal(line: str) -> None:
    if sys.stderr is not None and sys.stderr.isatty():
        sys.stderr.write(line + "\n")


announce: Callable[[str], None] = _announce_on_terminal
"""Says the one line. A command that draws its own screen puts its own function here."""

PATIENCE = 0.5  # seconds of compiling before anything is said


class _Progress:
    """What is being compiled: speaks once a process, of our own kernels only."""

    def __init__(self) -> None:
        self.timer: threading.Timer | None = None
        self.depth = 0
        self.said = False

    def start(self) -> None:
        self.depth += 1
        if self.depth == 1 and not self.said:
            self.timer = threading.Timer(PATIENCE, self.say)
            self.timer.daemon = True
            self.timer.start()

    def end(self) -> None:
        self.depth -= 1
        if self.depth == 0 and self.timer is not None:
            self.timer.cancel()

    def say(self) -> None:
        self.said = True
        folder = cache_folder()
        kept = "once" if folder is None else f"once; kept in {folder}"
        announce(f"tinygrad_course: compiling kernels for this processor ({kept})")


@functools.cache
def _listen() -> None:
    """Follow Numba's compile events (a kernel that comes from the disk makes none)."""
    from numba.core import event

    register: Callable[[str, event.Listener], None] = event.register
    progress = _Progress()

    class Listener(event.Listener):
        def on_start(self, event: Any) -> None:
            if _is_ours(event):
                progress.start()

        def on_end(self, event: Any) -> None:
            if _is_ours(event):
                progress.end()

    register("numba:compile", Listener())


def _is_ours(event: Any) -> bool:
    module: str = event.data["dispatcher"].py_func.__module__
    return module.startswith(f"{__package__}.")


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """In this block, say nothing of compiling: for whoever shows progress of their own."""
    global announce  # noqa: PLW0603
    before, announce = announce, lambda line: None
    try:
        yield
    finally:
        announce = before
