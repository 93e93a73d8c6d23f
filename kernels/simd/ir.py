"""The few LLVM instructions that the vectors and the tile are made of, with names.

Each function appends to the code that `builder` is writing and returns the value it will have.
Addresses are 64-bit integers, in bytes. Read next: `vector.py`, then `tile.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from llvmlite import ir  # type: ignore[import-untyped]
from numba import extending
from numba.core import cgutils

from .cpu import WIDTH

Builder: TypeAlias = Any
Value: TypeAlias = Any

intrinsic: Callable[[Callable[..., Any]], Callable[..., Any]] = extending.intrinsic
"""Numba's decorator for a function that is written in LLVM's instructions."""
loop: Callable[[Builder, Value], Any] = cgutils.for_range
"""`with loop(builder, count) as turn:` what is appended runs `count` times; see `turn.index`."""
unpack: Callable[[Builder, Value, int], list[Value]] = cgutils.unpack_tuple
"""The values of a tuple of so many."""
_alloca: Callable[[Builder, Any], Value] = cgutils.alloca_once

FLOAT = ir.FloatType()
INT32 = ir.IntType(32)
INT64 = ir.IntType(64)
POINTER = ir.PointerType()
FLOATS = ir.VectorType(FLOAT, WIDTH)
INTS = ir.VectorType(INT32, WIDTH)
LONGS = ir.VectorType(INT64, WIDTH)
MASK = ir.VectorType(ir.IntType(1), WIDTH)
UNDEFINED = ir.Constant(FLOATS, ir.Undefined)
LANES = ir.Constant(LONGS, list(range(WIDTH)))
"""The number of each lane."""

VECTOR_BYTES = 4 * WIDTH


def int64(value: int) -> Value:
    """The constant `value`."""
    return ir.Constant(INT64, value)


def floats(value: float) -> Value:
    """A vector with the constant `value` in every lane."""
    return ir.Constant(FLOATS, [float(value)] * WIDTH)


def variable(builder: Builder, kind: Any = FLOATS) -> Value:
    """A local variable. LLVM gives it a register where there is one."""
    return _alloca(builder, kind)


def cover(
    builder: Builder, count: Value, heights: Sequence[int], emit: Callable[[int, Value], None]
) -> None:
    """Append code that covers `count` rows with blocks, as many of the tallest as fit, then others.

    `emit(height, first row)` appends a block. The last height reaches over the end where it does
    not divide what is left.
    """
    begin = int64(0)
    for height in heights:
        left = builder.sub(count, begin)
        if height == heights[-1]:
            left = builder.add(left, int64(height - 1))
        blocks = builder.sdiv(left, int64(height))
        with loop(builder, blocks) as turn:
            emit(height, builder.add(begin, builder.mul(turn.index, int64(height))))
        begin = builder.add(begin, builder.mul(blocks, int64(height)))


def load(builder: Builder, address: Value, kind: Any = FLOATS) -> Value:
    """What stands at `address`, wherever it lies: no alignment is assumed beyond 4 bytes."""
    loaded = builder.load(builder.inttoptr(address, POINTER), typ=kind)
    loaded.align = 4
    return loaded


def store(builder: Builder, value: Value, address: Value) -> None:
    """Write `value` to `address`."""
    builder.store(value, builder.inttoptr(address, POINTER)).align = 4


def offset(builder: Builder, address: Value, count: Value | int) -> Value:
    """`address` moved by `count` floats."""
    if isinstance(count, int):
        return builder.add(address, int64(4 * count)) if count else address
    return builder.add(address, builder.shl(count, int64(2)))


def broadcast(builder: Builder, scalar: Value) -> Value:
    """A vector with `scalar` in every lane."""
    kind = ir.VectorType(scalar.type, WIDTH)
    undefined = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(INT32, 0))
    return builder.shuffle_vector(first, undefined, lanes([0] * WIDTH))


def lanes(order: Sequence[int]) -> Value:
    """The constant that names lanes in a shuffle."""
    return ir.Constant(ir.VectorType(INT32, len(order)), list(order))


def call(builder: Builder, name: str, result: Any, *arguments: Value) -> Value:
    """Call LLVM's own function `name`, such as "llvm.fma"; its type suffix is added here."""
    suffix = f"v{result.count}" if isinstance(result, ir.VectorType) else ""
    full = f"{name}.{suffix}f32"
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    known = builder.module.globals.get(full)
    return builder.call(known or ir.Function(builder.module, kind, full), arguments)


def fma(builder: Builder, a: Value, b: Value, c: Value) -> Value:
    """a b + c, rounded once."""
    return call(builder, "llvm.fma", a.type, a, b, c)


def first_lanes(builder: Builder, count: Value) -> Value:
    """The mask of the first `count` lanes; `count` may be below 0 or above WIDTH."""
    return builder.icmp_signed("<", LANES, broadcast(builder, count))


def masked_load(builder: Builder, address: Value, mask: Value) -> Value:
    """`load` where the mask is set, 0 elsewhere; what is masked off is not touched."""
    name = f"llvm.masked.load.v{WIDTH}f32.p0"
    kind = ir.FunctionType(FLOATS, [POINTER, INT32, MASK, FLOATS])
    function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
    pointer = builder.inttoptr(address, POINTER)
    return builder.call(function, [pointer, ir.Constant(INT32, 4), mask, floats(0)])


def masked_store(builder: Builder, value: Value, address: Value, mask: Value) -> None:
    """`store` where the mask is set; what is masked off is not touched."""
    suffix = "f32" if value.type == FLOATS else "i64"
    name = f"llvm.masked.store.v{WIDTH}{suffix}.p0"
    kind = ir.FunctionType(ir.VoidType(), [value.type, POINTER, INT32, MASK])
    function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
    pointer = builder.inttoptr(address, POINTER)
    builder.call(function, [value, pointer, ir.Constant(INT32, 4), mask])
