"""tinygrad_course: a neural-network engine to read, written by hand and proved.

    import tinygrad_course as tg

Read `tensor.py`, `function.py`, `engine.py`, `grad_mode.py` in this order, then one file of `ops/`.
"""

from __future__ import annotations

import importlib as _importlib
from typing import TYPE_CHECKING
from typing import Any as _Any

from . import _checkout as _checkout  # isort: skip - first: it makes kernels/ importable
from . import cuda as cuda  # isort: skip
from . import errors as errors  # isort: skip
from . import kernels as kernels  # isort: skip
from . import random as random  # isort: skip
from .tensor import Parameter, Tensor, tensor  # isort: skip - the rest needs it
from . import operators as operators  # isort: skip - gives the class its operators
from .ops.device import from_dlpack  # isort: skip
from . import functional as functional
from .anomaly import detect_anomaly
from .derivatives import hessian, hvp, jacobian, jvp, vjp
from .engine import BackwardStep
from .function import Function
from .functional import *  # noqa: F403 - functional.__all__ is the list of the ops
from .grad_mode import enable_grad, is_grad_enabled, no_grad
from .gradients import backward_steps, grad
from .kernels import get_num_threads as get_num_threads
from .kernels import numerics as numerics
from .kernels import set_num_threads as set_num_threads
from .random import Generator, manual_seed
from .recompute import recompute

if TYPE_CHECKING:
    from . import checking as checking
    from . import checkpoint as checkpoint
    from . import data as data
    from . import debug as debug
    from . import interop as interop
    from . import metrics as metrics
    from . import models as models
    from . import nn as nn
    from . import optim as optim
    from . import train as train
    from . import viz as viz
    from .checking import assert_gradients as assert_gradients
    from .checking import gradcheck as gradcheck
    from .checking import gradgradcheck as gradgradcheck
    from .interop import load_torch_state_dict as load_torch_state_dict
    from .interop import load_weights as load_weights
    from .interop import save_weights as save_weights
    from .nn.summary import summary as summary
    from .profiling import profile as profile

_LAZY = {
    "assert_gradients": "checking",
    "gradcheck": "checking",
    "gradgradcheck": "checking",
    "load_torch_state_dict": "interop",
    "load_weights": "interop",
    "profile": "profiling",
    "save_weights": "interop",
    "summary": "nn.summary",
}
_SUBPACKAGES = {
    "checking",
    "checkpoint",
    "data",
    "debug",
    "interop",
    "metrics",
    "models",
    "nn",
    "optim",
    "train",
    "viz",
}


def __getattr__(name: str) -> _Any:
    """The parts above the core are imported when they are first used."""
    if name in _SUBPACKAGES:
        return _importlib.import_module(f".{name}", __name__)
    if name in _LAZY:
        return getattr(_importlib.import_module(f".{_LAZY[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__version__ = "0.1.0"

__all__ = [
    "BackwardStep",
    "Function",
    "Generator",
    "Parameter",
    "Tensor",
    "backward_steps",
    "cuda",
    "detect_anomaly",
    "enable_grad",
    "errors",
    "from_dlpack",
    "functional",
    "grad",
    "hessian",
    "hvp",
    "is_grad_enabled",
    "jacobian",
    "jvp",
    "kernels",
    "manual_seed",
    "no_grad",
    "profile",
    "random",
    "recompute",
    "tensor",
    "vjp",
]
__all__ += functional.__all__
