"""Every op against its record in `cases/`: values, gradients of both orders, layouts, errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from cases import CASES, Case, Sample
from cases.record import close, is_float

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
