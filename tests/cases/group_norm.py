"""Records of `ops/group_norm.py` and `ops/response_norm.py`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import tinygrad_course as tg
from tinygrad_course.errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError

from .record import Bad, Case, Sample, normal, sample

RNG = np.random.Generator


def _layers(rng: RNG) -> Iterator[Sample]:
    for shape, last in (
        ((4, 5), 5), ((2, 3, 4), (4,)), ((2, 3, 4), (3, 4)), ((3, 3), (3, 3)), ((6,), 6),
        ((0, 4), 4),
    ):  # fmt: skip
        own = (last,) if isinstance(last, int) else last
        yield sample(
            normal(rng, *shape), normal(rng, *own), normal(rng, *own), normalized_shape=last,
            eps=0.1,
        )  # fmt: skip
    yield sample(2.0 * normal(rng, 3, 5) + 4.0, normalized_shape=5)


def _groups(rng: RNG) -> Iterator[Sample]:
    for shape, groups in (
        ((2, 3, 2, 4), 2), ((3, 5, 6), 3), ((2, 6), 1), ((2, 4, 3), 3), ((1, 3, 3, 2), 1),
        ((0, 2, 4), 2),
    ):  # fmt: skip
        C = shape[-1]
        yield sample(
            normal(rng, *shape), normal(rng, C), normal(rng, C), num_groups=groups, eps=0.1
        )
    yield sample(2.0 * normal(rng, 2, 3, 4) + 4.0, num_groups=2)


def _np_layer(x, weight=1.0, bias=0.0, *, normalized_shape, eps=1e-5):
    count = int(np.prod(normalized_shape))
    rows = x.reshape(-1, count)
    y = [(r - r.sum() / count) / (r.var() + eps) ** 0.5 for r in rows]
    return np.reshape(y, x.shape) * weight + bias


def _np_group(x, weight=1.0, bias=0.0, *, num_groups, eps=1e-5):
    y = np.zeros(x.shape)
    for n in range(len(x)):
        for part in np.split(np.arange(x.shape[-1]), num_groups):
            values = x[n][..., part]
            y[n][..., part] = (values - np.average(values)) / (np.std(values) ** 2 + eps) ** 0.5
    return y * weight + bias


def layer(f):
    return lambda x, w=None, b=None, *, normalized_shape, eps=1e-5: f(
        x, normalized_shape, w, b, eps=eps
    )


def group(f):
    return lambda x, w=None, b=None, *, num_groups, eps=1e-5: f(x, num_groups, w, b, eps=eps)


def _named(name: str, f):
    f.__name__ = name
    return f


STRONG = {"alpha": 0.5, "beta": 0.75, "k": 2.0}


def _responses(rng: RNG) -> Iterator[Sample]:
    yield sample(normal(rng, 2, 3, 7), **STRONG)
    yield sample(normal(rng, 2, 7), size=3, alpha=1.0, beta=1.5, k=1.0, alpha_per_window=True)
    yield sample(normal(rng, 2, 6), size=4, **STRONG)
    yield sample(normal(rng, 2, 3), size=9, **STRONG)
    yield sample(normal(rng, 2, 2, 2, 5), size=1, **STRONG)
    yield sample(normal(rng, 0, 3), **STRONG)
    yield sample(normal(rng, 4))


def _np_response(x, size=5, *, alpha=1e-4, beta=0.75, k=2.0, alpha_per_window=False):
    C = x.shape[-1]
    y = np.zeros(x.shape)
    factor = alpha / size if alpha_per_window else alpha
    for c in range(C):
        low, high = max(0, c - size // 2), min(C - 1, c + (size - 1) // 2)
        total = sum(x[..., j] ** 2 for j in range(low, high + 1))
        y[..., c] = x[..., c] / (k + factor * total) ** beta
    return y


X = tg.tensor(np.ones((2, 3, 4)))

CASES = (
    Case(
        "layer_norm",
        layer(tg.layer_norm),
        _np_layer,
        _layers,
        twin=_named("layer_norm_composed", layer(tg.functional.layer_norm_composed)),
        bad=(
            Bad((X,), ShapeError, r"layer_norm: x must end .*\(3,\).*\(2, 3, 4\)",
                {"normalized_shape": 3}),
            Bad((X,), ShapeError, r"layer_norm: x must end .*\(1, 2, 3, 4\)",
                {"normalized_shape": (1, 2, 3, 4)}),
            Bad((X, np.ones(3)), ShapeError, r"layer_norm: weight .*\(4,\).*\(2, 3, 4\).*\(3,\)",
                {"normalized_shape": 4}),
            Bad((X, np.ones(4), np.ones(5)), ShapeError, r"layer_norm: bias .*\(4,\).*\(5,\)",
                {"normalized_shape": 4}),
            Bad((X,), ArgumentTypeError, "layer_norm: normalized_shape .*1.5",
                {"normalized_shape": 1.5}),
            Bad((X,), ArgumentError, "normalized_shape must be at least 1",
                {"normalized_shape": 0}),
            Bad((X, np.ones(4, "float32")), DtypeError, "float64 with float32",
                {"normalized_shape": 4}),
        ),
    ),
    Case(
        "group_norm",
        group(tg.group_norm),
        _np_group,
        _groups,
        twin=_named("group_norm_composed", group(tg.functional.group_norm_composed)),
        bad=(
            Bad((X,), ShapeError, r"group_norm: 4 channels .*\(2, 3, 4\).* 3 groups",
                {"num_groups": 3}),
            Bad((X,), ArgumentError, "group_norm: num_groups .*0", {"num_groups": 0}),
            Bad((tg.tensor(np.ones(4)),), ShapeError, r"group_norm: x must be .*\(4,\)",
                {"num_groups": 2}),
            Bad((X, np.ones(3)), ShapeError, r"group_norm: weight .*\(4,\).*\(3,\)",
                {"num_groups": 2}),
        ),
    ),
    Case(
        "local_response_norm",
        tg.local_response_norm,
        _np_response,
        _responses,
        bad=(
            Bad((X, 0), ArgumentError, "local_response_norm: size .*at least 1.*0"),
            Bad((tg.tensor(1.0),), ShapeError, "local_response_norm: x must be"),
        ),
    ),
)  # fmt: skip
