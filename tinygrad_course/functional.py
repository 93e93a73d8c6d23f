"""Every op under one roof: `from tinygrad_course import functional as F`. The code is in `ops/`."""

from __future__ import annotations

from .ops.activation import elu, gelu, leaky_relu, log_softmax, relu, silu, softmax
from .ops.arithmetic import abs, add, div, mul, neg, pow, sign, sub
from .ops.choice import clip, maximum, minimum, where
from .ops.conv import conv2d, conv2d_im2col
from .ops.dropout import dropout
from .ops.elementary import (
    cos,
    exp,
    expm1,
    log,
    log1p,
    sigmoid,
    sin,
    softplus,
    sqrt,
    square,
    tanh,
)
from .ops.erf import erf
from .ops.indexing import getitem, place_last, take_last
from .ops.linear import dense, matmul, sum_rows
from .ops.loss import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    mse,
    one_hot,
    softmax_cross_entropy_composed,
)
from .ops.norm import batch_norm, batch_norm_composed
from .ops.pool import avg_pool2d, global_avg_pool2d, global_max_pool2d, max_pool2d
from .ops.reduction import argmax, logsumexp, max, mean, min, sum, var
from .ops.shaping import (
    astype,
    broadcast_to,
    concatenate,
    expand_dims,
    flatten,
    pad,
    reshape,
    squeeze,
    stack,
    transpose,
)

__all__ = [
    "abs",
    "add",
    "argmax",
    "astype",
    "avg_pool2d",
    "batch_norm",
    "batch_norm_composed",
    "binary_cross_entropy_with_logits",
    "broadcast_to",
    "clip",
    "concatenate",
    "conv2d",
    "conv2d_im2col",
    "cos",
    "cross_entropy",
    "dense",
    "div",
    "dropout",
    "elu",
    "erf",
    "exp",
    "expand_dims",
    "expm1",
    "flatten",
    "gelu",
    "getitem",
    "global_avg_pool2d",
    "global_max_pool2d",
    "leaky_relu",
    "log",
    "log1p",
    "log_softmax",
    "logsumexp",
    "matmul",
    "max",
    "max_pool2d",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mse",
    "mul",
    "neg",
    "one_hot",
    "pad",
    "place_last",
    "pow",
    "relu",
    "reshape",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "softmax",
    "softmax_cross_entropy_composed",
    "softplus",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "sub",
    "sum",
    "sum_rows",
    "take_last",
    "tanh",
    "transpose",
    "var",
    "where",
]
