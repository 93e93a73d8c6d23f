"""An op is a class; one call of it is an instance; that instance is the node of the graph.

Second of the core's files (after `tensor.py`). A subclass of `Function` writes `forward` and, under
it, one formula per input; `apply` runs forward and keeps exactly what those formulas ask for.
Read next: `recorded.py`, the backward half, then `engine.py` and any file of `ops/`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar, cast

import numpy as np

from .backend import Array, as_array, check_same_device
from .dtypes import check_broadcast, check_no_bools, operands
from .errors import GraphError
from .formulas import read_formulas
from .grad_mode import mode
from .inputs import agreed, common_float, constant_result
from .node import Node, Output
from .recorded import Recorded
from .tensor import Tensor, new, wrap


class Function(Recorded):
    """The base of every op.

    Write `forward(self, ...)` on arrays and, for each differentiable input `x`, a formula
    `grad_x(self, grad, ...)`. After `grad` (dL/dy) a formula names what it needs: forward's
    parameters, `y` (the output), or an attribute that forward set on `self`. Nothing else is kept.
    Where the gradients share their work, write `backward(self, grad, ...)` instead, with
    parameters named the same way, returning one gradient (or None) per input.

    Where all formulas begin alike, `upstream(self, grad, ...)` stands before them, named the same
    way: what it makes of dL/dy (say, dL/dz of y = f(z)) is the `grad` that they are handed.

    Formulas are handed arrays in a plain pass and tensors under `create_graph=True`, so use
    operators, methods that both have, and functions of `tg`; never `np.*`.

    Class attributes:
        name: what errors call the op; an inherited name, or else the class's in lower case.
            (`layer_norm` and `conv1d`, made of other functions' ops, name their instances.)
        broadcasts: elementwise with NumPy broadcasting; the engine sums the gradients back to the
            inputs' shapes, and scalars become arrays of the float's dtype.
        promotes: integer arrays take the float's dtype (`broadcasts` implies it).
        view: the output may share memory with the first input.
        moves: the output may lie on another device than the inputs.
        differentiable: False for an op whose result is a constant, such as argmax.
        accepts_none: of several outputs, an unused one hands `backward` None instead of zeros.

    Example:
        >>> import tinygrad_course as tg
        >>> class Cube(tg.Function):
        ...     def forward(self, x):
        ...         return x * x * x
        ...     def grad_x(self, grad, x):
        ...         return grad * 3.0 * x * x
        >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
        >>> Cube().apply(x).sum().backward()
        >>> x.grad
        Tensor([ 3., 12.], shape=(2,), dtype=float32, device=cpu)
    """

    name: str
    forward: Callable[..., Any]
    backward: ClassVar[Callable[..., Any]]
    promotes = False
    moves = False
    differentiable = True

    def __init_subclass__(cls) -> None:
        """Read once what the class's formulas are and what they ask for."""
        if not hasattr(cls, "forward"):
            return
        if not hasattr(cls, "name"):
            cls.name = cls.__name__.lower()
        cls._formulas = read_formulas(cls)
        cls._plans = {}

    def apply(self, *inputs: Any) -> Tensor:
        """Run forward on the inputs' arrays, and record this call if a gradient may be asked for.

        Returns:
            A Tensor (or a tuple of them); on arrays alone, whatever forward returns.

        Raises:
            GraphError: this instance was applied before: it is the node of that call.
            DtypeError: float32 beside float64.
        """
        if self.serial:
            raise GraphError(
                f"{type(self).__name__}: this instance was applied before and is the node of that "
                f"call; make a new one for each call: {type(self).__name__}(...).apply(...)"
            )
        arrays: list[Any] = []
        edges: list[Node | None] = []
        tensors, wanted, bit = False, 0, 1
        for v in inputs:
            if isinstance(v, Tensor):
                tensors = True
                arrays.append(v.data)
                edge = v.node
                edges.append(edge)
                if edge is not None:
                    wanted |= bit
            else:
                arrays.append(v)
                edges.append(None)
            bit += bit
        dtype = common_float(arrays)
        if not tensors:
            plain: Tensor = self._plain(arrays, dtype)  # an array, for arrays
            return plain
        recording = mode.recording
        if recording is not True and recording is not False:
            return self.observed(*inputs)
        if not (recording and self.differentiable):
            wanted = 0
        if dtype is None:
            arrays, dtype = agreed(self, arrays)
        try:
            y = self.forward(*arrays)
        except ValueError:
            if self.broadcasts:
                check_broadcast(self.name, arrays)
            raise
        if y.__class__ is not np.ndarray:
            if y.__class__ is tuple:
                return cast("Tensor", self._several(arrays, edges, y, dtype, wanted))
            y = as_array(y)
        if not wanted:
            return constant_result(y, dtype)
        self._record(arrays, edges, y, dtype, wanted)
        tensor = new(Tensor)
        tensor.data = y
        tensor.node = self
        return tensor

    def _several(
        self,
        arrays: list[Array],
        edges: list[Node | None],
        y: tuple[Any, ...],
        dtype: Any,
        wanted: int,
    ) -> tuple[Tensor, ...]:
        """The tensors of several outputs; each has a node of its own, with an edge to this one."""
        ys = tuple([as_array(a) for a in y])
        if not wanted:
            return tuple([constant_result(a, dtype) for a in ys])
        self._record(arrays, edges, ys, dtype, wanted)
        self.set_outputs(ys)
        return tuple([wrap(a, Output(self, i)) for i, a in enumerate(ys)])

    def _plain(self, arrays: list[Any], dtype: Any) -> Any:
        """Forward on arrays alone: nothing to record."""
        if dtype is None:
            arrays = operands(*arrays)
            if self.promotes:
                arrays = agreed(self, arrays)[0]
        try:
            return self.forward(*arrays)
        except ValueError:
            if self.broadcasts:
                check_broadcast(self.name, arrays)
            raise
        except TypeError:
            check_same_device(self.name, arrays, self._formulas.inputs)
            check_no_bools(self.name, [a for a in arrays if a is not None])
            raise

    def observed(self, *inputs: Any) -> Tensor:
        """`apply` while somebody looks on: the same call between two events."""
        observer, recording = mode.observer, mode.recording
        observer.before_forward(self)
        try:
            mode.recording = bool(recording)
            try:
                result: Any = self.apply(*inputs)
            finally:
                mode.recording = recording
            tensors = result if type(result) is tuple else (result,)
            observer.after_forward(self, inputs, tuple([t.data for t in tensors]))
        except BaseException:
            observer.abandoned(self)
            raise
        return cast("Tensor", result)

    def __repr__(self) -> str:
        """The op with what its `__init__` took, as far as it is stored under its own name."""
        own = {**self.__dict__, **self.__dict__.get("geometry", {})}
        names = inspect.signature(type(self).__init__).parameters
        shown = [f"{n}={own[n]!r}" for n in names if n in own and n != "geometry"]
        if "geometry" in names:
            shown += [f"{n}={v!r}" for n, v in self.__dict__["geometry"].items()]
        return f"{type(self).__name__}({', '.join(shown)})"
