"""A Function is the node: what it keeps, how its formulas are called, and what it refuses."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import tinygrad_course as tg
from tinygrad_course import functional as F
from tinygrad_course.errors import ArgumentTypeError, DtypeError, GraphError, ShapeError
from tinygrad_course.node import Leaf
from tinygrad_course.ops.arithmetic import Add, Mul
from tinygrad_course.ops.elementary import Exp
from tinygrad_course.ops.linear import Dense
from tinygrad_course.pointwise import Binary, Unary
from tinygrad_course.tensor import wrap


def leaf(*values: float) -> tg.Tensor:
    return tg.tensor(np.array(values), requires_grad=True)


def kept_arrays(node: Any) -> list[np.ndarray]:
    """The arrays that a node keeps."""
    kept = node.kept if isinstance(node.kept, (tuple, list)) else (node.kept,)
    return [a for a in kept if isinstance(a, np.ndarray)]


class Cube(tg.Function):
    def forward(self, x):
        return x * x * x

    def grad_x(self, grad, x):
        return grad * 3.0 * x * x


class Halves(tg.Function):
    """Two outputs."""

    def forward(self, x):
        return x[::2] * 2.0, x[1::2] * 3.0

    def backward(self, grad):
        even, odd = grad
        return [tg.stack([even * 2.0, odd * 3.0], 1).reshape(-1)]


class MaybeHalves(Halves):
    accepts_none = True

    def backward(self, grad):
        self.seen = tuple(g is None for g in grad)
        even, odd = (np.zeros(2) if g is None else g for g in grad)
        return [np.stack([even * 2.0, odd * 3.0], 1).reshape(-1)]


def test_a_users_function_in_six_lines() -> None:
    x = leaf(1.0, -2.0)
    y = Cube().apply(x)
    assert y.tolist() == [1.0, -8.0]
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 12.0]
    (slope,) = tg.grad(Cube().apply(x).sum(), [x], create_graph=True)
    assert tg.grad(slope.sum(), x).tolist() == [6.0, -12.0]
    (bend,) = tg.grad(Cube().apply(x).sum(), [x], create_graph=True)
    third = tg.grad(tg.grad(bend.sum(), x, create_graph=True).sum(), x)
    assert third.tolist() == [6.0, 6.0]


def test_on_arrays_alone_apply_is_forward() -> None:
    y = Cube().apply(np.array([2.0]))
    assert type(y) is np.ndarray
    assert y.tolist() == [8.0]
    op = Exp()
    assert op.apply(np.zeros(2)).tolist() == op.apply(np.zeros(2)).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("op", [Cube, Exp])
def test_one_instance_is_one_call(op: Any) -> None:
    node, x = op(), leaf(1.0)
    node.apply(x)
    with pytest.raises(GraphError, match=rf"{op.__name__}: this instance was applied before"):
        node.apply(x)
    binary = Mul()
    binary.apply(x, x)
    with pytest.raises(GraphError, match=r"make a new one for each call: Mul\(...\).apply"):
        binary.apply(x, x)


def test_zero_dimensional_results_are_arrays() -> None:
    x = leaf(3.0)
    for y in (x[0], x.sum(), x[0] * 2, tg.exp(x[0]), tg.maximum(x[0], 1), tg.tensor(2.0) + 1):
        assert type(y.data) is np.ndarray
        assert y.shape == ()
    x.sum().backward()
    scalar = tg.tensor(2.0, requires_grad=True)
    (scalar * scalar * 3.0).backward()
    assert type(scalar.grad.data) is np.ndarray
    assert scalar.grad.item() == 12.0


# What is kept.


def test_add_keeps_nothing() -> None:
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    for y in (a + b, a - b, -a, a.reshape(2, 1), a.sum(), a[:1], tg.concatenate([a, b])):
        assert kept_arrays(y.node) == []


def test_a_factor_is_kept_only_for_the_other_sides_gradient() -> None:
    a, b = leaf(1.0), tg.tensor(np.array([2.0]))
    (kept,) = kept_arrays((a * b).node)
    assert kept is b.data
    (kept,) = kept_arrays((b * a).node)
    assert kept is b.data


def test_a_frozen_weight_keeps_no_input() -> None:
    w = tg.Parameter(np.ones((3, 2)))
    for op in (F.matmul, F.dense):
        x = tg.tensor(np.ones((4, 3)), requires_grad=True)
        hidden = x * 1.0
        alive = weakref.ref(hidden.data)
        w.requires_grad = True
        y = op(hidden, w)
        del hidden
        assert alive() is not None
        w.requires_grad = False
        hidden = x * 1.0
        alive = weakref.ref(hidden.data)
        y = op(hidden, w)
        del hidden
        assert alive() is None
        y.sum().backward()
        assert x.grad is not None
        assert w.grad is None


def test_the_images_gradient_is_never_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    x, w = np.ones((1, 4, 4, 1)), tg.tensor(np.ones((3, 3, 1, 2)), requires_grad=True)
    y = tg.conv2d(x, w)
    monkeypatch.setattr(type(y.node), "grad_x", None)
    y.sum().backward()
    assert w.grad.shape == (3, 3, 1, 2)
    image = tg.tensor(x, requires_grad=True)
    y = tg.conv2d(image, w.detach())
    assert [a is w.data for a in kept_arrays(y.node)] == [True]


def test_a_formula_that_needs_a_shape_keeps_no_array() -> None:
    x = tg.tensor(np.ones((100, 100)), requires_grad=True)
    h = x * 1.0
    alive = weakref.ref(h.data)
    y = h.sum()
    del h
    assert alive() is None
    y.backward()
    assert x.grad.shape == (100, 100)


def test_attributes_are_released_with_the_graph() -> None:
    x = leaf(1.0, 3.0, 2.0)
    y = tg.max(x)
    node = y.node.edges[0] if type(y.node).__name__ == "Reshape" else y.node
    assert "index" not in vars(node)
    assert len(kept_arrays(node)) == 1
    y.backward()
    assert node.kept is None


def test_plans_are_read_once() -> None:
    before = dict(Dense._plans)
    F.dense(leaf(1.0, 2.0), np.ones((2, 2)))
    F.dense(leaf(1.0, 2.0), np.ones((2, 2)))
    assert len(Dense._plans) <= len(before) + 1


# Several outputs.


def test_unused_outputs_get_zeros() -> None:
    x = leaf(1.0, 2.0, 3.0, 4.0)
    even, odd = Halves().apply(x)
    assert repr(even.node) == "Output(Halves(), 0)"
    even.sum().backward()
    assert x.grad.tolist() == [2.0, 0.0, 2.0, 0.0]
    x.zero_grad()
    even, odd = Halves().apply(x)
    (even * odd).sum().backward()
    assert x.grad.tolist() == [12.0, 6.0, 24.0, 18.0]
    x.zero_grad()
    even, odd = Halves().apply(x)
    (odd.sum() + odd.sum() + (odd * odd).sum()).backward()
    assert x.grad.tolist() == [0.0, 42.0, 0.0, 78.0]


def test_accepts_none_hands_over_none() -> None:
    x = leaf(1.0, 2.0, 3.0, 4.0)
    even, odd = MaybeHalves().apply(x)
    node = odd.node.edges[0]
    odd.sum().backward()
    assert node.seen == (True, False)
    assert x.grad.tolist() == [0.0, 3.0, 0.0, 3.0]
    assert even.tolist() == [2.0, 6.0]


def test_several_outputs_differentiate_twice() -> None:
    x = leaf(1.0, 2.0, 3.0, 4.0)
    even, odd = Halves().apply(x)
    slope = tg.grad((even * even * odd).sum(), x, create_graph=True)
    # L = 12 x0^2 x1 + 12 x2^2 x3
    np.testing.assert_allclose(slope.data, [48.0, 12.0, 288.0, 108.0])
    bend = tg.grad((slope * np.array([1.0, 0.0, 0.0, 0.0])).sum(), x)
    np.testing.assert_allclose(bend.data, [48.0, 24.0, 0.0, 0.0])
    constants = Halves().apply(tg.tensor(np.ones(4)))
    assert [t.requires_grad for t in constants] == [False, False]


class Product(tg.Function):
    """y = product of xs, keeping all of them."""

    def forward(self, *xs):
        y = xs[0]
        for x in xs[1:]:
            y = y * x
        return y

    def backward(self, grad, xs):
        grads = []
        for i in range(len(xs)):
            g = grad
            for j, x in enumerate(xs):
                g = g if i == j else g * x
            grads.append(g)
        return grads


class Powers(tg.Function):
    """x, then e^x and its square, whose formula asks for both outputs."""

    def forward(self, x):
        y = np.exp(x)
        return y, y * y

    def backward(self, grad, y):
        return [grad[0] * y[0] + grad[1] * 2.0 * y[1]]


def test_variadic_inputs_are_kept_and_checked() -> None:
    xs = [leaf(1.0, 2.0), leaf(3.0, 4.0), leaf(5.0, 6.0)]
    assert tg.gradcheck(lambda *a: Product().apply(*a), [x.data for x in xs])
    assert tg.gradgradcheck(lambda *a: Product().apply(*a), [x.data for x in xs])
    loss = Product().apply(*xs).sum()
    xs[2].assign(np.zeros(2))
    with pytest.raises(GraphError, match=r"Product\(\) kept one of its inputs.*overwritten"):
        loss.backward()


def test_outputs_that_are_kept_differentiate_twice() -> None:
    def f(x):
        a, b = Powers().apply(x)
        return a * b

    assert tg.gradcheck(f, np.array([0.1, -0.5]))
    assert tg.gradgradcheck(f, np.array([0.1, -0.5]))


def test_a_released_function_of_several_outputs() -> None:
    even, odd = Halves().apply(leaf(1.0, 2.0, 3.0, 4.0))
    even.sum().backward()
    with pytest.raises(GraphError, match=r"released at Halves"):
        odd.sum().backward()


def test_unary_and_binary_have_their_signatures() -> None:
    with pytest.raises(ArgumentTypeError, match=r"Other: a Unary's forward is forward\(self, x\)"):
        type("Other", (Unary,), {"forward": lambda self, z: z})
    with pytest.raises(ArgumentTypeError, match=r"Other: a Binary's forward is forward\(self, a"):
        type("Other", (Binary,), {"forward": lambda self, x, y: x})


def test_a_unary_that_keeps_more_gets_the_general_apply() -> None:
    class Scaled(Unary):
        def forward(self, x):
            self.scale = abs(x).max()
            return x * x / self.scale

        def grad_x(self, grad, x, scale):
            return grad * 2.0 * x / scale

    x = leaf(1.0, -2.0)
    y = Scaled().apply(x)
    y.sum().backward()
    assert x.grad.tolist() == [1.0, -2.0]
    assert Scaled.apply is tg.Function.apply


# Refusals.


def test_a_formula_of_the_wrong_shape() -> None:
    class Wrong(tg.Function):
        def forward(self, x):
            return x * 2.0

        def grad_x(self, grad):
            return grad.sum()

    with pytest.raises(ShapeError, match=r"Wrong: the gradient of x .* shape \(2,\), .*\(\)"):
        Wrong().apply(leaf(1.0, 2.0)).sum().backward()


def test_too_few_gradients() -> None:
    class Short(tg.Function):
        def forward(self, a, b):
            return a + b

        def backward(self, grad):
            return [grad]

    with pytest.raises(ShapeError, match=r"Short.backward returned 1 gradients for 2 inputs"):
        Short().apply(leaf(1.0), leaf(2.0)).backward()


def test_a_missing_formula_names_the_input() -> None:
    class Half(tg.Function):
        def forward(self, a, b):
            return a * b

        def grad_a(self, grad, b):
            return grad * b

    assert Half().apply(leaf(1.0), np.array([3.0])).tolist() == [3.0]
    with pytest.raises(GraphError, match=r"Half has no gradient with respect to b"):
        Half().apply(leaf(1.0), leaf(2.0))


def test_an_op_without_a_gradient() -> None:
    x = leaf(1.0, 2.0)
    assert not tg.argmax(x).requires_grad
    assert not (x > 1.0).requires_grad
    with pytest.raises(GraphError, match=r"backward: this tensor does not require a gradient"):
        tg.argmax(x).backward()


def test_misnamed_formulas_are_refused_when_the_class_is_made() -> None:
    with pytest.raises(
        ArgumentTypeError, match=r"Typo.grad_z: forward has no parameter 'z'.*\(.*x"
    ):

        class Typo(tg.Function):
            def forward(self, x):
                return x

            def grad_z(self, grad):
                return grad

    with pytest.raises(ArgumentTypeError, match=r"Bare.grad_x must take at least \(self, grad\)"):

        class Bare(tg.Function):
            def forward(self, x):
                return x

            def grad_x(self):
                return 0


def test_a_formula_that_asks_for_nothing_known() -> None:
    class Asks(tg.Function):
        def forward(self, x):
            return x * 1.0

        def grad_x(self, grad, mask):
            return grad * mask

    with pytest.raises(
        ArgumentTypeError, match=r"Asks: .*asks for 'mask'.*parameter of forward \(x\)"
    ):
        Asks().apply(leaf(1.0))


def test_gradients_take_the_inputs_dtype() -> None:
    class Wide(tg.Function):
        def forward(self, x):
            return x * 2.0

        def grad_x(self, grad):
            return grad.astype("float64") * 2.0

    x = tg.tensor([1.0, 2.0], requires_grad=True)
    Wide().apply(x).sum().backward()
    assert x.grad.dtype == "float32"


class Pair(tg.Function):
    """A learner's op, which errors call by its class."""

    def forward(self, a, b):
        return a * b


F32, F64 = np.full((2, 3), 0.5, "float32"), np.full((2, 3), 0.5)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("mse", lambda x: tg.mse(x, F64)),
        ("l1", lambda x: tg.l1(x, F64)),
        ("binary_cross_entropy", lambda x: tg.binary_cross_entropy(x, F64)),
        ("kl_div", lambda x: tg.kl_div(x, F64)),
        ("add", lambda x: tg.add(x, F64, activation="relu")),
        ("dense", lambda x: tg.dense(x, F64.T, activation="relu")),
        ("batch_norm", lambda x: tg.batch_norm(x, F64[0], F64[0])),
        ("layer_norm", lambda x: tg.layer_norm(x, 3, F64[0], F64[0])),
        ("group_norm", lambda x: tg.group_norm(x, 1, F64[0], F64[0])),
        ("conv1d", lambda x: tg.conv1d(x[:, None], F64.T[None])),
        (
            "conv_transpose2d",
            lambda x: tg.conv_transpose2d(x[:, None, None], F64[None, None, :1].swapaxes(2, 3)),
        ),
        ("pair", lambda x: Pair().apply(x, F64)),
    ],
)
def test_an_error_names_what_the_user_called(name: str, call: Any) -> None:
    with pytest.raises(DtypeError, match=rf"^{name}: float32 with float64"):
        call(tg.tensor(F32))


def test_shapes_that_do_not_broadcast_name_the_function() -> None:
    with pytest.raises(ShapeError, match=r"^add: shapes \(2, 3\) and \(4, 4\)"):
        tg.add(tg.tensor(F32), np.ones((4, 4), "float32"), activation="relu")


def test_a_node_prints_what_it_is() -> None:
    x = leaf(1.0, 2.0)
    assert repr((x + 1).node) == "Add()"
    assert "axes=(0,)" in repr(x.sum().node)
    assert repr(x.node) == "Leaf()"


def test_a_call_leaves_no_cycle() -> None:
    gc.collect()
    gc.disable()
    try:
        x = leaf(1.0, 2.0, 3.0, 4.0)
        for _ in range(3):
            even, odd = Halves().apply(x)
            loss = (even * odd).sum() + Cube().apply(x).sum() + tg.max(x)
            alive = weakref.ref(loss.node)
            del even, odd, loss
            assert alive() is None
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_function_add_is_the_operator() -> None:
    x = wrap(np.ones(2), Leaf())
    assert type((x + x).node) is Add
