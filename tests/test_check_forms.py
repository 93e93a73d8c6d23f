"""Every form in which a gradient may be written: right ones pass, wrong ones are caught."""

import numpy as np
import pytest

import tinygrad_course as tg
from tinygrad_course.checking import assert_gradients, gradcheck
from tinygrad_course.checking.forms import as_form
from tinygrad_course.errors import (
    ArgumentError,
    ArgumentTypeError,
    GradientError,
    GraphError,
)


def values(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


X, W, B = values(5, 3), values(3, 2, seed=1), values(2, seed=2)


def verdicts(report):
    return {f.label: f.verdict for f in report.findings}


def dense(x, w, b):
    return x @ w + b


def dense_backward(grad, x, w, b):
    return grad @ w.T, x.T @ grad, grad.sum(axis=0)


def dense_cached(x, w, b):
    return x @ w + b, (x, w)


def dense_from_cache(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout, dout.sum(axis=0)


class Square(tg.Function):
    def forward(self, x):
        return x * x

    def grad_x(self, grad, x):
        return grad * 2.0 * x


class Scaled(tg.Function):
    def __init__(self, factor):
        self.factor = factor

    def forward(self, x):
        return x * self.factor

    def grad_x(self, grad):
        return grad * self.factor


class Affine:
    def __init__(self, w, b):
        self.w, self.b = w, b

    def forward(self, x):
        self.x = x
        return x @ self.w + self.b

    def backward(self, dout):
        self.dw = self.x.T @ dout
        self.grads = {"b": dout.sum(axis=0)}
        return dout @ self.w.T


class Static:
    @staticmethod
    def forward(x):
        return np.exp(x)

    @staticmethod
    def backward(grad, y):
        return grad * y


RIGHT = {
    "pair": ((dense, dense_backward), [X, W, B], "a pair of functions"),
    "list of two": ([dense, dense_backward], [X, W, B], "a pair of functions"),
    "cache": ((dense_cached, dense_from_cache), [X, W, B], "a pair with a cache"),
    "output by name": ((np.tanh, lambda g, y: g * (1 - y * y)), [X], "a pair of functions"),
    "some inputs by name": (
        (lambda x, w: x @ w, lambda g, w, x: (g @ w.T, x.T @ g)),
        [X, W],
        "a pair of functions",
    ),
    "Function": (Square, [X], "a Function"),
    "instance": (Scaled(3.0), [X], "a Function"),
    "layer": (Affine, [W, B, X], "a layer"),
    "static": (Static, [X], "a pair of functions"),
    "tensors": (tg.tanh, [X], "a function of tensors"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_gradients_in_every_form(name):
    f, inputs, kind = RIGHT[name]
    assert as_form(f, inputs).kind == kind
    report = gradcheck(f, inputs)
    assert report, report
    assert len(report.findings) == len(inputs)


WRONG = {
    "pair": ((dense, lambda g, x, w, b: (g @ w.T, x.T @ g * 2, g.sum(axis=0))), [X, W, B], "w"),
    "cache": (
        (dense_cached, lambda d, cache: (d @ cache[1].T, cache[0].T @ d, d.mean(axis=0))),
        [X, W, B],
        "b",
    ),
    "static": (
        type("Half", (Static,), {"backward": staticmethod(lambda g, y: g * y / 2)}),
        [X],
        "x",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_gradients_in_every_form(name):
    f, inputs, label = WRONG[name]
    report = gradcheck(f, inputs)
    wrong = [f.label for f in report.findings if f.verdict == "wrong"]
    assert wrong == [label], report


def test_a_layer_with_a_wrong_attribute():
    class Doubled(Affine):
        def backward(self, dout):
            dx = super().backward(dout)
            self.dw = self.dw * 2.0
            return dx

    assert verdicts(gradcheck(Doubled, [W, B, X])) == {"w": "wrong", "b": "right", "x": "right"}


def test_options_and_labels_are_handed_on():
    def forward(x, labels, power, config):
        config["seen"] = 1
        return (x[np.arange(len(labels)), labels]) ** power, (x, labels, power, dict(config))

    def backward(dout, cache):
        x, labels, power, _ = cache
        dx = np.zeros_like(x)
        rows = np.arange(len(labels))
        dx[rows, labels] = dout * power * x[rows, labels] ** (power - 1)
        return dx

    config = {"mode": "train"}
    report = gradcheck((forward, backward), [X, np.array([0, 2, 1, 1, 0]), 2, config])
    assert verdicts(report) == {"x": "right"}
    assert config == {"mode": "train"}


def test_an_input_that_is_owed_nothing_is_a_constant():
    report = gradcheck(
        (lambda y, t: (y - t) ** 2, lambda g, y, t: (2 * g * (y - t), None)), [X, X + 1]
    )
    assert verdicts(report) == {"y": "right"}


def test_a_dict_of_gradients():
    def backward(dout, cache):
        x, w = cache
        return {"dX": dout @ w.T, "grad_w": x.T @ dout, "db": dout.sum(axis=0)}

    assert gradcheck((dense_cached, backward), [X, W, B])


def test_several_outputs():
    def forward(x):
        return np.tanh(x), x * x, (x,)

    def backward(da, db, cache):
        (x,) = cache
        return da * (1 - np.tanh(x) ** 2) + 2 * x * db

    assert gradcheck((forward, backward), [X])


def test_a_pair_in_training_mode_draws_the_same_mask_every_time():
    random = np.random.default_rng(0)

    def forward(x):
        mask = (random.random(x.shape) < 0.6) / 0.6
        return x * mask, mask

    assert gradcheck((forward, lambda dout, cache: dout * cache), [X])
    assert gradcheck((forward, lambda dout, cache: dout), [X]).verdict == "wrong"


def test_a_wrong_shape_does_not_hide_the_other_gradients():
    report = gradcheck((dense, lambda g, x, w, b: (g @ w.T, x.T @ g * 3, g)), [X, W, B])
    assert verdicts(report) == {"x": "right", "w": "wrong", "b": "wrong"}
    assert "(5, 2)" in report["b"].reason

    class Bias(tg.Function):
        def forward(self, x, b):
            return x + b

        def grad_x(self, grad):
            return grad

        def grad_b(self, grad):
            return grad

    assert verdicts(gradcheck(Bias, [X, X[0]])) == {"x": "right", "b": "wrong"}


def test_the_rules_hold_in_every_form():
    def overwrites(dout, x):
        dout[x <= 0] = 0
        return dout

    report = gradcheck((lambda x: np.maximum(x, 0), overwrites), [X])
    assert [d.name for d in report.diagnoses["x"]] == ["upstream-overwritten"]

    def forward(x):
        x -= x.mean()
        return x * x

    report = gradcheck((forward, lambda g, x: 2 * g * x), [X])
    assert [d.name for d in report.diagnoses["x"]] == ["input-overwritten"]

    class Sums:
        total = 0.0

        def forward(self, x):
            return 2 * x

        def backward(self, dout):
            Sums.total = Sums.total + 2 * dout
            return Sums.total

    report = gradcheck(Sums, [X])
    assert [d.name for d in report.diagnoses["x"]] == ["not-repeatable"]

    saved = {}

    def remembers(x, w):
        saved["x"] = x
        return x @ w

    report = gradcheck((remembers, lambda g, x, w: (g @ w.T, saved["x"].T @ g)), [X, W])
    assert verdicts(report) == {"x": "right", "w": "wrong"}
    assert [d.name for d in report.diagnoses["w"]] == ["stale-cache"]


def test_a_backward_that_raises_is_a_finding_with_its_line():
    def backward(grad, x, w, b):
        return grad @ w, x.T @ grad, grad.sum(axis=0)

    report = gradcheck((dense, backward), [X, W, B])
    assert report.verdict == "wrong"
    assert "backward raised ValueError" in report["x"].reason
    assert "return grad @ w, x.T @ grad" in report["x"].reason


def test_a_torch_function():
    torch = pytest.importorskip("torch")

    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad * 3 * x**2

    class Wrong(Cube):
        @staticmethod
        def backward(ctx, grad):
            return 2 * Cube.backward(ctx, grad)

    assert gradcheck(Cube, [X])
    report = gradcheck(Wrong, [X])
    assert report["x"].ratio == pytest.approx(2.0)
    assert "return 2 * Cube.backward" in str(report["x"].line)


@pytest.mark.parametrize(
    ("f", "inputs", "error", "message"),
    [
        (Scaled, [X], ArgumentTypeError, r"pass an instance: gradcheck\(Scaled"),
        ((dense, lambda d, cache: d), [X, W, B], ArgumentTypeError, "forward must return"),
        ((lambda x: "text", lambda g, x: g), [X], ArgumentTypeError, "forward returned str"),
    ],
)
def test_errors(f, inputs, error, message):
    with pytest.raises(error, match=message):
        gradcheck(f, inputs)


@pytest.mark.parametrize(
    ("backward", "message"),
    [
        (lambda g, x, w, b: (g @ w.T, x.T @ g), "2 gradients for 3 inputs"),
        (lambda g, x, w, b: {"other": g}, "name each gradient as dx"),
        (lambda g, x, w, b: ("a", "b", "c"), "return an array"),
    ],
)
def test_what_backward_may_return(backward, message):
    report = gradcheck((dense, backward), [X, W, B])
    assert report.verdict == "wrong"
    assert message in report.findings[0].reason


def test_second_order_needs_functions_of_tensors():
    assert tg.gradgradcheck(Square, [X])
    with pytest.raises(GraphError, match="first order only"):
        tg.gradgradcheck((dense, dense_backward), [X, W, B]).raise_if_wrong()


# What the inputs could not have shown.


@pytest.mark.parametrize(
    ("f", "inputs", "note"),
    [
        (tg.matmul, [values(3, 3), values(3, 2)], "x is square|a is square"),
        (tg.dense, [values(1, 3), W], "batch of one"),
        (tg.tanh, [np.ones((2, 3))], "all elements of x are equal"),
        (lambda x: tg.tanh(x).sum(), [X], "ends in a sum"),
        (lambda x: tg.batch_norm(x).sum(), [X], "does not change with x"),
        (lambda x: tg.softmax(x).sum(axis=-1), [X], "does not change with x"),
    ],
)
def test_probes_that_cannot_see_are_named(f, inputs, note):
    report = gradcheck(f, inputs)
    assert report
    assert any(part in str(report) for part in note.split("|")), report


def test_probes_that_can_see_are_not():
    assert gradcheck(tg.dense, [X, W, B]).notes == []
    assert gradcheck((dense, dense_backward), [X, W, B]).notes == []


# float32.


def test_float32_counts_its_own_digits():
    report = gradcheck((dense, dense_backward), [X, W, B], dtype="float32")
    assert report
    assert all(5 <= f.digits <= 8 for f in report.findings)
    model = tg.nn.Dense(3, 2, generator=tg.Generator(0))
    assert gradcheck(model, [X], dtype="float32")
    assert model.weight.dtype == np.float32


def test_what_float32_cannot_carry_is_wrong_there_only():
    def backward(grad, x):
        return grad * 1e30 * x * 1e30 * 2e-30 * 1e-30

    pair = (lambda x: x * x, backward)
    assert gradcheck(pair, [X])
    report = gradcheck(pair, [X], dtype="float32")
    assert report.verdict == "wrong"
    assert "right in float64, but in float32" in report["x"].reason
    with pytest.raises(ArgumentError, match="float64 or float32"):
        gradcheck(pair, [X], dtype="float16")


# The assertion.


def test_assert_gradients_fails_with_the_explanation():
    assert assert_gradients((dense, dense_backward), [X, W, B])
    with pytest.raises(GradientError, match="db"):
        assert_gradients((dense, lambda g, x, w, b: (g @ w.T, x.T @ g, g)), [X, W, B])


def test_a_formula_that_raises_is_a_finding_with_its_line():
    class Broken(tg.Function):
        def forward(self, x):
            return x * x

        def grad_x(self, grad, x):
            return grad @ x

    report = gradcheck(Broken, [X])
    assert report.verdict == "wrong"
    assert "return grad @ x" in report["x"].reason
    assert "return grad @ x" in str(report["x"].line)

    report = gradcheck((lambda x: x * x, lambda g, x: None), [X])
    assert "end without a return" in report["x"].reason
