"""Optimizers: they write parameters, and are handed nothing else.

    optimizer = optim.SGD(model.parameters(), lr=optim.cosine(0.1, 1000), momentum=0.9)
    loss.backward(); optimizer.step(); optimizer.zero_grad()

Read `optimizer.py`, then `sgd.py` and `adam.py`; `schedules.py` has the functions of the step.
"""

from .accumulation import MicroBatch, accumulate
from .adam import Adam, AdamW
from .adaptive import Adadelta, Adagrad, RMSprop
from .clipping import clip_grad_norm, clip_grad_value
from .groups import Group
from .layerwise import LAMB, LARS
from .moments import AMSGrad, NAdam, RAdam
from .optimizer import Optimizer
from .rprop import Rprop
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
    "LAMB",
    "LARS",
    "SGD",
    "AMSGrad",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Group",
    "MicroBatch",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
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
