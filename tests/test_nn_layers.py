"""Layers: each is its function with its parameters; sizes are checked; the summary counts."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_course as tg
from tinygrad_course import functional as F
from tinygrad_course import nn
from tinygrad_course.errors import (
    ArgumentError,
    ArgumentTypeError,
    Error,
    IndexingError,
    ShapeError,
)


def images(*shape: int) -> tg.Tensor:
    return tg.tensor(np.random.default_rng(0).standard_normal(shape), dtype="float64")


IMAGE = (2, 9, 8, 4)
ROWS = (5, 6)
SEQUENCE = (2, 7, 6)
TARGETS = np.array([0, 5, 2, 3, 1])

SAME: list[tuple[nn.Module, tuple[int, ...], Callable[..., Any]]] = [
    (
        nn.Conv2d(4, 6, (3, 2), 2, ((1, 0), (2, 1)), (2, 1), 2, dtype="float64"),
        IMAGE,
        lambda m, x: F.conv2d(
            x, m.weight, m.bias, stride=2, padding=((1, 0), (2, 1)), dilation=(2, 1), groups=2
        ),
    ),
    (
        nn.Conv2d(4, 6, 3, padding="same", bias=False, dtype="float64"),
        IMAGE,
        lambda m, x: F.conv2d(x, m.weight, padding="same"),
    ),
    (nn.MaxPool2d(3, 2, 1), IMAGE, lambda m, x: F.max_pool2d(x, 3, stride=2, padding=1)),
    (
        nn.AvgPool2d((2, 3), padding=1, count_include_pad=False),
        IMAGE,
        lambda m, x: F.avg_pool2d(x, (2, 3), padding=1, count_include_pad=False),
    ),
    (nn.GlobalMaxPool2d(), IMAGE, lambda m, x: F.global_max_pool2d(x)),
    (nn.GlobalAvgPool2d(), IMAGE, lambda m, x: F.global_avg_pool2d(x)),
    (nn.Flatten(2), IMAGE, lambda m, x: F.flatten(x, 2)),
    (nn.Dense(6, 3, dtype="float64"), ROWS, lambda m, x: x @ m.weight + m.bias),
    (nn.Dense(6, 3, False, dtype="float64"), ROWS, lambda m, x: x @ m.weight),
    (
        nn.BatchNorm(6, eps=0.1, affine=False, dtype="float64"),
        ROWS,
        lambda m, x: F.batch_norm(x, eps=0.1),
    ),
    (nn.ReLU(), ROWS, lambda m, x: F.relu(x)),
    (nn.LeakyReLU(0.2), ROWS, lambda m, x: F.leaky_relu(x, 0.2)),
    (nn.ELU(0.5), ROWS, lambda m, x: F.elu(x, 0.5)),
    (nn.GELU(), ROWS, lambda m, x: F.gelu(x)),
    (nn.GELU("tanh"), ROWS, lambda m, x: F.gelu(x, "tanh")),
    (nn.SiLU(), ROWS, lambda m, x: F.silu(x)),
    (nn.Softplus(2.0), ROWS, lambda m, x: F.softplus(x, 2.0)),
    (nn.Tanh(), ROWS, lambda m, x: F.tanh(x)),
    (nn.Sigmoid(), ROWS, lambda m, x: F.sigmoid(x)),
    (nn.Softmax(0), ROWS, lambda m, x: F.softmax(x, 0)),
    (nn.LogSoftmax(), ROWS, lambda m, x: F.log_softmax(x)),
    (
        nn.Conv1d(6, 4, 3, 2, (2, 0), 1, 2, dtype="float64"),
        SEQUENCE,
        lambda m, x: F.conv1d(x, m.weight, m.bias, stride=2, padding=(2, 0), groups=2),
    ),
    (
        nn.ConvTranspose2d(4, 6, (3, 2), 2, 1, (1, 0), (2, 1), 2, dtype="float64"),
        IMAGE,
        lambda m, x: F.conv_transpose2d(
            x,
            m.weight,
            m.bias,
            stride=2,
            padding=1,
            output_padding=(1, 0),
            dilation=(2, 1),
            groups=2,
        ),
    ),
    (nn.Unfold(3, 2, 1), IMAGE, lambda m, x: F.unfold(x, 3, stride=2, padding=1)),
    (
        nn.Fold((12, 10), (4, 3), dilation=1),
        (2, 9, 8, 24),
        lambda m, x: F.fold(x, (12, 10), (4, 3)),
    ),
    (
        nn.MaxPool2d(3, 2, 1, ceil_mode=True),
        IMAGE,
        lambda m, x: F.max_pool2d(x, 3, stride=2, padding=1, ceil_mode=True),
    ),
    (
        nn.AvgPool2d(3, 2, 1, ceil_mode=True),
        IMAGE,
        lambda m, x: F.avg_pool2d(x, 3, stride=2, padding=1, ceil_mode=True),
    ),
    (
        nn.MaxPool1d(3, 2, (1, 0), ceil_mode=True),
        SEQUENCE,
        lambda m, x: F.max_pool1d(x, 3, stride=2, padding=(1, 0), ceil_mode=True),
    ),
    (
        nn.AvgPool1d(2, padding=1, count_include_pad=False),
        SEQUENCE,
        lambda m, x: F.avg_pool1d(x, 2, padding=1, count_include_pad=False),
    ),
    (nn.AdaptiveMaxPool2d((4, 3)), IMAGE, lambda m, x: F.adaptive_max_pool2d(x, (4, 3))),
    (nn.AdaptiveAvgPool2d(5), IMAGE, lambda m, x: F.adaptive_avg_pool2d(x, 5)),
    (
        nn.LayerNorm((8, 4), eps=0.1, dtype="float64"),
        IMAGE,
        lambda m, x: F.layer_norm(x, (8, 4), m.weight, m.bias, eps=0.1),
    ),
    (
        nn.GroupNorm(2, 4, eps=0.1, dtype="float64"),
        IMAGE,
        lambda m, x: F.group_norm(x, 2, m.weight, m.bias, eps=0.1),
    ),
    (nn.GroupNorm(3, 6, affine=False), ROWS, lambda m, x: F.group_norm(x, 3)),
    (nn.LocalResponseNorm(), IMAGE, lambda m, x: F.local_response_norm(x)),
    (
        nn.LocalResponseNorm(3, 0.1, 0.5, 1.0, True),
        IMAGE,
        lambda m, x: F.local_response_norm(x, 3, alpha=0.1, beta=0.5, k=1.0, alpha_per_window=True),
    ),
    (nn.SpatialDropout().eval(), IMAGE, lambda m, x: x),
    (
        nn.SpatialDropout(0.3, generator=tg.Generator(3)),
        IMAGE,
        lambda m, x: F.spatial_dropout(x, 0.3, generator=tg.Generator(3)),
    ),
    (nn.Sequential(), ROWS, lambda m, x: x),
]


@pytest.mark.parametrize(
    ("layer", "shape", "function"),
    SAME,
    ids=lambda v: "" if callable(v) and not isinstance(v, nn.Module) else repr(v)[:40],
)
def test_a_layer_is_its_function(layer: nn.Module, shape: tuple[int, ...], function) -> None:
    x = images(*shape)
    y = layer(x)
    assert np.array_equal(y.data, function(layer, x).data)
    assert y.dtype == np.float64


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_losses_are_their_functions(reduction: str) -> None:
    x, t = images(5, 6), tg.tensor(np.random.default_rng(1).random((5, 6)))
    p, signs, w = tg.sigmoid(x), np.where(t.data > 0.5, 1, -1), [0.1, 1.0, 2.0, 1.0, 0.5, 1.0]
    classes = {"weight": w, "ignore_index": 3}
    singer = {"margin": 0.5, "form": "crammer-singer"}
    pairs: list[tuple[Any, Any, Any, Any, dict[str, Any]]] = [
        (nn.CrossEntropyLoss, F.cross_entropy, x, TARGETS, {}),
        (nn.CrossEntropyLoss, F.cross_entropy, x, TARGETS, {**classes, "label_smoothing": 0.1}),
        (nn.NLLLoss, F.nll, x, TARGETS, {}),
        (nn.NLLLoss, F.nll, x, TARGETS, classes),
        (nn.MSELoss, F.mse, x, t, {}),
        (nn.L1Loss, F.l1, x, t, {}),
        (nn.HuberLoss, F.huber, x, t, {"delta": 0.3}),
        (nn.BCEWithLogitsLoss, F.binary_cross_entropy_with_logits, x, t, {}),
        (nn.BCELoss, F.binary_cross_entropy, p, t, {}),
        (nn.LogisticLoss, F.logistic_loss, x, signs, {}),
        (nn.HingeLoss, F.hinge, x, signs, {"margin": 0.5}),
        (nn.MultiClassHingeLoss, F.multi_class_hinge, x, TARGETS, {}),
        (nn.MultiClassHingeLoss, F.multi_class_hinge, x, TARGETS, singer),
        (nn.PerceptronLoss, F.perceptron_criterion, x, signs, {}),
        (nn.KLDivLoss, F.kl_div, x, t, {}),
        (nn.KLDivLoss, F.kl_div, x, t, {"log_target": True}),
    ]
    for layer, function, y, target, options in pairs:
        loss = layer(reduction, **options)
        expected = function(y, target, reduction=reduction, **options)
        assert np.array_equal(loss(y, target).data, expected.data)
        assert loss(y, target).dtype == np.float64


def test_losses_and_similarities_of_their_own_kind() -> None:
    x, t = images(5, 6), tg.tensor(np.random.default_rng(1).random((5, 6)))
    mean = nn.KLDivLoss("batchmean")(x, t)
    np.testing.assert_allclose(mean.data, nn.KLDivLoss("sum")(x, t).data / 5, rtol=1e-14)
    cosine = nn.CosineSimilarity(0, eps=1e-6)(x, t)
    assert np.array_equal(cosine.data, F.cosine_similarity(x, t, 0, eps=1e-6).data)
    weighted = nn.CrossEntropyLoss(weight=tg.tensor([1.0, 2.0]))
    assert [name for name, _ in weighted.named_buffers()] == ["weight"]
    assert list(weighted.parameters()) == []


def test_embedding_layer() -> None:
    layer = nn.Embedding(5, 3, padding_index=-1, generator=tg.Generator(1), dtype="float64")
    index = np.array([[0, 4, 2], [4, 4, 0]])
    y = layer(index)
    assert y.shape == (2, 3, 3)
    assert np.array_equal(y.data, layer.weight.data[index])
    assert not layer.weight.data[4].any()
    y.sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.tolist() == [[2.0] * 3, [0.0] * 3, [1.0] * 3, [0.0] * 3, [0.0] * 3]
    table = nn.Embedding(400, 100, generator=tg.Generator(0))
    assert table.weight.data.std() == pytest.approx(1.0, rel=0.02)
    assert [name for name, _ in table.named_parameters()] == ["weight"]


def test_batch_norm_layer_learns_and_uses_running_statistics() -> None:
    layer = nn.BatchNorm(3, momentum=0.25, dtype="float64")
    x = images(4, 5, 5, 3)
    layer(x)
    values = x.data.reshape(-1, 3)
    np.testing.assert_allclose(layer.running_mean.data, 0.25 * values.mean(0), rtol=1e-12)
    np.testing.assert_allclose(
        layer.running_var.data, 0.75 + 0.25 * values.var(0, ddof=1), rtol=1e-12
    )
    frozen = layer.state_dict()
    y = layer.eval()(x)
    scale = np.sqrt(layer.running_var.data + 1e-5)
    np.testing.assert_allclose(y.data, (x.data - layer.running_mean.data) / scale, rtol=1e-12)
    assert all(np.array_equal(frozen[n], a) for n, a in layer.state_dict().items())
    assert [n for n, _ in layer.named_parameters()] == ["weight", "bias"]
    assert [n for n, _ in layer.named_buffers()] == ["running_mean", "running_var"]


def test_dropout_layer_draws_only_in_training() -> None:
    generator = tg.Generator(4)
    layer = nn.Dropout(0.5, generator=generator)
    x = tg.tensor(np.ones((50, 50), "float32"))
    y = layer(x).data
    assert generator.state() == (4, 1)
    assert set(np.unique(y)) == {0.0, 2.0}
    assert np.array_equal(y, nn.Dropout(0.5, generator=tg.Generator(4))(x).data)
    assert np.array_equal(layer.eval()(x).data, x.data)
    assert generator.state() == (4, 1)


def test_first_weights_are_he_normal_and_biases_zero() -> None:
    dense = nn.Dense(500, 300, generator=tg.Generator(0))
    conv = nn.Conv2d(20, 300, 5, generator=tg.Generator(0))
    assert dense.weight.data.std() == pytest.approx(math.sqrt(2 / 500), rel=0.01)
    assert conv.weight.data.std() == pytest.approx(math.sqrt(2 / 500), rel=0.01)
    assert conv.weight.shape == (5, 5, 20, 300)
    assert not np.any(dense.bias.data)
    assert not np.any(conv.bias.data)
    tg.manual_seed(8)
    first = nn.Dense(3, 3).weight.data
    tg.manual_seed(8)
    assert np.array_equal(first, nn.Dense(3, 3).weight.data)


def test_sequential_is_a_sequence() -> None:
    layers = [nn.Dense(2, 3), nn.ReLU(), nn.Dense(3, 1)]
    model = nn.Sequential(*layers)
    assert list(model) == layers
    assert model[-1] is layers[-1]
    assert model[1:][0] is layers[1]
    assert isinstance(model[1:], nn.Sequential)
    assert model.append(nn.Tanh()) is model
    assert len(model) == 4
    assert not model.eval()[:2].training
    with pytest.raises(IndexingError, match="index 4 is outside its 4 layers"):
        model[4]
    with pytest.raises(ArgumentTypeError, match="an integer or a slice, but it is 'a'"):
        model["a"]
    for wrong, remedy in [
        (nn.ReLU, r"write ReLU\(\)"),
        (layers, r"write Sequential\(\*layers\)"),
        (F.relu, "wrap a function in a Module"),
        (3, "must be a Module, but got 3"),
    ]:
        with pytest.raises(ArgumentTypeError, match=remedy):
            nn.Sequential(wrong)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: nn.Dense(0, 3), ArgumentError, "Dense: in_features must be at least 1.* 0"),
        (lambda: nn.Dense(3, -1), ArgumentError, "Dense: out_features .* -1"),
        (lambda: nn.Dense(3.0, 1), ArgumentTypeError, r"in_features must be an integer.*3\.0"),
        (lambda: nn.Dense(True, 1), ArgumentTypeError, "in_features must be an integer"),
        (lambda: nn.Dense(3, 1, dtype="int32"), ArgumentTypeError, "Dense: dtype must be a float"),
        (lambda: nn.Dense(3, 1, init="he"), ArgumentTypeError, "such as nn.init.he_normal"),
        (
            lambda: nn.Dense(3, 1, init=lambda shape, **_: np.zeros((1, 3))),
            ShapeError,
            r"asked for shape \(3, 1\), but returned \(1, 3\)",
        ),
        (lambda: nn.Conv2d(3, 4, 0), ArgumentError, "Conv2d: kernel_size must be at least 1"),
        (lambda: nn.Conv2d(3, 4, (3, 3, 3)), ArgumentTypeError, "Conv2d: kernel_size .* pair"),
        (lambda: nn.Conv2d(3, 4, 3, 0), ArgumentError, "Conv2d: stride"),
        (lambda: nn.Conv2d(3, 4, 3, padding=-1), ArgumentError, "Conv2d: padding"),
        (lambda: nn.Conv2d(3, 4, 3, padding="full"), ArgumentError, "'same', 'valid'.*'full'"),
        (lambda: nn.Conv2d(3, 4, 3, dilation=0), ArgumentError, "Conv2d: dilation"),
        (lambda: nn.Conv2d(3, 4, 3, groups=2), ArgumentError, "groups must divide .* 3 and 4"),
        (lambda: nn.Conv2d(4, 3, 3, groups=2), ArgumentError, "groups must divide"),
        (lambda: nn.Conv2d(4, 4, 3, groups=0), ArgumentError, "groups must be at least 1"),
        (lambda: nn.MaxPool2d(0), ArgumentError, "MaxPool2d: kernel_size"),
        (lambda: nn.AvgPool2d(2, -1), ArgumentError, "AvgPool2d: stride"),
        (lambda: nn.MaxPool1d(0), ArgumentError, "MaxPool1d: kernel_size must be at least 1"),
        (lambda: nn.MaxPool1d(2, 1.5), ArgumentTypeError, "MaxPool1d: stride must be an integer"),
        (lambda: nn.AvgPool1d(2, padding=-1), ArgumentError, "AvgPool1d: padding"),
        (
            lambda: nn.MaxPool1d(2, padding=2),
            ShapeError,
            "MaxPool1d: padding .*less than .* 2 steps",
        ),
        (lambda: nn.AvgPool1d(3, padding=(0, 3)), ShapeError, "AvgPool1d: padding .*less than"),
        (
            lambda: nn.MaxPool2d(2, padding=2),
            ShapeError,
            "MaxPool2d: padding .*less than the window",
        ),
        (
            lambda: nn.AvgPool2d((2, 3), padding=(0, 3)),
            ShapeError,
            "AvgPool2d: padding .*less than",
        ),
        (lambda: nn.BatchNorm(0), ArgumentError, "BatchNorm: num_features"),
        (lambda: nn.BatchNorm(3, eps=-1), ArgumentError, "BatchNorm: eps"),
        (lambda: nn.BatchNorm(3, momentum=2), ArgumentError, r"momentum must lie in 0 \.\. 1"),
        (lambda: nn.Dropout(1.5), ArgumentError, r"Dropout: p must lie in 0 \.\. 1.* 1\.5"),
        (lambda: nn.Dropout(math.nan), ArgumentError, "Dropout: p must be finite"),
        (lambda: nn.Dropout("a"), ArgumentTypeError, "Dropout: p must be a number"),
        (lambda: nn.LeakyReLU(math.inf), ArgumentError, "negative_slope must be finite"),
        (lambda: nn.ELU("a"), ArgumentTypeError, "ELU: alpha must be a number"),
        (lambda: nn.GELU("tan"), ArgumentError, "GELU: approximate 'tan'.*did you mean 'tanh'"),
        (lambda: nn.Softplus(0), ArgumentError, "Softplus: beta must be positive"),
        (lambda: nn.Conv1d(3, 4, 0), ArgumentError, "Conv1d: kernel_size must be at least 1"),
        (lambda: nn.Conv1d(3, 4, 3, padding=-1), ArgumentError, "Conv1d: padding"),
        (lambda: nn.Conv1d(3, 4, 3, groups=2), ArgumentError, "Conv1d: groups must divide"),
        (lambda: nn.ConvTranspose2d(3, 4, 0), ArgumentError, "ConvTranspose2d: kernel_size"),
        (
            lambda: nn.ConvTranspose2d(3, 4, 3, padding="same"),
            ArgumentError,
            "ConvTranspose2d: padding must be .*'same'",
        ),
        (
            lambda: nn.ConvTranspose2d(3, 4, 3, 2, output_padding=2),
            ArgumentError,
            "ConvTranspose2d: output_padding must be less",
        ),
        (lambda: nn.ConvTranspose2d(3, 4, 3, groups=2), ArgumentError, "groups must divide"),
        (lambda: nn.Unfold(0), ArgumentError, "Unfold: kernel_size"),
        (lambda: nn.Fold(0, 2), ArgumentError, "Fold: image_size"),
        (lambda: nn.AdaptiveMaxPool2d(0), ArgumentError, "AdaptiveMaxPool2d: output_size"),
        (lambda: nn.AdaptiveAvgPool2d(1.5), ArgumentTypeError, "AdaptiveAvgPool2d: output_size"),
        (lambda: nn.LayerNorm(0), ArgumentError, "LayerNorm: normalized_shape"),
        (lambda: nn.LayerNorm(3, eps=-1), ArgumentError, "LayerNorm: eps"),
        (lambda: nn.GroupNorm(3, 4), ArgumentError, "num_groups must divide num_channels"),
        (lambda: nn.GroupNorm(0, 4), ArgumentError, "GroupNorm: num_groups"),
        (lambda: nn.LocalResponseNorm(0), ArgumentError, "LocalResponseNorm: size"),
        (lambda: nn.SpatialDropout(-0.5), ArgumentError, r"SpatialDropout: p must lie in 0 \.\. 1"),
        (lambda: nn.MSELoss("maen"), ArgumentError, "did you mean 'mean'"),
        (lambda: nn.KLDivLoss("batch"), ArgumentError, "did you mean 'batchmean'"),
        (lambda: nn.HuberLoss(delta=0), ArgumentError, "HuberLoss: delta must be positive"),
        (lambda: nn.HingeLoss(margin="a"), ArgumentTypeError, "HingeLoss: margin must be a number"),
        (lambda: nn.MultiClassHingeLoss(form="singer"), ArgumentError, "crammer-singer"),
        (lambda: nn.CosineSimilarity(eps=-1), ArgumentError, "CosineSimilarity: eps must not be"),
        (
            lambda: nn.CrossEntropyLoss(label_smoothing=2),
            ArgumentError,
            r"label_smoothing must lie in 0 \.\. 1",
        ),
        (lambda: nn.Embedding(0, 3), ArgumentError, "Embedding: num_embeddings"),
        (lambda: nn.Embedding(3, 3, 3), ArgumentError, r"padding_index .* -3 \.\. 2.* 3"),
        (lambda: nn.Embedding(3, 3, 0.5), ArgumentTypeError, "padding_index must be an integer"),
    ],
)
def test_wrong_arguments(make: Callable[[], Any], error: type[Error], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def lenet() -> nn.Sequential:
    """5x5 windows over 28x28 padded by 2; 16 maps of 5x5 become 400 features."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dense(400, 120),
        nn.ReLU(),
        nn.Dense(120, 84),
        nn.ReLU(),
        nn.Dense(84, 10),
    )


def test_summary_of_lenet5_by_hand() -> None:
    report = tg.summary(lenet(), (28, 28, 1))
    parameters = [5 * 5 * 6 + 6, 5 * 5 * 6 * 16 + 16, 400 * 120 + 120, 120 * 84 + 84, 84 * 10 + 10]
    products = [28 * 28 * 6 * 25, 10 * 10 * 16 * 150, 400 * 120, 120 * 84, 84 * 10]
    assert [row.parameters for row in report.rows if row.parameters] == parameters
    assert [row.multiply_adds for row in report.rows if row.parameters] == products
    assert (report.parameters, report.multiply_adds) == (61_706, 416_520)
    assert (sum(parameters), sum(products)) == (61_706, 416_520)
    outputs = [row.output_shape for row in report.rows]
    assert outputs[:3] == [(1, 28, 28, 6), (1, 28, 28, 6), (1, 14, 14, 6)]
    assert outputs[6] == (1, 400)
    assert report.rows[0].activation_bytes == 28 * 28 * 6 * 4
    assert report.activation_bytes == 4 * sum(math.prod(shape) for shape in outputs)
    assert "416,520" in str(report)


def test_summary_leaves_no_trace() -> None:
    generator = tg.Generator(0)
    model = nn.Sequential(nn.Dense(3, 4), nn.BatchNorm(4), nn.Dropout(0.5, generator=generator))
    model[1].eval()
    before = {name: array.tobytes() for name, array in model.state_dict().items()}
    attributes = [set(vars(module)) - {"training"} for module in model.modules()]
    tg.summary(model, (3,), batch_size=2)
    assert {name: array.tobytes() for name, array in model.state_dict().items()} == before
    assert [module.training for module in model.modules()] == [True, True, False, True]
    assert [set(vars(module)) - {"training"} for module in model.modules()] == attributes
    assert generator.state() == (0, 0)
    with pytest.raises(ShapeError, match=r"in layers\.0 \(Dense\): dense"):
        tg.summary(model, (5,))
    assert [module.training for module in model.modules()] == [True, True, False, True]
    assert [set(vars(module)) - {"training"} for module in model.modules()] == attributes


def test_summary_counts_ties_once_and_names_what_was_not_called() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            self.offset = tg.Parameter(np.zeros(4))
            self.shared = nn.Dense(4, 4, dtype="float64")
            self.other = nn.Dense(4, 4, dtype="float64")
            self.other.weight = self.shared.weight
            self.spare = nn.Dense(4, 2, dtype="float64").freeze()

        def forward(self, x: Any) -> Any:
            return self.other(self.shared(self.shared(x))) + self.offset

    model = Tied()
    report = tg.summary(model, (7, 4), batch_size=3)
    assert [(row.name, row.parameters, row.output_shape) for row in report.rows] == [
        ("shared", 20, (3, 7, 4)),
        ("shared", 0, (3, 7, 4)),
        ("other", 4, (3, 7, 4)),
        ("Tied", 4, (3, 7, 4)),
        ("spare", 10, None),
    ]
    assert sum(row.parameters for row in report.rows) == report.parameters == 38
    assert report.trainable_parameters == 28
    assert report.multiply_adds == 3 * (16 * 3 * 7)
    assert report.rows[0].activation_bytes == 3 * 7 * 4 * 8
    assert str(report).endswith("\n10 of the parameters are frozen")
    assert "not called" in str(report)


def test_summary_refuses_what_makes_no_sense() -> None:
    with pytest.raises(ArgumentTypeError, match="model must be a Module"):
        tg.summary(F.relu, (3,))
    with pytest.raises(ShapeError, match="input_shape must be a tuple"):
        tg.summary(nn.ReLU(), 3)
    with pytest.raises(ArgumentError, match="input_shape must be at least 1"):
        tg.summary(nn.ReLU(), (0,))
    with pytest.raises(ArgumentError, match="batch_size must be at least 1"):
        tg.summary(nn.ReLU(), (3,), batch_size=0)


def test_training_a_small_network_end_to_end() -> None:
    """xor: no line separates it, so a hidden layer must have learned."""
    x = tg.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = np.array([0, 1, 1, 0])
    generator = tg.Generator(0)
    model = nn.Sequential(
        nn.Dense(2, 8, init=nn.init.xavier_uniform, generator=generator),
        nn.Tanh(),
        nn.Dense(8, 2, init=nn.init.xavier_uniform, generator=generator),
    )
    optimizer = tg.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(100):
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert loss.item() < 0.05
    assert model(x).data.argmax(-1).tolist() == y.tolist()


def test_attention_layer_is_its_function() -> None:
    q, k, v = images(2, 3, 4, 5), images(2, 3, 6, 5), images(2, 3, 6, 2)
    mask = np.arange(6) > 1
    layer = nn.ScaledDotProductAttention(causal=True, scale=0.3)
    expected = F.scaled_dot_product_attention(q, k, v, mask=mask, causal=True, scale=0.3)
    assert np.array_equal(layer(q, k, v, mask).data, expected.data)
    assert repr(layer) == "ScaledDotProductAttention(causal=True, scale=0.3)"
