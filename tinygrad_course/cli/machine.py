"""What the machine and its Python offer, as facts: processor, BLAS, memory, packages.

Nothing is judged here. Read next: `checks.py`, which says what is wrong and what helps.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import re
import subprocess
import time
from pathlib import Path
from typing import Any, NamedTuple

REQUIRED = {
    "numpy": "2.0",
    "click": "8.1",
    "rich": "13",
    "safetensors": "0.4",
    "pillow": "10",
    "matplotlib": "3.8",
    "jinja2": "3.1",
    "threadpoolctl": "3.5",
}
"""The packages that are needed, with the oldest version; a test compares it with pyproject.toml."""

MODULES = {"pillow": "PIL"}
"""Where a package is imported under another name."""

SHOWN_FEATURES = {
    "AVX2": "AVX2",
    "FMA3": "FMA",
    "AVX512F": "AVX-512",
    "AVX512VNNI": "VNNI",
    "AVX512BF16": "BF16",
    "NEON": "NEON",
    "ASIMDHP": "FP16",
    "SVE": "SVE",
}


class Blas(NamedTuple):
    """The library behind matrix products.

    Attributes:
        name: "openblas", "mkl", "accelerate", ...
        version: as it says itself; empty if it does not.
        kernels: the processor family whose kernels it chose; empty if it does not say.
        threads: how many it uses.
    """

    name: str
    version: str
    kernels: str
    threads: int | None


def installed(package: str) -> str | None:
    """The version of an installed package, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def import_fault(package: str) -> str | None:
    """Why a package that is installed cannot be imported; None if it can."""
    try:
        importlib.import_module(MODULES.get(package, package))
    except Exception as error:  # noqa: BLE001  # a broken package can raise anything
        return f"{type(error).__name__}: {error}"
    return None


def older(version: str, least: str) -> bool:
    """Whether a version comes before another, by their leading numbers.

    Example:
        >>> older("3.9.1", "3.10"), older("2.0.0rc1", "2.0"), older("14", "9.1")
        (True, False, False)
    """

    def numbers(text: str) -> list[int]:
        return [int(n) for n in re.findall(r"^\d+|(?<=\.)\d+", text)][:3]

    return numbers(version) < numbers(least)


def processor() -> str:
    """The processor's name."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() in ("model name", "Model", "cpu model") and value.strip():
                return value.strip()
    if platform.system() == "Darwin":
        command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        try:
            return subprocess.run(
                command, capture_output=True, text=True, timeout=5, check=True
            ).stdout.strip()
        except (OSError, subprocess.SubprocessError):
            pass
    return platform.processor() or platform.machine() or "unknown"


def features() -> set[str]:
    """The vector instructions that NumPy found, in NumPy's words; empty if it does not say."""
    try:
        found: dict[str, bool] = importlib.import_module(
            "numpy._core._multiarray_umath"
        ).__cpu_features__
    except (ImportError, AttributeError):
        return set()
    return {name for name, here in found.items() if here}


def cores() -> tuple[int, float]:
    """(cores of the machine, cores that this process may use: affinity and container quota)."""
    everything = os.cpu_count() or 1
    usable: float = everything
    if hasattr(os, "sched_getaffinity"):
        usable = len(os.sched_getaffinity(0))
    quota = _container_quota()
    return everything, min(usable, quota) if quota else usable


def _container_quota() -> float | None:
    """How many processors a container grants, by its control group; None without a limit."""
    try:
        maximum, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return None if maximum == "max" else int(maximum) / int(period)
    except (OSError, ValueError):
        pass
    try:
        folder = Path("/sys/fs/cgroup/cpu")
        quota = int((folder / "cpu.cfs_quota_us").read_text())
        return quota / int((folder / "cpu.cfs_period_us").read_text()) if quota > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None


def memory() -> int | None:
    """Bytes of memory that can still be had; None where the system does not say."""
    try:
        text = Path("/proc/meminfo").read_text()
        kilobytes = re.search(r"^MemAvailable:\s+(\d+) kB", text, re.MULTILINE)
    except OSError:
        return None
    return int(kilobytes.group(1)) * 1024 if kilobytes else None


def blas() -> Blas | None:
    """The BLAS library that NumPy uses; None if nothing is known of it."""
    import numpy as np

    np.ones((2, 2), np.float32) @ np.ones((2, 2), np.float32)
    try:
        threadpoolctl = importlib.import_module("threadpoolctl")
    except ImportError:
        pools: list[dict[str, Any]] = []
    else:
        pools = [p for p in threadpoolctl.threadpool_info() if p.get("user_api") == "blas"]
    if pools:
        # NumPy's own copy comes first: another package, such as SciPy, may bring its own.
        pool = min(pools, key=lambda p: "numpy" not in str(p.get("filepath", "")).lower())
        return Blas(
            str(pool.get("internal_api")),
            str(pool.get("version") or ""),
            str(pool.get("architecture") or ""),
            pool.get("num_threads"),
        )
    try:
        built: Any = np.show_config(mode="dicts")
        library = built["Build Dependencies"]["blas"]
        return Blas(str(library["name"]), str(library.get("version", "")), "", None)
    except (KeyError, TypeError):
        return None


def matmul_speed(n: int = 512) -> float:
    """Billions of multiplications and additions a second in a float32 product, with one thread."""
    import numpy as np

    from ..training.environment import using_threads

    a = np.full((n, n), 0.5, np.float32)
    out = np.empty_like(a)
    best = float("inf")
    with using_threads(1):
        for _ in range(12):
            start = time.perf_counter()
            np.matmul(a, a, out=out)
            best = min(best, time.perf_counter() - start)
    return 2 * n**3 / best / 1e9


def nvidia_driver() -> str | None:
    """The version of the NVIDIA driver; "" if it does not say; None without a driver."""
    version = Path("/proc/driver/nvidia/version")
    if version.is_file():
        found = re.search(r"\b(\d+\.\d+(\.\d+)?)\b", version.read_text(errors="replace"))
        return found.group(1) if found else ""
    return "" if Path("/dev/nvidiactl").exists() else None


def cupy() -> str | None:
    """The name and version of the installed CuPy wheel; it is not imported."""
    for package in ("cupy-cuda13x", "cupy-cuda12x", "cupy"):
        version = installed(package)
        if version is not None:
            return f"{package} {version}"
    return None
