"""Parts of the checker by themselves: gradients in full, the adjoint test, views, patches."""

import ast

import numpy as np
import pytest

import tinygrad_course as tg
from tinygrad_course.checking import gradcheck
from tinygrad_course.checking.forms import as_form
from tinygrad_course.checking.patching import Patch
from tinygrad_course.checking.subject import Subject
from tinygrad_course.checking.whole import Loss, whole_gradient

rng = np.random.default_rng(3)
X, W = rng.standard_normal((4, 3)), rng.standard_normal((3, 2))


def loss_of(f, inputs, which=0):
    subject = Subject(as_form(f, inputs).call, inputs, "test")
    subject.frozen.__enter__()  # as the checker does around all its calls
    y = subject.call([tg.tensor(a.value) for a in subject.arguments])[0]
    return Loss(subject, which, 0, rng.standard_normal(y.shape))


@pytest.mark.parametrize("f", [tg.matmul, lambda x, w: tg.tanh(x @ w), lambda x, w: tg.relu(x @ w)])
def test_a_whole_gradient_is_that_of_backward(f):
    loss = loss_of(f, [X, W], which=1)
    w = tg.tensor(W, requires_grad=True)
    expected = tg.grad(f(tg.tensor(X), w), w, loss._u.reshape(4, 2)).data
    np.testing.assert_allclose(whole_gradient(loss), expected, rtol=1e-8, atol=1e-10)


def test_a_formula_is_taken_only_where_it_holds():
    loss = loss_of(tg.tanh, [X])
    right = loss._u.reshape(4, 3) * (1 - np.tanh(X) ** 2)
    assert whole_gradient(loss, [lambda: right]) is right
    off = right + np.where(np.arange(12).reshape(4, 3) == 5, 1e-5, 0.0)
    found = whole_gradient(loss, [lambda: off, lambda: None, lambda: right[:2]])
    np.testing.assert_allclose(found, right, rtol=1e-8)


def test_at_a_kink_a_whole_gradient_is_between_the_slopes():
    loss = loss_of(tg.relu, [np.array([1.0, 0.0, -1.0])])
    np.testing.assert_allclose(whole_gradient(loss), loss._u * [1.0, 0.5, 0.0], atol=1e-12)


def test_no_whole_gradient_where_f_has_none():
    with np.errstate(invalid="ignore"):
        assert whole_gradient(loss_of(tg.sqrt, [np.array([1.0, 0.0])])) is None


def swish(x):
    return x / (1.0 + np.exp(-x))


def swish_backward(dy, x):
    s = 1.0 / (1.0 + np.exp(-x))
    return dy * (s + x * s * (1.0 - s))


def test_the_complex_step_is_taken_where_forward_allows_it():
    report = gradcheck((swish, swish_backward), [X])
    assert report
    assert report["x"].complex_step >= 13
    assert report.to_dict()["findings"][0]["complex_step"] >= 13
    product = (lambda x, w: x @ w, lambda dy, x, w: (dy @ w.T, x.T @ dy))
    assert all(f.complex_step >= 13 for f in gradcheck(product, [X, W]).findings)


def test_no_complex_step_where_forward_is_not_analytic():
    bent = (lambda x: abs(x) ** 3, lambda dy, x: dy * 3 * x * abs(x))
    real = (lambda x: np.tanh(x.astype(float)), lambda dy, x: dy * (1 - np.tanh(x) ** 2))
    strict = (lambda x: np.floor(x) * 0 + x * x, lambda dy, x: dy * 2 * x)
    for pair in (bent, real, strict):
        report = gradcheck(pair, [X])
        assert report
        assert report["x"].complex_step is None
    assert gradcheck(tg.tanh, [X])["x"].complex_step is None


def test_the_adjoint_test_is_made_where_f_is_linear():
    report = gradcheck(
        tg.conv2d, [rng.standard_normal((2, 4, 4, 2)), rng.standard_normal((3, 3, 2, 2))]
    )
    assert report
    assert all(f.adjoint >= 12 for f in report.findings)
    assert gradcheck(tg.tanh, [X])["x"].adjoint is None
    both = gradcheck(lambda x, w: tg.tanh(x) @ w, [X, W])
    assert both["x"].adjoint is None
    assert both["w"].adjoint >= 12
    assert both.to_dict()["findings"][1]["adjoint"] >= 12


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x[1:] * x[:-1],
        lambda x: x.T @ x,
        lambda x: x.reshape((2, 6)).T.reshape((3, 4)) * x.T,
        lambda x: tg.concatenate([x, x[::-1], x[:, :1] @ x[:1]], 0) * 2.0,
        lambda x: x + x,
    ],
)
def test_views_and_inputs_used_twice(f):
    assert gradcheck(f, [X])
    assert gradcheck(f, [np.asfortranarray(X)])
    assert gradcheck(f, [X[::-1]])
    assert tg.gradgradcheck(f, [X])


def test_one_array_for_two_inputs():
    assert gradcheck(lambda a, b: a * b + tg.exp(a), [X, X])

    def backward(g, a, b):
        return g * b, g * b  # for a = b the second one would look right

    report = gradcheck((lambda a, b: a * b, backward), [X, X.copy()])
    assert report["b"].verdict == "right"
    assert gradcheck((lambda a, b: a * b, backward), [X, X + 1.0])["b"].verdict == "wrong"


def sample(x):
    y = x * 2.0
    return y  # noqa: RET504 - a statement to change, and one to leave alone


def test_a_patch_changes_a_function_and_puts_it_back():
    patch = Patch(sample)
    slot = next(s for s in patch.slots() if ast.unparse(s.node) == "x * 2.0")
    assert patch.line(slot.statement).code == "y = x * 2.0"
    assert patch.names() == ["x", "y"]
    slot.put(ast.parse("x * 5.0", mode="eval").body)
    with patch.in_place() as placed:
        assert placed
        assert sample(1.0) == 5.0
    assert sample(1.0) == 2.0


def test_a_patch_of_a_closure_keeps_what_it_closes_over():
    factor = 3.0

    def scaled(x):
        return x * factor

    patch = Patch(scaled)
    slot = next(s for s in patch.slots() if ast.unparse(s.node) == "x * factor")
    slot.put(ast.parse("x + factor", mode="eval").body)
    with patch.in_place() as placed:
        assert placed
        assert scaled(1.0) == 4.0
    assert scaled(1.0) == 3.0


def halved(x):
    while x > 1.0:
        x = x / 2.0
    return x


@pytest.mark.parametrize("function", [len, lambda x: x, np.tanh, halved])
def test_a_patch_needs_a_source(function):
    with pytest.raises(ValueError, match=r"source|body|compiled"):
        Patch(function)
