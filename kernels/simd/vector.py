"""A vector of WIDTH floats as a value inside a kernel.

    for i in range(0, n - WIDTH + 1, WIDTH):
        store(y, i, fma(load(x, i), scale, shift))          # y = x * scale + shift

A local variable that holds one lives in a register, so a loop that adds to it adds in a register.
+ - * / and the comparisons work between vectors, and with a float on one side; the functions of
vectors take single floats too, so that one text serves a loop over numbers. Arrays are float32
and C-contiguous; an index counts floats from the array's first, whatever its number of axes, and
is not checked. Read next: `functions.py`; `ir.py` is the layer below.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, TypeAlias

from numba import types
from numba.core import imputils
from numba.core.datamodel import models, registry
from numba.core.errors import TypingError
from numba.core.typeconv.castgraph import Conversion
from numba.core.typing import templates
from numba.np import arrayobj

from . import ir
from .cpu import WIDTH

_Decorator: TypeAlias = Callable[[Any], Any]
register_model: Callable[..., _Decorator] = registry.register_default
lower_cast: Callable[..., _Decorator] = imputils.lower_cast
lower_builtin: Callable[..., _Decorator] = imputils.lower_builtin
infer_global: Callable[..., _Decorator] = templates.infer_global

# The types ----------------------------------------------------------------------------------------


class FloatVector(types.Type):
    """Numba's type of a vector of WIDTH float32."""

    def __init__(self) -> None:
        super().__init__(name=f"float32x{WIDTH}")

    def can_convert_from(self, typingctx: Any, other: Any) -> Any:
        """A number becomes a vector, but never exactly: f(a float) must not find f(a vector)."""
        possible = typingctx.can_convert(other, types.float32) is not None
        return Conversion.safe if possible else None


class MaskVector(types.Type):
    """Numba's type of WIDTH booleans: what a comparison gives and `select` takes."""

    def __init__(self) -> None:
        super().__init__(name=f"mask{WIDTH}")


FLOATS = FloatVector()
MASK = MaskVector()


@register_model(FloatVector)
class _FloatModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, ir.FLOATS)  # type: ignore[no-untyped-call]


@register_model(MaskVector)
class _MaskModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, ir.MASK)  # type: ignore[no-untyped-call]


@lower_cast(types.Number, FloatVector)
def _scalar_to_vector(context: Any, builder: Any, source: Any, target: Any, value: Any) -> Any:
    return ir.broadcast(builder, context.cast(builder, value, source, types.float32))


# Arithmetic and comparisons -----------------------------------------------------------------------


def _is_operand_pair(args: tuple[Any, ...]) -> bool:
    numbers = (FloatVector, types.Number)
    return (
        len(args) == 2
        and all(isinstance(kind, numbers) for kind in args)
        and any(isinstance(kind, FloatVector) for kind in args)
    )


def _binary(operation: Callable[..., Any], result: Any, emit: Callable[..., Any]) -> None:
    """Teach Numba one operator on vectors: its type, and its one LLVM instruction."""

    class Template(templates.AbstractTemplate):
        def generic(self, args: tuple[Any, ...], kws: Any) -> Any:
            return result(FLOATS, FLOATS) if _is_operand_pair(args) else None

    infer_global(operation)(Template)

    def lower(context: Any, builder: Any, sig: Any, args: tuple[Any, ...]) -> Any:
        return emit(builder, *args)

    lower_builtin(operation, FloatVector, FloatVector)(lower)


_ARITHMETIC = {
    operator.add: "fadd",
    operator.sub: "fsub",
    operator.mul: "fmul",
    operator.truediv: "fdiv",
}
_IN_PLACE = {
    operator.iadd: "fadd",
    operator.isub: "fsub",
    operator.imul: "fmul",
    operator.itruediv: "fdiv",
}
_COMPARISONS = {
    operator.lt: "<",
    operator.le: "<=",
    operator.gt: ">",
    operator.ge: ">=",
    operator.eq: "==",
}


def _teach_operators() -> None:
    for operation, name in {**_ARITHMETIC, **_IN_PLACE}.items():
        _binary(operation, FLOATS, lambda b, x, y, name=name: getattr(b, name)(x, y))
    for operation, sign in _COMPARISONS.items():
        _binary(operation, MASK, lambda b, x, y, sign=sign: b.fcmp_ordered(sign, x, y))


_teach_operators()


@infer_global(operator.neg)
class _Negation(templates.AbstractTemplate):
    def generic(self, args: tuple[Any, ...], kws: Any) -> Any:
        return FLOATS(FLOATS) if args == (FLOATS,) else None


@lower_builtin(operator.neg, FloatVector)
def _negate(context: Any, builder: Any, sig: Any, args: tuple[Any, ...]) -> Any:
    return builder.fneg(args[0])


# Memory -------------------------------------------------------------------------------------------


def _check_array(name: str, array: Any) -> None:
    fine = isinstance(array, types.Array) and array.dtype == types.float32 and array.layout == "C"
    if not fine:
        raise TypingError(f"{name} expects a C-contiguous float32 array, got {array}")


def _element(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    """The address of element `index` of an array, as an integer."""
    data = context.make_array(kind)(context, builder, array).data
    return ir.offset(builder, builder.ptrtoint(data, ir.INT64), index)


@ir.intrinsic
def address(typingctx: Any, array: Any, index: Any) -> Any:
    """Where element `index` of `array` stands in memory, in bytes: what the tile takes."""
    _check_array("address", array)

    def emit(context: Any, builder: Any, sig: Any, args: tuple[Any, ...]) -> Any:
        return _element(context, builder, sig.args[0], *args)

    return types.int64(array, types.int64), emit


@ir.intrinsic
def load(typingctx: Any, array: Any, index: Any) -> Any:
    """The WIDTH floats of `array` from `index` on."""
    _check_array("load", array)

    def emit(context: Any, builder: Any, sig: Any, args: tuple[Any, ...]) -> Any:
        return ir.load(builder, _element(context, builder, sig.args[0], *args))

    return FLOATS(array, types.int64), emit


@ir.intrinsic
def load_first(typingctx: Any, array: Any, index: Any, count: Any) -> Any:
    """The `count` floats of `array` from `index` on, 0 in the lanes that are left."""
    _check_array("load_first", array)

    def emit(context: Any, builder: Any, sig: Any, args: tuple[Any, ...]) -> Any:
        place = _element(context, builder, sig.args[0], args[0], args[1])
        return ir.masked_load(builder, place, ir.first_lanes(builder, args[2]))

    return FLOATS(array, types.int64, types.int64), emit


@ir.intrinsic
def store(typingctx: Any, array: Any, index: Any, vector: Any) -> Any:
    """Write `vector` into `array` from `index` on."""
    _check_array("store", array)

    def emit(context: Any, builder: Any, sig: Any, args: tuple[Any, ...]) -> Any:
        ir.store(builder, args[2], _element(context, builder, sig.args[0], args[0], args[1]))
        return context.get_dummy_value()

    return types.void(array, types.int64, FLOATS), emit


@ir.intrinsic
def store_first(typingctx: Any, array: Any, index: Any, vector: Any, count: Any) -> Any:
    """Write the first `count` lanes of `vector`, and nothing beyond them."""
    _check_array("store_first", array)

    def emit(context: Any, builder: Any, sig: Any, args: tuple[Any, ...]) -> Any:
        place = _element(context, builder, sig.args[0], args[0], args[1])
        ir.masked_store(builder, args[2], place, ir.first_lanes(builder, args[3]))
        return context.get_dummy_value()

    return types.void(array, types.int64, FLOATS, types.int64), emit


@ir.intrinsic
def store_places(
    typingctx: Any, array: Any, index: Any, start: Any, vector: Any, step: Any, count: Any
) -> Any:
    """Write start + lane + step vector[lane], whole numbers, into `count` places of an array.

    The array is of int64: indices that a kernel found, such as a maximum's place. The vector holds
    whole numbers below 2^24, which a float32 holds exactly.
    """
    if not (isinstance(array, types.Array) and array.dtype == types.int64 and array.layout == "C"):
        raise TypingError(f"store_places expects a C-contiguous int64 array, got {array}")

    def emit(context: Any, builder: Any, sig: Any, args: tuple[Any, ...]) -> Any:
        array, index, start, vector, step, count = args
        data = context.make_array(sig.args[0])(context, builder, array).data
        place = builder.add(builder.ptrtoint(data, ir.INT64), builder.shl(index, ir.int64(3)))
        places = builder.fptosi(vector, ir.LONGS)
        places = builder.mul(places, ir.broadcast(builder, step))
        places = builder.add(places, builder.add(ir.LANES, ir.broadcast(builder, start)))
        ir.masked_store(builder, places, place, ir.first_lanes(builder, count))
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64, FLOATS, types.int64, types.int64), emit


@ir.intrinsic
def array_at(typingctx: Any, address: Any, count: Any, like: Any) -> Any:
    """The `count` numbers that stand at `address`, as an array of the dtype of `like`.

    For kernels that are given a table of addresses, because they take any number of arrays.
    """
    kind = types.Array(like.dtype, 1, "C")

    def emit(context: Any, builder: Any, sig: Any, args: tuple[Any, ...]) -> Any:
        array = context.make_array(kind)(context, builder)
        itemsize = ir.int64(context.get_abi_sizeof(context.get_data_type(kind.dtype)))
        arrayobj.populate_array(  # type: ignore[no-untyped-call]
            array,
            data=builder.inttoptr(args[0], array.data.type),
            shape=[args[1]],
            strides=[itemsize],
            itemsize=itemsize,
            meminfo=None,
        )
        return array._getvalue()

    return kind(types.int64, types.int64, like), emit
