"""The families of the bank, in the order in which courses meet them.

Read next: `bank.py`.
"""

from __future__ import annotations

from .activations import ACTIVATIONS
from .conv import IMAGES
from .elementary import MOVES, PENALTIES, POINTWISE, REDUCTIONS
from .linear import LINEAR
from .losses import LOSSES
from .norm import NORMS
from .operation import Operation
from .sequences import SEQUENCES

FAMILIES: tuple[tuple[Operation, ...], ...] = (
    LINEAR,
    ACTIVATIONS,
    POINTWISE,
    REDUCTIONS,
    MOVES,
    PENALTIES,
    LOSSES,
    IMAGES,
    NORMS,
    SEQUENCES,
)
