"""Where a run happens: versions, the BLAS library below NumPy, and how many threads it uses.

Matrix products are summed in an order that depends on the library, its kernel for this processor
and its threads: so the last bits of a run do. A checkpoint stores what stands here, and says so
when it is resumed elsewhere. Read next: `checkpoint.py`.
"""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

_PREFIXES, _SUFFIXES = ("scipy_openblas_", "openblas_"), ("64_", "_64", "")
"""How builds of OpenBLAS decorate the names of its functions."""


@lru_cache(maxsize=1)
def _openblas() -> Any:
    """The OpenBLAS that NumPy's wheel brought along, already loaded; None for another library."""
    package = Path(np.__file__).parent
    folders = (package.parent / "numpy.libs", package / ".dylibs")
    paths = sorted(path for folder in folders for path in folder.glob("*openblas*"))
    with suppress(OSError):
        return ctypes.CDLL(str(paths[0])) if paths else None
    return None


def _function(name: str) -> Any:
    """OpenBLAS's function of that name, or None."""
    library = _openblas()
    decorated = (f"{prefix}{name}{suffix}" for prefix in _PREFIXES for suffix in _SUFFIXES)
    found = (getattr(library, each, None) for each in decorated) if library else ()
    return next((function for function in found if function is not None), None)


def blas() -> str:
    """The library below NumPy's matrix products, and the kernel it chose for this processor."""
    described = np.show_config(mode="dicts")
    assert isinstance(described, dict)  # noqa: S101
    facts = described.get("Build Dependencies", {}).get("blas", {})
    name = f"{facts.get('name', 'unknown')} {facts.get('version', '')}".strip()
    core = _function("get_corename")
    if core is None:
        return name
    core.restype = ctypes.c_char_p
    return f"{name} ({core().decode()})"


def threads() -> int:
    """How many threads a matrix product may use now; where that cannot be asked, the CPUs."""
    get = _function("get_num_threads")
    if get is not None:
        return int(get())
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def using_threads(count: int | None) -> Iterator[None]:
    """Inside, matrix products use `count` threads; None, or another library, changes nothing.

    Small networks are fastest with one: waking a second thread takes longer than their products.

    Example:
        >>> before = threads()
        >>> with using_threads(1):
        ...     pass
        >>> threads() == before
        True
    """
    change = _function("set_num_threads")
    if count is None or change is None:
        yield
        return
    before = threads()
    change(count)
    try:
        yield
    finally:
        change(before)


def describe() -> dict[str, str]:
    """All that the bits of a run depend on besides its recipe, as text.

    Example:
        >>> list(describe())
        ['package', 'python', 'numpy', 'blas', 'threads', 'machine']
    """
    from . import __version__

    return {
        "package": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": blas(),
        "threads": str(threads()),
        "machine": f"{platform.system()} {platform.machine()}",
    }
