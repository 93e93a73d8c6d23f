"""`Unary` and `Binary`: a Function whose `apply` is written out, because small ops live on speed.

They do what `Function.apply` does, for elementwise ops whose formulas keep at most one value each;
a subclass whose formulas ask for more gets the general `apply` back.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from numpy import ndarray

from .backend import as_array, check_same_device, on_gpu
from .dtypes import (
    DEFAULT,
    agree,
    check_broadcast,
    check_no_bools,
    constant_like,
    operand,
    unbroadcast,
)
from .errors import ArgumentTypeError
from .function import Function
from .grad_mode import mode
from .inputs import common_float, constant_result
from .node import Node, next_serial
from .tensor import Tensor, new, wrap


class Unary(Function):
    """An elementwise op of one input, `forward(self, x)`: `apply` written out for speed.

    Class attributes:
        keeps_integers: forward is handed integers and bools as they are, not as float32. (NumPy
            would compute e^x of small integers in float16.)
    """

    keeps_integers = False
    _keeps: ClassVar[int]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        formulas = cls._formulas
        if formulas.inputs != ("x",):
            raise ArgumentTypeError(f"{cls.__name__}: a Unary's forward is forward(self, x)")
        needs = formulas.by_input["x"].needs if formulas.by_input else None
        codes: dict[Any, int] = {(): 0, ("x",): 1, ("y",): 2}
        if formulas.joint is not None or needs not in codes:
            _make_general(cls)
        cls._keeps = codes.get(needs, -1)

    def apply(self, x: Any) -> Tensor:
        """Run forward and record, as `Function.apply` does."""
        if x.__class__ is not Tensor and not isinstance(x, Tensor):
            if common_float((x,)) is None:
                x = operand(x)
                if x.dtype.kind != "f" and not self.keeps_integers:
                    x = x.astype(DEFAULT)
            try:
                plain: Tensor = self.forward(x)  # an array, for arrays
            except TypeError:
                check_no_bools(self.name, (x,))
                raise
            return plain
        if self.serial:
            return Function.apply(self, x)
        recording = mode.recording
        if recording is not True and recording is not False:
            return self.observed(x)
        a = x.data
        edge = x.node
        if edge is None and a.dtype.kind != "f" and not self.keeps_integers:
            a = a.astype(DEFAULT)
        try:
            y = self.forward(a)
        except (TypeError, ValueError):
            _explain(self, (a,))
            raise
        if y.__class__ is not ndarray:
            y = _result(self, y, (a,))
        if edge is None or not recording:
            return constant_result(y, a.dtype)
        keeps = self._keeps
        self.kept = None if keeps == 0 else a if keeps == 1 else y
        self.serial = next_serial()
        self.edges = (edge,)
        tensor = new(Tensor)
        tensor.data = y
        tensor.node = self
        return tensor

    def kept_inputs(self) -> Iterable[int]:
        return (0,) if self._keeps == 1 else ()

    def kept_tensors(self) -> Any:
        if self._keeps == 0:
            return None
        return wrap(self.kept, self.edges[0] if self._keeps == 1 else self)  # type: ignore[index]

    def pull(self, edges: tuple[Node | None, ...], grad: Any, kept: Any) -> Iterable[Any]:
        return (self.grad_x(grad),) if kept is None else (self.grad_x(grad, kept),)  # type: ignore[attr-defined]


class Binary(Function):
    """An elementwise op of two inputs, `forward(self, a, b)`: `apply` written out for speed."""

    broadcasts = True
    _sources: ClassVar[tuple[int | None, int | None]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        formulas = cls._formulas
        if formulas.inputs != ("a", "b"):
            raise ArgumentTypeError(f"{cls.__name__}: a Binary's forward is forward(self, a, b)")
        codes: dict[Any, Any] = {(): None, ("a",): 0, ("b",): 1}
        by_input = formulas.by_input
        needs = [by_input[n].needs if n in by_input else None for n in ("a", "b")]
        if formulas.joint is not None or not all(n in codes for n in needs):
            _make_general(cls)
        cls._sources = (codes.get(needs[0]), codes.get(needs[1]))

    def apply(self, a: Any, b: Any) -> Tensor:
        """Run forward and record, as `Function.apply` does."""
        if a.__class__ is Tensor or isinstance(a, Tensor):
            x = a.data
            edge_a = a.node
            if b.__class__ is Tensor or isinstance(b, Tensor):
                y = b.data
                edge_b = b.node
            else:
                y = b if b.__class__ is ndarray else constant_like(b, x.dtype, x)
                edge_b = None
        elif isinstance(b, Tensor):
            y = b.data
            edge_b = b.node
            x = a if a.__class__ is ndarray else constant_like(a, y.dtype, y)
            edge_a = None
        else:
            plain: Tensor = self._plain([a, b], None)  # an array, for arrays
            return plain
        if self.serial:
            return Function.apply(self, a, b)
        recording = mode.recording
        if recording is not True and recording is not False:
            return self.observed(a, b)
        if x.dtype is not y.dtype and x.dtype != y.dtype:
            x, y = agree(x, y, self.name)
        try:
            z = self.forward(x, y)
        except (TypeError, ValueError):
            check_broadcast(self.name, (x, y))
            _explain(self, (x, y))
            raise
        if z.__class__ is not ndarray:
            z = _result(self, z, (x, y))
        if (edge_a is None and edge_b is None) or not recording:
            return constant_result(z, x.dtype)
        source_a, source_b = self._sources
        self.kept = (
            None if source_a is None or edge_a is None else y if source_a else x,
            None if source_b is None or edge_b is None else y if source_b else x,
        )
        self.serial = next_serial()
        self.edges = (edge_a, edge_b)
        shape = x.shape
        self.input_shapes = None if shape == y.shape else (shape, y.shape)
        tensor = new(Tensor)
        tensor.data = z
        tensor.node = self
        return tensor

    def kept_inputs(self) -> Iterable[int]:
        kept = zip(self._sources, self.kept, strict=True)
        return [s for s, value in kept if s is not None and value is not None]

    def kept_tensors(self) -> Any:
        edges: Any = self.edges
        return tuple(
            [
                None if value is None else wrap(value, edges[s])
                for s, value in zip(self._sources, self.kept, strict=True)
            ]
        )

    def pull(self, edges: tuple[Node | None, ...], grad: Any, kept: Any) -> Iterable[Any]:
        edge_a, edge_b = edges
        a, b = kept
        grad_a = grad_b = None
        if edge_a is not None:
            grad_a = self.grad_a(grad) if a is None else self.grad_a(grad, a)  # type: ignore[attr-defined]
        if edge_b is not None:
            grad_b = self.grad_b(grad) if b is None else self.grad_b(grad, b)  # type: ignore[attr-defined]
        if self.input_shapes is not None:
            shape_a, shape_b = self.input_shapes
            if grad_a is not None:
                grad_a = unbroadcast(grad_a, shape_a)
            if grad_b is not None:
                grad_b = unbroadcast(grad_b, shape_b)
        return grad_a, grad_b


def _explain(op: Function, arrays: tuple[Any, ...]) -> None:
    """Raise an error of ours, if one says why `op` could not compute."""
    check_same_device(op.name, arrays)
    check_no_bools(op.name, arrays)


def _result(op: Function, y: Any, arrays: tuple[Any, ...]) -> Any:
    """What forward returned as an array, which on a GPU must be the one its inputs are on."""
    if on_gpu(y) and not op.moves:
        check_same_device(op.name, arrays)
    return as_array(y)


def _make_general(cls: Any) -> None:
    """Give the class the general methods back: its formulas ask for more than one value."""
    for name in ("apply", "pull", "kept_inputs", "kept_tensors"):
        setattr(cls, name, getattr(Function, name))
