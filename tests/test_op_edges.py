"""What ops do at the edges: integers, NaN, infinities, nothing at all, running statistics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cases.record import close

import tinygrad_course as tg
from tinygrad_course.errors import ArgumentError, ArgumentTypeError, DtypeError, IndexingError

INTEGERS = {
    "exp", "log", "sqrt", "tanh", "sigmoid", "mean", "var", "logsumexp", "softmax", "log_softmax",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(INTEGERS))
def test_functions_of_integers_are_float32(name: str) -> None:
    x = np.array([[1, 2, 3], [4, 2, 1]])
    y = getattr(tg, name)(tg.tensor(x))
    assert y.dtype == "float32"
    close(y.data, getattr(tg, name)(x.astype(float)), 1e-6)


def test_images_of_bytes() -> None:
    """uint8 images take the float's dtype, as an integer array does in every op."""
    x = np.random.default_rng(0).integers(256, size=(2, 6, 6, 2), dtype=np.uint8)
    w = np.random.default_rng(1).standard_normal((3, 3, 2, 4))
    close(tg.conv2d(x, tg.tensor(w)).data, tg.conv2d(x.astype(float), w), 1e-12)
    t, floats = tg.tensor(x), x.astype(float)
    for y, expected in (
        (tg.avg_pool2d(t, 2), tg.avg_pool2d(floats, 2)),
        (tg.max_pool2d(t, 3, padding=1), tg.max_pool2d(floats, 3, padding=1)),
        (tg.batch_norm(t), tg.batch_norm(floats)),
        (tg.global_avg_pool2d(t), tg.global_avg_pool2d(floats)),
    ):
        close(y.data, expected, 1e-5)
    dropped = tg.dropout(t, 0.5, generator=tg.Generator(3))
    close(dropped.data, tg.dropout(floats, 0.5, generator=tg.Generator(3)), 1e-6)
    logits, classes = np.array([[1, 2, 3], [3, 0, 1]]), np.array([0, 2])
    loss = tg.cross_entropy(tg.tensor(logits), classes)
    close(loss.data, tg.cross_entropy(logits.astype(float), classes), 1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64, bool])
def test_integer_reductions(dtype: Any) -> None:
    x = np.array([[1, 0, 3], [2, 5, 0]]).astype(dtype)
    t = tg.tensor(x)
    for axis in (None, 0, 1):
        np.testing.assert_array_equal(tg.max(t, axis).data, x.max(axis))
        np.testing.assert_array_equal(tg.min(t, axis).data, x.min(axis))
        np.testing.assert_array_equal(tg.sum(t, axis).data, x.sum(axis))
        np.testing.assert_array_equal(tg.argmax(t, axis).data, x.argmax(axis))
    assert tg.min(t).dtype == dtype


def test_nan_propagates_through_maxima() -> None:
    x = tg.tensor(np.array([[1.0, np.nan, 3.0], [np.nan, 2.0, np.nan]]))
    for f in (tg.max, tg.min):
        assert np.isnan(f(x, 1).data).all()
    assert tg.argmax(x, 1).tolist() == [1, 0]
    one = tg.tensor(np.array([1.0, np.nan]))
    for f in (tg.maximum, tg.minimum):
        assert np.isnan(f(one, np.array([np.nan, 1.0])).data).all()
    image = np.ones((1, 2, 2, 1))
    image[0, 1, 0, 0] = np.nan
    assert np.isnan(tg.max_pool2d(tg.tensor(image), 2).data).all()


def test_small_values_are_exact() -> None:
    x = tg.tensor(np.array([-700.0, -50.0]))
    np.testing.assert_allclose(tg.sigmoid(x).data, np.exp(x.data), rtol=1e-14)
    bce = tg.binary_cross_entropy_with_logits(x, np.zeros(2), reduction="none")
    np.testing.assert_allclose(bce.data, np.exp(x.data), rtol=1e-14)


def test_logsumexp_of_nothing_and_of_minus_infinity() -> None:
    assert tg.logsumexp(tg.tensor(np.zeros((2, 0))), 1).tolist() == [-np.inf, -np.inf]
    x = tg.tensor(np.array([[-np.inf, -np.inf], [0.0, -np.inf]]), requires_grad=True)
    y = tg.logsumexp(x, 1)
    assert y.tolist() == [-np.inf, 0.0]
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[0.0, 0.0], [1.0, 0.0]]


def test_one_hot() -> None:
    rows = tg.functional.one_hot(np.array([[2, 0]]), 3)
    assert rows.tolist() == [[[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]]
    assert rows.dtype == "float32"
    assert tg.functional.one_hot(tg.tensor(np.array(1)), 2).tolist() == [0.0, 1.0]


def test_the_mean_of_nothing_is_nan() -> None:
    x = tg.tensor(np.zeros((0, 3)), requires_grad=True)
    for y in (tg.mean(x), tg.var(x), tg.var(tg.tensor([1.0]), ddof=1)):
        assert np.isnan(y.data).all()
    assert tg.mean(x, 0).shape == (3,)


def test_running_statistics() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((6, 5, 3)) * 2.0 + 1.0
    rows = x.reshape(-1, 3)
    mean, var = tg.tensor(np.full(3, 0.5)), np.full(3, 2.0)
    tg.batch_norm(tg.tensor(x), None, None, mean, var, momentum=0.25)
    close(mean.data, 0.75 * 0.5 + 0.25 * rows.mean(0), 1e-14)
    close(var, 0.75 * 2.0 + 0.25 * rows.var(0, ddof=1), 1e-14)
    before = mean.data.copy(), var.copy()
    tg.batch_norm(tg.tensor(x), None, None, mean, var, training=False)
    tg.batch_norm(tg.tensor(x[:0]), None, None, mean, var)
    np.testing.assert_array_equal((mean.data, var), before)


class FrozenStatistics(tg.Function):
    """A batch norm whose gradient treats the statistics as constants at second order."""

    def forward(self, x: Any) -> Any:
        self.mean, self.var = x.mean(axis=0), x.var(axis=0)
        return (x - self.mean) / np.sqrt(self.var + 1e-5)

    def grad_x(self, grad: Any, x: Any, mean: Any, var: Any) -> Any:
        s = (var + 1e-5) ** 0.5
        z = (x - mean) / s
        return (grad - grad.mean(axis=0) - z * (grad * z).mean(axis=0)) / s


def test_frozen_statistics_pass_first_order_and_fail_second() -> None:
    x = np.random.default_rng(0).standard_normal((5, 3))
    assert tg.gradcheck(lambda t: FrozenStatistics().apply(t), x)
    report = tg.gradgradcheck(lambda t: FrozenStatistics().apply(t), x)
    assert not report
    assert "WRONG" in str(report)


def test_the_third_derivative_of_a_batch_norm() -> None:
    """The gradient's gradient is a composition, and so differentiable as often as one likes."""
    arrays = [np.random.default_rng(i).standard_normal(s) for i, s in enumerate([(5, 2), 2, 2])]
    found = []
    for f in (tg.batch_norm, tg.functional.batch_norm_composed):
        inputs = [tg.tensor(a, requires_grad=True) for a in arrays]
        y = f(*inputs, eps=0.1) ** 3
        for order in range(2):
            slopes = tg.grad(y.sum(), inputs, create_graph=True)
            y = sum(
                [(g * g * (i + order + 1.0)).sum() for i, g in enumerate(slopes)],
                tg.tensor(np.zeros(())),
            )
        found.append([g.data for g in tg.grad(y.sum(), inputs)])
    for a, b in zip(*found, strict=True):
        close(a, b, 1e-9)


@pytest.mark.parametrize("rows", [(), (1,), (40,), (2, 20)])
def test_the_gradients_of_a_wide_dense_layer(rows: tuple[int, ...]) -> None:
    """Too much for the short way of small products: through the kernels, a single vector too."""
    rng = np.random.default_rng(0)
    x, w, b = (
        tg.tensor(rng.standard_normal(s), requires_grad=True)
        for s in ((*rows, 3000), (3000, 7), (7,))
    )
    dy = rng.standard_normal((*rows, 7))
    tg.dense(x, w, b).backward(dy)
    flat = dy.reshape(-1, 7)
    assert np.allclose(x.grad.numpy(), dy @ w.data.T)
    assert np.allclose(w.grad.numpy(), x.data.reshape(-1, 3000).T @ flat)
    assert np.allclose(b.grad.numpy(), flat.sum(axis=0))


def test_a_dense_layer_of_no_units() -> None:
    for x in (np.ones((2, 3, 4)), np.ones(4), np.ones((0, 4))):
        t, w = tg.tensor(x, requires_grad=True), tg.tensor(np.ones((4, 0)), requires_grad=True)
        y = tg.dense(t, w, np.ones(0))
        assert y.shape == (*x.shape[:-1], 0)
        y.sum().backward()
        np.testing.assert_array_equal(t.grad.data, np.zeros(x.shape))
        assert w.grad.shape == (4, 0)


@pytest.mark.parametrize("values", [np.array, tg.tensor])
def test_bools_are_refused_where_numpy_refuses_them(values: Any) -> None:
    yes = values([True, False])
    for op in (
        tg.neg, tg.sign, lambda x: tg.sub(x, x), lambda x: tg.add(x, x, activation="relu")
    ):  # fmt: skip
        with pytest.raises(DtypeError, match=r"bools are no numbers here.*astype"):
            op(yes)
    close(tg.pow(yes, np.array([-1, 2])), [1.0, 0.0], 1e-12)


@pytest.mark.parametrize(
    ("dtype", "fits", "wrong"),
    [
        ("uint8", (0, 255, 3.0, np.int64(7)), (-1, 256, 0.5, np.inf)),
        ("int64", (2**53 + 1, -(2**63)), (2**63, np.nan)),
        (bool, (0, 1, True), (2, -1)),
    ],
)
def test_a_border_is_what_was_asked_for(
    dtype: Any, fits: tuple[Any, ...], wrong: tuple[Any, ...]
) -> None:
    x = tg.tensor(np.ones(2, dtype))
    for value in fits:
        y = tg.pad(x, 1, value)
        assert y.dtype == dtype
        assert y.tolist() == [value, 1, 1, value]
    for value in wrong:
        with pytest.raises(DtypeError, match=r"pad: a border of .* does not fit x of .*astype"):
            tg.pad(x, 1, value)


def test_losses_of_one_sample_name_its_wrong_label() -> None:
    for loss, label in (
        (tg.hinge, 3.0), (tg.logistic_loss, 0.0), (tg.perceptron_criterion, -2.0)
    ):  # fmt: skip
        with pytest.raises(ArgumentError, match=rf"the one at \(\) is {label}"):
            loss(np.array(0.5), np.array(label))
    with pytest.raises(ArgumentError, match=r"1.5 at \(\) is no probability"):
        tg.binary_cross_entropy(np.array(1.5), np.array(1.0))
    with pytest.raises(IndexingError, match=r"label 3 at \(\) is no class"):
        tg.cross_entropy(np.zeros(3), np.array(3))


def test_binary_losses_of_bools_and_integers() -> None:
    yes = np.array([True, False])
    expected = np.log1p(np.exp(np.array([-1.0, 0.0]))).mean()
    for logits in (yes, yes.astype(int), tg.tensor(yes)):
        loss = tg.binary_cross_entropy_with_logits(logits, [1.0, 0.0])
        assert loss.dtype == "float32"
        close(getattr(loss, "data", loss), expected, 1e-6)
    assert tg.binary_cross_entropy(yes, yes) == 0.0


@pytest.mark.parametrize("values", [np.array, tg.tensor])
def test_errors_of_bytes_and_bools_do_not_wrap(values: Any) -> None:
    """200 - 201 is 255 in bytes, and nothing in bools."""
    for dtype, y, target in (("uint8", [200, 5], [201, 3]), (bool, [True, True], [True, False])):
        a, b = values(np.array(y, dtype)), values(np.array(target, dtype))
        d = np.array(y, float) - np.array(target, float)
        for loss, expected in (
            (tg.mse, (d**2).mean()), (tg.l1, abs(d).mean()),
            (tg.huber, np.where(abs(d) <= 1, d**2 / 2, abs(d) - 0.5).mean()),
        ):  # fmt: skip
            found = loss(a, b)
            assert found.dtype == "float32"
            close(getattr(found, "data", found), expected, 1e-6)


def test_a_batch_of_no_channels() -> None:
    x = tg.tensor(np.ones((4, 2, 0)), requires_grad=True)
    y = tg.batch_norm(x)
    y.sum().backward()
    assert y.shape == x.grad.shape == (4, 2, 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tg.cross_entropy(np.zeros((2, 3)), [0, 1], ignore_index=(0, 1)), "ignore_index"),
        (lambda: tg.nll(np.zeros((2, 3)), [0, 1], ignore_index="none"), "ignore_index"),
        (lambda: tg.embedding([0], np.zeros((2, 3)), padding_index=0.5), "padding_index"),
        (lambda: tg.embedding([[0, 1], [0]], np.zeros((2, 3))), "same length"),
        (lambda: tg.take(np.zeros(3), [[0, 1], [0]]), "same length"),
        (lambda: tg.cross_entropy(np.zeros((2, 3)), [0, 1], weight=[[1], [1, 2]]), "same length"),
        (lambda: tg.functional.rnn_cell([[1.0]], [[0.0]], [[1.0]], [[1], [1, 2]]), "same length"),
        (lambda: tg.functional.one_hot([0], 2.5), "classes must be an integer"),
        (lambda: tg.functional.one_hot([[0], [0, 1]], 2), "same length"),
        (lambda: tg.cosine_similarity([1.0], [1.0], None), "axis must be an integer"),
        (lambda: tg.mse([1.0], [1.0], reduction=np.ones(1)), "reduction must be 'mean'"),
        (lambda: tg.mse([1.0], [1.0], reduction=np.ones(3)), "reduction must be 'mean'"),
        (lambda: tg.mse([1.0], [1.0], reduction=tg.tensor([1.0, 2.0])), "reduction must be"),
    ],
)
def test_options_and_indices_of_the_wrong_kind(call: Any, message: str) -> None:
    with pytest.raises(ArgumentTypeError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tg.add([1.0], [1.0], activation=np.ones(3)), "add: activation must be None"),
        (lambda: tg.add([1.0], [1.0], activation=tg.tensor([1.0, 2.0])), "activation must be"),
        (lambda: tg.dense([[1.0]], [[1.0]], activation=np.ones(3)), "dense: activation must be"),
        (lambda: tg.pad([1.0], 1, mode=np.ones(3)), "pad: mode .* does not exist"),
        (lambda: tg.nn.MSELoss(np.ones(3)), "there is no reduction"),
        (lambda: tg.multi_class_hinge([1.0], [0], form=np.ones(3)), "multi_class_hinge: form"),
    ],
)
def test_words_that_are_arrays(call: Any, message: str) -> None:
    """`x in WORDS` compares an array with each word, and NumPy finds its truth ambiguous."""
    with pytest.raises(ArgumentError, match=message):
        call()
