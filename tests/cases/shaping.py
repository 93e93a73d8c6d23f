"""Records of `ops/shaping.py`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import tinygrad_course as tg
from tinygrad_course.errors import ArgumentError, ArgumentTypeError, ShapeError

from .record import Bad, Case, Kink, Sample, normal, sample

RNG = np.random.Generator


def _reshape(rng: RNG) -> Iterator[Sample]:
    for shape, to in (
        ((3, 4), (2, 6)), ((3, 4), (-1,)), ((3, 4), (4, -1)), ((), (1, 1)), ((1,), ()),
        ((0, 3), (3, 0)), ((0, 3), (-1, 3)), ((6,), 6), ((2, 3), [3, 2]),
    ):  # fmt: skip
        yield sample(normal(rng, *shape), shape=to)


def _transpose(rng: RNG) -> Iterator[Sample]:
    for shape, axes in (
        ((3, 4), None), ((2, 3, 4), (2, 0, 1)), ((2, 3, 4), (0, -1, 1)), ((), None), ((5,), (0,)),
        ((0, 3), (1, 0)), ((1, 3, 1), None),
    ):  # fmt: skip
        yield sample(normal(rng, *shape), axes=axes)


def _squeeze(rng: RNG) -> Iterator[Sample]:
    for shape, axis in (
        ((1, 3, 1), None), ((1, 3, 1), 0), ((1, 3, 1), (-1, 0)), ((), None), ((1,), 0),
        ((0, 1), 1), ((2, 3), None),
    ):  # fmt: skip
        yield sample(normal(rng, *shape), axis=axis)


def _expand(rng: RNG) -> Iterator[Sample]:
    for shape, axis in (((3, 4), 0), ((3, 4), -1), ((3,), (0, 2)), ((), 0), ((0,), 1)):
        yield sample(normal(rng, *shape), axis=axis)


def _broadcast(rng: RNG) -> Iterator[Sample]:
    for shape, to in (
        ((3,), (2, 3)), ((2, 1, 3), (2, 4, 3)), ((), (2, 2)), ((1,), (1, 1)), ((1, 3), (0, 3)),
        ((0,), (2, 0)), ((1,), (5,)), ((2, 3), (2, 3)),
    ):  # fmt: skip
        yield sample(normal(rng, *shape), shape=to)


def _concatenate(rng: RNG) -> Iterator[Sample]:
    yield sample(normal(rng, 2, 3), normal(rng, 4, 3), axis=0)
    yield sample(normal(rng, 2, 1), normal(rng, 2, 3), normal(rng, 2, 0), axis=1)
    yield sample(normal(rng, 2, 3, 1), normal(rng, 2, 3, 2), axis=-1)
    yield sample(normal(rng, 2, 3), normal(rng, 2, 4), axis=1)
    yield sample(normal(rng, 3), axis=0)
    yield sample(normal(rng, 0, 3), normal(rng, 0, 3), axis=0)
    yield sample(normal(rng, 3), np.arange(2), axis=0)


def _stack(rng: RNG) -> Iterator[Sample]:
    for shape, axis in (((2, 3), 0), ((2, 3), 1), ((2, 3), -1), ((), 0), ((0,), 1), ((1,), 0)):
        yield sample(normal(rng, *shape), normal(rng, *shape), axis=axis)


def _pad(rng: RNG) -> Iterator[Sample]:
    for shape, widths in (
        ((2, 3), ((1, 0), (0, 2))), ((3,), (1, 2)), ((2, 2), 1), ((), 0), ((0, 2), 1),
        ((1, 1), ((0, 0), (3, 0))), ((2, 3), 0),
    ):  # fmt: skip
        yield sample(normal(rng, *shape), widths=widths)
    yield sample(normal(rng, 2, 2), widths=1, value=-3.5)


def _np_pad(x: np.ndarray, widths: Any, value: float = 0.0) -> np.ndarray:
    pairs = np.broadcast_to(np.asarray(widths), (x.ndim, 2))
    y = np.full([n + a + b for n, (a, b) in zip(x.shape, pairs, strict=True)], value)
    y[tuple([slice(a, a + n) for n, (a, _) in zip(x.shape, pairs, strict=True)])] = x
    return y


CONTINUED = (
    ((4,), (2, 3)), ((2, 3), ((1, 1), (0, 2))), ((2, 1, 3), 2), ((3,), (7, 0)), ((2,), (3, 5)),
    ((2, 3), 0), ((), 0), ((0, 3), ((0, 0), (1, 2))), ((2, 4), ((0, 0), (3, 3))),
)  # fmt: skip
MODES = {
    "reflect": "reflect", "symmetric": "symmetric", "replicate": "edge", "circular": "wrap",
    "edge": "edge", "wrap": "wrap",
}  # fmt: skip


def _continued(rng: RNG) -> Iterator[Sample]:
    for mode in MODES:
        for shape, widths in CONTINUED:
            yield sample(normal(rng, *shape), widths=widths, mode=mode)


def _np_continued(x: np.ndarray, widths: Any, mode: str) -> np.ndarray:
    return np.pad(x, widths, MODES[mode]) if x.ndim else x


def _flatten(rng: RNG) -> Iterator[Sample]:
    for shape, start in (((2, 3, 4), 1), ((2, 3, 4), 0), ((2, 3), -1), ((0, 3, 2), 1), ((2, 1), 1)):
        yield sample(normal(rng, *shape), start_axis=start)


def _astype(rng: RNG) -> Iterator[Sample]:
    for shape in ((3, 4), (), (0,)):
        yield sample(normal(rng, *shape), dtype="float64", smooth=False)
        yield sample(normal(rng, *shape), dtype="float32", smooth=False)


def _np_stack(*xs: np.ndarray, axis: int) -> np.ndarray:
    y = np.zeros((len(xs), *xs[0].shape))
    for i, x in enumerate(xs):
        y[i] = x
    return np.moveaxis(y, 0, axis)


def _np_concatenate(*xs: np.ndarray, axis: int) -> np.ndarray:
    rows = [row for x in xs for row in np.moveaxis(x, axis, 0)]
    shape = np.moveaxis(xs[0], axis, 0).shape[1:]
    return np.moveaxis(np.array(rows, float).reshape(len(rows), *shape), 0, axis)


X = tg.tensor(np.ones((2, 3)))

CASES = (
    Case(
        "reshape",
        tg.reshape,
        lambda x, shape: np.array(list(x.flat), float).reshape(shape),
        _reshape,
        bad=(
            Bad((X, (4, 2)), ShapeError, r"reshape: shape \(2, 3\) holds 6.*\(4, 2\)"),
            Bad((X, (-1, -1)), ShapeError, r"reshape: shape \(2, 3\).*\(-1, -1\)"),
            Bad((X, (4, -1)), ShapeError, r"reshape: shape \(2, 3\).*\(4, -1\)"),
            Bad((X, (-2, 3)), ShapeError, r"reshape: shape \(2, 3\).*\(-2, 3\)"),
            Bad((X, (2.0, 3)), ArgumentTypeError, "reshape: a shape is made of integers"),
        ),
    ),
    Case(
        "transpose",
        tg.transpose,
        lambda x, axes: np.einsum(
            x,
            list(range(x.ndim)),
            [a % x.ndim for a in axes] if axes else list(range(x.ndim))[::-1],
        ),
        _transpose,
        bad=(
            Bad((X, (0,)), ShapeError, r"transpose: axes \(0,\) .*2 axes.*\(2, 3\)"),
            Bad((X, (0, 0)), ShapeError, r"transpose: axes \(0, 0\) is no permutation"),
            Bad((X, (0, 2)), ShapeError, r"transpose: axis 2 .*\(2, 3\)"),
        ),
    ),
    Case(
        "squeeze",
        tg.squeeze,
        np.squeeze,
        _squeeze,
        bad=(
            Bad((X, 0), ShapeError, r"squeeze: axis 0 of shape \(2, 3\) has size 2"),
            Bad((X, 5), ShapeError, r"squeeze: axis 5 .*\(2, 3\)"),
        ),
    ),
    Case(
        "expand_dims",
        tg.expand_dims,
        np.expand_dims,
        _expand,
        bad=(
            Bad((X, 3), ShapeError, r"expand_dims: axis 3 .*\(2, 3\)"),
            Bad((X, (0, 0)), ShapeError, "expand_dims: axis .*twice"),
        ),
    ),
    Case(
        "broadcast_to",
        tg.broadcast_to,
        lambda x, shape: x + np.zeros(shape),
        _broadcast,
        bad=(
            Bad((X, (2, 4)), ShapeError, r"broadcast_to: shape \(2, 3\).*\(2, 4\)"),
            Bad((X, (3,)), ShapeError, r"broadcast_to: shape \(2, 3\).*\(3,\)"),
            Bad((X, (-1, 3)), ShapeError, r"broadcast_to: shape \(2, 3\).*\(-1, 3\)"),
        ),
    ),
    Case(
        "concatenate",
        lambda *xs, axis: tg.concatenate(xs, axis),
        _np_concatenate,
        _concatenate,
        bad=(
            Bad((X, np.ones((2, 4))), ShapeError, r"tensor 1 .*\(2, 4\).*\(2, 3\)", {"axis": 0}),
            Bad((X, np.ones(2)), ShapeError, r"tensor 1 .*\(2,\).*\(2, 3\)", {"axis": 0}),
            Bad((X, X), ShapeError, r"axis 2 .*\(2, 3\)", {"axis": 2}),
            Bad((), ShapeError, "concatenate: expected at least one", {"axis": 0}),
        ),
    ),
    Case(
        "stack",
        lambda *xs, axis: tg.stack(xs, axis),
        _np_stack,
        _stack,
        bad=(
            Bad(
                (X, np.ones((2, 4))),
                ShapeError,
                r"stack: tensor 1 .*\(2, 4\).*\(2, 3\)",
                {"axis": 0},
            ),
            Bad((), ShapeError, "stack: expected at least one", {"axis": 0}),
        ),
    ),
    Case(
        "pad",
        tg.pad,
        _np_pad,
        _pad,
        bad=(
            Bad((X, ((1, 1),) * 3), ShapeError, r"pad: widths .*2 pairs.*\(2, 3\)"),
            Bad((X, -1), ShapeError, "pad: widths must be integers >= 0.*-1"),
            Bad((X, 0.5), ShapeError, "pad: widths must be integers >= 0.*0.5"),
            Bad((X, 1), ArgumentError, "mode .*'mirror'.*Valid names", {"mode": "mirror"}),
            Bad((X, 1), ArgumentError, "did you mean 'reflect'", {"mode": "reflekt"}),
            Bad((X, 1), ArgumentError, "pad: mode .*None", {"mode": None}),
        ),
    ),
    Case(
        "pad (continued)",
        tg.pad,
        _np_continued,
        _continued,
        bad=(
            Bad(
                (tg.tensor(np.ones((0, 2))), 1),
                ShapeError,
                r"pad: mode 'reflect' .*axis 0.*\(0, 2\).*'constant'",
                {"mode": "reflect"},
            ),
            Bad((X, 1), ArgumentError, "leave value=2.0 out", {"mode": "wrap", "value": 2.0}),
        ),
    ),
    Case(
        "flatten",
        tg.flatten,
        lambda x, start_axis: x.reshape(*x.shape[:start_axis], int(np.prod(x.shape[start_axis:]))),
        _flatten,
        bad=(Bad((X, 2), ShapeError, r"flatten: axis 2 .*\(2, 3\)"),),
    ),
    Case(
        "astype",
        tg.functional.astype,
        lambda x, dtype: x.astype(dtype),
        _astype,
        bad=(
            Bad((X, "floot"), ArgumentTypeError, "astype: 'floot' is no dtype"),
            Bad((X, "complex64"), ArgumentError, "astype: complex64"),
        ),
        kinks=(Kink((np.array([1.0, 2.0]),), ([1, 1],), {"dtype": "float32"}),),
    ),
)
