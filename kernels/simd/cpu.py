"""How wide this machine's vectors are, and how large a tile its registers hold.

Read next: `ir.py`. The environment variable TGC_SIMD_WIDTH (4, 8 or 16) overrides the width: the
kernels are correct at any, and the tests run them at each.
"""

from __future__ import annotations

import os
import platform

import llvmlite.binding as llvm  # type: ignore[import-untyped]


def forced_width() -> int | None:
    """The width that TGC_SIMD_WIDTH asks for, if it is set."""
    asked = os.environ.get("TGC_SIMD_WIDTH")
    if asked is not None and asked not in {"4", "8", "16"}:
        raise ValueError(f"TGC_SIMD_WIDTH expects 4, 8 or 16, got {asked!r}; or unset it")
    return None if asked is None else int(asked)


def vector_width() -> int:
    """Floats in one register: 16 with AVX-512, 8 with AVX2, 4 elsewhere (SSE, NEON)."""
    if _has("avx512f"):
        return 16
    return 8 if _has("avx2") else 4


def register_count() -> int:
    """Vector registers: 32 with AVX-512 and on 64-bit ARM, 16 on other x86."""
    many = _has("avx512f") or platform.machine().lower() in {"aarch64", "arm64"}
    return 32 if many and forced_width() in {None, 16} else 16


def _has(feature: str) -> bool:
    return bool(llvm.get_host_cpu_features().get(feature, False))


WIDTH = forced_width() or vector_width()
"""Floats in one vector; a constant inside every kernel."""

TILE_VECTORS = 2
"""Vectors in one row of the register tile."""

TILE_ROWS = 12 if register_count() == 32 else 6
"""Rows of the register tile: TILE_ROWS * TILE_VECTORS sums, with room for the operands."""
