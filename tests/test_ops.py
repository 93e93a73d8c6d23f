"""Every op against its record in `cases/`: values, gradients of both orders, layouts, errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from cases import CASES, Case, Sample
from cases.record import is_float

import tinygrad_course as tg
from tinygrad_course.node import Leaf
from tinygrad_course.tensor import Tensor, wrap


def _samples(differentiable: bool = False, smooth: bool = False) -> list[Any]:
    return [
        pytest.param(case, s, id=f"{case.name}-{i}")
        for case in CASES
        for i, s in enumerate(case.samples(np.random.default_rng(0)))
        if (case.differentiable or not differentiable) and (s.smooth or not smooth)
    ]


EVERY = pytest.mark.parametrize(("case", "s"), _samples())
SMOOTH = pytest.mark.parametrize(("case", "s"), _samples(differentiable=True, smooth=True))
DIFFERENTIABLE = pytest.mark.parametrize(("case", "s"), _samples(differentiable=True))


def leaf(array: np.ndarray) -> Tensor:
    """A leaf around this very array, whatever its strides."""
    return wrap(array, Leaf())


def as_inputs(arrays: Sequence[Any]) -> tuple[list[Any], list[Tensor]]:
    """The arguments with float arrays as leaves, and those leaves."""
    inputs = [leaf(a) if is_float(a) else a for a in arrays]
    return inputs, [t for t in inputs if isinstance(t, Tensor)]


def upstream(shape: tuple[int, ...], dtype: Any = np.float64) -> np.ndarray:
    """A gradient for y without symmetries: all ones would hide mistakes in softmax and norms."""
    return np.asarray(np.random.default_rng(1).standard_normal(shape)).astype(dtype)


def pull(case: Case, s: Sample, arrays: Sequence[Any]) -> tuple[Tensor, list[Tensor]]:
    """y, and the gradients of <v, y>."""
    inputs, leaves = as_inputs(arrays)
    y = case.function(*inputs, **s.options)
    return y, tg.grad(y, leaves, upstream(y.shape, y.dtype))


def second(case: Case, s: Sample, arrays: Sequence[Any]) -> tuple[float, list[np.ndarray]]:
    """F = sum_i <u_i, dL/dx_i> for L = <v, y>, and the gradients of F for every x_i and for v."""
    inputs, leaves = as_inputs(arrays[:-1])
    v = leaf(arrays[-1])
    y = case.function(*inputs, **s.options)
    grads = tg.grad(y, leaves, v, create_graph=True)
    total = sum(
        [(g * _weights(g.shape, i)).sum() for i, g in enumerate(grads)], wrap(np.zeros(()), None)
    )
    if not total.requires_grad:
        return total.item(), [np.zeros(t.shape) for t in (*leaves, v)]
    return total.item(), [g.data for g in tg.grad(total, [*leaves, v])]


def _weights(shape: tuple[int, ...], i: int) -> np.ndarray:
    return np.asarray(np.random.default_rng(10 + i).standard_normal(shape))


def _placed(arrays: Sequence[Any], floats: Sequence[Any]) -> list[Any]:
    """`arrays` with its float arrays replaced."""
    source = iter(floats)
    return [next(source) if is_float(a) else a for a in arrays]


def of_floats(case: Case, s: Sample) -> Callable[..., Tensor]:
    """The case as a function of its float inputs alone."""
    return lambda *floats: case.function(*_placed(s.arrays, floats), **s.options)


def _floats(arrays: Sequence[Any]) -> list[np.ndarray]:
    return [a for a in arrays if is_float(a)]


def close(actual: Any, expected: Any, rtol: float) -> None:
    """Equal up to `rtol` of the largest value."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    finite = np.isfinite(expected)
    scale = np.abs(expected[finite]).max(initial=0.0)
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=rtol * scale)


@EVERY
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_values_are_the_reference(case: Case, s: Sample, dtype: str) -> None:
    arrays = s.cast(dtype)
    y = case.function(*[wrap(a, None) if is_float(a) else a for a in arrays], **s.options)
    with np.errstate(divide="ignore"):
        expected = case.reference(*Sample(arrays).cast("float64"), **s.options)
    assert isinstance(y, Tensor)
    assert isinstance(y.data, np.ndarray)
    assert y.node is None
    if case.name == "astype":
        assert y.dtype == s.options["dtype"]
    elif case.differentiable:
        assert y.dtype == dtype
    close(y.data, expected, 1e-12 if dtype == y.dtype == "float64" else 2e-6)


@EVERY
def test_arrays_in_give_arrays_out(case: Case, s: Sample) -> None:
    if len({a.dtype.kind for a in s.arrays if isinstance(a, np.ndarray)} & {"i", "f"}) == 2:
        return  # promotion is for tensors
    y = case.function(*s.arrays, **s.options)
    assert isinstance(y, (np.ndarray, np.generic))
    close(y, case.reference(*s.arrays, **s.options) if case.name != "astype" else y, 1e-12)


@SMOOTH
def test_first_gradients(case: Case, s: Sample) -> None:
    report = tg.gradcheck(of_floats(case, s), _floats(s.arrays))
    assert report, str(report)


@SMOOTH
def test_second_gradients(case: Case, s: Sample) -> None:
    report = tg.gradgradcheck(of_floats(case, s), _floats(s.arrays))
    assert report, str(report)


@DIFFERENTIABLE
def test_formulas_give_tensors_what_they_give_arrays(case: Case, s: Sample) -> None:
    inputs, leaves = as_inputs(s.arrays)
    y = case.function(*inputs, **s.options)
    recorded = tg.grad(y, leaves, upstream(y.shape, y.dtype), create_graph=True)
    for g, plain in zip(recorded, pull(case, s, s.arrays)[1], strict=True):
        close(g.data, plain.data, 1e-13)


@DIFFERENTIABLE
def test_float32_gradients_are_the_float64_ones(case: Case, s: Sample) -> None:
    _, exact = pull(case, s, Sample(s.cast("float32")).cast("float64"))
    y, grads = pull(case, s, s.cast("float32"))
    if case.name != "astype":
        assert y.dtype == "float32"
    for g, e in zip(grads, exact, strict=True):
        assert g.dtype == "float32"
        close(g.data, e.data, 2e-5)


@DIFFERENTIABLE
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_gradients_own_contiguous_memory(case: Case, s: Sample, dtype: str) -> None:
    inputs, leaves = as_inputs(s.cast(dtype))
    y = case.function(*inputs, **s.options)
    v = upstream(y.shape, y.dtype)
    y.backward(v)
    if case.name == "sign":  # owes nothing
        assert all(t.grad is None for t in leaves)
        return
    others: list[np.ndarray] = [v, y.data, *[t.data for t in leaves]]
    for t in leaves:
        assert t.grad is not None
        g = t.grad.data
        assert isinstance(g, np.ndarray)
        assert g.dtype == t.dtype
        assert g.shape == t.shape
        assert g.flags.c_contiguous
        assert g.flags.owndata
        assert g.flags.writeable
        assert t.grad.node is None
        assert not any(np.shares_memory(g, o) for o in others if o is not t.data)
        others.append(g)


def layouts(array: np.ndarray) -> Iterator[np.ndarray]:
    """The same values stored backwards, in Fortran's order, and with gaps."""
    backwards = (slice(None, None, -1),) * array.ndim
    yield np.array(array[backwards], order="C")[backwards] if array.ndim else array.copy()
    yield np.array(array, order="F")
    gaps = np.full([2 * n + 1 for n in array.shape], np.nan)[
        (..., *(slice(1, None, 2),) * array.ndim)
    ]
    gaps[...] = array
    yield gaps


@DIFFERENTIABLE
def test_strided_and_read_only_inputs(case: Case, s: Sample) -> None:
    expected, grads = pull(case, s, s.arrays)
    for many in zip(*[layouts(a) for a in _floats(s.arrays)], strict=True):
        for a in many:
            a.flags.writeable = False
        y, strided = pull(case, s, _placed(s.arrays, many))
        close(y.data, expected.data, 1e-13)
        for g, e in zip(strided, grads, strict=True):
            close(g.data, e.data, 1e-13)


@EVERY
def test_inputs_are_not_written(case: Case, s: Sample) -> None:
    arrays = [a.copy() if isinstance(a, np.ndarray) else a for a in s.arrays]
    inputs, _ = as_inputs(arrays)
    y = case.function(*inputs, **s.options)
    before = y.data.copy()
    if y.requires_grad:
        v = upstream(y.shape, y.dtype)
        kept = v.copy()
        y.backward(v)
        np.testing.assert_array_equal(v, kept)
    np.testing.assert_array_equal(y.data, before)
    for a, original in zip(arrays, s.arrays, strict=True):
        np.testing.assert_array_equal(a, original)


@pytest.mark.parametrize(
    ("case", "s"), [p for p in _samples(differentiable=True, smooth=True) if p.values[0].twin]
)
def test_fused_op_is_its_composition(case: Case, s: Sample) -> None:
    assert case.twin is not None
    twin = Case(case.name, case.twin, case.reference, case.samples)
    if case.name == "batch_norm" and not s.arrays[0].size:
        return  # the composition divides by the number of rows
    y, grads = pull(case, s, s.arrays)
    z, expected = pull(twin, s, s.arrays)
    close(y.data, z.data, 1e-12)
    for g, e in zip(grads, expected, strict=True):
        close(g.data, e.data, 1e-11)
    v = upstream(y.shape)
    for g, e in zip(
        second(case, s, [*s.arrays, v])[1], second(twin, s, [*s.arrays, v])[1], strict=True
    ):
        close(g, e, 1e-10)


@pytest.mark.parametrize(
    ("case", "bad"),
    [pytest.param(c, b, id=f"{c.name}-{i}") for c in CASES for i, b in enumerate(c.bad)],
)
def test_errors_name_both_sides(case: Case, bad: Any) -> None:
    with pytest.raises(bad.error, match=bad.match) as caught:
        case.function(*bad.arrays, **bad.options)
    assert type(caught.value) is bad.error


@pytest.mark.parametrize(
    ("case", "kink"),
    [pytest.param(c, k, id=f"{c.name}-{i}") for c in CASES for i, k in enumerate(c.kinks)],
)
def test_gradients_at_kinks_are_the_promised_ones(case: Case, kink: Any) -> None:
    inputs, leaves = as_inputs(kink.arrays)
    y = case.function(*inputs, **kink.options)
    for create in (False, True):
        grads = tg.grad(y, leaves, np.ones(y.shape), create_graph=create, retain_graph=True)
        for g, expected in zip(grads, kink.gradients, strict=True):
            np.testing.assert_array_equal(g.data, np.reshape(expected, g.shape))


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
