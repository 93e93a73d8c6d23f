"""`why`: each kind of lost or spoilt gradient, planted, and the op and line that it names."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_course as tg
from tinygrad_course.debug import recording, why
from tinygrad_course.debug.recording import _Newest


@pytest.fixture(autouse=True)
def fresh():
    _Newest.recording = None
    with np.errstate(all="ignore"):
        yield


def drawn(*shape, grad=True, seed=0):
    values = np.random.default_rng(seed).normal(size=shape)
    return tg.tensor(values, dtype="float32", requires_grad=grad)


X = drawn(4, 3, grad=False)


def test_dead_relu_before_backward():
    w = drawn(3, 2)
    loss = tg.relu(X @ w - 100.0).sum()
    found = why(w, loss)
    assert found.verdict == "zero"
    assert found.where == "ReLU()"
    assert "relu is dead: all 8 of its inputs are at or below 0" in found.because
    assert "leaky_relu" in found.remedy
    assert w.grad is None
    assert str(found).startswith("w: the gradient is zero, all 6 values of it\n  at      ReLU()\n")
    loss.backward()  # the graph is still there


@pytest.mark.parametrize(
    ("activation", "because"),
    [("relu", "relu is dead: all 8"), ("tanh", "tanh is saturated: 8 of 8")],
)
def test_a_layer_that_ends_in_a_dead_activation(activation, because):
    w, b = drawn(3, 2), tg.tensor(np.full(2, -1000.0, "float32"))
    loss = tg.dense(X, w, b, activation=activation).sum()
    found = why(w, loss)
    assert found.verdict == "zero"
    assert found.where == f"DenseActivation(activation='{activation}')"
    assert because in found.because


def test_the_loss_is_found_among_the_variables():
    w = drawn(3, 2)
    loss = tg.relu(X @ w - 100.0).sum()
    assert why(w).verdict == "zero"
    del loss
    assert "no graph leads to it" in why(w).because


def test_after_backward_with_a_recording_the_line_is_named():
    model = tg.nn.Sequential(tg.nn.Dense(3, 2), tg.nn.ReLU())
    with recording():
        loss = model(X - 1000.0 * tg.sign(model[0].weight.detach().sum())).sum()
        loss = loss * 0.0
        loss.backward()
    found = why(model[0].weight)
    assert found.verdict == "zero"
    assert found.where.startswith("Mul()   test_debug_why.py:")
    assert found.where.endswith(": loss = loss * 0.0")
    assert "b of shape (), is all zeros" in found.because


def test_layers_are_named():
    model = tg.nn.Sequential(tg.nn.Dense(3, 2), tg.nn.ReLU())
    model[0].bias.assign(np.full(2, -1e3, "float32"))
    with recording():
        model(X).sum().backward()
    found = why(model[0].weight)
    assert found.where.endswith("in layers.1")
    assert "relu is dead" in found.because


def test_after_backward_without_a_recording_it_says_what_to_do():
    w = drawn(3, 2)
    tg.relu(X @ w - 100.0).sum().backward()
    found = why(w)
    assert found.verdict == "zero"
    assert "released" in found.because
    assert "tg.debug.recording()" in found.remedy


@pytest.mark.parametrize(
    ("f", "where", "because"),
    [
        (lambda h: tg.tanh(h * 1e3), "Tanh()", "tanh is saturated: 8 of 8"),
        (lambda h: tg.sigmoid(h * 1e4), "Sigmoid()", "sigmoid is saturated"),
        (lambda h: h * tg.tensor(np.zeros((4, 2), "float32")), "Mul()", "is all zeros"),
        (lambda h: tg.where(h.data > 1e9, h, 0.0), "Where()", "took the other input"),
        (lambda h: tg.clip(h, 1e6, 1e7), "M", "took the other input"),
        (lambda h: tg.dropout(h, 1.0), "Dropout(p=1.0", "dropout (p = 1.0) dropped"),
        (lambda h: tg.sign(h) + h * 0.0, "Mul()", "all zeros"),
        (lambda h: tg.exp(h) - tg.exp(h), "Exp() and Exp()", "cancel one another"),
    ],
)
def test_zeros_are_blamed_on_the_op_that_made_them(f, where, because):
    w = drawn(3, 2)
    h = X @ w
    loss = f(h).sum()
    found = why(w, loss)
    assert found.verdict == "zero", found
    assert found.where.startswith(where)
    assert because in found.because
    assert found.remedy


def test_zero_in_part():
    w = drawn(3, 2)
    h = X @ w + tg.tensor([0.0, -100.0])
    found = why(w, tg.relu(h).sum())
    assert found.verdict == "partly zero"
    assert "zero in 3 of 6 values" in found.sentence
    assert found.where == "ReLU()"


@pytest.mark.parametrize(
    ("f", "where", "because"),
    [
        (lambda h: tg.sqrt(tg.relu(h)), "Sqrt()", "sqrt has an infinite slope at 0"),
        (lambda h: tg.where(h.data > 0, tg.sqrt(h), 0.0), "Sqrt()", "0 times infinity is NaN"),
        (lambda h: tg.log(h * 0.0), "Log()", "log has an infinite slope at 0"),
        (lambda h: 1.0 / (h * 0.0), "Div()", "made the first NaN or infinity there"),
        (lambda h: tg.exp(h * 1e3) * 0.0, "Exp()", "made the first NaN or infinity there"),
    ],
)
def test_nan_is_blamed_on_the_op_that_made_it(f, where, because):
    w = drawn(3, 2)
    loss = f(X @ w).sum()
    found = why(w, loss)
    assert found.verdict == "nan", found
    assert found.where.startswith(where)
    assert because in found.because


def test_nan_of_forward_with_a_recording():
    w = drawn(3, 2)
    with recording():
        p = tg.softmax((X @ w) * 1e4)
        loss = -(tg.log(p)).sum()
        loss.backward()
    found = why(w)
    assert found.verdict == "nan"
    assert ": loss = -(tg.log(p)).sum()" in found.where
    assert found.where.startswith("Log()")


def test_nan_in_the_weights_and_in_the_data():
    w = drawn(3, 2)
    loss = (X @ w).sum()
    w.data[0, 0] = np.nan
    assert why(w, (X @ w * w.sum()).sum()).where == "the tensor itself"
    v = drawn(3, 2)
    bad = tg.tensor([[np.nan, 1.0, 1.0]])
    assert "the input a of MatMul(): a constant" in why(v, (bad @ v).sum()).where
    assert loss.requires_grad


def test_huge_and_tiny():
    w = drawn(3, 2)
    found = why(w, ((X @ w) * 1e6).sum())
    assert found.verdict == "huge"
    assert found.where == "Mul()"
    assert "grows 1e+06 times" in found.because
    assert len(found.path) == 3
    found = why(w, tg.softmax(X @ w).sum())
    assert found.verdict in {"tiny", "zero"}  # rounding decides
    assert "sum of a normalised output never changes" in found.because
    h = X @ w
    for _ in range(40):
        h = h * 0.5
    assert "shrinks a little at each of 42 ops" in why(w, h.sum()).because


def test_sound():
    w = drawn(3, 2)
    loss = (X @ w).sum()
    loss.backward(retain_graph=True)
    found = why(w, loss)
    assert found.verdict == "sound"
    assert "nothing is wrong" in found.sentence


# No gradient at all.


def test_not_called_and_forgotten():
    w = drawn(3, 2)
    loss = (X @ w).sum()
    assert "backward() was not called yet" in why(w, loss).because
    with recording():
        (X @ w).sum().backward()
    w.zero_grad()
    del loss
    assert "zero_grad() forgot it" in why(w).because


def test_detached_branch_names_both_lines():
    w, v = drawn(3, 2), drawn(4, 2)
    with recording():
        h = tg.tanh(X @ w)
        k = h.detach()
        loss = (k * v).sum()
        loss.backward()
    found = why(w)
    assert found.verdict == "none"
    assert found.where.startswith("Mul()   test_debug_why.py:")
    assert found.where.endswith("loss = (k * v).sum()")
    assert "what Tanh() (test_debug_why.py:" in found.because
    assert "was detached before" in found.because
    assert "the loss does not depend" not in found.because
    assert "was detached since" in why(k).because


def test_data_of_a_weight_and_no_grad():
    w, v = drawn(3, 2), drawn(4, 2)
    with recording():
        ((X @ w.data) * v).sum().backward()
    assert "the tensor came in as a constant" in why(w).because
    with recording():
        with tg.no_grad():
            h = X @ w
        (h * v).sum().backward()
    found = why(w)
    assert "it ran under no_grad" in found.because
    assert found.where.endswith(": h = X @ w")
    assert "it ran under no_grad" in why(h).because


def test_a_detour_does_not_hide_the_graph():
    w = drawn(3, 2)
    with recording():
        h = X @ w
        loss = (h - h.detach().mean()).sum()
    assert "backward() was not called yet" in why(w, loss).because
    del loss
    with recording():
        h = X @ w
    assert h.requires_grad
    found = why(w)
    assert "backward() was not called on what came of it" in found.because
    assert found.where.startswith("MatMul()")


def test_loss_without_the_tensor():
    w, other = drawn(3, 2), drawn(3, 2, seed=1)
    loss = (X @ other).sum()
    found = why(w, loss)
    assert "the leaves its graph reaches are other" in found.because
    late = drawn(3, 2)
    assert "after the loss" in why(late, loss).because


def test_a_gradient_of_earlier_passes():
    w = drawn(3, 2)
    (X @ w * np.float32("nan")).sum().backward()
    loss = (X @ w).sum()
    found = why(w, loss)
    assert found.verdict == "nan"
    assert "earlier passes were added up" in found.because
    assert "zero_grad()" in found.remedy


def test_a_frozen_parameter():
    layer = tg.nn.Dense(2, 2).freeze()
    assert "frozen parameter" in why(layer.weight).because


def test_a_long_chain_is_walked_fast_and_told_in_short():
    w = drawn(2)
    h = w * 1.0
    for _ in range(3000):
        h = h * 1.01
    found = why(w, h.sum())
    assert found.verdict == "huge"
    assert "grows a little at each of 3002 ops" in found.because
    assert len(found.path) == 17


def test_looking_is_no_pass_of_the_user():
    w = drawn(3, 2)
    with recording() as r, tg.detect_anomaly():
        loss = tg.sqrt(w * 0.0).sum()
        assert why(w, loss).verdict == "nan"
        assert not r.visits
        with pytest.raises(tg.errors.AnomalyError):
            loss.backward()


def test_inner_tensors_and_the_rebound_weight():
    w = drawn(3, 2)
    h = X @ w
    loss = h.sum()
    assert "retain_grad()" in why(h, loss).remedy
    loss.backward()
    w = w - 0.1 * w.grad
    assert "w.assign" in why(w).remedy


def test_constants():
    assert "only floats have gradients" in why(tg.tensor([1, 2])).because
    assert "without requires_grad=True" in why(tg.tensor([1.0])).because
    with recording():
        a = tg.argmax(drawn(3, 2))
        c = tg.exp(tg.tensor([1.0]))
    assert "has no gradient" in why(a).because
    assert "none of its inputs requires a gradient" in why(c).because


def test_overwritten_leaf():
    w = drawn(3, 2)
    loss = tg.square(w).sum()
    w.assign(w.data * 2)
    assert "backward() cannot run" in why(w, loss).sentence


def test_wrong_arguments_and_notebook():
    with pytest.raises(tg.errors.ArgumentTypeError, match=r"debug\.why: tensor must be a Tensor"):
        why(3)
    with pytest.raises(tg.errors.ArgumentTypeError, match=r"debug\.why: loss must be a Tensor"):
        why(drawn(2), 3.0)
    with pytest.raises(tg.errors.ShapeError, match=r"must be a scalar, but its shape is \(2,\)"):
        why(drawn(2), drawn(2) * 2.0)
    assert why(tg.tensor([1.0]))._repr_html_().startswith("<pre>")


def test_a_recording_keeps_no_array():
    import gc
    import weakref

    w = drawn(50, 50)
    with recording() as r:
        h = tg.exp(w)
        alive = weakref.ref(h.data)
        h.sum().backward()
        del h
        gc.collect()
        assert alive() is None
    assert [call.op.split("(")[0] for call in r.calls] == ["Exp", "Sum"]
    assert [visit.op.split("(")[0] for visit in r.visits] == ["Sum", "Exp"]
    assert len(r.passes()) == 1


def test_a_recording_sees_several_outputs_recompute_and_second_passes():
    x = drawn(4, 4)
    with recording() as r:
        a, b = tg.split(x, (2,), axis=1)
        tg.recompute(lambda t: tg.relu(t - 100.0), a).sum().backward(retain_graph=True)
        x.zero_grad()
        (b * 0.0).sum().backward()
    assert len(r.passes()) == 2
    assert why(x).where.startswith("Mul()")
