"""The part of `tgc doctor` that looks at the compiled kernels: Numba, vectors, threads, cache.

Read next: `checks.py`, whose list it stands in.
"""

from __future__ import annotations

from collections.abc import Iterator

from .. import kernels
from .findings import NOTE, Finding, writable

SECTION = "Compiled kernels"


def compiled() -> Iterator[Finding]:
    """Whether kernels can be compiled, threaded and kept, and which of them failed."""
    from ..kernels import compiled as door

    missing = door.why_not()
    if missing is not None:
        reason, _, remedy = missing.partition("; ")
        yield Finding(SECTION, "Numba", f"{reason}: the NumPy kernels run", NOTE, remedy)
        return
    yield _numba()
    yield _vectors()
    yield _threads()
    fix = "set NUMBA_CACHE_DIR to a folder that can be written"
    cache = writable(SECTION, "kept in", door.cache_home(), fix)
    yield cache._replace(state=NOTE) if cache.remedy else cache
    for op in kernels.names():
        for name, implementation in kernels.implementations(op).items():
            if implementation.failure is not None:
                value = f"{name}: {implementation.failure}"
                yield Finding(SECTION, op, value, NOTE, "`pip install --upgrade numba`")


def _numba() -> Finding:
    import numba

    from ..kernels.numba_here import NEWEST

    found = numba.__version__
    if tuple(map(int, found.split(".")[:2])) <= NEWEST:
        return Finding(SECTION, "Numba", found)
    tested = ".".join(map(str, NEWEST))
    remedy = f"if a kernel fails: `pip install 'numba<={tested}.*'`"
    return Finding(SECTION, "Numba", f"{found}, newer than the tested {tested}", NOTE, remedy)


def _vectors() -> Finding:
    try:
        from ..kernels import simd
    except ValueError as error:
        return Finding(SECTION, "vectors", str(error), NOTE, "`unset TGC_SIMD_WIDTH`")
    tile = f"{simd.TILE_ROWS} x {simd.TILE_VECTORS * simd.WIDTH}"
    return Finding(SECTION, "vectors", f"{simd.WIDTH} floats; matrix products in tiles of {tile}")


def _threads() -> Finding:
    from ..kernels import threads

    reason = threads.why_serial()
    if reason is None:
        return Finding(SECTION, "thread pool", f"{threads.get_num_threads()}, on {threads.layer()}")
    why, _, remedy = reason.rpartition("; ")
    return Finding(SECTION, "thread pool", f"1 ({why})", NOTE, remedy)
