"""The gradient checker: `tg.gradcheck(f, inputs)` and `tg.gradgradcheck(f, inputs)`.

It proves what backward returns against the values of f alone, and answers with a report of three
verdicts: right, wrong, undecidable. Read `check.py` first; it names the files in their order.
"""

from __future__ import annotations

from .check import gradcheck, gradgradcheck
from .report import Finding, Kink, Report
from .testing import assert_gradients

__all__ = ["Finding", "Kink", "Report", "assert_gradients", "gradcheck", "gradgradcheck"]
