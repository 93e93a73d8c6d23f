"""A tensor among Python and NumPy: conversions, refusals, printing, pickling."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import tinygrad_course as tg
from tinygrad_course.errors import (
    ArgumentError,
    ArgumentTypeError,
    DeviceError,
    DtypeError,
    GraphError,
    IndexingError,
    ShapeError,
)


def leaf(*values: float) -> tg.Tensor:
    return tg.tensor(np.array(values), requires_grad=True)


# Making.


def test_dtypes_of_what_one_writes() -> None:
    assert tg.tensor([1.0, 2.0]).dtype == "float32"
    assert tg.tensor(2.5).dtype == "float32"
    assert tg.tensor([1, 2]).dtype == np.asarray([1, 2]).dtype
    assert tg.tensor([True]).dtype == bool
    assert tg.tensor(np.ones(2)).dtype == "float64"
    assert tg.tensor([1, 2], dtype="float64").dtype == "float64"
    assert tg.tensor(tg.tensor([1.0])).node is None
    assert tg.tensor([[1.0, 2.0]]).shape == (1, 2)


def test_the_data_are_copied() -> None:
    array = np.ones(2)
    x = tg.tensor(array)
    array[0] = 5.0
    assert x.tolist() == [1.0, 1.0]
    t = tg.tensor(x)
    assert not np.shares_memory(t.data, x.data)
    assert tg.tensor(np.ones((2, 3)).T).data.flags.c_contiguous


def test_what_is_no_numbers_is_refused() -> None:
    with pytest.raises(ArgumentTypeError, match=r"rectangular nesting"):
        tg.tensor([[1.0], [1.0, 2.0]])
    for data in ("text", [1j], [object()], None):
        with pytest.raises(ArgumentTypeError, match=r"tensor: expected real numbers"):
            tg.tensor(data)


def test_parameters() -> None:
    p = tg.Parameter([1.0])
    assert p.requires_grad
    assert isinstance(p, tg.Tensor)
    assert type(p * 2.0) is tg.Tensor
    assert not tg.Parameter([1.0], requires_grad=False).requires_grad
    for update in ("+=", "-=", "*=", "/=", "**=", "@="):
        with pytest.raises(ArgumentTypeError, match=r"parameter.assign\("):
            exec(f"p {update} 2.0", {"p": p})
    x = before = tg.tensor([1.0])
    x += 2.0
    assert before.tolist() == [1.0]
    assert x.tolist() == [3.0]


# Operators.


def test_operators_are_numpys() -> None:
    a, b = np.array([1.5, -2.0, 3.0]), np.array([2.0, 0.5, -1.0])
    x, y = tg.tensor(a), tg.tensor(b)
    for got, expected in (
        (x + y, a + b), (x - y, a - b), (x * y, a * b), (x / y, a / b), (-x, -a), (+x, a),
        (abs(x), abs(a)), (x**2, a**2), (2**x, 2**a), (x @ y, a @ b), (1 - x, 1 - a),
        (2 / x, 2 / a), (a + y, a + b), (a - y, a - b), (a * y, a * b), (a / y, a / b),
        (abs(a) ** y, abs(a) ** b), (a @ y, a @ b),
        (np.float64(2) * x, 2 * a), (np.int64(2) - x, 2 - a),
        (x == y, a == b), (x != y, a != b), (x < y, a < b), (x <= y, a <= b), (x > y, a > b),
        (x >= y, a >= b), (a == y, a == b), (a != y, a != b), (a < y, a < b), (a <= y, a <= b),
        (a > y, a > b), (a >= y, a >= b), (x > 1, a > 1), (x < 1, a < 1),
    ):  # fmt: skip
        assert isinstance(got, tg.Tensor)
        np.testing.assert_array_equal(got.data, expected)
        assert got.dtype == np.asarray(expected).dtype


def test_methods_are_numpys() -> None:
    a = np.random.default_rng(0).standard_normal((2, 3, 4))
    x = tg.tensor(a)
    for got, expected in (
        (x.sum(), a.sum()),
        (x.sum(1), a.sum(1)), (x.sum(axis=(0, 2), keepdims=True), a.sum((0, 2), keepdims=True)),
        (x.mean(0), a.mean(0)), (x.var(0, ddof=1), a.var(0, ddof=1)), (x.max(-1), a.max(-1)),
        (x.argmax(1), a.argmax(1)),
        (x.reshape(6, 4), a.reshape(6, 4)), (x.reshape((4, -1)), a.reshape(4, -1)),
        (x.transpose(), a.transpose()), (x.transpose(1, 0, 2), a.transpose(1, 0, 2)),
        (x.transpose((2, 0, 1)), a.transpose(2, 0, 1)), (x.swapaxes(-1, 0), a.swapaxes(-1, 0)),
        (x.T, a.T), (x[:1].squeeze(), a[:1].squeeze()), (x.clip(-0.5, 0.5), a.clip(-0.5, 0.5)),
        (x.clip(max=0.0), a.clip(max=0.0)), (x.astype("int64"), a.astype("int64")),
        (x.astype(bool), a.astype(bool)), (x.astype("float32"), a.astype("float32")),
    ):  # fmt: skip
        np.testing.assert_allclose(got.data, expected, rtol=1e-14)
        assert got.dtype == np.asarray(expected).dtype
    with pytest.raises(ShapeError, match=r"swapaxes: axis 3 .*\(2, 3, 4\)"):
        x.swapaxes(0, 3)


def test_masks_combine() -> None:
    x, y = tg.tensor([1.0, -1.0, 2.0, -2.0]), np.array([1.0, 2.0, -3.0, -4.0], "float32")
    a, b = x > 0, tg.tensor(y) > 0
    p, q = a.numpy(), b.numpy()
    for ours, expected in (
        (a & b, p & q), (a | b, p | q), (a ^ b, p ^ q), (~a, ~p), (a & q, p & q), (q & a, p & q),
        (q | a, p | q), (True ^ a, ~p), (a & False, p & False),
    ):  # fmt: skip
        assert isinstance(ours, tg.Tensor)
        assert ours.dtype == bool
        assert not ours.requires_grad
        np.testing.assert_array_equal(ours.numpy(), expected)
    assert (a & [True, True, False, False]).tolist() == [True, False, False, False]
    np.testing.assert_array_equal((a[:, None] & b).numpy(), p[:, None] & q)
    for name in ("logical_and", "logical_or", "logical_xor"):
        for ours in (getattr(np, name)(a, tg.tensor(y)), getattr(np, name)(x.numpy(), b)):
            assert isinstance(ours, tg.Tensor)
        np.testing.assert_array_equal(getattr(np, name)(a, q).numpy(), getattr(np, name)(p, q))
    np.testing.assert_array_equal(np.logical_not(a).numpy(), ~p)
    assert tg.where(a & ~b, x, 0.0).tolist() == [0.0, 0.0, 2.0, 0.0]
    bits = tg.tensor([5, 6])
    assert [(bits & 3).tolist(), (~bits).tolist()] == [[1, 2], [-6, -7]]


def test_masks_are_no_floats_and_of_shapes_that_fit() -> None:
    x = tg.tensor([1.0, -1.0])
    with pytest.raises(DtypeError, match=r"&: .*float32.*\(x > 0\) & \(y > 0\)"):
        x > 0 & x  # noqa: B015 - what one writes who forgets the parentheses
    with pytest.raises(DtypeError, match=r"\|: takes masks.*float32"):
        (x > 0) | x
    with pytest.raises(DtypeError, match=r"~: .*float32.*~\(x > 0\)"):
        ~x  # noqa: B018
    with pytest.raises(ShapeError, match=r"&: shapes \(2,\) and \(3,\)"):
        (x > 0) & np.ones(3, bool)


def test_comparisons_of_shapes_that_do_not_fit() -> None:
    x, y = tg.tensor([1.0, 2.0]), tg.tensor([1.0, 2.0, 3.0])
    for compare in (
        lambda: x < y,
        lambda: x >= y,
        lambda: x == y,
        lambda: x != y,
        lambda: y.data > x,
    ):
        with pytest.raises(ShapeError, match=r"\((2|3),\).*\((3|2),\)"):
            compare()


def test_a_tensor_is_a_key_by_identity() -> None:
    x, y = tg.tensor([1.0]), tg.tensor([1.0])
    assert len({x, y, x}) == 2


# As Python sees it.


def test_numbers() -> None:
    x = tg.tensor([[2.5]])
    assert (float(x), int(x), x.item(), bool(x)) == (2.5, 2, 2.5, True)
    assert not bool(tg.tensor(0.0))
    assert [10, 20, 30][tg.tensor(1)] == 20
    assert list(range(tg.tensor([2]))) == [0, 1]
    with pytest.raises(ArgumentTypeError, match=r"float32 tensor cannot be an index"):
        [10, 20][tg.tensor(1.0)]
    for convert in (float, int, bool):
        with pytest.raises(ShapeError, match=r"only a tensor with one element.*\(2,\)"):
            convert(tg.tensor([1.0, 2.0]))
    assert f"{tg.tensor(1.25):.1f}" == "1.2"
    assert f"{tg.tensor([1.0])}" == repr(tg.tensor([1.0]))


def test_length_and_iteration() -> None:
    x = leaf(1.0, 2.0, 3.0)
    assert len(x) == 3
    total = sum(t * i for i, t in enumerate(x))
    total.backward()
    assert x.grad.tolist() == [0.0, 1.0, 2.0]
    assert [row.shape for row in tg.tensor(np.ones((2, 4)))] == [(4,), (4,)]
    for use in (len, list):
        with pytest.raises(ArgumentTypeError, match=r"shape \(\) has no length"):
            use(tg.tensor(1.0))


def test_attributes() -> None:
    x = tg.tensor(np.ones((2, 3)))
    assert (x.shape, x.ndim, x.size, x.dtype, x.device) == ((2, 3), 2, 6, np.float64, "cpu")
    assert x.tolist() == [[1.0] * 3] * 2
    assert x.to("cpu") is x
    with pytest.raises(DeviceError, match=r"'gpu' does not exist"):
        x.to("gpu")


def test_in_place_writing_is_refused() -> None:
    x = tg.tensor([1.0, 2.0])
    with pytest.raises(ArgumentTypeError, match=r"tg.where.*tg.concatenate.*assign"):
        x[0] = 3.0


# NumPy.


def test_array() -> None:
    x = tg.tensor([1.0, 2.0])
    assert np.shares_memory(np.asarray(x), x.data)
    assert np.asarray(x, dtype="float64").dtype == "float64"
    assert not np.shares_memory(np.array(x), x.data)
    assert np.shares_memory(x.numpy(), x.data)
    y = leaf(1.0)
    assert np.shares_memory(y.numpy(), y.data)
    with pytest.raises(GraphError, match=r"np.asarray: .*requires a gradient.*detach\(\)"):
        np.asarray(y)


def test_ufuncs_of_an_array_and_a_tensor() -> None:
    x, a = leaf(1.0, 2.0), np.array([3.0, 4.0])
    y = a * x + a - x / a
    assert type(y) is tg.Tensor
    y.sum().backward()
    np.testing.assert_allclose(x.grad.data, a - 1 / a)
    for ufunc in (
        np.add,
        np.subtract,
        np.multiply,
        np.divide,
        np.power,
        np.less,
        np.equal,
        np.matmul,
    ):
        np.testing.assert_array_equal(ufunc(a, x).data, ufunc(a, x.data))
    assert np.negative(x).tolist() == [-1.0, -2.0]
    assert np.absolute(-x).tolist() == [1.0, 2.0]
    with pytest.raises(ArgumentTypeError, match=r"np.exp .*leave the graph.*tg.exp"):
        np.exp(x)
    with pytest.raises(ArgumentTypeError, match=r"np.add does not work"):
        np.add.reduce(x)
    with pytest.raises(ArgumentTypeError, match=r"np.multiply does not work"):
        a *= x
    assert a.tolist() == [3.0, 4.0]


def test_functions_of_numpy_are_refused() -> None:
    x = leaf(1.0, 2.0)
    for call in (np.concatenate, np.stack):
        with pytest.raises(
            ArgumentTypeError, match=rf"np.{call.__name__} .*tg.{call.__name__}.*numpy\(\)"
        ):
            call([x, x])
    with pytest.raises(ArgumentTypeError, match=r"np.sum .*tg.sum"):
        np.sum(x)
    with pytest.raises(ArgumentTypeError, match=r"np.where .*tg.where"):
        np.where(np.array([True, False]), x, 0.0)


def test_dlpack_with_numpy() -> None:
    x = tg.tensor([1.0, 2.0])
    array = np.from_dlpack(x)
    assert np.shares_memory(array, x.data)
    source = np.arange(3.0)
    t = tg.from_dlpack(source)
    assert t.node is None
    assert np.shares_memory(t.data, source)
    assert x.__dlpack_device__() == source.__dlpack_device__()
    with pytest.raises(GraphError, match=r"DLPack: .*requires a gradient"):
        np.from_dlpack(leaf(1.0))


def test_dlpack_with_torch() -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    ours = tg.from_dlpack(theirs)
    theirs[0, 0] = 7.0
    assert ours.data[0, 0] == 7.0
    back = torch.from_dlpack(ours)
    assert back.data_ptr() == theirs.data_ptr()
    assert back.tolist() == ours.tolist()


# Copies.


@pytest.mark.parametrize(
    "twin", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t)), copy.copy]
)
def test_leaves_are_copied(twin: Any) -> None:
    p, constant = tg.Parameter([1.0, 2.0]), tg.tensor(np.array([[3]]))
    (p * p).sum().backward()
    q, again = twin([p, constant, p])[:2] if twin is not copy.copy else (twin(p), twin(constant))
    assert type(q) is tg.Parameter
    assert q.requires_grad
    assert q.tolist() == p.tolist()
    assert q.grad.tolist() == [2.0, 4.0]
    assert (type(again), again.dtype, again.tolist()) == (tg.Tensor, constant.dtype, [[3]])
    assert not again.requires_grad
    (q * q).sum().backward()
    assert q.grad.tolist() == [4.0, 8.0]
    assert p.grad.tolist() == [2.0, 4.0]
    if twin is not copy.copy:
        assert not np.shares_memory(q.data, p.data)
        first, _, third = twin([p, constant, p])
        assert first is third


def test_graph_tensors_are_not_copied() -> None:
    y = leaf(1.0) * 2.0
    for twin, name in ((copy.deepcopy, "deepcopy"), (pickle.dumps, "pickle")):
        with pytest.raises(GraphError, match=rf"{name}: .*computed by Mul\(\).*detach\(\)"):
            twin(y)
    assert copy.deepcopy(y.detach()).tolist() == [2.0]


# Text.


def test_repr() -> None:
    assert (
        repr(tg.tensor([1.0, 2.5])) == "Tensor([1. , 2.5], shape=(2,), dtype=float32, device=cpu)"
    )
    assert (
        repr(tg.Parameter([1.0]))
        == "Parameter([1.], shape=(1,), dtype=float32, device=cpu, node=Leaf())"
    )
    assert repr(leaf(1.0) * 2).endswith("node=Mul())")
    assert repr(tg.tensor(2)) == f"Tensor(2, shape=(), dtype={np.asarray(2).dtype}, device=cpu)"
    assert "..." in repr(tg.tensor(np.zeros(1000)))
    assert "shape=(0, 3)" in repr(tg.tensor(np.zeros((0, 3))))


def test_html_is_escaped() -> None:
    class Odd(tg.Function):
        def __init__(self, *, label: str) -> None:
            self.label = label

        def forward(self, x: Any) -> Any:
            return x * 1.0

        def grad_x(self, grad: Any) -> Any:
            return grad

    text = Odd(label="<script>").apply(leaf(1.0))._repr_html_()
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "shape (1,), float64, cpu" in text
    assert "constant" in tg.tensor([1.0])._repr_html_()


def test_conversions_of_dtype_differentiate() -> None:
    x = leaf(1.0, 2.0)
    y = x.astype("float32")
    assert y.dtype == "float32"
    (y * np.float32(3.0)).sum().backward()
    assert x.grad.dtype == "float64"
    assert x.grad.tolist() == [3.0, 3.0]
    assert x.astype("float64") is x
    assert not x.astype("int64").requires_grad
    assert x.astype("int64").tolist() == [1, 2]


def test_errors_are_the_builtin_ones_too() -> None:
    x = tg.tensor([1.0])
    with pytest.raises(IndexError):
        x[5]
    with pytest.raises(IndexingError):
        x[5]
    with pytest.raises(ValueError, match=r"add: "):
        tg.tensor([1.0, 2.0]) + tg.tensor([1.0, 2.0, 3.0])
    with pytest.raises(TypeError):
        x[0] = 1.0


def test_assign_refuses_what_would_be_lost() -> None:
    whole = tg.tensor([1, 2])
    with pytest.raises(DtypeError, match=r"assign: the tensor holds int64.*fractions"):
        whole.assign(np.array([0.5, 1.5]))
    assert whole.tolist() == [1, 2]
    with pytest.raises(ArgumentTypeError, match="real numbers"):
        tg.tensor([1.0]).assign(np.array([1j]))
    with pytest.raises(ArgumentError, match="read-only view"):
        tg.broadcast_to(tg.tensor([1.0]), (2,)).assign([1.0, 2.0])
