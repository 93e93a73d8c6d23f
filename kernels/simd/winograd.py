"""Winograd's short convolutions: their matrices, and the small transform that applies them.

One by one, m outputs of a filter with r taps take m r multiplications. Lagrange's interpolation
gives them with a = m + r - 1. Take the filter g as a polynomial of degree r - 1, and m numbers d
as one of degree m - 1. Their product has degree a - 1, so its values at a points fix it: evaluate
g and d at each point, multiply the a pairs, interpolate. Filtering is the transpose of this product
(it is the product's gradient for d), so the same three matrices serve in another order:

    y = A^T [ (G g) * (B^T x) ]           x: a inputs    g: r taps    y: m outputs

    A^T[i, k] = p_k^i                     the powers of d at point p_k
    G[k, j]   = p_k^j / N_k               the powers of g there, over Lagrange's denominator
    B^T[k, :] = coefficients of the product over l != k of (x - p_l), his numerator
    N_k       = product over l != k of (p_k - p_l)

The last point is infinity, where a polynomial's value is its leading coefficient: the last column
of A^T and the last row of G pick it out, and the last row of B^T is the product over all finite
points.

For images the same is done to columns, then to rows: Y = A^T [(G g G^T) * (B^T X B)] A, sandwiches
of small matrices, which this file writes for WIDTH channels at once. F(4x4, 3x3) has a = 6: 36
multiplications for 16 outputs of 9 taps, a quarter of 144. A and B have few, small entries (0, 1,
2, 4, 5, 8), but differences of their products cancel, which costs digits: see
`conv2d/numba_winograd.py`, which reads on from here.

Winograd, Arithmetic Complexity of Computations, 1980; Lavin and Gray, Fast Algorithms for
Convolutional Neural Networks, CVPR 2016, section 4 (the images, and these points).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir as llvm  # type: ignore[import-untyped]
from numba import types

from . import ir

Matrix = Any
"""A float64 NumPy array of two axes."""


class Matrices(NamedTuple):
    """The three matrices of F(m, r).

    Attributes:
        inputs: B^T (a, a).
        filters: G (a, r).
        outputs: A^T (m, a).
    """

    inputs: Matrix
    filters: Matrix
    outputs: Matrix


def matrices(m: int, r: int, points: Sequence[int | Fraction]) -> Matrices:
    """The matrices of F(m, r) from its m + r - 2 finite points; infinity is added to them.

    Example:
        >>> matrices(2, 3, points=(0, 1, -1)).inputs
        array([[-1.,  0.,  1.,  0.],
               [ 0.,  1.,  1.,  0.],
               [ 0., -1.,  1.,  0.],
               [ 0., -1.,  0.,  1.]])
    """
    assert len(points) == m + r - 2, points  # noqa: S101
    others = [[q for q in points if q != p] for p in points]
    weight = [
        Fraction(1, math.prod(p - q for q in rest)) for p, rest in zip(points, others, strict=True)
    ]
    inputs = [[*_coefficients(rest), 0] for rest in others] + [_coefficients(points)]
    filters = [[p**j * one for j in range(r)] for p, one in zip(points, weight, strict=True)]
    outputs = [[p**i for p in points] + [int(i == m - 1)] for i in range(m)]
    infinity = [[int(j == r - 1) for j in range(r)]]
    return Matrices(*(np.array(rows, float) for rows in (inputs, filters + infinity, outputs)))


def _coefficients(roots: Sequence[int | Fraction]) -> list[int | Fraction]:
    """The coefficients of the product of (x - root), the constant one first."""
    product: list[int | Fraction] = [1]
    for root in roots:
        product = [
            low - root * high for low, high in zip([0, *product], [*product, 0], strict=True)
        ]
    return product


def make_transform(choose: Callable[[Matrices], Matrix], border: str | None = None) -> Any:
    """A function for kernels: Y = M X M^T for WIDTH channels, X and Y being small squares.

        transform(tiling, x, x_steps, y, y_steps)                              border None
        transform(tiling, x, x_steps, y, y_steps, bounds, nothing)             "read"
        transform(tiling, x, x_steps, y, y_steps, bounds, nothing, lowest)     "write"

    Of `tiling` only the type is used: M is `choose(its class's matrices)`, so one text of a kernel
    serves every F(m, r), and is compiled for each with constants. `x` and `y` are the addresses of
    the squares' first vectors, the steps between their rows and between their columns count floats.
    A zero in M costs nothing, a 1 one addition.

    Args:
        choose: picks M, (rows of Y, rows of X), from the matrices of F(m, r).
        border: "read": of X exist only the rows from bounds[0] up to, not including, bounds[1], and
            the columns from bounds[2] to bounds[3]; what lies outside is read at `nothing`, WIDTH
            zeros. "write": the same of Y; what lies outside is written to `nothing`, and what is
            written is max(y, lowest), which keeps a NaN. At a border the addresses are chosen, not
            branched on, so a square there costs little more than one inside.
    """

    def typed(tiling: Any, *others: Any) -> Any:
        matrix = choose(tiling.instance_class.matrices)
        return types.void(tiling, *others), functools.partial(_emit_transform, matrix, border)

    uniform: Any = types.UniTuple
    pair, bounds = uniform(types.int64, 2), uniform(types.int64, 4)
    kinds = (types.int64, pair, types.int64, pair, bounds, types.int64, types.float32)
    if border is None:

        @ir.intrinsic
        def transform(
            typingctx: Any, tiling: Any, x: Any, x_steps: Any, y: Any, y_steps: Any
        ) -> Any:
            return typed(tiling, *kinds[:4])
    elif border == "read":

        @ir.intrinsic
        def transform(
            typingctx: Any, tiling: Any, x: Any, x_steps: Any, y: Any, y_steps: Any, bounds: Any,
            nothing: Any,
        ) -> Any:  # fmt: skip
            return typed(tiling, *kinds[:6])
    else:

        @ir.intrinsic
        def transform(
            typingctx: Any, tiling: Any, x: Any, x_steps: Any, y: Any, y_steps: Any, bounds: Any,
            nothing: Any, lowest: Any,
        ) -> Any:  # fmt: skip
            return typed(tiling, *kinds)

    return transform


def _emit_transform(
    matrix: Matrix, border: str | None, context: Any, builder: Any, sig: Any, args: tuple[Any, ...]
) -> Any:
    """Append the code of one transform; at a border there are two, for all of a square and part."""
    x, x_steps, y, y_steps, *rest = args[1:]
    rows, size = matrix.shape
    source = _Square(builder, x, x_steps)
    target = _Square(builder, y, y_steps)
    if border is None:
        _sandwich(builder, matrix, source, target, None)
        return context.get_dummy_value()
    bounds, nothing = ir.unpack(builder, rest[0], 4), rest[1]
    lowest = rest[2] if border == "write" else None
    whole = ir.int64(rows if border == "write" else size)
    begins = [builder.icmp_signed("<=", bounds[k], ir.int64(0)) for k in (0, 2)]
    ends = [builder.icmp_signed(">=", bounds[k], whole) for k in (1, 3)]
    inside = builder.and_(builder.and_(*begins), builder.and_(*ends))
    with builder.if_else(inside) as (all_of_it, a_part):
        with all_of_it:
            _sandwich(builder, matrix, source, target, lowest)
        with a_part:
            limited = target if border == "write" else source
            limited.bounds, limited.nothing = bounds, nothing
            _sandwich(builder, matrix, source, target, lowest)
    return context.get_dummy_value()


class _Square:
    """Where the vectors of a small square stand; outside of `bounds`, at `nothing`."""

    def __init__(self, builder: Any, first: Any, steps: Any) -> None:
        self.builder = builder
        self.first = first
        self.steps = ir.unpack(builder, steps, 2)
        self.bounds: Any = None
        self.nothing: Any = None

    def place(self, i: int, j: int) -> Any:
        """The address of the vector in row i, column j."""
        builder = self.builder
        moves = [builder.mul(ir.int64(k), step) for k, step in zip((i, j), self.steps, strict=True)]
        address = ir.offset(builder, self.first, builder.add(*moves))
        if self.bounds is None:
            return address
        inside = [
            builder.icmp_signed(sign, ir.int64(index), bound)
            for index, sign, bound in zip((i, i, j, j), (">=", "<") * 2, self.bounds, strict=True)
        ]
        both = builder.and_(builder.and_(*inside[:2]), builder.and_(*inside[2:]))
        return builder.select(both, address, self.nothing)


def _sandwich(builder: Any, matrix: Matrix, source: _Square, target: _Square, lowest: Any) -> None:
    """Append Y = M X M^T: the columns of X first, then the rows of the result."""
    rows, size = matrix.shape
    half = []
    for j in range(size):
        column = [ir.load(builder, source.place(i, j)) for i in range(size)]
        half.append([_combine(builder, matrix[k], column) for k in range(rows)])
    least = None if lowest is None else ir.broadcast(builder, lowest)
    for k in range(rows):
        for q in range(rows):
            value = _combine(builder, matrix[q], [half[j][k] for j in range(size)])
            if least is not None:
                value = builder.select(builder.fcmp_ordered("<", value, least), least, value)
            ir.store(builder, value, target.place(k, q))


@ir.intrinsic
def prefetch(typingctx: Any, place: Any) -> Any:
    """Ask for the cache line at an address now, to have it when it is read.

    The processor foresees a long row by itself. Tiles read short pieces of many rows, and wait for
    each: prefetching the next row of tiles takes 0.8 of the time at 16 channels. Any address may be
    named, one outside of all arrays too.
    """

    def emit(context: Any, builder: Any, sig: Any, args: tuple[Any, ...]) -> Any:
        numbers = [llvm.Constant(ir.INT32, number) for number in (0, 3, 1)]  # read, keep, data
        name = "llvm.prefetch.p0"
        kind = llvm.FunctionType(llvm.VoidType(), [ir.POINTER] + [ir.INT32] * 3)
        function = builder.module.globals.get(name) or llvm.Function(builder.module, kind, name)
        builder.call(function, [builder.inttoptr(args[0], ir.POINTER), *numbers])
        return context.get_dummy_value()

    return types.void(types.int64), emit


def _combine(builder: Any, row: Any, vectors: list[Any]) -> Any:
    """The sum of row[i] vectors[i]: a 1 first, which costs nothing, then sums and products."""
    terms = [(float(c), v) for c, v in zip(row, vectors, strict=True) if c]
    terms.sort(key=lambda term: (term[0] != 1, abs(term[0]) != 1))
    first, total = terms[0]
    if first != 1:
        total = builder.fmul(total, ir.floats(first))
    for c, vector in terms[1:]:
        if c == 1:
            total = builder.fadd(total, vector)
        elif c == -1:
            total = builder.fsub(total, vector)
        else:
            total = ir.fma(builder, vector, ir.floats(c), total)
    return total
