"""Records of `ops/einsum.py`, and of the outer product."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import tinygrad_course as tg
from tinygrad_course.errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError

from .record import Bad, Case, Sample, normal, sample

RNG = np.random.Generator

EQUATIONS: tuple[tuple[Any, ...], ...] = (
    ("ij,jk->ik", (2, 3), (3, 4)), ("ij,jk", (2, 3), (3, 4)), ("ij,kj->ki", (2, 3), (4, 3)),
    ("bhqd,bhkd->bhqk", (2, 1, 3, 2), (2, 1, 4, 2)), ("i,j->ij", (2,), (3,)), ("i,i", (3,), (3,)),
    ("ij->ji", (2, 3)), ("ij->j", (2, 3)), ("ij->", (2, 3)), ("ba", (2, 3)), ("->", ()),
    (",->", (), ()), (",i", (), (3,)), ("i,ij,j->", (2,), (2, 3), (3,)),
    ("ij,jk,kl->il", (2, 3), (3, 2), (2, 4)), ("ij,ij,ij->ij", (2, 2), (2, 2), (2, 2)),
    ("ij,k->k", (2, 3), (4,)), ("ij,k->ik", (2, 3), (4,)),
    ("ii", (3, 3)), ("ii->i", (3, 3)), ("iij->j", (2, 2, 3)), ("iji->ij", (2, 3, 2)),
    ("iii->", (2, 2, 2)), ("ii,ij->j", (2, 2), (2, 3)), ("ijij->ij", (2, 3, 2, 3)),
    ("...ij,...jk->...ik", (2, 2, 3), (2, 3, 2)), ("...ij,jk", (2, 1, 2, 3), (3, 2)),
    ("...i,...i->...", (2, 3), (3,)), ("...i,...i", (2, 1, 3), (4, 3)), ("...", (2, 3)),
    ("i...->...", (2, 3, 2)), ("...,...", (1, 3), (2, 1)), ("i...,i...", (2,), (2, 3)),
    ("...ii->...i", (2, 3, 3)), ("b...i, ...ij -> b...j", (2, 1, 3), (2, 3, 2)),
    ("ij,jk->ik", (0, 3), (3, 2)), ("ij,jk->ik", (2, 0), (0, 2)), ("ij,jk->ik", (1, 1), (1, 1)),
    ("i->", (0,)), ("ii", (0, 0)), ("...i,...i->...", (0, 3), (1, 3)),
)  # fmt: skip


def _draws(rng: RNG) -> Iterator[Sample]:
    for equation, *shapes in EQUATIONS:
        yield sample(*[normal(rng, *shape) for shape in shapes], equation=equation)
    yield sample(normal(rng, 2, 3), rng.integers(5, size=(3, 2)), equation="ij,jk")


def _outer(rng: RNG) -> Iterator[Sample]:
    for n, m in ((2, 3), (1, 1), (0, 2), (3, 0)):
        yield sample(normal(rng, n), normal(rng, m))
    yield sample(normal(rng, 2), np.array([1, 2]))


def _np_einsum(*xs: np.ndarray, equation: str) -> np.ndarray:
    """Every product of every combination of letters, one at a time: the definition."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    parts = left.split(",")
    terms, width = [], 0
    for part, x in zip(parts, xs, strict=True):
        dots = x.ndim - len(part.replace("...", ""))
        width = max(width, dots)
        terms.append(part.replace("...", "ZYX"[3 - dots :]) if "..." in part else part)
    if not arrow:
        joined = "".join(parts).replace(".", "")
        right = "..." + "".join(sorted(c for c in joined if joined.count(c) == 1))
    right = right.replace("...", "ZYX"[3 - width :])
    sizes: dict[str, int] = {}
    for term, x in zip(terms, xs, strict=True):
        for c, n in zip(term, x.shape, strict=True):
            sizes[c] = n if sizes.get(c, 1) == 1 else sizes[c]
    letters = list(dict.fromkeys("".join(terms)))
    y = np.zeros([sizes[c] for c in right])
    for place in np.ndindex(*[sizes[c] for c in letters]):
        at = dict(zip(letters, place, strict=True))
        product = 1.0
        for term, x in zip(terms, xs, strict=True):
            product *= x[tuple(at[c] if n > 1 else 0 for c, n in zip(term, x.shape, strict=True))]
        y[tuple(at[c] for c in right)] += product
    return y


A, B = tg.tensor(np.ones((2, 3))), np.ones((4, 5))


def _bad(message: str, error: type[Exception], equation: Any, *arrays: Any) -> Bad:
    return Bad(arrays, error, message, {"equation": equation})


CASES = (
    Case(
        "einsum",
        lambda *xs, equation: tg.einsum(equation, *xs),
        _np_einsum,
        _draws,
        bad=(
            _bad(
                r"'j' has size 3 in operand 0 \(shape \(2, 3\)\), but 4 in operand 1 .*\(4, 5\)",
                ShapeError, "ij,jk", A, B,
            ),
            _bad("under '...' has size 2 .*4 in operand 1", ShapeError, "...i,...j", A, B),
            _bad("'i' has size 2 in operand 0 .*3 in operand 0", ShapeError, "ii,jk->", A, B),
            _bad("2 terms, but there are 1 operands", ArgumentError, "ij,jk", A),
            _bad("'ijk' has 3 letters, but operand 0 has 2 axes", ShapeError, "ijk", A),
            _bad("'i' has 1 letters, but operand 0 has 2 axes", ShapeError, "i->i", A),
            _bad("'i1' is no term", ArgumentError, "i1", A),
            _bad("'i....' is no term", ArgumentError, "i....", A),
            _bad("is no term", ArgumentError, "ij->j->i", A),
            _bad("the result repeats 'i'", ArgumentError, "ij->ii", A),
            _bad("a letter that no term has: 'k'", ArgumentError, "ij->ik", A),
            _bad("equation comes first, as text", ArgumentTypeError, A, A),
            _bad("float64 with float32", DtypeError, "ij,ij", A, np.ones((2, 3), "float32")),
        ),
    ),
    Case(
        "outer",
        tg.outer,
        lambda a, b: np.array([[x * y for y in b] for x in a], float).reshape(len(a), len(b)),
        _outer,
        bad=(
            Bad((A, np.ones(2)), ShapeError, r"outer: .*\(2, 3\) and \(2,\)"),
            Bad((tg.tensor(1.0), np.ones(2)), ShapeError, r"outer: .*\(\) and \(2,\)"),
        ),
    ),
)  # fmt: skip
