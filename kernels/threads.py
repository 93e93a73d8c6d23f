"""One thread pool for all compiled kernels, and how many of its threads they use.

Numba owns the pool; this file decides when it may be used and keeps BLAS's own pool out of its
way. Nothing is started at import. Read next: `compiled.py`, whose parallel kernels ask `usable`.
"""

from __future__ import annotations


def usable() -> bool:
    """Whether a parallel kernel may use the pool in this thread, now."""
    return True
