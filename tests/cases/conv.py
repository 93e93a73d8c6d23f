"""Records of `ops/conv.py`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import tinygrad_course as tg
from tinygrad_course.errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError

from .record import Bad, Case, Sample, normal, sample

RNG = np.random.Generator

GEOMETRIES: tuple[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]], ...] = (
    ((2, 5, 4, 3), (3, 2, 3, 2), {}),
    ((1, 6, 5, 2), (3, 3, 2, 3), {"stride": 2, "padding": 1}),
    ((2, 5, 6, 1), (2, 3, 1, 2), {"stride": (2, 1), "padding": (1, 0)}),
    ((1, 4, 4, 2), (2, 2, 2, 1), {"padding": ((0, 1), (2, 0))}),
    ((1, 7, 6, 1), (3, 2, 1, 2), {"dilation": (2, 3), "padding": "same"}),
    ((1, 5, 4, 2), (2, 4, 2, 2), {"padding": "same"}),
    ((1, 7, 6, 2), (4, 3, 2, 1), {"padding": "same", "stride": (3, 2)}),
    ((2, 4, 4, 4), (3, 3, 2, 6), {"groups": 2, "padding": 1}),
    ((1, 4, 5, 3), (2, 2, 1, 3), {"groups": 3, "stride": 2}),
    ((1, 3, 3, 2), (3, 3, 2, 2), {"padding": "valid"}),
    ((3, 1, 1, 2), (1, 1, 2, 3), {}),
    ((1, 1, 1, 1), (3, 3, 1, 1), {"padding": 1}),
    ((1, 6, 6, 1), (2, 2, 1, 1), {"stride": 4}),
    ((0, 4, 4, 2), (3, 3, 2, 2), {}),
    ((2, 4, 4, 2), (3, 3, 2, 0), {}),
    ((3, 4, 5, 2), (2, 3, 2, 3), {}),
    ((2, 5, 4, 3), (3, 2, 3, 2), {"padding": 1}),
)


def _draws(rng: RNG) -> Iterator[Sample]:
    for i, (x, w, options) in enumerate(GEOMETRIES):
        bias = (normal(rng, w[3]),) if i % 2 else ()
        yield sample(normal(rng, *x), normal(rng, *w), *bias, **options)


def sides(
    padding: Any, image: tuple[int, int], size: tuple[int, int], stride: Any, dilation: Any = 1
) -> tuple[tuple[int, int], tuple[int, int]]:
    """The padding of each side, worked out a second time."""
    if padding == "valid":
        padding = 0
    if padding == "same":
        out = []
        for n, k, s, d in zip(image, size, two(stride), two(dilation), strict=True):
            need = max(0, (int(np.ceil(n / s)) - 1) * s + d * (k - 1) + 1 - n)
            out.append((need // 2, need - need // 2))
        return out[0], out[1]
    first, second = two(padding)
    return two(first), two(second)


def two(value: Any) -> tuple[Any, Any]:
    """A number twice, or a pair as it is."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value, value)  # type: ignore[return-value]


def _conv(x, w, b=None, *, stride=1, padding=0, dilation=1, groups=1):
    """The definition, window by window."""
    (sh, sw), (dh, dw) = two(stride), two(dilation)
    KH, KW, C, O = w.shape
    around = sides(padding, x.shape[1:3], (KH, KW), stride, dilation)
    x = np.pad(x, ((0, 0), *around, (0, 0)))
    OH = (x.shape[1] - dh * (KH - 1) - 1) // sh + 1
    OW = (x.shape[2] - dw * (KW - 1) - 1) // sw + 1
    y = np.zeros((x.shape[0], OH, OW, O))
    for p in range(OH):
        for q in range(OW):
            window = x[:, p * sh : p * sh + dh * KH : dh, q * sw : q * sw + dw * KW : dw][
                :, :KH, :KW
            ]
            for o in range(O):
                g = o // (O // groups)
                part = window[..., g * C : (g + 1) * C]
                y[:, p, q, o] = (part * w[..., o]).sum(axis=(1, 2, 3))
    return y if b is None else y + b


X = tg.tensor(np.ones((8, 28, 28, 1)))
W = np.ones((3, 3, 1, 4))


def _errors(name: str) -> tuple[Bad, ...]:
    return (
        Bad(
            (X, np.ones((3, 3, 3, 16))),
            ShapeError,
            rf"{name}: weight expects 3 input channels .*\(3, 3, 3, 16\).*has 1 .*\(8, 28, 28, 1\)",
        ),
        Bad(
            (tg.tensor(np.ones((28, 28, 1))), W),
            ShapeError,
            r"\(N, H, W, C\).*\(28, 28, 1\).*x\[None\]",
        ),
        Bad((X, np.ones((3, 3, 1))), ShapeError, r"weight must be .*\(3, 3, 1\)"),
        Bad((X, W, np.ones(3)), ShapeError, r"bias .*\(4,\).*\(3, 3, 1, 4\).*\(3,\)"),
        Bad((X, np.ones((29, 3, 1, 4))), ShapeError, r"window of \(29, 3\).*\(28, 28\).*29.*28"),
        Bad((X, W), ShapeError, r"1 x 2 groups = 2 .*has 1", {"groups": 2}),
        Bad(
            (tg.tensor(np.ones((1, 4, 4, 2))), np.ones((3, 3, 1, 3))),
            ShapeError,
            r"3 output channels .*2 groups",
            {"groups": 2},
        ),
        Bad((X, W), ShapeError, "groups must be", {"groups": 0}),
        Bad((X, W), ArgumentError, "stride must be at least 1.*0", {"stride": 0}),
        Bad((X, W), ArgumentError, "dilation must be at least 1.*-1", {"dilation": (1, -1)}),
        Bad((X, W), ArgumentError, "padding must be at least 0.*-1", {"padding": -1}),
        Bad((X, W), ArgumentError, "'same', 'valid'.*'full'", {"padding": "full"}),
        Bad((X, W), ArgumentTypeError, "stride must be an integer or a pair.*1.5", {"stride": 1.5}),
        Bad(
            (X, W), ArgumentTypeError, "stride must be an integer or a pair", {"stride": (1, 1, 1)}
        ),
        Bad((X, W.astype("float32")), DtypeError, "conv2d.*float64 with float32"),
    )


CASES = (
    Case(
        "conv2d",
        tg.conv2d,
        _conv,
        _draws,
        twin=tg.functional.conv2d_im2col,
        bad=_errors("conv2d"),
    ),
)
