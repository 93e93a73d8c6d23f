"""The check of one thing found in a file: inputs drawn, gradients compared, the worst explained.

Where shapes are free, a batch of one is tried as well: the case that is forgotten. Read next:
`check.py`, which does the comparing.
"""

from __future__ import annotations

from types import ModuleType

import numpy as np

from .check import run_check
from .drawing import drawn_for
from .files import Found
from .report import Report


def check_found(
    found: Found, module: ModuleType, *, seed: int = 0, dtype: str = "float64"
) -> Report:
    """Check one function of a file.

    Args:
        found: what is checked.
        module: the file, as a module.
        seed: seeds the inputs and the probes.
        dtype: "float32" for a verdict on float32 besides.
    """
    drawn = drawn_for(found, module)
    inputs = drawn.draw(np.random.default_rng(seed), 0)
    report = run_check(found.f, inputs, seed=seed, dtype=dtype, redraw=drawn.draw)
    report.name = found.name
    if report and drawn.single is not None:
        letter, one = drawn.single(np.random.default_rng(seed))
        _add_degenerate(report, found, letter, one, seed)
    return report


def _add_degenerate(
    report: Report, found: Found, letter: str, inputs: list[object], seed: int
) -> None:
    """Add what goes wrong when the first axis has length 1, if anything does."""
    what = f"with {letter} = 1"
    try:
        single = run_check(found.f, inputs, seed=seed, diagnose=False)
    except Exception as error:  # noqa: BLE001 - the user's code, on shapes they may not have meant
        report.notes.append(f"{what} it raises {type(error).__name__}: {error}")
        return
    for finding in single.findings:
        if finding.verdict == "wrong":
            finding.label = f"{finding.label} {what}"
            finding.reason = finding.reason or (
                f"right in general, wrong {what}: does a squeeze or a broadcast take the axis for "
                "another?"
            )
            report.findings.append(finding)
