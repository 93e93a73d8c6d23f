"""Records of `ops/dropout.py`, with the random numbers drawn a second time, in Python integers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import tinygrad_course as tg
from tinygrad_course.errors import ArgumentError, ShapeError

from .record import SHAPES, Bad, Case, Sample, normal, sample

WORD = 2**32
SEED, OFFSET = 2**40 + 3, 5


def philox(counter: tuple[int, ...], key: tuple[int, int], rounds: int = 7) -> tuple[int, ...]:
    """Philox4x32 of Salmon et al. 2011, section 3.3."""
    a, b, c, d = counter
    k0, k1 = key
    for _ in range(rounds):
        p, q = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = (q // WORD) ^ b ^ k0, q % WORD, (p // WORD) ^ d ^ k1, p % WORD
        k0, k1 = (k0 + 0x9E3779B9) % WORD, (k1 + 0xBB67AE85) % WORD
    return a, b, c, d


def mask(size: int, p: float, seed: int, offset: int) -> np.ndarray:
    """True where kept: element i reads word i % 4 of the block i // 4."""
    key = (seed % WORD, seed // WORD)
    bits = [
        philox(((i // 4) % WORD, (i // 4) // WORD, offset % WORD, offset // WORD), key)[i % 4]
        for i in range(size)
    ]
    return np.array([b >= int(p * WORD) for b in bits], bool)


def _draws(rng: np.random.Generator) -> Iterator[Sample]:
    for shape in SHAPES:
        yield sample(normal(rng, *shape), p=0.5)
    yield sample(normal(rng, 5, 7), p=0.1)
    yield sample(normal(rng, 5, 7), p=0.9)
    yield sample(normal(rng, 5), p=1.0)
    yield sample(normal(rng, 5), p=0.0)
    yield sample(normal(rng, 5), p=0.5, training=False)


def _np_dropout(x, p, training=True):
    if not training or p == 0.0:
        return x
    kept = mask(x.size, p, SEED, OFFSET).reshape(x.shape)
    return x * kept / (1.0 - p) if p < 1.0 else x * 0.0


def _dropout(x, p, training=True):
    return tg.dropout(x, p, training=training, generator=tg.Generator(SEED, OFFSET))


def _spatial_draws(rng: np.random.Generator) -> Iterator[Sample]:
    for shape in ((3, 5), (2, 3, 4), (2, 2, 3, 5), (1, 1, 1, 1), (0, 2, 3), (2, 0, 3)):
        yield sample(normal(rng, *shape), p=0.5)
    yield sample(normal(rng, 5, 2, 7), p=0.1)
    yield sample(normal(rng, 5, 2), p=1.0)
    yield sample(normal(rng, 5, 2), p=0.0)
    yield sample(normal(rng, 5, 2), p=0.5, training=False)


def _np_spatial(x, p, training=True):
    if not training or p == 0.0:
        return x
    N, C = x.shape[0], x.shape[-1]
    kept = mask(N * C, p, SEED, OFFSET).reshape(N, C)
    y = np.zeros(x.shape)
    for n, c in np.argwhere(kept):
        y[n, ..., c] = x[n, ..., c] / (1.0 - p)
    return y


def _spatial_dropout(x, p, training=True):
    return tg.spatial_dropout(x, p, training=training, generator=tg.Generator(SEED, OFFSET))


X = tg.tensor(np.ones(3))

CASES = (
    Case(
        "dropout",
        _dropout,
        _np_dropout,
        _draws,
        bad=(
            Bad(
                (X, 1.5), ArgumentError, r"dropout: p is the probability of dropping.*0 \.\. 1.*1.5"
            ),
            Bad((X, -0.1), ArgumentError, "dropout: p .*-0.1"),
            Bad((X, float("nan")), ArgumentError, "dropout: p .*nan"),
        ),
    ),
    Case(
        "spatial_dropout",
        _spatial_dropout,
        _np_spatial,
        _spatial_draws,
        bad=(
            Bad((X, 1.5), ArgumentError, r"spatial_dropout: p is the probability of dropping.*1.5"),
            Bad((X, 0.5), ShapeError, r"spatial_dropout: x must be .*\(3,\)"),
        ),
    ),
)
