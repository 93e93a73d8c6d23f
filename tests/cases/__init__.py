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
    attention,
    conv,
    conv_kin,
    cross_entropy,
    dropout,
    einsum,
    elementary,
    embedding,
    epilogue,
    gathering,
    group_norm,
    indexing,
    linear,
    loss,
    margin_loss,
    norm,
    pool,
    pool1d,
    recurrent,
    reduction,
    shaping,
    similarity,
    statistics,
)
from .record import Bad, Case, Kink, Sample

FAMILIES = (
    arithmetic, elementary, reduction, statistics, shaping, arranging, indexing, gathering,
    linear, einsum, activation, conv, pool, pool1d, norm, dropout, embedding, loss, cross_entropy,
    margin_loss, similarity, conv_kin, adaptive_pool, group_norm, attention, recurrent, epilogue,
)  # fmt: skip

CASES: tuple[Case, ...] = tuple(case for family in FAMILIES for case in family.CASES)

__all__ = ["CASES", "FAMILIES", "Bad", "Case", "Kink", "Sample"]
