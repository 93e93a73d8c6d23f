"""The families of the bank, in the order in which courses meet them.

Read next: `bank.py`.
"""

from __future__ import annotations

from .linear import LINEAR
from .operation import Operation

FAMILIES: tuple[tuple[Operation, ...], ...] = (LINEAR,)
