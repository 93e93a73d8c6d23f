"""Specification of the pools, on NHWC images.

    max_pool2d(x, *, size, stride, padding, out=None)                         -> (y, argmax)
    max_pool2d_grad(dy, argmax, *, x_shape, out=None)                         -> dx
    max_pool2d_gather(x, argmax, *, out=None)                                 -> x.flat[argmax]
    avg_pool2d(x, *, size, stride, padding, count_include_pad, out=None)      -> y
    avg_pool2d_grad(dy, *, x_shape, size, stride, padding, count_include_pad, out=None) -> dx

    x, dx (N, H, W, C)   y, dy, argmax (N, OH, OW, C); argmax is intp, an index into the flat x
    size (KH, KW)   stride (sh, sw)   padding ((top, bottom), (left, right)), less than the size
    flops KH KW comparisons or additions an output     bytes the inputs and the outputs

Read next: `reference.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .. import compiled, cuda_launch
from ..arrays import Array, byte_count, output_length
from ..registry import (
    Arrays,
    Benchmark,
    Cost,
    Implementation,
    Op,
    Params,
    Shape,
    add,
    normal_arrays,
    register,
)
from .reference import (
    avg_pool2d,
    avg_pool2d_grad,
    max_pool2d,
    max_pool2d_gather,
    max_pool2d_grad,
)

_NO_PADDING = ((0, 0), (0, 0))


def _window(
    size: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[tuple[int, int], tuple[int, int]] = _NO_PADDING,
) -> Params:
    return {"size": size, "stride": stride, "padding": padding}


def _outputs(x_shape: Shape, window: Params) -> Shape:
    rows, columns = (
        output_length(x_shape[1 + k], window["size"][k], window["stride"][k], window["padding"][k])
        for k in (0, 1)
    )
    return (x_shape[0], rows, columns, x_shape[3])


_CASES: tuple[tuple[Shape, Params], ...] = (
    ((2, 4, 6, 3), _window((2, 2), (2, 2))),
    ((2, 7, 6, 2), _window((3, 2), (2, 1))),
    ((1, 5, 5, 1), _window((3, 3), (1, 1), ((1, 1), (1, 1)))),
    ((2, 6, 5, 2), _window((3, 2), (2, 2), ((1, 0), (0, 1)))),
    ((1, 5, 6, 2), _window((2, 2), (3, 3))),
    ((2, 3, 3, 2), _window((3, 3), (1, 1))),
    ((1, 20, 20, 1), _window((17, 16), (2, 3))),
    ((3, 9, 7, 17), _window((2, 2), (2, 2))),
    ((2, 9, 8, 71), _window((3, 3), (2, 2), ((1, 1), (1, 1)))),
    ((5, 20, 19, 32), _window((3, 2), (2, 1), ((0, 1), (1, 0)))),
    ((0, 4, 4, 2), _window((2, 2), (2, 2))),
    ((2, 4, 4, 0), _window((2, 2), (2, 2))),
)
"""Shape of x and the window: overlapping, one-sided padding, gaps, the whole image, channels that
are no multiple of any vector, enough numbers for several threads, no image, no channel."""


def _with_ties(rng: np.random.Generator, dtype: Any, shape: Shape) -> Array:
    """Small integers, as after a ReLU: most windows hold their maximum more than once."""
    return np.maximum(rng.integers(-3, 3, size=shape), 0).astype(dtype)


def _max_samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    for x_shape, window in _CASES:
        yield normal_arrays(rng, dtype, (x_shape,), window), window
        yield (_with_ties(rng, dtype, x_shape),), window
    yield (np.full((1, 3, 3, 1), -np.inf, dtype),), _window((2, 2), (1, 1), ((1, 1), (1, 1)))
    x = _with_ties(rng, dtype, (2, 7, 7, 35))
    x[rng.random(x.shape) < 0.2] = np.nan
    x[rng.random(x.shape) < 0.2] = -np.inf
    yield (x,), _window((3, 3), (2, 2), ((1, 1), (1, 1)))


def _make_scatter(
    rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params
) -> Arrays:
    """A dy of the first shape, and places in its own image of `x_shape`, some met twice."""
    numbers = int(np.prod(params["x_shape"][1:]))
    places = rng.integers(0, max(1, numbers), size=shapes[0])
    places += numbers * np.arange(len(places)).reshape(-1, 1, 1, 1)
    return (*normal_arrays(rng, dtype, shapes[:1], params), places.astype(np.intp))


def _scatter_samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    for x_shape, window in _CASES:
        params = {"x_shape": x_shape}
        yield _make_scatter(rng, dtype, (_outputs(x_shape, window),), params), params


def _make_gather(
    rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params
) -> Arrays:
    """An x of the first shape, and places in its images, of the second."""
    _, places = _make_scatter(rng, dtype, shapes[1:], {"x_shape": shapes[0]})
    return (*normal_arrays(rng, dtype, shapes[:1], params), places)


def _gather_samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    for x_shape, window in _CASES:
        yield _make_gather(rng, dtype, (x_shape, _outputs(x_shape, window)), {}), {}


def _avg_samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    for x_shape, window in _CASES:
        for count_include_pad in (True, False):
            params = {**window, "count_include_pad": count_include_pad}
            yield normal_arrays(rng, dtype, (x_shape,), params), params


def _make_avg_grad(
    rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params
) -> Arrays:
    """A dy, from the shape of x."""
    return normal_arrays(rng, dtype, (_outputs(params["x_shape"], params),), params)


def _avg_grad_samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    for (x,), window in _avg_samples(rng, dtype):
        params = {"x_shape": x.shape, **window}
        yield _make_avg_grad(rng, dtype, (), params), params


def _pool_cost(x: Array, **params: Any) -> Cost:
    outputs = int(np.prod(_outputs(x.shape, params)))
    return Cost(
        outputs * params["size"][0] * params["size"][1], byte_count(x) + outputs * x.itemsize
    )


def _max_pool_cost(x: Array, **params: Any) -> Cost:
    flops, moved = _pool_cost(x, **params)
    places = int(np.prod(_outputs(x.shape, params))) * np.dtype(np.intp).itemsize
    return Cost(flops, moved + places)


def _scatter_cost(dy: Array, argmax: Array, *, x_shape: Shape, **_: Any) -> Cost:
    return Cost(dy.size, byte_count(dy, argmax) + int(np.prod(x_shape)) * dy.itemsize)


def _gather_cost(x: Array, argmax: Array, **_: Any) -> Cost:
    return Cost(0, 2 * argmax.size * x.itemsize + byte_count(argmax))


def _avg_grad_cost(dy: Array, *, x_shape: Shape, size: tuple[int, int], **_: Any) -> Cost:
    moved = byte_count(dy) + int(np.prod(x_shape)) * dy.itemsize
    return Cost(dy.size * (size[0] * size[1] + 1), moved)


_SIZES: tuple[tuple[str, Shape, Params], ...] = (
    ("LeNet-5 s2, 2x2", (64, 28, 28, 6), _window((2, 2), (2, 2))),
    ("LeNet-5 s4, 2x2", (64, 10, 10, 16), _window((2, 2), (2, 2))),
    ("VGG, 2x2", (128, 32, 32, 32), _window((2, 2), (2, 2))),
    ("AlexNet, 3x3 stride 2", (8, 55, 55, 64), _window((3, 3), (2, 2))),
)


def _rule(arrays: Arrays, params: Params) -> str:
    """Max pooling of 19,000 numbers: 10 us compiled, 54 by the reference; of 32: 2 and 29.

    The gather of 32 takes 1.4 us against 0.5, and nothing that small is worth compiling for.
    """
    return "numba" if _shape_class(arrays, params) else "reference"


def _shape_class(arrays: Arrays, params: Params) -> bool:
    """Whether the input (x, or dy going back) is large enough to compile for."""
    return bool(arrays[0].size >= 256)


MAX_POOL2D = register(
    Op(
        name="max_pool2d",
        reference=max_pool2d,
        cost=_max_pool_cost,
        samples=_max_samples,
        rule=_rule,
        shape_class=_shape_class,
        benchmark_shapes=tuple(Benchmark(label, (x,), window) for label, x, window in _SIZES),
    )
)
MAX_POOL2D_GRAD = register(
    Op(
        name="max_pool2d_grad",
        reference=max_pool2d_grad,
        cost=_scatter_cost,
        samples=_scatter_samples,
        make=_make_scatter,
        rule=_rule,
        shape_class=_shape_class,
        benchmark_shapes=tuple(
            Benchmark(label, (_outputs(x, window),), {"x_shape": x}) for label, x, window in _SIZES
        ),
    )
)
MAX_POOL2D_GATHER = register(
    Op(
        name="max_pool2d_gather",
        reference=max_pool2d_gather,
        cost=_gather_cost,
        samples=_gather_samples,
        make=_make_gather,
        rule=_rule,
        shape_class=_shape_class,
        benchmark_shapes=tuple(
            Benchmark(label, (x, _outputs(x, window)), {}) for label, x, window in _SIZES
        ),
    )
)
AVG_POOL2D = register(
    Op(
        name="avg_pool2d",
        reference=avg_pool2d,
        cost=_pool_cost,
        samples=_avg_samples,
        rule=_rule,
        shape_class=_shape_class,
        benchmark_shapes=tuple(
            Benchmark(label, (x,), {**window, "count_include_pad": True})
            for label, x, window in _SIZES
        ),
    )
)
AVG_POOL2D_GRAD = register(
    Op(
        name="avg_pool2d_grad",
        reference=avg_pool2d_grad,
        cost=_avg_grad_cost,
        samples=_avg_grad_samples,
        make=_make_avg_grad,
        rule=_rule,
        shape_class=_shape_class,
        benchmark_shapes=tuple(
            Benchmark(label, (), {"x_shape": x, **window, "count_include_pad": True})
            for label, x, window in _SIZES
        ),
    )
)

_TAKES = {
    "max_pool2d": ("float32",),
    "max_pool2d_grad": ("float32", "float64"),
    "max_pool2d_gather": ("float32", "float64"),
    "avg_pool2d": ("float32",),
    "avg_pool2d_grad": ("float32",),
}
for _op, _dtypes in _TAKES.items():
    add(
        Implementation(
            _op,
            "numba",
            f".pool2d.numba_{_op[:3]}:{_op}",
            family="numpy",
            dtypes=_dtypes,
            available=compiled.available,
        )
    )

for _op in _TAKES:
    cuda_launch.register(_op, f".pool2d.cuda:{_op}")
