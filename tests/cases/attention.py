"""Records of `ops/attention.py`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import tinygrad_course as tg
from tinygrad_course.errors import ArgumentTypeError, ShapeError

from .record import Bad, Case, Sample, normal, sample

RNG = np.random.Generator


def _draws(rng: RNG) -> Iterator[Sample]:
    def qkv(*batch: int, T: int = 3, S: int = 4, D: int = 2, E: int = 3):
        return normal(rng, *batch, T, D), normal(rng, *batch, S, D), normal(rng, *batch, S, E)

    yield sample(*qkv(2, 2))
    yield sample(*qkv(1, 2), causal=True)
    yield sample(*qkv(T=5, S=3), causal=True, scale=0.3)
    yield sample(*qkv(2), mask=rng.random((3, 4)) < 0.6)
    yield sample(*qkv(2, 1), mask=np.array([True, False, False, True]), causal=True)
    yield sample(*qkv(1), mask=np.zeros((3, 1), bool))
    yield sample(*qkv(2), mask=np.array([0.0, -np.inf, 1.5, -0.5], np.float32))
    yield sample(*qkv(0, 2))
    yield sample(*qkv(1, T=1, S=1))


def _np_attention(q, k, v, *, mask=None, causal=False, scale=None):
    """One query at a time, over the keys it may look at."""
    T, S, E = q.shape[-2], k.shape[-2], v.shape[-1]
    y = np.zeros((*q.shape[:-1], E))
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    full = np.broadcast_to(True if mask is None else mask, (*q.shape[:-1], S))
    for place in np.ndindex(*q.shape[:-2]):
        for t in range(T):
            row = full[(*place, t)]
            hidden = ~row if row.dtype == bool else np.isneginf(row)
            keys = [s for s in range(S) if not hidden[s] and (not causal or s <= t)]
            if not keys:
                continue
            added = np.zeros(len(keys)) if row.dtype == bool else row[keys]
            e = np.exp(k[place][keys] @ q[(*place, t)] * scale + added)
            y[(*place, t)] = e @ v[place][keys] / e.sum()
    return y


def _attention(q, k, v, mask=None, **options):
    if mask is not None and mask.dtype.kind == "f":
        mask = mask.astype(q.dtype)
    return tg.scaled_dot_product_attention(q, k, v, mask=mask, **options)


def _biases(rng: RNG) -> Iterator[Sample]:
    yield sample(
        normal(rng, 2, 3, 2), normal(rng, 2, 4, 2), normal(rng, 2, 4, 1), normal(rng, 3, 4)
    )


X = tg.tensor(np.ones((2, 3, 4)))

CASES = (
    Case(
        "scaled_dot_product_attention",
        _attention,
        _np_attention,
        _draws,
        bad=(
            Bad((X, np.ones((2, 3, 5)), X), ShapeError, r"q has 4 .*\(2, 3, 4\).*k has 5"),
            Bad((X, X, np.ones((2, 5, 4))), ShapeError, r"k has 3 .*v has 5 .*\(2, 5, 4\)"),
            Bad((X, X, np.ones(3)), ShapeError, r"attention: v must be .*\(3,\)"),
            Bad((X, X, X), ShapeError, r"mask .*\(2, 3, 3\).*\(4, 3\)",
                {"mask": np.ones((4, 3), bool)}),
            Bad((X, X, X), ArgumentTypeError, "mask must be bool .*int64",
                {"mask": np.ones((3, 3), "int64")}),
        ),
    ),
    Case(
        "scaled_dot_product_attention (learned bias)",
        lambda q, k, v, b: tg.scaled_dot_product_attention(q, k, v, mask=b),
        lambda q, k, v, b: _np_attention(q, k, v, mask=b),
        _biases,
    ),
)  # fmt: skip
