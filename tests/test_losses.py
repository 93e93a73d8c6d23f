"""Losses beyond their records: the lecture's identities, ignored labels, the fused path."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tinygrad_course as tg
from tinygrad_course import kernels
from tinygrad_course.errors import ArgumentError


@pytest.fixture
def rng() -> np.random.Generator:
    """The same numbers for every test, whichever run."""
    return np.random.default_rng(0)


def test_log_loss_of_signs_is_the_lectures_formula(rng: np.random.Generator) -> None:
    """-log|y/2 - 1/2 + p| = log(1 + exp(-y z)), p = sigmoid(z), as do the two-class losses."""
    z = rng.standard_normal(50) * 3.0
    y = rng.choice([-1, 1], 50)
    p = 1.0 / (1.0 + np.exp(-z))
    loss = tg.logistic_loss(z, y, reduction="none")
    np.testing.assert_allclose(loss, -np.log(np.abs(y / 2 - 0.5 + p)), rtol=1e-12)
    np.testing.assert_allclose(loss, np.log(1.0 + np.exp(-y * z)), rtol=1e-12)
    t = (y + 1) / 2
    for other in (
        tg.binary_cross_entropy_with_logits(z, t, reduction="none"),
        tg.binary_cross_entropy(p, t, reduction="none"),
        tg.cross_entropy(np.stack([0 * z, z], -1), t.astype(int), reduction="none"),
    ):
        np.testing.assert_allclose(loss, other, rtol=1e-9)


def test_the_logistic_update_is_the_lectures(rng: np.random.Generator) -> None:
    """-dL/dw = y x / (1 + exp(y w.x))."""
    x, y = rng.standard_normal(4), -1
    w = tg.tensor(rng.standard_normal(4), requires_grad=True)
    tg.logistic_loss((w * x).sum(), np.array(y)).backward()
    assert w.grad is not None
    np.testing.assert_allclose(-w.grad.data, y * x / (1.0 + np.exp(y * (w.data @ x))), rtol=1e-12)


def test_the_perceptron_rule_is_sgd_on_its_criterion(rng: np.random.Generator) -> None:
    """Step by step from zero weights, on separable points; and it ends without a mistake."""
    x = rng.standard_normal((60, 2))
    x = x[np.abs(x @ [1.0, -2.0]) > 0.3]
    y = np.where(x @ [1.0, -2.0] > 0, 1, -1)
    w = tg.tensor(np.zeros(2), requires_grad=True)
    rule = np.zeros(2)
    for _ in range(20):
        for row, label in zip(x, y, strict=True):
            w.zero_grad()
            tg.perceptron_criterion((w * row).sum(), np.array(label)).backward()
            assert w.grad is not None
            w.assign(w.data - 0.1 * w.grad.data)
            if label * (rule @ row) <= 0:
                rule = rule + 0.1 * label * row
            np.testing.assert_array_equal(w.data, rule)
    assert (np.sign(x @ rule) == y).all()


def test_ignored_samples_do_not_exist(rng: np.random.Generator) -> None:
    """Loss and gradient are those of the other rows, even where an ignored row is infinite."""
    logits, labels = rng.standard_normal((6, 4)), np.array([1, -100, 3, 0, -100, 2])
    kept = labels != -100
    for options in ({}, {"weight": np.array([1.0, 2.0, 0.5, 3.0])}, {"label_smoothing": 0.2}):
        x, z = (tg.tensor(a, requires_grad=True) for a in (logits, logits[kept]))
        some = tg.cross_entropy(x, labels, ignore_index=-100, **options)
        rest = tg.cross_entropy(z, labels[kept], **options)
        assert some.item() == pytest.approx(rest.item(), rel=1e-14)
        some.backward()
        rest.backward()
        assert x.grad is not None
        assert z.grad is not None
        np.testing.assert_allclose(x.grad.data[kept], z.grad.data, rtol=1e-13)
        assert not x.grad.data[~kept].any()


@pytest.mark.parametrize("function", [tg.cross_entropy, tg.nll])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_mean_of_ignored_samples_alone_is_nan_and_moves_nothing(
    function: Any, dtype: str
) -> None:
    x = tg.tensor(np.ones((2, 3)), dtype=dtype, requires_grad=True)
    loss = function(x, np.array([7, 7]), ignore_index=7)
    loss.backward()
    assert math.isnan(loss.item())
    assert loss.dtype == dtype
    assert x.grad is not None
    assert x.grad.tolist() == [[0.0] * 3] * 2


def test_weights_are_constants_of_any_kind(rng: np.random.Generator) -> None:
    x, t = tg.tensor(rng.standard_normal((4, 3)), dtype="float32"), np.array([0, 1, 2, 1])
    weights: list[Any] = [[1.0, 2.0, 0.5], np.array([1.0, 2.0, 0.5]), tg.tensor([1.0, 2.0, 0.5])]
    losses = [tg.cross_entropy(x, t, weight=w) for w in weights]
    assert {loss.item() for loss in losses} == {losses[0].item()}
    assert losses[0].dtype == "float32"


def test_extreme_logits_and_smoothing_stay_finite() -> None:
    x = tg.tensor([[1e4, -1e4, 0.0]], requires_grad=True)
    loss = tg.cross_entropy(x, np.array([1]), label_smoothing=0.3, weight=[1.0, 2.0, 1.0])
    loss.backward()
    assert x.grad is not None
    assert math.isfinite(loss.item())
    assert np.isfinite(x.grad.data).all()


def test_classes_go_through_the_fused_kernel(rng: np.random.Generator) -> None:
    """With ignored labels and weights too; only smoothing needs log-probabilities."""
    x = tg.tensor(rng.standard_normal((4, 3)), requires_grad=True)
    for options in ({}, {"ignore_index": 0}, {"weight": [1.0, 2.0, 3.0]}):
        kernels.reset_report()
        tg.cross_entropy(x, np.array([0, 1, 2, 1]), **options).backward()
        ran = kernels.report().ran
        assert sum(ran["softmax_cross_entropy"].values()) == 1
        assert sum(ran["softmax_cross_entropy_grad"].values()) == 1


def test_huber_is_squared_near_and_absolute_far(rng: np.random.Generator) -> None:
    d = rng.standard_normal(20)
    zeros = np.zeros(20)
    np.testing.assert_allclose(tg.huber(d, zeros, delta=9.0), tg.mse(d, zeros) / 2.0, rtol=1e-13)
    far = tg.huber(d, zeros, delta=1e-9) / 1e-9
    np.testing.assert_allclose(far, tg.l1(d, zeros), rtol=1e-7)


def test_crammer_singer_counts_the_strongest_rival_alone() -> None:
    scores, label = np.array([[1.0, 0.9, 0.8, -5.0]]), np.array([0])
    one = tg.multi_class_hinge(scores, label, form="crammer-singer")
    every = tg.multi_class_hinge(scores, label)
    assert float(one) == pytest.approx(0.9)
    assert float(every) == pytest.approx((0.9 + 0.8) / 4)
    two = tg.multi_class_hinge(scores[:, :2], label, form="crammer-singer")
    assert float(two) == pytest.approx(float(tg.hinge(scores[:, 0] - scores[:, 1], np.array([1]))))


def test_kl_divergence_is_zero_of_itself_and_cross_entropy_less_entropy(
    rng: np.random.Generator,
) -> None:
    p, z = rng.dirichlet(np.ones(4), 3), rng.standard_normal((3, 4))
    assert float(tg.kl_div(np.log(p), p)) == pytest.approx(0.0, abs=1e-15)
    entropy = -(p * np.log(p)).sum(-1).mean()
    divergence = tg.kl_div(tg.log_softmax(z), p, reduction="batchmean")
    assert float(divergence) == pytest.approx(float(tg.cross_entropy(z, p)) - entropy, rel=1e-12)


def test_labels_of_zero_and_one_are_refused_with_the_remedy() -> None:
    for loss in (tg.logistic_loss, tg.hinge, tg.perceptron_criterion):
        with pytest.raises(ArgumentError, match=r"-1 or 1.*is 0.*2 \* t - 1"):
            loss(tg.tensor([1.0, 2.0]), np.array([0, 1]))


def test_a_positive_that_counts_thrice_is_three_positives() -> None:
    x, t = np.array([0.3, -1.0, 2.0]), np.array([1.0, 0.0, 1.0])
    thrice = tg.nn.BCEWithLogitsLoss("sum", pos_weight=3.0)
    repeated = np.repeat(x, [3, 1, 3]), np.repeat(t, [3, 1, 3])
    expected = tg.binary_cross_entropy_with_logits(*repeated, reduction="sum")
    np.testing.assert_allclose(thrice(tg.tensor(x), t).data, expected, rtol=1e-12)
    tenth = tg.binary_cross_entropy_with_logits(x, t, pos_weight=0.1, reduction="sum")
    assert tenth == tg.binary_cross_entropy_with_logits(
        x, t, pos_weight=np.array([0.1]), reduction="sum"
    )
    assert thrice(tg.tensor(x.astype("float32")), t.astype("float32")).dtype == "float32"


@pytest.mark.parametrize("n", [70_000, 100_000])
@pytest.mark.parametrize(
    "mean_of_ones",
    [
        lambda x: tg.mse(x, np.zeros_like(x.data)),
        lambda x: tg.l1(x, np.zeros_like(x.data)),
        tg.mean,
        lambda x: tg.mean(x.reshape(1, -1), 1, keepdims=True).reshape(()),
        lambda x: tg.mean(x.reshape(-1, 1), 0).reshape(()),
    ],
)
def test_float16_means_of_more_than_float16_can_count(mean_of_ones: Any, n: int) -> None:
    """Its largest number is 65,504: neither the count nor the sum of more elements fits."""
    x = tg.tensor(np.ones(n, np.float16), requires_grad=True)
    y = mean_of_ones(x)
    (grad,) = tg.grad(y, [x], create_graph=True)
    y.backward()
    assert y.dtype == grad.dtype == x.grad.dtype == np.float16
    assert y.item() == 1.0
    slope = 2.0 if y.node.__class__.__name__ == "SquaredError" else 1.0
    np.testing.assert_allclose(x.grad.data.astype("f8"), slope / n, rtol=0, atol=2.0**-24)
    assert np.array_equal(grad.data, x.grad.data)


def test_a_float16_variance_of_more_than_float16_can_count() -> None:
    x = tg.tensor(np.tile(np.array([-1, 3], np.float16), 50_000), requires_grad=True)
    y = tg.var(x)
    y.backward()
    assert y.dtype == x.grad.dtype == np.float16
    assert y.item() == 4.0
    np.testing.assert_allclose(x.grad.data[:2].astype("f8"), [-4e-5, 4e-5], rtol=0, atol=2.0**-24)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_certain_probabilities_have_finite_gradients(dtype: str) -> None:
    p = tg.tensor(np.array([0, 1, 0, 1], dtype), requires_grad=True)
    tg.binary_cross_entropy(p, np.array([0, 1, 1, 0], dtype), reduction="sum").backward()
    assert p.grad.tolist()[:2] == [0.0, 0.0]
    steep = float(np.float16(2.0**14)) if dtype == "float16" else 1e12
    np.testing.assert_allclose(p.grad.tolist()[2:], [-steep, steep], rtol=1e-6)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    "loss",
    [tg.mse, tg.l1, tg.huber, tg.binary_cross_entropy, tg.binary_cross_entropy_with_logits],
)
def test_a_loss_of_pairs_is_one_op_whatever_its_reduction(loss: Any, reduction: str) -> None:
    """Small networks live on it: each op of the graph costs as much as the arithmetic of ten."""
    x = tg.tensor([[0.2, 0.7]], requires_grad=True)
    y = loss(x, np.array([[0.0, 1.0]], "float32"), reduction=reduction)
    assert y.node.edges == (x.node, None)
