"""The mutant bank: the operations that courses teach, each with the wrong backwards people write.

Read `operation.py` first, then `linear.py` and its neighbours, a file per family; `bank.py` finds
operations by name or by what they compute, `generic.py` holds mistakes that any operation can have.
"""

from __future__ import annotations

from .bank import OPERATIONS, Known, identify, operation
from .generic import GENERIC, Blunder
from .operation import Mutant, Operation

__all__ = [
    "GENERIC",
    "OPERATIONS",
    "Blunder",
    "Known",
    "Mutant",
    "Operation",
    "identify",
    "operation",
]
