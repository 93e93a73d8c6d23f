"""The check of one thing found in a file: inputs drawn, gradients compared, the worst explained.

Read next: `check.py`, which does the comparing.
"""

from __future__ import annotations

from types import ModuleType

import numpy as np

from .check import run_check
from .drawing import drawn_for
from .files import Found
from .report import Report


def check_found(found: Found, module: ModuleType, *, seed: int = 0) -> Report:
    """Check one function of a file.

    Args:
        found: what is checked.
        module: the file, as a module.
        seed: seeds the inputs and the probes.
    """
    drawn = drawn_for(found, module)
    inputs = drawn.draw(np.random.default_rng(seed), 0)
    report = run_check(found.f, inputs, seed=seed, redraw=drawn.draw)
    report.name = found.name
    return report
