"""SIMD vectors and tiles are right at every width, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tinygrad_course.kernels import compiled

PROGRAM = Path(__file__).parent / "simd_program.py"
needs_numba = pytest.mark.skipif(not compiled.available(), reason=str(compiled.why_not()))


def run(width, *command):
    environment = {**os.environ, "TGC_SIMD_WIDTH": width}
    return subprocess.run(
        [sys.executable, *command],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


@needs_numba
@pytest.mark.parametrize("width", ["4", "8", "16"])
def test_every_function_at_this_width(width):
    done = run(width, str(PROGRAM))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == width


@needs_numba
def test_another_width_is_refused():
    done = run("5", "-c", "import tinygrad_course.kernels.simd")
    assert "TGC_SIMD_WIDTH expects 4, 8 or 16, got '5'" in done.stderr


@needs_numba
def test_an_array_that_is_not_contiguous_float32_is_refused_by_name():
    import numba
    from tinygrad_course.kernels.simd import load, sum_lanes

    @numba.njit
    def first(x):
        return sum_lanes(load(x, 0))

    for wrong in (np.zeros(64), np.zeros(64, np.float32)[::2]):
        with pytest.raises(numba.TypingError, match="load expects a C-contiguous float32 array"):
            first(wrong)
