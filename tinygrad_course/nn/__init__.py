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
from .attention import ScaledDotProductAttention
from .container import Sequential
from .conv1d import Conv1d
from .conv_transpose import ConvTranspose2d
from .convolution import Conv2d
from .dense import Dense
from .dropout import Dropout, SpatialDropout
from .embedding import Embedding
from .group_norm import GroupNorm, LayerNorm, LocalResponseNorm
from .loss import BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, HuberLoss, L1Loss, MSELoss, NLLLoss
from .margin_loss import (
    CosineSimilarity,
    HingeLoss,
    KLDivLoss,
    LogisticLoss,
    MultiClassHingeLoss,
    PerceptronLoss,
)
from .module import Module
from .normalization import BatchNorm
from .pooling import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    AvgPool2d,
    GlobalAvgPool2d,
    GlobalMaxPool2d,
    MaxPool2d,
)
from .pooling1d import AvgPool1d, MaxPool1d
from .recurrent import GRU, LSTM, RNN
from .recurrent_cell import GRUCell, LSTMCell, RNNCell
from .shape import Flatten
from .state import Unmatched
from .summary import LayerSummary, Summary, summary
from .unfold import Fold, Unfold

__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "RNN",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool2d",
    "AvgPool1d",
    "AvgPool2d",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm",
    "Conv1d",
    "Conv2d",
    "ConvTranspose2d",
    "CosineSimilarity",
    "CrossEntropyLoss",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "Fold",
    "GRUCell",
    "GlobalAvgPool2d",
    "GlobalMaxPool2d",
    "GroupNorm",
    "HingeLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "LSTMCell",
    "LayerNorm",
    "LayerSummary",
    "LeakyReLU",
    "LocalResponseNorm",
    "LogSoftmax",
    "LogisticLoss",
    "MSELoss",
    "MaxPool1d",
    "MaxPool2d",
    "Module",
    "MultiClassHingeLoss",
    "NLLLoss",
    "PerceptronLoss",
    "RNNCell",
    "ReLU",
    "ScaledDotProductAttention",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "SpatialDropout",
    "Summary",
    "Tanh",
    "Unfold",
    "Unmatched",
    "init",
    "summary",
]
