"""The gradient checker: it must catch every planted bug, and never call a right gradient wrong.

Each capability has its planted bug. False alarms are looked for over random compositions.
"""

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_course as tg
from tinygrad_course import functional as F
from tinygrad_course.checking import gradcheck, gradgradcheck
from tinygrad_course.checking.numeric import extrapolate, scale_of
from tinygrad_course.errors import (
    ArgumentError,
    ArgumentTypeError,
    DtypeError,
    GradientError,
    GraphError,
)


def values(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def square_with(formula):
    """x^2 as a user's Function whose gradient is `formula(grad, x)`."""

    class Square(tg.Function):
        def forward(self, x):
            return x * x

        def grad_x(self, grad, x):
            return formula(grad, x)

    return lambda x: Square().apply(x)


def right(grad, x):
    return grad * 2.0 * x


# Right functions are called right.


OPS = {
    "tanh": (F.tanh, [(3, 4)]),
    "matmul": (F.matmul, [(3, 4), (4, 2)]),
    "dense": (F.dense, [(5, 3), (3, 2), (2,)]),
    "broadcast": (lambda a, b: a * b, [(3, 1), (4,)]),
    "softmax": (F.softmax, [(3, 5)]),
    "logsumexp": (lambda x: F.logsumexp(x, axis=1), [(3, 5)]),
    "conv2d": (lambda x, w, b: F.conv2d(x, w, b, padding=1), [(2, 5, 3, 2), (3, 3, 2, 3), (3,)]),
    "max_pool2d": (lambda x: F.max_pool2d(x, 2), [(2, 4, 6, 3)]),
    "batch_norm": (F.batch_norm, [(5, 3), (3,), (3,)]),
    "split": (lambda x: (x[:1] * 2.0, F.exp(x[1:])), [(3, 2)]),
}


@pytest.mark.parametrize("name", OPS)
@pytest.mark.parametrize("check", [gradcheck, gradgradcheck])
def test_right_ops(name, check):
    f, shapes = OPS[name]
    report = check(f, [values(*s, seed=i) for i, s in enumerate(shapes)])
    assert report, report
    assert all(f.verdict == "right" for f in report.findings)


def test_a_user_function_that_is_right():
    assert gradcheck(square_with(right), values(3, 5))
    assert gradgradcheck(square_with(right), values(3, 5))


@pytest.mark.parametrize("scale", [1e-8, 1e-4, 1.0, 1e4, 1e8])
def test_scales(scale):
    x = values(3, 5) * scale
    assert gradcheck(lambda x: F.tanh(x * (1.0 / scale)) * x, x)
    assert gradcheck(lambda x: x * x, x)
    assert not gradcheck(square_with(lambda g, x: g * (2.0 + 2e-5) * x), x)


def test_mixed_scales_in_one_tensor():
    x = np.array([1e-6, 1.0, 1e6])
    assert gradcheck(F.log, x)
    wrong = square_with(lambda g, x: g * x * np.array([2.0001, 2.0, 2.0]))
    finding = gradcheck(wrong, x)["x"]
    assert (finding.verdict, finding.index) == ("wrong", (0,))


def test_zero_gradients_are_right():
    report = gradcheck(lambda x: F.softmax(x).sum(), values(3, 5))
    assert report, report
    assert gradcheck(lambda x: x * 0.0, values(4))
    assert gradcheck(lambda x: x * x * x, np.zeros(3))
    assert gradcheck(lambda x, y: y + F.sign(x), [values(3), values(3)])


def test_float32_inputs_are_checked_in_float64():
    report = gradcheck(F.tanh, values(3).astype(np.float32))
    assert report
    assert report["x"].digits >= 9


def test_single_inputs_scalars_and_empties():
    assert gradcheck(lambda x: x * x, 3.0)["x"].shape == ()
    assert gradcheck(lambda x: x * x, np.array(3.0))
    assert gradcheck(lambda x: x * x, tg.tensor([1.0, 2.0]))
    assert gradcheck(lambda x: x * x, np.float32(2.0))
    report = gradcheck(lambda x, y: x.sum() + y, [np.zeros((0, 3)), 1.5])
    assert report
    assert "empty" in report["x"].reason
    assert gradcheck(lambda x: x * 2.0, np.zeros((0, 3)))


def test_integers_and_other_constants_are_handed_on():
    def f(logits, targets, factor, name):
        assert isinstance(targets, np.ndarray)
        assert (factor, name) == (3, "mean")
        return F.cross_entropy(logits, targets, reduction=name) * factor

    report = gradcheck(f, [values(4, 3), np.array([0, 2, 1, 1]), 3, "mean"])
    assert report
    assert [g.label for g in report.findings] == ["logits"]


def test_strided_inputs_keep_their_layout():
    seen = []

    def f(x):
        seen.append(x.data.flags.f_contiguous)
        return x * x

    assert gradcheck(f, np.asfortranarray(values(3, 4)))
    assert all(seen)


# No false alarms: random smooth compositions.

SMOOTH = [
    F.tanh,
    F.sigmoid,
    F.softmax,
    F.log_softmax,
    lambda x: F.exp(F.tanh(x)),
    lambda x: F.log(x * x + 0.5),
    lambda x: F.sqrt(x * x + 0.3),
    lambda x: 1.0 / (x * x + 1.0),
    lambda x: x * x * x,
    lambda x: x - F.mean(x, 0, keepdims=True),
    lambda x: F.concatenate([x, x * x], 0),
    lambda x: F.matmul(x, x.T),
    lambda x: F.logsumexp(x, axis=0),
    F.transpose,
]


@given(
    plan=st.lists(st.integers(0, len(SMOOTH) - 1), min_size=1, max_size=4),
    rows=st.integers(1, 4),
    columns=st.integers(1, 4),
    exponent=st.sampled_from([-8, -3, 0, 0, 3, 8]),
    rescale=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_no_false_alarm_on_smooth_compositions(plan, rows, columns, exponent, rescale, seed):
    scale = 10.0**exponent

    def f(x):
        h = x * (1.0 / scale) if rescale else x
        for i in plan:
            if h.ndim == 2:
                h = SMOOTH[i](h)
        return h

    report = gradcheck(f, values(rows, columns, seed=seed) * scale, seed=seed)
    assert report.verdict != "wrong", report
    if rescale:
        assert report, report


@given(seed=st.integers(0, 10**6), factor=st.sampled_from([1e-5, -1e-5, 1e-3, -2.0]))
def test_every_factor_is_seen(seed, factor):
    x = values(2, 3, seed=seed)
    f = square_with(lambda g, x: g * 2.0 * x * (1.0 + factor))
    finding = gradcheck(f, x, seed=seed)["x"]
    assert finding.verdict == "wrong"
    assert finding.ratio == pytest.approx(1.0 + factor, rel=1e-6)


# Kinks.


def test_relu_at_zero():
    report = gradcheck(F.relu, [np.array([0.0, 1.0, -1.0])])
    assert report
    (kink,) = report["x"].kinks
    assert kink.place == "x[0]"
    assert (kink.left, kink.right, kink.analytic) == pytest.approx((0.0, 1.0, 0.0), abs=1e-6)
    assert "kink at x[0]" in str(report)


def test_abs_at_zero_is_right_and_a_kink():
    report = gradcheck(F.abs, [np.array([0.0, 2.0])])
    assert report
    (kink,) = report["x"].kinks
    assert (kink.left, kink.right) == pytest.approx((-1.0, 1.0))


def test_ties_of_a_maximum():
    report = gradcheck(lambda x: F.max(x, axis=1), [np.ones((2, 3))])
    assert report
    assert len(report["x"].kinks) == 6
    assert gradcheck(lambda x: F.max_pool2d(x, 2), [np.zeros((1, 4, 4, 2))])


def test_any_value_between_the_slopes_is_right_and_none_outside():
    class Relu(tg.Function):
        def __init__(self, at_zero):
            self.at_zero = at_zero

        def forward(self, x):
            return np.maximum(x, 0.0)

        def grad_x(self, grad, x):
            return grad * np.where(x > 0, 1.0, np.where(x == 0, self.at_zero, 0.0))

    x = np.array([0.0, 1.0])
    for value in (0.0, 0.3, 1.0):
        assert gradcheck(lambda x, v=value: Relu(v).apply(x), x)
    for value in (1.5, -0.1):
        report = gradcheck(lambda x, v=value: Relu(v).apply(x), x)
        assert report.verdict == "wrong"
        assert "lies outside both" in report["x"].reason


def test_near_a_kink_the_true_side_counts():
    class Relu(tg.Function):
        def forward(self, x):
            return np.maximum(x, 0.0)

        def grad_x(self, grad, x):
            return grad * np.where(x > 0, 0.5, 0.0)

    x = np.array([1e-5, 1.0, -1e-5])
    assert gradcheck(F.relu, x)
    assert gradcheck(lambda x: Relu().apply(x), x).verdict == "wrong"


def test_kinks_in_a_large_tensor():
    x = values(10, 20)
    x[3, 5] = x[7, 7] = 0.0
    report = gradcheck(lambda x: F.relu(x).sum() + (x * x).sum(), x)
    assert report, report


# Randomness, modules, buffers.


def test_dropout_in_training_mode():
    before = tg.random.default_generator.state()
    report = gradcheck(lambda x: F.dropout(x, 0.5) * x, values(4, 5))
    assert report
    assert "random numbers" in str(report)
    assert tg.random.default_generator.state() == before

    own = tg.Generator(5)
    assert gradcheck(lambda x: F.dropout(x, 0.5, generator=own), values(4, 5))
    assert own.state() == (5, 0)


def test_numpy_randomness_is_frozen():
    random = np.random.default_rng(0)
    state = random.bit_generator.state
    assert gradcheck(lambda x: x * random.random(3), values(3))
    assert random.bit_generator.state == state
    assert gradcheck(lambda x: x * np.random.rand(3), values(3))


def test_a_dropout_whose_backward_forgets_the_mask_is_wrong():
    class Dropout(tg.Function):
        def __init__(self, mask):
            self.mask = mask

        def forward(self, x):
            return x * self.mask * 2.0

        def grad_x(self, grad):
            return grad * 2.0

    own = tg.Generator(1)
    f = lambda x: Dropout(own.numpy().random(x.shape) < 0.5).apply(x)  # noqa: E731
    assert gradcheck(f, values(4, 5)).verdict == "wrong"


def test_what_cannot_be_frozen_is_undecidable():
    report = gradcheck(lambda x: x * float(os.urandom(1)[0] + 1) ** 7.1, values(3))
    assert report.verdict == "undecidable"
    assert "two calls of f" in report["x"].reason


class Net(tg.nn.Module):
    def __init__(self):
        self.first = tg.nn.Dense(4, 5, generator=tg.Generator(0))
        self.norm = tg.nn.BatchNorm(5)
        self.drop = tg.nn.Dropout(0.3)
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return self.drop(F.tanh(self.norm(self.first(x))))


def test_a_module_in_training_mode_is_checked_and_left_as_it_was():
    model = Net()
    before = model.state_dict()
    report = gradcheck(model, values(3, 4))
    assert report, report
    labels = [f.label for f in report.findings]
    assert labels == ["x", "first.weight", "first.bias", "norm.weight", "norm.bias"]
    after = model.state_dict()
    assert list(after) == list(before)
    for name, array in before.items():
        assert after[name].dtype == array.dtype
        np.testing.assert_array_equal(after[name], array)
    assert model.calls == 0
    assert all(p.grad is None for p in model.parameters())


def test_a_module_that_f_closes_over():
    model = Net()
    before = model.state_dict()
    targets = np.array([0, 3, 1])
    assert gradcheck(lambda x: F.cross_entropy(model(x), targets), values(3, 4))
    np.testing.assert_array_equal(
        model.state_dict()["norm.running_mean"], before["norm.running_mean"]
    )
    assert model.first.weight.dtype == np.float32


# Planted bugs.


def test_one_wrong_element_of_a_large_tensor():
    def formula(grad, x):
        mask = np.ones(x.shape)
        mask[123, 45] = 1.01
        return grad * 2.0 * x * mask

    finding = gradcheck(square_with(formula), values(200, 61))["x"]
    assert (finding.verdict, finding.index, finding.wrong) == ("wrong", (123, 45), 1)
    assert finding.ratio is None or finding.ratio == pytest.approx(1.01)


def test_a_wrong_border_of_a_large_tensor():
    def formula(grad, x):
        mask = np.ones(x.shape)
        mask[-1] = 0.0
        return grad * 2.0 * x * mask

    finding = gradcheck(square_with(formula), values(17, 31))["x"]
    assert finding.verdict == "wrong"
    assert finding.index[0] == 16


def test_a_large_right_gradient():
    report = gradcheck(lambda x: (x * x).sum() + F.tanh(x), values(300, 40))
    assert report, report


def test_a_missing_sum_over_the_broadcast_axis():
    class Bias(tg.Function):
        def forward(self, x, b):
            return x + b

        def grad_x(self, grad):
            return grad

        def grad_b(self, grad):
            return grad[:1]

    report = gradcheck(lambda x, b: Bias().apply(x, b), [values(3, 5), values(1, 5)])
    assert report["x"].verdict == "right"
    assert report["b"].verdict == "wrong"


def test_a_gradient_of_the_wrong_shape_is_a_finding_with_its_cause():
    class Bias(tg.Function):
        def forward(self, x, b):
            return x + b

        def grad_x(self, grad):
            return grad

        def grad_b(self, grad):
            return grad

    report = gradcheck(lambda x, b: Bias().apply(x, b), [values(3, 5), values(5)])
    assert report.verdict == "wrong"
    assert "(3, 5)" in report["b"].reason
    with pytest.raises(GradientError, match="backward pass raised ShapeError"):
        report.raise_if_wrong()


@pytest.mark.parametrize(
    "formula",
    [
        lambda grad, x: -grad * 2.0 * x,
        lambda grad, x: (grad * 2.0 * x).T,
        lambda grad, x: 2.0 * x,
        lambda grad, x: abs(grad) * 2.0 * x,
        lambda grad, x: grad * 2.0 * x * 3.0,
        lambda grad, x: grad * 0.0,
        lambda grad, x: (grad * 2.0 * x).astype(np.float16).astype(np.float64),
    ],
    ids=["sign", "transposed", "ignores-grad", "abs-grad", "factor", "zero", "float16"],
)
@pytest.mark.parametrize("size", [3, 40])
def test_wrong_formulas(formula, size):
    assert gradcheck(square_with(formula), values(size, size)).verdict == "wrong"


def test_a_backward_that_is_not_linear_in_its_upstream_gradient():
    report = gradcheck(square_with(lambda grad, x: grad * grad * grad * 2.0 * x), values(2, 3))
    assert report.verdict == "wrong"
    assert "not linear" in report["x"].reason


@pytest.mark.parametrize("first", [True, False])
def test_stale_caches(first):
    class Square(tg.Function):
        cache = None

        def forward(self, x):
            if Square.cache is None or not first:
                Square.cache = x
            return x * x

        def grad_x(self, grad):
            return grad * 2.0 * Square.cache

    report = gradcheck(lambda x: Square().apply(x), values(3, 5))
    assert report.verdict == "wrong"
    assert first or "stale cache" in report["x"].reason


def test_a_backward_that_changes_what_it_reads():
    class Square(tg.Function):
        factor = 2.0

        def forward(self, x):
            return x * x

        def grad_x(self, grad, x):
            Square.factor *= 1.5
            return grad * Square.factor * x

    report = gradcheck(lambda x: Square().apply(x), values(3))
    assert "run twice" in report["x"].reason


def test_inputs_written_into():
    def in_forward(x):
        x.data[0] = 7.0
        return x * x

    x = values(3)
    kept = x.copy()
    report = gradcheck(in_forward, x)
    assert report.verdict == "wrong"
    assert "f wrote into its input x" in report["x"].reason
    np.testing.assert_array_equal(x, kept)

    def in_backward(grad, x):
        x *= 1.0 + 1e-12
        return grad * 2.0 * x

    report = gradcheck(square_with(in_backward), values(3))
    assert report.verdict == "wrong"

    def a_constant(x, t):
        t[0] = 1
        return x * x

    assert gradcheck(a_constant, [values(3), np.array([0, 0])]).verdict == "wrong"


def test_an_upstream_gradient_written_into():
    def formula(grad, x):
        grad *= 2.0
        return grad * x

    assert "upstream gradient" in gradcheck(square_with(formula), values(3))["x"].reason


def test_a_detached_input_is_wrong_and_says_why():
    report = gradcheck(lambda x, w: x * x + w.detach() * x, [values(3), values(3)])
    assert report["x"].verdict == "right"
    assert report["w"].verdict == "wrong"
    assert "detached" in report["w"].reason


class FrozenBatchNorm(tg.Function):
    """Right to first order; to second, its statistics are constants."""

    def forward(self, x):
        self.mean = x.mean(axis=0)
        self.inverse = 1.0 / np.sqrt(x.var(axis=0) + 1e-5)
        return (x - self.mean) * self.inverse

    def grad_x(self, grad, x, mean, inverse):
        m = float(x.shape[0])
        z = (x - mean) * inverse
        return (grad - grad.sum(axis=0) / m - z * ((grad * z).sum(axis=0) / m)) * inverse


def test_a_batch_norm_with_frozen_statistics_fails_in_second_order_only():
    f = lambda x: FrozenBatchNorm().apply(x)  # noqa: E731
    assert gradcheck(f, values(5, 3))
    report = gradgradcheck(f, values(5, 3))
    assert report["x"].verdict == "wrong"
    assert report["upstream gradient"].verdict == "right"


def test_a_wrong_second_derivative_with_respect_to_the_upstream_gradient():
    class Half(tg.Function):
        def forward(self, dy, x):
            return dy * 2.0 * x

        def grad_dy(self, grad, x):
            return grad * x

        def grad_x(self, grad, dy):
            return grad * 2.0 * dy

    report = gradgradcheck(square_with(lambda grad, x: Half().apply(grad, x)), values(3))
    assert report["upstream gradient"].verdict == "wrong"
    assert report["x"].verdict == "right"


# What cannot be decided says why.


def test_non_finite_values():
    report = gradcheck(F.log, np.array([1.0, -1.0]))
    assert report.verdict == "undecidable"
    assert "not finite" in report["x"].reason

    trap = gradcheck(lambda x: F.where(x > 0, F.sqrt(x), 0.0).sum(), np.array([1.0, -1.0]))
    assert trap.verdict == "wrong"
    assert "not finite" in trap["x"].reason

    edge = gradcheck(lambda x: F.sqrt(x).sum(), np.array([0.0, 1.0]))
    assert edge.verdict == "undecidable"
    assert "only on the right" in edge["x"].reason


def test_one_sided_domains_with_a_slope_are_decided():
    class Edge(tg.Function):
        def __init__(self, slope):
            self.slope = slope

        def forward(self, x):
            return np.where(x >= 0, 3.0 * x + x * x, np.nan)

        def grad_x(self, grad, x):
            return grad * (self.slope + 2.0 * x)

    assert gradcheck(lambda x: Edge(3.0).apply(x), np.zeros(2))
    assert gradcheck(lambda x: Edge(4.0).apply(x), np.zeros(2)).verdict == "wrong"


def test_a_jump_is_undecidable():
    report = gradcheck(lambda x: F.sign(x) + x, np.array([0.0, 1.0]))
    assert report.verdict == "undecidable"
    assert "jumps" in report["x"].reason


def test_float32_inside_f_limits_what_can_be_decided():
    report = gradcheck(lambda x: F.exp(x.astype("float32")), values(3))
    assert report.verdict != "wrong"
    assert "float32" in str(report)


# Errors teach.


@pytest.mark.parametrize(
    ("f", "inputs", "error", "message"),
    [
        (lambda x: x.numpy(), 1.0, ArgumentTypeError, "returned ndarray"),
        (lambda x: (x, 3), 1.0, ArgumentTypeError, "a tuple with int"),
        (lambda x: None, 1.0, ArgumentTypeError, "NoneType"),
        (lambda x: x.detach(), 1.0, GraphError, "does not depend on any input"),
        (F.argmax, values(3), GraphError, "no float output"),
        (lambda x: x, np.array([3, 3]), ArgumentError, r"np.array\(\[3.0, 3.0\]\)"),
        (lambda x: x, [], ArgumentError, "nothing to differentiate"),
        (lambda x: x * np.ones(3, np.float32), values(3), DtypeError, "float32 constant"),
        (3.0, 3.0, ArgumentTypeError, "expected a function"),
        (lambda x: x, np.array([1j]), ArgumentTypeError, "complex128"),
    ],
)
def test_errors(f, inputs, error, message):
    with pytest.raises(error, match=message):
        gradcheck(f, inputs)


def test_rtol_must_be_a_fraction():
    with pytest.raises(ArgumentError, match="rtol"):
        gradcheck(lambda x: x, 1.0, rtol=0.0)


def test_the_report():
    good = gradcheck(lambda x: (x, F.argmax(x)), values(3))
    assert good.raise_if_wrong() is good
    assert "output 1 is int64: not checked" in str(good)
    assert "view of the memory of x" in str(good)
    bad = gradcheck(square_with(lambda grad, x: grad * x), values(3))
    text = str(bad)
    for part in ("WRONG", "analytic", "numeric", "±", "3 of 3 are wrong", "= 0.5 in all"):
        assert part in text
    assert "WRONG" in bad._repr_html_()
    with pytest.raises(GradientError, match="worst at x"):
        bad.raise_if_wrong()
    with pytest.raises(KeyError):
        bad["y"]


# The numbers themselves.


def test_extrapolation_reaches_rounding_and_its_error_bar_holds():
    steps = [2.0**-k for k in range(4, 8)]
    for x in (0.3, 1.0, 2.0):
        quotients = [np.array((np.exp(x + h) - np.exp(x - h)) / (2 * h)) for h in steps]
        value, error = extrapolate(quotients, 2, 2)
        assert abs(value - np.exp(x)) <= max(error, 1e-13)
        assert error < 1e-8


def test_scales_are_powers_of_two_near_the_values():
    x = np.array([1e-8, 3.0, 1e8, 0.0])
    scale = scale_of(x)
    assert set(np.frexp(scale)[0]) == {0.5}
    assert scale[2] / 1e8 == pytest.approx(1.0, rel=0.5)
    assert scale_of(np.zeros(2)).tolist() == [0.0625, 0.0625]
