"""Records of `ops/conv1d.py`, `ops/conv_transpose.py` and `ops/unfold.py`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import tinygrad_course as tg
from tinygrad_course.errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError

from .conv import _conv, sides, two
from .record import Bad, Case, Sample, normal, sample

RNG = np.random.Generator
Shape = tuple[int, ...]

SEQUENCES: tuple[tuple[Shape, Shape, dict[str, Any]], ...] = (
    ((2, 5, 3), (3, 3, 2), {}),
    ((1, 6, 2), (3, 2, 3), {"stride": 2, "padding": 1}),
    ((2, 5, 1), (2, 1, 2), {"padding": (1, 0)}),
    ((1, 7, 2), (3, 2, 1), {"dilation": 2, "padding": "same"}),
    ((2, 4, 4), (3, 2, 6), {"groups": 2, "padding": 1}),
    ((1, 5, 3), (2, 1, 3), {"groups": 3, "stride": 3}),
    ((1, 3, 2), (3, 2, 2), {"padding": "valid"}),
    ((3, 1, 2), (1, 2, 3), {}),
    ((0, 4, 2), (3, 2, 2), {}),
)


def _sequences(rng: RNG) -> Iterator[Sample]:
    for i, (x, w, options) in enumerate(SEQUENCES):
        bias = (normal(rng, w[2]),) if i % 2 else ()
        yield sample(normal(rng, *x), normal(rng, *w), *bias, **options)


def _np_conv1d(x, w, b=None, *, stride=1, padding=0, dilation=1, groups=1):
    if not isinstance(padding, str):
        padding = (0, 0), two(padding)
    y = _conv(
        x[:, None], w[None], b, stride=(1, stride), padding=padding, dilation=(1, dilation),
        groups=groups,
    )  # fmt: skip
    return y[:, 0]


TRANSPOSED: tuple[tuple[Shape, Shape, dict[str, Any]], ...] = (
    ((2, 3, 4, 3), (3, 2, 3, 2), {}),
    ((1, 3, 2, 2), (3, 3, 2, 3), {"stride": 2, "padding": 1}),
    ((1, 3, 2, 2), (3, 3, 2, 3), {"stride": 2, "padding": 1, "output_padding": 1}),
    ((2, 2, 3, 1), (2, 3, 1, 2), {"stride": (2, 3), "output_padding": (1, 2)}),
    ((1, 3, 3, 2), (2, 2, 2, 1), {"padding": ((0, 1), (1, 0)), "stride": 2}),
    ((1, 3, 2, 1), (3, 2, 1, 2), {"dilation": (2, 3), "output_padding": (1, 2), "padding": 1}),
    ((2, 3, 3, 4), (2, 2, 2, 6), {"groups": 2, "stride": 3, "output_padding": (2, 0)}),
    ((1, 2, 3, 3), (2, 2, 1, 3), {"groups": 3}),
    ((3, 1, 1, 2), (1, 1, 2, 3), {}),
    ((0, 2, 2, 2), (3, 3, 2, 2), {}),
)


def _transposed(rng: RNG) -> Iterator[Sample]:
    for i, (x, w, options) in enumerate(TRANSPOSED):
        bias = (normal(rng, w[3]),) if i % 2 else ()
        yield sample(normal(rng, *x), normal(rng, *w), *bias, **options)


def _np_transposed(x, w, b=None, *, stride=1, padding=0, output_padding=0, dilation=1, groups=1):
    """Every pixel adds its multiple of the filters; what lies in the padding is cut off."""
    (sh, sw), (dh, dw), (oh, ow) = two(stride), two(dilation), two(output_padding)
    (top, bottom), (left, right) = sides(padding, x.shape[1:3], w.shape[:2], stride, dilation)
    (N, H, W, _), (KH, KW, C, O) = x.shape, w.shape
    reach = (H - 1) * sh + dh * (KH - 1) + 1 + oh, (W - 1) * sw + dw * (KW - 1) + 1 + ow
    y = np.zeros((N, *reach, O))
    for p, q, i, j in np.ndindex(H, W, KH, KW):
        for o in range(O):
            g = o // (O // groups)
            y[:, p * sh + i * dh, q * sw + j * dw, o] += (
                x[:, p, q, g * C : (g + 1) * C] @ w[i, j, :, o]
            )
    y = y[:, top : reach[0] - bottom, left : reach[1] - right]
    return y if b is None else y + b


WINDOWS: tuple[tuple[Shape, dict[str, Any]], ...] = (
    ((2, 4, 5, 2), {"kernel_size": (3, 2)}),
    ((1, 5, 4, 1), {"kernel_size": 2, "stride": 2, "padding": 1}),
    ((1, 6, 5, 2), {"kernel_size": (2, 3), "dilation": (3, 2), "padding": ((1, 0), (0, 2))}),
    ((1, 5, 4, 1), {"kernel_size": 3, "padding": "same", "stride": 2}),
    ((1, 4, 4, 2), {"kernel_size": 1, "stride": 3}),
    ((0, 4, 4, 1), {"kernel_size": 2}),
)


def _unfolds(rng: RNG) -> Iterator[Sample]:
    for shape, options in WINDOWS:
        yield sample(normal(rng, *shape), **options)


def _folds(rng: RNG) -> Iterator[Sample]:
    for shape, options in WINDOWS:
        y = _np_unfold(np.zeros(shape), **options)
        yield sample(normal(rng, *y.shape), image_size=shape[1:3], **options)


def _np_unfold(x, kernel_size, stride=1, padding=0, dilation=1):
    (KH, KW), (sh, sw), (dh, dw) = two(kernel_size), two(stride), two(dilation)
    x = np.pad(x, ((0, 0), *sides(padding, x.shape[1:3], (KH, KW), stride, dilation), (0, 0)))
    OH, OW = (x.shape[1] - dh * (KH - 1) - 1) // sh + 1, (x.shape[2] - dw * (KW - 1) - 1) // sw + 1
    rows = [x[:, p * sh + i * dh, q * sw + j * dw] for p, q, i, j in np.ndindex(OH, OW, KH, KW)]
    return np.stack(rows, 1).reshape(len(x), OH, OW, KH * KW * x.shape[3])


def _np_fold(y, image_size, kernel_size, **options):
    """The transpose of unfold's matrix, made of unit images."""
    C = y.shape[3] // (two(kernel_size)[0] * two(kernel_size)[1])
    shape = (*image_size, C)
    units = np.eye(int(np.prod(shape))).reshape(-1, *shape)
    matrix = _np_unfold(units, kernel_size, **options).reshape(len(units), -1)
    size = int(np.prod(y.shape[1:]))
    return (y.reshape(len(y), size) @ matrix.T).reshape(len(y), *shape)


S, SW = tg.tensor(np.ones((2, 9, 3))), np.ones((3, 3, 4))
X, W = tg.tensor(np.ones((2, 4, 4, 3))), np.ones((3, 3, 3, 4))

CASES = (
    Case(
        "conv1d",
        tg.conv1d,
        _np_conv1d,
        _sequences,
        bad=(
            Bad((S, np.ones((3, 2, 4))), ShapeError, r"conv1d: weight expects 2 .*\(3, 2, 4\).*3"),
            Bad((tg.tensor(np.ones((9, 3))), SW), ShapeError, r"\(N, T, C\).*\(9, 3\).*x\[None\]"),
            Bad((S, np.ones((3, 3))), ShapeError, r"conv1d: weight must be .*\(3, 3\)"),
            Bad((S, SW, np.ones(3)), ShapeError, r"conv1d: bias .*\(4,\).*\(3,\)"),
            Bad((S, np.ones((10, 3, 4))), ShapeError, r"conv1d: a window of 10 steps"),
            Bad((S, np.ones((3, 1, 4))), ShapeError, "4 output channels.*3 groups", {"groups": 3}),
            Bad((S, SW), ArgumentError, "conv1d: groups must be at least 1", {"groups": 0}),
            Bad((S, SW), ArgumentError, "conv1d: stride must be at least 1", {"stride": 0}),
            Bad((S, SW), ArgumentTypeError, "conv1d: dilation .*1.5", {"dilation": 1.5}),
            Bad((S, SW), ArgumentError, "conv1d: padding .*at least 0.* -1$", {"padding": -1}),
            Bad((S, SW), ArgumentError, r"conv1d: padding .*left, right", {"padding": "full"}),
            Bad((S, SW), ArgumentTypeError, r"conv1d: padding .*left, right", {"padding": (1,)}),
            Bad((S, SW.astype("float32")), DtypeError, "float64 with float32"),
        ),
    ),
    Case(
        "conv_transpose2d",
        tg.conv_transpose2d,
        _np_transposed,
        _transposed,
        bad=(
            Bad(
                (X, np.ones((3, 3, 2, 4))),
                ShapeError,
                r"conv_transpose2d: weight expects 2 .*\(3, 3, 2, 4\).*has 3 .*\(2, 4, 4, 3\)",
            ),
            Bad((tg.tensor(np.ones((4, 4, 3))), W), ShapeError, r"conv_transpose2d.*x\[None\]"),
            Bad((X, np.ones((3, 3))), ShapeError, r"weight must be .*\(3, 3\)"),
            Bad((X, W, np.ones(3)), ShapeError, r"conv_transpose2d: bias .*\(4,\).*\(3,\)"),
            Bad((X, np.ones((3, 3, 1, 4))), ShapeError, "4 output .*3 groups", {"groups": 3}),
            Bad((X, W), ShapeError, "groups must be", {"groups": 0}),
            Bad((X, W), ArgumentError, "padding must be .*'same'", {"padding": "same"}),
            Bad((X, W), ArgumentError, "output_padding must be less .*2", {"output_padding": 2}),
            Bad((X, W), ShapeError, "leave an output of 0", {"padding": 3}),
            Bad((X, W.astype("float32")), DtypeError, "float64 with float32"),
        ),
    ),
    Case(
        "unfold",
        tg.unfold,
        _np_unfold,
        _unfolds,
        bad=(
            Bad((tg.tensor(np.ones((4, 4, 1))), 2), ShapeError, r"unfold.*\(4, 4, 1\)"),
            Bad((X, 5), ShapeError, r"unfold: a window of \(5, 5\).*\(4, 4\)"),
            Bad((X, 0), ArgumentError, "unfold: kernel_size must be at least 1"),
        ),
    ),
    Case(
        "fold",
        tg.fold,
        _np_fold,
        _folds,
        bad=(
            Bad((X, 9, 2), ShapeError, r"fold: .*\(9, 9\).*\(8, 8\).*4 C.*\(2, 4, 4, 3\)"),
            Bad((X, 5, 2), ShapeError, r"fold: .*\(N, 4, 4, 4 C\).*\(2, 4, 4, 3\)"),
        ),
    ),
)  # fmt: skip
