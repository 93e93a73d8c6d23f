"""The adjoint test: where f is linear in an input, <J d, u> = <d, J^T u> holds without any step.

J d is then f(x + d) - f(x), exact to rounding whatever d is. What a difference quotient shows to
many digits this shows to all; so a right gradient of a linear op is told as such. Used by
`compare.py`.

References:
    Claerbout, "Earth Soundings Analysis: Processing versus Inversion", 1992, the dot-product test.
"""

from __future__ import annotations

import numpy as np

from .examine import MOST_EXACT, Examiner
from .probes import Probe, random_signs

STRAIGHT = 1e-13
"""How far f may bend over its input's whole scale, relative to its values, and be called linear."""


def adjoint_digits(examiner: Examiner) -> int | None:
    """To how many digits <J d, u> and <d, J^T u> agree for a random d and the check's u.

    Returns:
        None where f is not linear in the input.
    """
    random = np.random.default_rng(7)
    probe = Probe("", None, random_signs(random, examiner.x.size))
    line, d = examiner.line(probe)
    up, down = line(1.0), line(-1.0)
    size = np.maximum(abs(up), abs(down)).max(initial=0.0)
    if not (abs(up + down - 2.0 * line.here) <= STRAIGHT * size).all() or np.array_equal(up, down):
        return None
    claim = examiner.analytic @ d
    scale = (abs(examiner.analytic) @ abs(d)).max(initial=0.0)
    off = abs(examiner.rows.project(up - line.here) - claim).max(initial=0.0)
    if not np.isfinite(off) or scale == 0.0:
        return None
    return max(0, int(-np.log10(max(float(off / scale), MOST_EXACT))))
