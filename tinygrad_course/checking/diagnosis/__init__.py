"""The diagnosis: from a wrong gradient to the name of the mistake, a sentence and three hints.

Read `rules.py` first; each rule is a file of its own.
"""

from __future__ import annotations

from .evidence import Diagnosis, Evidence
from .rules import diagnose

__all__ = ["Diagnosis", "Evidence", "diagnose"]
