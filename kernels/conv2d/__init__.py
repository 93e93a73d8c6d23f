"""Specification of the convolution trio, on NHWC images.

    conv2d(x, w, b, *, stride, padding, dilation, groups, activation=None, out=None)    -> y
    conv2d_input_grad(dy, w, *, x_shape, stride, padding, dilation, groups, out=None)   -> dx
    conv2d_weight_grad(x, dy, *, w_shape, stride, padding, dilation, groups, out=None)  -> dw

    x, dx (N, H, W, C)   w, dw (KH, KW, C / groups, O)   b (O,) or None   y, dy (N, OH, OW, O)
    stride (sh, sw)   padding ((top, bottom), (left, right))   dilation (dh, dw)   groups an int
    activation: the kind of f in y = f(x * w + b), as in `../activation`; None is the identity
    flops 2 N OH OW O KH KW C / groups for each of the three     bytes the two inputs and the output

A new fast way to compute one of the three is a file beside `reference.py`, and a rule here that
says for which shapes it was measured to be faster. Read next: `reference.py`; then `plan.py`,
`direct_kernels.py` and `numba_direct.py`, any geometry on the register tile; then
`winograd_tiles.py`, `winograd_kernels.py` and `numba_winograd.py`, 3x3 and 5x5 filters with a
quarter of the multiplications or fewer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .. import compiled, cuda_launch
from ..activation import KINDS
from ..arrays import Array, byte_count, output_length
from ..numerics import precise
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
from .reference import conv2d, conv2d_input_grad, conv2d_weight_grad

_NO_PADDING = ((0, 0), (0, 0))


def geometry(
    stride: tuple[int, int] = (1, 1),
    padding: tuple[tuple[int, int], tuple[int, int]] = _NO_PADDING,
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
) -> Params:
    """The four parameters that the trio shares.

    Example:
        >>> geometry(stride=(2, 2))["stride"]
        (2, 2)
    """
    return {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}


def output_shape(x_shape: Shape, w_shape: Shape, params: Params) -> Shape:
    """The shape of y.

    Example:
        >>> output_shape((64, 28, 28, 1), (5, 5, 1, 6), geometry(padding=((2, 2), (2, 2))))
        (64, 28, 28, 6)
    """
    H, W = (
        output_length(*lengths)
        for lengths in zip(
            x_shape[1:3],
            w_shape[:2],
            params["stride"],
            params["padding"],
            params["dilation"],
            strict=True,
        )
    )
    return (x_shape[0], H, W, w_shape[3])


def _make(rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params) -> Arrays:
    """The arrays x and w, and b where a third shape is given."""
    arrays = normal_arrays(rng, dtype, shapes, params)
    return arrays if len(arrays) == 3 else (*arrays, None)


def _make_input_grad(
    rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params
) -> Arrays:
    """The arrays dy and w, from the shapes of x and w."""
    dy_shape = output_shape(shapes[0], shapes[1], params)
    return normal_arrays(rng, dtype, (dy_shape, shapes[1]), params)


def _make_weight_grad(
    rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params
) -> Arrays:
    """The arrays x and dy, from the shapes of x and w."""
    dy_shape = output_shape(shapes[0], shapes[1], params)
    return normal_arrays(rng, dtype, (shapes[0], dy_shape), params)


def _cost(x: Array, w: Array, b: Array | None, **params: Any) -> Cost:
    y_shape = output_shape(x.shape, w.shape, params)
    outputs = int(np.prod(y_shape))
    moved = byte_count(x, w) + outputs * x.itemsize + (0 if b is None else byte_count(b))
    return Cost(2 * outputs * int(np.prod(w.shape[:3])), moved)


def _input_grad_cost(dy: Array, w: Array, *, x_shape: Shape, **_: Any) -> Cost:
    moved = byte_count(dy, w) + int(np.prod(x_shape)) * dy.itemsize
    return Cost(2 * dy.size * int(np.prod(w.shape[:3])), moved)


def _weight_grad_cost(x: Array, dy: Array, *, w_shape: Shape, **_: Any) -> Cost:
    moved = byte_count(x, dy) + int(np.prod(w_shape)) * x.itemsize
    return Cost(2 * dy.size * int(np.prod(w_shape[:3])), moved)


_CASES: tuple[tuple[Shape, Shape, Params], ...] = (
    ((2, 5, 6, 1), (3, 3, 1, 2), geometry()),
    ((2, 6, 5, 3), (3, 2, 3, 4), geometry(padding=((1, 1), (0, 1)))),
    ((1, 7, 8, 2), (3, 3, 2, 2), geometry(stride=(2, 3), padding=((1, 2), (0, 3)))),
    ((2, 8, 7, 2), (3, 2, 2, 3), geometry(dilation=(2, 3), padding=((2, 2), (1, 1)))),
    ((1, 8, 9, 2), (2, 2, 2, 1), geometry(stride=(3, 2), dilation=(2, 2))),
    ((2, 5, 5, 4), (3, 3, 2, 6), geometry(groups=2, padding=((1, 1), (1, 1)))),
    ((2, 6, 6, 3), (3, 3, 1, 3), geometry(groups=3, stride=(2, 2))),
    ((3, 4, 4, 2), (1, 1, 2, 3), geometry()),
    ((1, 9, 9, 1), (2, 2, 1, 1), geometry(stride=(4, 4))),
    ((0, 5, 5, 2), (3, 3, 2, 3), geometry()),
    ((2, 9, 11, 5), (5, 3, 5, 37), geometry(padding=((2, 2), (1, 1)))),
    ((3, 13, 14, 7), (3, 3, 7, 19), geometry(stride=(2, 2), padding=((1, 1), (1, 1)))),
    ((2, 7, 9, 16), (3, 3, 16, 48), geometry(padding=((1, 1), (1, 1)))),
    ((1, 6, 5, 32), (3, 3, 32, 16), geometry(padding=((0, 2), (3, 1)))),
    ((2, 7, 6, 16), (5, 5, 16, 32), geometry(padding=((2, 1), (2, 2)))),
    ((2, 9, 8, 21), (3, 3, 1, 21), geometry(groups=21, padding=((1, 1), (1, 1)))),
)
"""Shapes of x and w: padding on one side, windows that skip numbers, groups, depthwise, none; then
sizes that no register tile divides, and filters that Winograd's algorithm takes."""


def _samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    for x_shape, w_shape, params in _CASES:
        yield _make(rng, dtype, (x_shape, w_shape), params), params
        yield _make(rng, dtype, (x_shape, w_shape, w_shape[3:]), params), params
    for kind in KINDS:
        x_shape, w_shape, params = _CASES[1]
        arrays = _make(rng, dtype, (x_shape, w_shape, w_shape[3:]), params)
        yield arrays, {**params, "activation": kind}


def _input_grad_samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    for x_shape, w_shape, params in _CASES:
        arrays = _make_input_grad(rng, dtype, (x_shape, w_shape), params)
        yield arrays, {"x_shape": x_shape, **params}


def _weight_grad_samples(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[Arrays, Params]]:
    for x_shape, w_shape, params in _CASES:
        arrays = _make_weight_grad(rng, dtype, (x_shape, w_shape), params)
        yield arrays, {"w_shape": w_shape, **params}


def _square(
    batch: int, channels: int, side: int, filters: int
) -> tuple[tuple[Shape, Shape], Params]:
    """A 3x3 convolution that keeps the size of its images."""
    shapes = ((batch, side, side, channels), (3, 3, channels, filters))
    return shapes, geometry(padding=((1, 1), (1, 1)))


_SIZES: tuple[tuple[str, tuple[tuple[Shape, Shape], Params]], ...] = (
    ("LeNet-5 c1", (((64, 28, 28, 1), (5, 5, 1, 6)), geometry(padding=((2, 2), (2, 2))))),
    ("LeNet-5 c2", (((64, 14, 14, 6), (5, 5, 6, 16)), geometry())),
    ("128,3,32,32", _square(128, 3, 32, 32)),
    ("128,16,32,16", _square(128, 16, 32, 16)),
    ("128,32,32,32", _square(128, 32, 32, 32)),
    ("128,64,16,64", _square(128, 64, 16, 64)),
    ("128,128,8,128", _square(128, 128, 8, 128)),
    ("8,256,14,256", _square(8, 256, 14, 256)),
    ("5x5 8,64,27,192", (((8, 27, 27, 64), (5, 5, 64, 192)), geometry(padding=((2, 2), (2, 2))))),
)
"""N, C, H, O for the 3x3 convolutions of a VGG or a ResNet on 32x32 images, and AlexNet's 5x5."""


def _fastest(tiled: Shape, w_shape: Shape, params: Params) -> str:
    """The fastest implementation for an image `tiled` (N, H, W, ...) in Winograd's tiles.

    Measured on one core of an AMD Zen 5 server CPU with AVX-512, the forward pass of 3x3 filters
    with stride 1, in ms:

        N, C, H, W, O        direct   F(2x2)   F(4x4)   PyTorch, channels last
        128, 16, 32, 32, 16     3.2      3.3      1.8      2.9
        8, 64, 56, 56, 64       7.1      4.0      2.4      7.2
        8, 512, 7, 7, 512       8.0      5.2      2.9      6.7
        128, 256, 2, 2, 256     2.4      1.2      2.6      3.7
    """
    (KH, KW, C, O), H, W = w_shape, *tiled[1:3]
    simple = params["stride"] == params["dilation"] == (1, 1) and params["groups"] == 1
    if not simple or C % 16 or O % 16:  # the transforms take whole vectors of channels
        return "numba_direct"
    if (KH, KW) == (5, 5):  # 8, 64, 27, 27, 192 on two cores: direct 6.9 ms, F(4x4, 5x5) 1.8
        return "numba_direct" if precise() else "numba_winograd"
    if (KH, KW) != (3, 3):
        return "numba_direct"
    # Multiplications for one channel and filter: 36 in a tile of 4x4, 16 in one of 2x2.
    if 16 * -(-H // 2) * -(-W // 2) <= 36 * -(-H // 4) * -(-W // 4):
        return "numba_winograd2"
    return "numba_winograd2" if precise() else "numba_winograd"


def _rule(arrays: Arrays, params: Params) -> str:
    x, w = arrays[:2]
    return _fastest(output_shape(x.shape, w.shape, params), w.shape, params)


def _input_grad_rule(arrays: Arrays, params: Params) -> str:
    return _fastest(params["x_shape"], arrays[1].shape, params)


def _weight_grad_rule(arrays: Arrays, params: Params) -> str:
    return _fastest(arrays[1].shape, params["w_shape"], params)


CONV2D = register(
    Op(
        name="conv2d",
        reference=conv2d,
        cost=_cost,
        samples=_samples,
        make=_make,
        rule=_rule,
        shape_class=_rule,
        benchmark_shapes=tuple(
            Benchmark(label, shapes, params) for label, (shapes, params) in _SIZES
        ),
    )
)
CONV2D_INPUT_GRAD = register(
    Op(
        name="conv2d_input_grad",
        reference=conv2d_input_grad,
        cost=_input_grad_cost,
        samples=_input_grad_samples,
        make=_make_input_grad,
        rule=_input_grad_rule,
        shape_class=_input_grad_rule,
        benchmark_shapes=tuple(
            Benchmark(label, shapes, {"x_shape": shapes[0], **params})
            for label, (shapes, params) in _SIZES
        ),
    )
)
CONV2D_WEIGHT_GRAD = register(
    Op(
        name="conv2d_weight_grad",
        reference=conv2d_weight_grad,
        cost=_weight_grad_cost,
        samples=_weight_grad_samples,
        make=_make_weight_grad,
        rule=_weight_grad_rule,
        shape_class=_weight_grad_rule,
        benchmark_shapes=tuple(
            Benchmark(label, shapes, {"w_shape": shapes[1], **params})
            for label, (shapes, params) in _SIZES
        ),
    )
)

for _op in (CONV2D, CONV2D_INPUT_GRAD, CONV2D_WEIGHT_GRAD):
    cuda_launch.register(_op.name, f".conv2d.cuda:{_op.name}")
    for _name in ("numba_direct", "numba_winograd", "numba_winograd2"):
        add(
            Implementation(
                _op.name,
                _name,
                f".conv2d.{_name}:{_op.name}",
                family="numpy",
                dtypes=("float32",),
                available=compiled.available,
            )
        )
