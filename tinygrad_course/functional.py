"""Every op under one roof: `from tinygrad_course import functional as F`. The code is in `ops/`."""

from __future__ import annotations

from .ops.activation import elu, gelu, leaky_relu, relu, silu
from .ops.adaptive_pool import adaptive_avg_pool2d, adaptive_max_pool2d
from .ops.arithmetic import abs, add, div, mul, neg, pow, sign, sub
from .ops.arranging import flip, moveaxis, split
from .ops.attention import scaled_dot_product_attention
from .ops.binary_loss import binary_cross_entropy, binary_cross_entropy_with_logits, logistic_loss
from .ops.choice import clip, maximum, minimum, where
from .ops.conv import conv2d, conv2d_im2col
from .ops.conv1d import conv1d
from .ops.conv_transpose import conv_transpose2d
from .ops.cross_entropy import cross_entropy, nll, one_hot, softmax_cross_entropy_composed
from .ops.dropout import dropout, spatial_dropout
from .ops.einsum import einsum
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
from .ops.embedding import embedding
from .ops.erf import erf
from .ops.gathering import scatter_add, take
from .ops.group_norm import group_norm, group_norm_composed, layer_norm, layer_norm_composed
from .ops.gru import gru, gru_cell, gru_cell_composed, gru_composed
from .ops.indexing import getitem, place_last, take_last
from .ops.joining import concatenate, stack
from .ops.linear import dense, matmul, outer, sum_rows
from .ops.loss import huber, l1, mse
from .ops.lstm import lstm, lstm_cell, lstm_cell_composed, lstm_composed
from .ops.margin_loss import hinge, multi_class_hinge, perceptron_criterion
from .ops.norm import batch_norm, batch_norm_composed
from .ops.padding import pad
from .ops.pool import avg_pool2d, global_avg_pool2d, global_max_pool2d, max_pool2d
from .ops.pool1d import avg_pool1d, max_pool1d
from .ops.reduction import argmax, logsumexp, max, mean, min, sum, var
from .ops.response_norm import local_response_norm
from .ops.rnn import rnn, rnn_cell, rnn_cell_composed, rnn_composed
from .ops.shaping import (
    astype,
    broadcast_to,
    expand_dims,
    flatten,
    reshape,
    squeeze,
    transpose,
)
from .ops.similarity import cosine_similarity, kl_div
from .ops.softmax import log_softmax, softmax
from .ops.statistics import cumsum, norm, prod, std
from .ops.unfold import fold, unfold

__all__ = [
    "abs",
    "adaptive_avg_pool2d",
    "adaptive_max_pool2d",
    "add",
    "argmax",
    "astype",
    "avg_pool1d",
    "avg_pool2d",
    "batch_norm",
    "batch_norm_composed",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "broadcast_to",
    "clip",
    "concatenate",
    "conv1d",
    "conv2d",
    "conv2d_im2col",
    "conv_transpose2d",
    "cos",
    "cosine_similarity",
    "cross_entropy",
    "cumsum",
    "dense",
    "div",
    "dropout",
    "einsum",
    "elu",
    "embedding",
    "erf",
    "exp",
    "expand_dims",
    "expm1",
    "flatten",
    "flip",
    "fold",
    "gelu",
    "getitem",
    "global_avg_pool2d",
    "global_max_pool2d",
    "group_norm",
    "group_norm_composed",
    "gru",
    "gru_cell",
    "gru_cell_composed",
    "gru_composed",
    "hinge",
    "huber",
    "kl_div",
    "l1",
    "layer_norm",
    "layer_norm_composed",
    "leaky_relu",
    "local_response_norm",
    "log",
    "log1p",
    "log_softmax",
    "logistic_loss",
    "logsumexp",
    "lstm",
    "lstm_cell",
    "lstm_cell_composed",
    "lstm_composed",
    "matmul",
    "max",
    "max_pool1d",
    "max_pool2d",
    "maximum",
    "mean",
    "min",
    "minimum",
    "moveaxis",
    "mse",
    "mul",
    "multi_class_hinge",
    "neg",
    "nll",
    "norm",
    "one_hot",
    "outer",
    "pad",
    "perceptron_criterion",
    "place_last",
    "pow",
    "prod",
    "relu",
    "reshape",
    "rnn",
    "rnn_cell",
    "rnn_cell_composed",
    "rnn_composed",
    "scaled_dot_product_attention",
    "scatter_add",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "softmax",
    "softmax_cross_entropy_composed",
    "softplus",
    "spatial_dropout",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "sub",
    "sum",
    "sum_rows",
    "take",
    "take_last",
    "tanh",
    "transpose",
    "unfold",
    "var",
    "where",
]
