"""One record per op: what the loops of `test_ops.py` hold every op against.

A new op adds one `Case` to the file of its family. Read `record.py` for what a record says,
`arithmetic.py` for the shortest ones.
"""

from __future__ import annotations

from . import (
    activation,
    adaptive_pool,
    arithmetic,
    arranging,
    conv,
    conv_kin,
    dropout,
    einsum,
    elementary,
    gathering,
    indexing,
    linear,
    loss,
    norm,
    pool,
    reduction,
    shaping,
    statistics,
)
from .record import Bad, Case, Kink, Sample

FAMILIES = (
    arithmetic, elementary, reduction, statistics, shaping, arranging, indexing, gathering,
    linear, einsum, activation, conv, pool, norm, dropout, loss, conv_kin, adaptive_pool,
)  # fmt: skip

CASES: tuple[Case, ...] = tuple(case for family in FAMILIES for case in family.CASES)

__all__ = ["CASES", "FAMILIES", "Bad", "Case", "Kink", "Sample"]
