"""Lists and numbers where arrays are expected: every op takes them, and gives what arrays give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_course as tg
from tinygrad_course import functional as F
from tinygrad_course.errors import (
    ArgumentError,
    ArgumentTypeError,
    DtypeError,
    IndexingError,
    ShapeError,
)

rng = np.random.default_rng(0)
V, W = rng.uniform(0.2, 0.8, 2), rng.uniform(0.2, 0.8, 2)
M = rng.uniform(0.2, 0.8, (2, 2))
IMAGES, FILTERS = rng.standard_normal((1, 4, 4, 2)), rng.standard_normal((2, 2, 2, 2))
SEQUENCE, TAPS = rng.standard_normal((1, 3, 2)), rng.standard_normal((2, 2, 2))
SIGNS, LABELS, MASK = np.array([1.0, -1.0]), np.array([0, 1]), np.array([True, False])

UNARY = [
    "abs", "neg", "sign", "exp", "log", "sqrt", "tanh", "sigmoid", "sin", "cos", "expm1",
    "log1p", "square", "softplus", "erf", "relu", "leaky_relu", "elu", "gelu", "silu",
    "softmax", "log_softmax", "sum", "mean", "var", "std", "max", "min", "argmax",
    "logsumexp", "prod", "cumsum", "norm", "sum_rows", "squeeze", "flatten", "transpose",
    "flip",
]  # fmt: skip
BINARY = [
    "add", "sub", "mul", "div", "pow", "maximum", "minimum", "mse", "l1", "huber",
    "cosine_similarity", "kl_div", "matmul",
]  # fmt: skip
CASES: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(UNARY, (M,)),
    **dict.fromkeys(BINARY, (M, M)),
    "adaptive_avg_pool2d": (IMAGES, 2),
    "adaptive_max_pool2d": (IMAGES, 2),
    "astype": (V, "float64"),
    "avg_pool1d": (SEQUENCE, 2),
    "avg_pool2d": (IMAGES, 2),
    "batch_norm": (M, V, W),
    "batch_norm_composed": (M, V, W),
    "binary_cross_entropy": (V, W),
    "binary_cross_entropy_with_logits": (V, W),
    "broadcast_to": (V, (2, 2)),
    "clip": (M, V, 0.9),
    "concatenate": ([V, W],),
    "conv1d": (SEQUENCE, TAPS, V),
    "conv2d": (IMAGES, FILTERS, V),
    "conv2d_im2col": (IMAGES, FILTERS, V),
    "conv_transpose2d": (IMAGES, FILTERS, V),
    "cross_entropy": (M, LABELS),
    "dense": (M, M, V),
    "dropout": (V, 0.0),
    "einsum": ("ij,jk->ik", M, M),
    "embedding": (LABELS, M),
    "expand_dims": (V, 0),
    "fold": (rng.standard_normal((1, 3, 3, 8)), (4, 4), 2),
    "getitem": (M, 0),
    "global_avg_pool2d": (IMAGES,),
    "global_max_pool2d": (IMAGES,),
    "group_norm": (IMAGES, 2, V, W),
    "group_norm_composed": (IMAGES, 2, V, W),
    "hinge": (V, SIGNS),
    "layer_norm": (M, 2, V, W),
    "layer_norm_composed": (M, 2, V, W),
    "local_response_norm": (IMAGES, 2),
    "logistic_loss": (V, SIGNS),
    "max_pool1d": (SEQUENCE, 2),
    "max_pool2d": (IMAGES, 2),
    "moveaxis": (M, 0, 1),
    "multi_class_hinge": (M, LABELS),
    "nll": (M, LABELS),
    "one_hot": (LABELS, 2),
    "outer": (V, W),
    "pad": (V, 1),
    "perceptron_criterion": (V, SIGNS),
    "place_last": (V, LABELS),
    "reshape": (M, (4,)),
    "scaled_dot_product_attention": (SEQUENCE, SEQUENCE, SEQUENCE),
    "scatter_add": (V, LABELS),
    "softmax_cross_entropy_composed": (M, LABELS),
    "spatial_dropout": (M, 0.0),
    "split": (V, 2),
    "stack": ([V, W],),
    "take": (M, LABELS, 0),
    "take_last": (M, LABELS),
    "unfold": (IMAGES, 2),
    "where": (MASK, V, W),
}
OPTIONS: dict[str, dict[str, Any]] = {"place_last": {"size": 3}, "scatter_add": {"size": 3}}
RECURRENT = {name for name in F.__all__ if name.startswith(("rnn", "gru", "lstm"))}


def listed(value: Any) -> Any:
    """Every array as nested lists."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return [listed(v) for v in value] if isinstance(value, list) else value


def typed(value: Any, make: Callable[[Any], Any]) -> Any:
    """Every array of floats through `make`."""
    if isinstance(value, np.ndarray):
        return make(value) if value.dtype.kind == "f" else value
    return [typed(v, make) for v in value] if isinstance(value, list) else value


def arrays(result: Any) -> list[np.ndarray[Any, Any]]:
    several = result if isinstance(result, tuple) else (result,)
    return [r.numpy() if isinstance(r, tg.Tensor) else r for r in several]


def test_every_op_has_a_case() -> None:
    assert not set(F.__all__) - set(CASES) - RECURRENT


@pytest.mark.parametrize("name", sorted(set(CASES) - RECURRENT))
def test_lists_give_what_arrays_give(name: str) -> None:
    function, options = getattr(F, name), OPTIONS.get(name, {})
    expected = arrays(function(*typed(list(CASES[name]), np.float32), **options))
    found = arrays(function(*listed(list(CASES[name])), **options))
    for a, b in zip(expected, found, strict=True):
        assert isinstance(b, (np.ndarray, np.generic))
        np.testing.assert_allclose(a, b, rtol=1e-6)
        assert a.dtype == b.dtype


@pytest.mark.parametrize("name", sorted(set(CASES) - RECURRENT))
def test_lists_take_the_dtype_of_the_tensor_beside_them(name: str) -> None:
    given, function, options = list(CASES[name]), getattr(F, name), OPTIONS.get(name, {})
    floats = [i for i, v in enumerate(given) if isinstance(v, np.ndarray) and v.dtype.kind == "f"]
    for dtype in ("float32", "float64"):
        expected = arrays(
            function(*typed(given, lambda v, d=dtype: tg.tensor(v, dtype=d)), **options)
        )
        for only in floats:
            mixed = [
                tg.tensor(v, dtype=dtype) if i == only else listed(v) for i, v in enumerate(given)
            ]
            for a, b in zip(expected, arrays(function(*mixed, **options)), strict=True):
                assert a.dtype == b.dtype
                np.testing.assert_allclose(a, b, rtol=1e-5)


@pytest.mark.parametrize("name", ["relu", "sigmoid", "exp", "sum", "mean", "reshape", "erf"])
def test_numbers_are_arrays_of_no_axes(name: str) -> None:
    y = getattr(F, name)(0.5, *([(1,)] if name == "reshape" else []))
    assert y.dtype == np.float32
    assert F.add(2.0, 3) == 5.0
    assert F.maximum([1, 2], 2).tolist() == [2, 2]


def test_none_is_no_input() -> None:
    for op in (F.relu, F.sum, lambda v: F.dense(v, M), lambda v: F.conv2d(v, FILTERS)):
        with pytest.raises(ArgumentTypeError, match="real numbers"):
            op(None)


def test_a_list_of_lists_of_two_lengths_is_refused() -> None:
    ragged = [[1.0, 2.0], [3.0]]
    for op in (F.relu, F.sum, F.softmax, lambda v: F.add(v, 1.0), lambda v: F.matmul(v, v)):
        with pytest.raises(ArgumentTypeError, match="same length"):
            op(ragged)
    with pytest.raises(IndexingError):
        tg.tensor([1.0, 2.0])[[[0], [0, 1]]]


X = tg.tensor(rng.standard_normal((4, 3)).astype("float32"))
ZEROS, ONES = tg.tensor(np.zeros(3, "float32")), tg.tensor(np.ones(3, "float32"))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.dropout(X, "half"), ArgumentTypeError, "dropout: p must be a number"),
        (lambda: F.dropout(X, None), ArgumentTypeError, "dropout: p must be a number"),
        (lambda: F.dropout(X, True), ArgumentTypeError, "dropout: p must be a number"),
        (lambda: F.dropout(X, 1.5), ArgumentError, "0 .. 1"),
        (lambda: F.dropout(X, 0.5, generator=3), ArgumentTypeError, "must be a tg.Generator"),
        (lambda: F.batch_norm(X, eps="a"), ArgumentTypeError, "eps must be a number"),
        (lambda: F.batch_norm(X, eps=-1.0), ArgumentError, "eps must be at least 0"),
        (lambda: F.batch_norm(X, eps=np.nan), ArgumentError, "eps must be finite"),
        (lambda: F.batch_norm(X, momentum=None), ArgumentTypeError, "momentum must be a number"),
        (lambda: F.batch_norm(X, momentum=2.0), ArgumentError, "momentum must lie in 0 .. 1"),
        (
            lambda: F.batch_norm(X, None, None, [0.0] * 3, [1.0] * 3),
            ArgumentTypeError,
            "running_mean is updated in place",
        ),
        (
            lambda: F.batch_norm(X, None, None, np.zeros(3, int), np.ones(3, int)),
            DtypeError,
            "running_mean must have x's dtype float32",
        ),
        (lambda: F.leaky_relu(X, "a"), ArgumentTypeError, "negative_slope must be a number"),
        (lambda: F.elu(X, None), ArgumentTypeError, "alpha must be a number"),
        (lambda: F.var(X, ddof="a"), ArgumentTypeError, "ddof must be a number"),
        (lambda: F.pad(X, 1, None), ArgumentTypeError, "value must be a number"),
        (lambda: F.pad(tg.tensor([1, 2]), 1, 0.5), DtypeError, "border of 0.5"),
        (lambda: F.softmax(X, None), ArgumentTypeError, "axis must be an integer"),
        (lambda: F.softmax(X, (0, 1)), ArgumentTypeError, "axis must be an integer"),
        (lambda: F.layer_norm(X, 3, eps="a"), ArgumentTypeError, "eps must be a number"),
        (lambda: F.group_norm(X, 3, eps=-1), ArgumentError, "eps must be at least 0"),
        (lambda: F.local_response_norm(X, 3, alpha="a"), ArgumentTypeError, "alpha must be"),
        (lambda: F.softplus(X, "a"), ArgumentTypeError, "beta must be a number"),
        (lambda: F.huber(X, X, delta="a"), ArgumentTypeError, "delta must be a number"),
        (lambda: F.hinge(1.0, 1, margin="a"), ArgumentTypeError, "margin must be a number"),
        (lambda: F.cosine_similarity(X, X, eps="a"), ArgumentTypeError, "eps must be a number"),
        (lambda: F.take_last(X, [0, 1, -1, 0]), IndexingError, "-1 is outside 0 .. 2"),
        (lambda: F.place_last([1.0], [5], size=3), IndexingError, "5 is outside 0 .. 2"),
        (lambda: F.place_last([1.0], [0.5], size=3), IndexingError, "must hold integers"),
        (lambda: F.place_last([1.0], [0, 1], size=3), ShapeError, "place_last: g of shape"),
        (lambda: F.scatter_add([1.0], [0], size=3.5), ArgumentTypeError, "size must be an integer"),
        (lambda: F.add(np.ones(2), np.ones(3)), ShapeError, "add: shapes .* do not broadcast"),
        (lambda: F.where([True], np.ones(2), np.ones(3)), ShapeError, "do not broadcast"),
        (lambda: F.matmul(M, M.astype("float32")), DtypeError, "float64 with float32"),
        (lambda: F.softmax(1.0), ShapeError, "has 0 axes"),
        (lambda: F.transpose(X, 0), ShapeError, "no permutation"),
        (lambda: F.one_hot([3], 2), IndexingError, "outside an axis of size 2"),
        (lambda: F.one_hot([-1], 2), IndexingError, "is no class"),
    ],
)
def test_options_of_the_wrong_kind_are_refused(
    call: Callable[[], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


def test_arrays_alone_follow_the_dtype_rules_too() -> None:
    whole, tenth = np.ones((1, 3, 3, 1), int), np.full((3, 3, 1, 1), 0.1, "float32")
    assert F.conv2d(whole, tenth).item() == pytest.approx(0.9)
    assert F.dense(np.ones((1, 2), int), np.full((2, 1), 0.5, "float32")).tolist() == [[1.0]]


def test_inference_takes_statistics_as_lists() -> None:
    y = F.batch_norm(X, None, None, [0.0] * 3, [1.0] * 3, training=False)
    assert np.array_equal(
        y.numpy(), F.batch_norm(X, None, None, ZEROS, ONES, training=False).numpy()
    )


@pytest.mark.parametrize(
    "values",
    [np.ones(3, complex), np.array(["a", "b", "c"]), np.array([None] * 3)],
    ids=["complex", "text", "objects"],
)
def test_arrays_of_no_real_numbers_are_refused(values: Any) -> None:
    ops: tuple[Callable[[Any], Any], ...] = (
        F.relu, F.exp, F.sum, F.mean, F.max, F.cumsum, F.softmax, F.sign, F.neg, F.flip, F.flatten,
        lambda v: F.reshape(v, (3, 1)), lambda v: F.expand_dims(v, 0), lambda v: F.take(v, [0]),
        lambda v: F.clip(v, 0.0), lambda v: F.maximum(v, 1.0), lambda v: F.add(np.ones(3), v),
        lambda v: F.add(tg.tensor(np.ones(3)), v), lambda v: F.where([True], v, 0.0),
        lambda v: F.batch_norm(X, v), lambda v: F.mse(np.ones(3), v), lambda v: F.pad(v, 1),
        lambda v: F.maximum(tg.tensor([1, 2, 3]), v), lambda v: F.pow(tg.tensor([1, 2, 3]), v),
        lambda v: F.broadcast_to(v, (2, 3)), lambda v: F.concatenate([v, v]), lambda v: v @ X.T,
    )  # fmt: skip
    for op in ops:
        with pytest.raises(ArgumentTypeError, match="real numbers"):
            op(values)


def test_softplus_of_lists_and_numbers() -> None:
    for x in (0.0, [0.0], (0.0,), np.zeros(1)):
        assert np.ravel(F.softplus(x, 2.0)) == pytest.approx(np.log(2.0) / 2.0)
    assert F.softplus([0, 1], 2.0).dtype == F.softplus([0, 1]).dtype == "float32"
