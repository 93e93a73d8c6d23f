"""Layers: what holds parameters, and calls one function of `F`.

    model = nn.Sequential(nn.Dense(2, 16), nn.Tanh(), nn.Dense(16, 2))
    logits = model(x)

Read `module.py` first, then `dense.py`; `init.py` has the initializers, `summary.py` the table of
a model's layers.
"""

from . import init
from .activation import (
    ELU,
    GELU,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from .container import Sequential
from .convolution import Conv2d
from .dense import Dense
from .dropout import Dropout
from .loss import BCEWithLogitsLoss, CrossEntropyLoss, MSELoss
from .module import Module
from .normalization import BatchNorm
from .pooling import AvgPool2d, GlobalAvgPool2d, GlobalMaxPool2d, MaxPool2d
from .shape import Flatten
from .state import Unmatched
from .summary import LayerSummary, Summary, summary

__all__ = [
    "ELU",
    "GELU",
    "AvgPool2d",
    "BCEWithLogitsLoss",
    "BatchNorm",
    "Conv2d",
    "CrossEntropyLoss",
    "Dense",
    "Dropout",
    "Flatten",
    "GlobalAvgPool2d",
    "GlobalMaxPool2d",
    "LayerSummary",
    "LeakyReLU",
    "LogSoftmax",
    "MSELoss",
    "MaxPool2d",
    "Module",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Summary",
    "Tanh",
    "Unmatched",
    "init",
    "summary",
]
