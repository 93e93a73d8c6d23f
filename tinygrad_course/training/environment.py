"""Where a run happens: versions, the BLAS library below NumPy, and how many threads it uses.

Matrix products are summed in an order that depends on the library, its kernel for this processor
and its threads: so the last bits of a run do. A checkpoint stores what stands here, and says so
when it is resumed elsewhere. Read next: `checkpoint.py`.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .. import cuda
from ..backend import limited_threads, load_cupy


def _libraries() -> list[dict[str, Any]]:
    """What is known of the BLAS libraries in this process, NumPy's own first."""
    from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

    found = [library for library in threadpool_info() if library["user_api"] == "blas"]
    return sorted(found, key=lambda library: "numpy" not in str(library["filepath"]))


def blas() -> str:
    """The library below NumPy's matrix products, and the kernel it chose for this processor."""
    for library in _libraries():
        words = (library["internal_api"], library["version"], library.get("architecture"))
        return " ".join(str(word) for word in words if word)
    described: Any = np.show_config(mode="dicts")
    facts = described.get("Build Dependencies", {}).get("blas", {})
    return f"{facts.get('name', 'unknown')} {facts.get('version', '')}".strip()


def threads() -> int:
    """How many threads a matrix product may use now; where that cannot be asked, the CPUs."""
    for library in _libraries():
        return int(library["num_threads"])
    return os.cpu_count() or 1


@contextmanager
def using_threads(count: int | None) -> Iterator[None]:
    """Inside, compiled kernels and NumPy's matrix products use `count` threads.

    None: the kernels as many as `tg.set_num_threads` allows, NumPy's products one. Two pools of
    threads would fight for the processors, and small products are fastest with one thread anyway.

    Example:
        >>> with using_threads(1):
        ...     product = np.ones((2, 2)) @ np.ones((2, 2))
    """
    from threadpoolctl import threadpool_limits

    with limited_threads(count), threadpool_limits(limits=count or 1, user_api="blas"):
        yield


def device_described(device: str) -> str:
    """A device as a run notes it: a GPU by its name, with the version of CuPy.

    Example:
        >>> device_described("cpu")
        'cpu'
    """
    if device == "cpu":
        return device
    return f"{cuda.device_name(device)} (CuPy {load_cupy().__version__})"


def describe() -> dict[str, str]:
    """All that the bits of a run depend on besides its recipe, as text.

    Example:
        >>> list(describe())
        ['package', 'python', 'numpy', 'blas', 'threads', 'machine']
    """
    from .. import __version__

    return {
        "package": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": blas(),
        "threads": str(threads()),
        "machine": f"{platform.system()} {platform.machine()}",
    }
