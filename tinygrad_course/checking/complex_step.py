"""The complex step: f'(x) = Im f(x + i h) / h, without a difference, so without cancellation.

With h = 2^-100 nothing is left of Taylor's remainder, and the slope is known to f's own rounding.
It needs a forward in plain NumPy that takes complex numbers and is analytic: where abs, max or a
comparison stands in it, the result is none. So it is believed only where it agrees with the
difference quotients, and then says more digits than they can. Used by `compare.py`.

References:
    Squire, Trapp, "Using complex variables to estimate derivatives of real functions", SIAM Review
    1998.
"""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np

from .examine import MOST_EXACT, Examiner
from .numeric import FIRST, central
from .probes import Probe, random_signs
from .subject import Subject

H = 2.0**-100
SAME = 1e-12
"""How far the real part may be off f's values, relative to the largest."""


def complex_digits(examiner: Examiner) -> int | None:
    """To how many digits backward agrees with the complex step along a random direction.

    Returns:
        None where f is no plain NumPy function, refuses complex numbers, or is not analytic here.
    """
    subject = examiner.flight.subject
    if not isinstance(subject, Subject) or not hasattr(subject.f, "run"):
        return None
    random = np.random.default_rng(8)
    probe = Probe("", None, random_signs(random, examiner.x.size))
    line, d = examiner.line(probe)
    y = _moved(subject, examiner.which, d.reshape(examiner.x.shape))
    here = line.here
    if y is None or y.shape != here.shape:
        return None
    if not (abs(y.real - here) <= SAME * abs(here).max(initial=0.0)).all():
        return None
    slope = examiner.rows.project(y.imag / H)
    quotient = central(line, FIRST, 4, examiner.rows)
    if not (abs(slope - quotient.value) <= 4.0 * (quotient.truncation + quotient.rounding)).all():
        return None
    claim = examiner.analytic @ d
    scale = (abs(examiner.analytic) @ abs(d)).max(initial=0.0)
    off = abs(slope - claim).max(initial=0.0)
    if not np.isfinite(off) or scale == 0.0:
        return None
    return max(0, int(-np.log10(max(float(off / scale), MOST_EXACT))))


def _moved(subject: Subject, which: int, direction: Any) -> Any:
    """The outputs at x + i h d, in one flat array; None where forward does not get that far."""
    inputs = copy.deepcopy(subject.inputs())  # forward may write into what it is handed
    place = subject.place_of(which)
    if place is None:
        return None
    inputs[place] = inputs[place] + 1j * H * direction
    subject.frozen.rewind()
    run: Any = subject.f
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            out, _ = run.run(*inputs)
    except Exception:  # noqa: BLE001 - the user's code on numbers it was not written for
        return None
    parts = [np.asarray(part) for part in (out if isinstance(out, tuple) else (out,))]
    flat = np.concatenate([part.reshape(-1) for part in parts])
    return flat if flat.dtype == np.complex128 else None
