"""Gradients of both orders at 1e-6 on shapes that Hypothesis draws, and values beside NumPy's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from cases import CASES
from cases.record import away, distinct, grid, normal, positive
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from strategies import axes_of, broadcastable, convolutions, layouts, pools, seeds, shapes

import tinygrad_course as tg
from tinygrad_course.tensor import wrap

REFERENCE = {case.name: case.reference for case in CASES}
FEW = settings(max_examples=settings().max_examples // 2)


def prove(f: Callable[..., Any], *inputs: np.ndarray, reference: Any = None) -> None:
    """First and second gradients of f, its values, and float32 beside float64."""
    y = f(*[wrap(a, None) for a in inputs])
    if reference is not None:
        expected = np.asarray(reference(*inputs))
        assert y.shape == expected.shape
        np.testing.assert_allclose(y.data, expected, rtol=1e-11, atol=1e-11)
    single = f(*[wrap(a.astype("float32"), None) for a in inputs])
    assert single.dtype == "float32"
    np.testing.assert_allclose(single.data, y.data, rtol=1e-4, atol=1e-4)
    for check in (tg.gradcheck, tg.gradgradcheck):
        report = check(f, list(inputs))
        assert report, str(report)


UNARY = {
    "exp": normal, "log": positive, "sqrt": positive, "tanh": normal, "sigmoid": normal,
    "relu": away, "leaky_relu": away, "abs": away, "neg": normal, "sign": away,
}  # fmt: skip


@pytest.mark.parametrize("name", UNARY)
@FEW
@given(shape=shapes, seed=seeds)
def test_elementwise(name: str, shape: tuple[int, ...], seed: int) -> None:
    x = UNARY[name](np.random.default_rng(seed), *shape)
    prove(getattr(tg, name), x, reference=REFERENCE[name])


def _lifted(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return grid(rng, *shape, offset=0.15)


BINARY = {
    "add": (normal, normal),
    "sub": (normal, normal),
    "mul": (normal, normal),
    "div": (normal, away),
    "pow": (positive, normal),
    "maximum": (grid, _lifted),
    "minimum": (grid, _lifted),
}


@pytest.mark.parametrize("name", BINARY)
@FEW
@given(pair=broadcastable, seed=seeds)
def test_broadcasting(name: str, pair: tuple[tuple[int, ...], ...], seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = (draw(rng, *shape) for draw, shape in zip(BINARY[name], pair, strict=True))
    prove(getattr(tg, name), a, b, reference=REFERENCE[name])


@given(
    drawn=hnp.mutually_broadcastable_shapes(num_shapes=3, max_dims=3, min_side=0, max_side=3),
    seed=seeds,
)
def test_where(drawn: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second, third = drawn.input_shapes
    mask = np.asarray(rng.random(first) < 0.5)
    prove(
        lambda a, b: tg.where(mask, a, b),
        normal(rng, *second),
        normal(rng, *third),
        reference=lambda a, b: np.where(mask, a, b),
    )


@pytest.mark.parametrize("name", ["sum", "mean", "var", "max", "min", "logsumexp"])
@FEW
@given(data=st.data(), keepdims=st.booleans(), seed=seeds)
def test_reductions(name: str, data: st.DataObject, keepdims: bool, seed: int) -> None:
    least = 0 if name == "sum" else 1
    shape = data.draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=least, max_side=3))
    axis = data.draw(axes_of(len(shape)))
    rng = np.random.default_rng(seed)
    x = distinct(rng, *shape) if name in ("max", "min") else normal(rng, *shape)

    def reduce(t: Any) -> Any:
        return getattr(tg, name)(t, axis, keepdims=keepdims)

    expected = {
        "logsumexp": lambda a, axis, keepdims: np.log(np.exp(a).sum(axis, keepdims=keepdims))
    }
    reference = expected.get(name, getattr(np, name, None))
    prove(reduce, x, reference=lambda a: reference(a, axis=axis, keepdims=keepdims))


@given(
    drawn=hnp.mutually_broadcastable_shapes(
        signature="(n?,k),(k,m?)->(n?,m?)", max_dims=2, min_side=0, max_side=3
    ),
    seed=seeds,
)
def test_matmul(drawn: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = (normal(rng, *shape) for shape in drawn.input_shapes)
    prove(tg.matmul, a, b, reference=np.matmul)


@given(
    rows=hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3),
    sizes=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    bias=st.booleans(),
    seed=seeds,
)
def test_dense(rows: tuple[int, ...], sizes: tuple[int, int], bias: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    arrays = [normal(rng, *rows, sizes[0]), normal(rng, *sizes)] + [normal(rng, sizes[1])] * bias
    prove(tg.dense, *arrays, reference=REFERENCE["dense"])


@given(geometry=convolutions(), bias=st.booleans(), seed=seeds)
def test_conv2d(geometry: Any, bias: bool, seed: int) -> None:
    x_shape, w_shape, options = geometry
    rng = np.random.default_rng(seed)
    arrays = [normal(rng, *x_shape), normal(rng, *w_shape)] + [normal(rng, w_shape[3])] * bias
    prove(
        lambda *a: tg.conv2d(*a, **options),
        *arrays,
        reference=lambda *a: REFERENCE["conv2d"](*a, **options),
    )
    composed = tg.functional.conv2d_im2col(*arrays, **options)
    np.testing.assert_allclose(tg.conv2d(*arrays, **options), composed, rtol=1e-12, atol=1e-12)


@given(geometry=pools(), seed=seeds)
def test_max_pool2d(geometry: Any, seed: int) -> None:
    shape, options = geometry
    prove(
        lambda x: tg.max_pool2d(x, **options),
        distinct(np.random.default_rng(seed), *shape),
        reference=lambda x: REFERENCE["max_pool2d"](x, **options),
    )


@given(geometry=pools(), count=st.booleans(), seed=seeds)
def test_avg_pool2d(geometry: Any, count: bool, seed: int) -> None:
    shape, options = geometry
    options = {**options, "count_include_pad": count}
    prove(
        lambda x: tg.avg_pool2d(x, **options),
        normal(np.random.default_rng(seed), *shape),
        reference=lambda x: REFERENCE["avg_pool2d"](x, **options),
    )


@given(
    rows=hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=3),
    channels=st.integers(1, 3),
    seed=seeds,
)
def test_batch_norm(rows: tuple[int, ...], channels: int, seed: int) -> None:
    if np.prod(rows) < 3:  # of two values, one becomes -1 and the other 1
        rows = (3, *rows[1:])
    rng = np.random.default_rng(seed)
    prove(
        lambda *a: tg.batch_norm(*a, eps=0.1),
        normal(rng, *rows, channels),
        normal(rng, channels),
        normal(rng, channels),
        reference=lambda *a: REFERENCE["batch_norm"](*a, eps=0.1),
    )


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@FEW
@given(data=st.data(), seed=seeds)
def test_softmax(name: str, data: st.DataObject, seed: int) -> None:
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=3))
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    x = normal(np.random.default_rng(seed), *shape)
    prove(lambda t: getattr(tg, name)(t, axis), x, reference=lambda a: REFERENCE[name](a, axis))


@given(
    rows=hnp.array_shapes(min_dims=0, max_dims=2, min_side=1, max_side=3),
    classes=st.integers(1, 4),
    reduction=st.sampled_from(["mean", "sum", "none"]),
    soft=st.booleans(),
    seed=seeds,
)
def test_cross_entropy(
    rows: tuple[int, ...], classes: int, reduction: str, soft: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    logits = normal(rng, *rows, classes)
    if soft:
        name, arrays = (
            "cross_entropy (probabilities)",
            [logits, rng.dirichlet(np.ones(classes), rows)],
        )
        targets: list[Any] = []
    else:
        name, arrays = "cross_entropy", [logits]
        targets = [np.asarray(rng.integers(classes, size=rows))]
    prove(
        lambda *a: tg.cross_entropy(*a, *targets, reduction=reduction),
        *[np.asarray(a) for a in arrays],
        reference=lambda *a: REFERENCE[name](*a, *targets, reduction=reduction),
    )


@given(data=st.data(), seed=seeds)
def test_shaping(data: st.DataObject, seed: int) -> None:
    """A chain of random moves: reshape, transpose, slice, pad, expand, broadcast, concatenate."""
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=3))
    x = normal(np.random.default_rng(seed), *shape)
    moves: list[Callable[[Any, Any], Any]] = []
    ndim = len(shape)
    for _ in range(data.draw(st.integers(1, 4))):
        kind = data.draw(
            st.sampled_from(["flat", "transpose", "pad", "expand", "broadcast", "join"])
        )
        if kind == "flat":
            moves.append(lambda F, a: F.reshape(a, (-1,)))
            ndim = 1
        elif kind == "transpose":
            order = data.draw(st.permutations(range(ndim)))
            moves.append(lambda F, a, order=tuple(order): F.transpose(a, order))
        elif kind == "pad":
            widths = data.draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
            moves.append(lambda F, a, w=widths: F.pad(a, w))
        elif kind == "expand" and ndim < 4:
            axis = data.draw(st.integers(-ndim - 1, ndim))
            moves.append(lambda F, a, axis=axis: F.expand_dims(a, axis))
            ndim += 1
        elif kind == "broadcast" and ndim < 4:
            moves.append(lambda F, a: F.broadcast_to(a, (2, *a.shape)))
            ndim += 1
        elif kind == "join":
            axis = data.draw(st.integers(0, ndim - 1))
            moves.append(lambda F, a, axis=axis: F.concatenate([a, a], axis))

    def chain(F: Any) -> Callable[[Any], Any]:
        def run(a: Any) -> Any:
            for move in moves:
                a = move(F, a)
            return a

        return run

    y = chain(tg)(wrap(x, None))
    np.testing.assert_array_equal(y.data, chain(np)(x))
    if y.size <= 100:
        prove(chain(tg), x)


LAYOUT = {
    "exp": ((2, 3),),
    "tanh": ((3,),),
    "add": ((2, 3), (3,)),
    "mul": ((2, 3), (2, 1)),
    "sum": ((2, 3),),
    "max": ((2, 3),),
    "logsumexp": ((2, 3),),
    "softmax": ((2, 3),),
    "matmul": ((2, 3), (3, 2)),
    "dense": ((2, 3), (3, 4), (4,)),
    "conv2d": ((2, 4, 3, 2), (2, 2, 2, 3), (3,)),
    "batch_norm": ((4, 3), (3,), (3,)),
    "avg_pool2d": ((1, 4, 3, 2),),
    "max_pool2d": ((1, 4, 3, 2),),
    "dropout": ((3, 5),),
    "pad": ((2, 3),),
    "transpose": ((2, 3, 2),),
    "reshape": ((4, 3),),
    "mse": ((2, 3), (2, 3)),
}
EXTRA: dict[str, dict[str, Any]] = {
    "avg_pool2d": {"kernel_size": 2}, "max_pool2d": {"kernel_size": 2}, "pad": {"widths": 1},
    "reshape": {"shape": (3, 4)},
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUT)
@settings(max_examples=15)
@given(data=st.data(), seed=seeds)
def test_layouts_do_not_matter(name: str, data: st.DataObject, seed: int) -> None:
    """Values and gradients of strided, reversed, permuted and read-only inputs: the same."""
    rng = np.random.default_rng(seed)
    arrays = [distinct(rng, *shape) for shape in LAYOUT[name]]
    strided = [data.draw(layouts(a)) for a in arrays]
    found = []
    for inputs in (arrays, strided):
        options = dict(EXTRA.get(name, {}))
        if name == "dropout":
            options["generator"] = tg.Generator(3)
        leaves = [wrap(a, None) for a in inputs]
        for t in leaves:
            t.requires_grad = True
        y = getattr(tg, name)(*leaves, **options)
        v = np.random.default_rng(1).standard_normal(y.shape)
        found.append([y.data, *[g.data for g in tg.grad(y, leaves, v)]])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
