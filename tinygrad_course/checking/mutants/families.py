"""The families of the bank, in the order in which courses meet them.

Read next: `bank.py`.
"""

from __future__ import annotations

from .activations import ACTIVATIONS
from .broadcasting import BROADCAST
from .conv import IMAGES
from .elementary import POINTWISE
from .linear import LINEAR
from .losses import LOSSES
from .moves import MOVES
from .norm import NORMS
from .operation import Operation
from .reductions import REDUCTIONS
from .regression import REGRESSION
from .sequences import SEQUENCES
from .softmax import NORMALISED

FAMILIES: tuple[tuple[Operation, ...], ...] = (
    LINEAR,
    BROADCAST,
    ACTIVATIONS,
    NORMALISED,
    POINTWISE,
    REDUCTIONS,
    MOVES,
    LOSSES,
    REGRESSION,
    IMAGES,
    NORMS,
    SEQUENCES,
)
