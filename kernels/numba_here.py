"""Which Numba is here: one for the CPU, numba-cuda for GPUs, or its simulator of one.

Nothing is compiled here, and only `why_not` imports Numba. Read next: `compiled.py`, for CPUs, and
`numba_language.py`, for GPUs.
"""

from __future__ import annotations

import functools
import importlib.util
import os

OLDEST, NEWEST = (0, 62), (0, 68)
"""The first and the last Numba release these kernels were tested with. 0.62 is the first on
LLVM 20, whose pointers have no pointee type: `simd/` is written for those."""


@functools.cache
def why_not() -> str | None:
    """Why no kernel can be compiled here, with the remedy; None where it can.

    Example:
        >>> why_not() is None or "pip install" in why_not()
        True
    """
    try:
        import numba
    except ImportError as error:
        remedy = f"pip install 'numba>={_dotted(OLDEST)}'"
        if isinstance(error, ModuleNotFoundError) and error.name == "numba":
            return f"Numba is not installed; {remedy}"
        return f"Numba fails to import ({error}); {remedy}"
    except Exception as error:  # noqa: BLE001 - whatever a broken install raises, we go on without
        return f"Numba fails to import ({error}); pip install --force-reinstall numba"
    found = tuple(int(part) for part in numba.__version__.split(".")[:2])
    if found < OLDEST:
        return (
            f"Numba {numba.__version__} is older than {_dotted(OLDEST)}, the first that these "
            f"kernels compile with; pip install --upgrade 'numba>={_dotted(OLDEST)}'"
        )
    return None


def available() -> bool:
    """Whether kernels can be compiled here (the first call imports Numba)."""
    return why_not() is None


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


@functools.cache
def compiles_for_gpus() -> bool:
    """Whether Numba can compile for GPUs here: numba-cuda is installed."""
    return importlib.util.find_spec("numba_cuda") is not None


def simulates_gpus() -> bool:
    """Whether this process was started for the simulator of a GPU, and has Numba.

    Example:
        >>> simulates_gpus()
        False
    """
    return os.environ.get("NUMBA_ENABLE_CUDASIM") == "1" and _has_numba()


@functools.cache
def _has_numba() -> bool:
    return importlib.util.find_spec("numba") is not None
