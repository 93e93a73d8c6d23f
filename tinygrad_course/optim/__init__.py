"""Optimizers: they write parameters, and are handed nothing else.

    optimizer = optim.SGD(model.parameters(), lr=optim.cosine(0.1, 1000), momentum=0.9)
    loss.backward(); optimizer.step(); optimizer.zero_grad()

Read `optimizer.py`, then `sgd.py` and `adam.py` (their relatives: `adaptive.py`, `rprop.py`,
`moments.py`, `layerwise.py`); `schedules.py` has the functions of the step, `penalties.py` and
`constraints.py` what is done to gradients before a step and to weights after it.
"""

from .accumulation import MicroBatch, accumulate
from .adam import Adam, AdamW
from .adaptive import Adadelta, Adagrad, RMSprop
from .averaging import MovingAverage
from .batch_growth import growing_batch, growing_batch_rate, noise_scale
from .clipping import clip_grad_norm, clip_grad_value
from .constraints import decay_weights, max_norm, proximal_l1
from .groups import Group
from .layerwise import LAMB, LARS
from .moments import AMSGrad, NAdam, RAdam
from .optimizer import Optimizer
from .patterns import groups_by_pattern
from .penalties import l1_penalty, l2_penalty
from .range_test import RangeReading, lr_range, read_range_test
from .rprop import Rprop
from .schedules import (
    Schedule,
    by_name,
    constant,
    cosine,
    cosine_restarts,
    exp_range,
    exponential,
    inverse,
    join,
    linear_warmup,
    multi_step,
    one_cycle,
    polynomial,
    scaled,
    step_decay,
    triangular,
    triangular2,
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
    "MovingAverage",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "RangeReading",
    "Rprop",
    "Schedule",
    "accumulate",
    "by_name",
    "clip_grad_norm",
    "clip_grad_value",
    "constant",
    "cosine",
    "cosine_restarts",
    "decay_weights",
    "exp_range",
    "exponential",
    "groups_by_pattern",
    "growing_batch",
    "growing_batch_rate",
    "inverse",
    "join",
    "l1_penalty",
    "l2_penalty",
    "linear_warmup",
    "lr_range",
    "max_norm",
    "multi_step",
    "noise_scale",
    "one_cycle",
    "polynomial",
    "proximal_l1",
    "read_range_test",
    "scaled",
    "step_decay",
    "triangular",
    "triangular2",
]
