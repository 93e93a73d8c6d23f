"""Functions of vectors: lanes, choices, powers of two, and folds of a vector to one float.

Where no lane is named they take single floats as well, so that one text serves a loop over numbers.
Read next: `math.py`, which makes exp and tanh of them, and `tile.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir as llvm  # type: ignore[import-untyped]
from numba import types

from . import ir
from .cpu import WIDTH
from .vector import FLOATS, FloatVector, MaskVector

# Lanes --------------------------------------------------------------------------------------------


@ir.intrinsic
def broadcast(typingctx: Any, scalar: Any) -> Any:
    """The same float in every lane."""

    def emit(context: Any, builder: Any, sig: Any, args: tuple[Any, ...]) -> Any:
        return ir.broadcast(builder, args[0])

    return FLOATS(types.float32), emit


@ir.intrinsic
def first(typingctx: Any, vector: Any, count: Any, other: Any) -> Any:
    """The first `count` lanes of `vector`, and `other` in the lanes beyond them."""

    def emit(context: Any, builder: Any, sig: Any, args: tuple[Any, ...]) -> Any:
        return builder.select(ir.first_lanes(builder, args[1]), args[0], args[2])

    return FLOATS(FLOATS, types.int64, FLOATS), emit


def _fold(builder: Any, vector: Any, combine: Callable[[Any, Any], Any]) -> Any:
    """Combine the upper half of the lanes with the lower half until one is left."""
    half = WIDTH // 2
    while half:
        order = [lane + half if lane < half else lane for lane in range(WIDTH)]
        upper = builder.shuffle_vector(vector, ir.UNDEFINED, ir.lanes(order))
        vector = combine(vector, upper)
        half //= 2
    return builder.extract_element(vector, llvm.Constant(ir.INT32, 0))


@ir.intrinsic
def sum_lanes(typingctx: Any, vector: Any) -> Any:
    """The sum of the lanes: upper half plus lower half, and again, always in that order."""

    def emit(context: Any, builder: Any, sig: Any, args: tuple[Any, ...]) -> Any:
        return _fold(builder, args[0], builder.fadd)

    return types.float32(FLOATS), emit


@ir.intrinsic
def max_lanes(typingctx: Any, vector: Any) -> Any:
    """The largest lane; NaN if one is."""

    def emit(context: Any, builder: Any, sig: Any, args: tuple[Any, ...]) -> Any:
        return _fold(
            builder, args[0], lambda x, y: ir.call(builder, "llvm.maximum", ir.FLOATS, x, y)
        )

    return types.float32(FLOATS), emit


# Of vectors and of single floats ------------------------------------------------------------------


def _kind(*args: Any) -> Any:
    """A vector if one of the arguments is one, else a single float."""
    return FLOATS if any(isinstance(kind, FloatVector) for kind in args) else types.float32


@ir.intrinsic
def fma(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """The sum a b + c, rounded once."""

    def emit(context: Any, builder: Any, sig: Any, args: tuple[Any, ...]) -> Any:
        return ir.fma(builder, *args)

    kind = _kind(a, b, c)
    return kind(kind, kind, kind), emit


@ir.intrinsic
def select(typingctx: Any, mask: Any, a: Any, b: Any) -> Any:
    """In each lane a where the mask is set, b elsewhere."""

    def emit(context: Any, builder: Any, sig: Any, args: tuple[Any, ...]) -> Any:
        return builder.select(*args)

    kind = FLOATS if isinstance(mask, MaskVector) else types.float32
    return kind(mask, kind, kind), emit


def _function(name: str, arity: int, meaning: str) -> Any:
    """A function that LLVM has already."""

    def emit(context: Any, builder: Any, sig: Any, args: tuple[Any, ...]) -> Any:
        return ir.call(builder, name, args[0].type, *args)

    if arity == 1:

        def typed(typingctx: Any, x: Any) -> Any:
            return _kind(x)(_kind(x)), emit

    else:

        def typed(typingctx: Any, x: Any, y: Any) -> Any:  # type: ignore[misc]
            kind = _kind(x, y)
            return kind(kind, kind), emit

    typed.__doc__ = meaning
    return ir.intrinsic(typed)


floor = _function("llvm.floor", 1, "The largest whole number not above x.")
absolute = _function("llvm.fabs", 1, "The absolute value |x|.")
sqrt = _function("llvm.sqrt", 1, "The square root.")
copy_sign = _function("llvm.copysign", 2, "The absolute value |x| with the sign of y.")
minimum = _function("llvm.minimum", 2, "The smaller of x and y; NaN if one of them is.")
maximum = _function("llvm.maximum", 2, "The larger of x and y; NaN if one of them is.")


@ir.intrinsic
def two_to_the(typingctx: Any, n: Any) -> Any:
    """2^n for whole n from -126 to 127, by writing n into the exponent's bits."""

    def emit(context: Any, builder: Any, sig: Any, args: tuple[Any, ...]) -> Any:
        whole = builder.fptosi(args[0], _ints(args[0]))
        biased = builder.add(whole, _int_like(whole, 127))
        return builder.bitcast(builder.shl(biased, _int_like(whole, 23)), args[0].type)

    return _kind(n)(_kind(n)), emit


@ir.intrinsic
def exponent(typingctx: Any, x: Any) -> Any:
    """The whole n with 2^n <= x < 2^(n + 1), for a normal x > 0."""

    def emit(context: Any, builder: Any, sig: Any, args: tuple[Any, ...]) -> Any:
        bits = builder.bitcast(args[0], _ints(args[0]))
        biased = builder.lshr(bits, _int_like(bits, 23))
        return builder.sitofp(builder.sub(biased, _int_like(bits, 127)), args[0].type)

    return _kind(x)(_kind(x)), emit


@ir.intrinsic
def significand(typingctx: Any, x: Any) -> Any:
    """The number x / 2^n, from 1 up to 2, with n = exponent(x)."""

    def emit(context: Any, builder: Any, sig: Any, args: tuple[Any, ...]) -> Any:
        bits = builder.bitcast(args[0], _ints(args[0]))
        fraction = builder.and_(bits, _int_like(bits, 0x007FFFFF))
        return builder.bitcast(builder.or_(fraction, _int_like(bits, 127 << 23)), args[0].type)

    return _kind(x)(_kind(x)), emit


def _ints(floats: Any) -> Any:
    """The type of integers with as many bits as these floats."""
    return ir.INTS if isinstance(floats.type, llvm.VectorType) else ir.INT32


def _int_like(ints: Any, value: int) -> Any:
    """A constant of the type of `ints`."""
    several = isinstance(ints.type, llvm.VectorType)
    return llvm.Constant(ints.type, [value] * WIDTH if several else value)
