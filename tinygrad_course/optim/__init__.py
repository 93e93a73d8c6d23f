"""Optimizers: they write parameters, and are handed nothing else.

    optimizer = optim.SGD(model.parameters(), lr=optim.cosine(0.1, 1000), momentum=0.9)
    loss.backward(); optimizer.step(); optimizer.zero_grad()

Read `optimizer.py`, then `sgd.py` and `adam.py`; `schedules.py` has the functions of the step.
"""

from .accumulation import MicroBatch, accumulate
from .adam import Adam, AdamW
from .clipping import clip_grad_norm, clip_grad_value
from .groups import Group
from .optimizer import Optimizer
from .schedules import (
    Schedule,
    by_name,
    constant,
    cosine,
    join,
    linear_warmup,
    multi_step,
    one_cycle,
)
from .sgd import SGD

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Group",
    "MicroBatch",
    "Optimizer",
    "Schedule",
    "accumulate",
    "by_name",
    "clip_grad_norm",
    "clip_grad_value",
    "constant",
    "cosine",
    "join",
    "linear_warmup",
    "multi_step",
    "one_cycle",
]
