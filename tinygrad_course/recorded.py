"""A call that was recorded: what it keeps for backward, and its formulas at work.

The backward half of a `Function` (`function.py` has the forward half): `_record` makes a call a
node of the graph, `pull` takes dL/dy to the gradients of the inputs. Read next: `engine.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, NamedTuple

import numpy as np

from .backend import Array, array_module, as_array, is_array
from .dtypes import unbroadcast
from .errors import ArgumentTypeError, ShapeError
from .formulas import OUTPUT, VARIADIC, Formulas, Plan
from .node import Node, Output, next_serial
from .tensor import wrap


class Recorded(Node):
    """The node of a call of an op.

    Attributes:
        plan: what is kept for the inputs that need a gradient, and who asks for it.
        kept: those values, in the plan's order.
        input_shapes: one per input, which its gradient must have.
        dtype: of the inputs' floats, which their gradients must have.
        outputs: of a call with several, their shapes.
    """

    broadcasts = False
    accepts_none = False
    plan: Plan
    input_shapes: Any = ()
    dtype: Any
    outputs: tuple[Shell, ...] | None = None

    _formulas: ClassVar[Formulas]
    _plans: ClassVar[dict[int, Plan]]

    def _record(
        self, arrays: list[Array], edges: list[Node | None], y: Any, dtype: Any, wanted: int
    ) -> None:
        """Become the node of this call: keep what the formulas will ask for, and no more.

        Args:
            arrays: the inputs.
            edges: their nodes.
            y: the output, or the tuple of outputs.
            dtype: of the inputs' floats.
            wanted: which inputs need a gradient, one bit each.
        """
        plan = self._plans.get(wanted)
        if plan is None:
            plan = self._plans[wanted] = self._formulas.plan([e is not None for e in edges])
        self.plan = plan
        self.serial = next_serial()
        self.edges = tuple(edges)
        self.dtype = dtype
        self.input_shapes = [a.shape for a in arrays]
        if plan.places is not None:
            arrays.append(y)  # the last place, OUTPUT
            self.kept = [arrays[place] for place in plan.places]
        else:
            self.kept = [self._take(source, arrays, y) for source in plan.sources]

    def set_outputs(self, ys: Iterable[Array]) -> None:
        """Remember the outputs' shapes: zeros stand in where no gradient flowed."""
        self.outputs = tuple([Shell(a.shape, a.dtype, array_module(a)) for a in ys])

    def _take(self, source: int | str, arrays: list[Array], y: Any) -> Any:
        """One value to keep. An attribute moves from `self`, to be released with the rest."""
        if isinstance(source, str):
            if source not in self.__dict__:
                raise ArgumentTypeError(
                    f"{type(self).__name__}: a gradient formula asks for {source!r}, which is no "
                    f"parameter of forward ({', '.join(self._formulas.inputs)}), not y, and no "
                    "attribute that forward set"
                )
            value = self.__dict__.pop(source)
            return as_array(value) if isinstance(value, np.generic) else value
        if source == OUTPUT:
            return y
        return tuple(arrays[self._first_starred() :]) if source == VARIADIC else arrays[source]

    def _first_starred(self) -> int:
        return len(self._formulas.inputs) - 1

    def kept_inputs(self) -> Iterable[int]:
        """The positions of the inputs whose values are kept."""
        count = len(self.edges or ())
        for source in self.plan.sources:
            if source == VARIADIC:
                yield from range(self._first_starred(), count)
            elif isinstance(source, int) and source >= 0:
                yield source

    def kept_tensors(self) -> tuple[Any, ...]:
        """The kept values as tensors, inputs and output with their edges, the rest constants."""
        edges = self.edges or ()
        out: list[Any] = []
        for source, value in zip(self.plan.sources, self.kept, strict=True):
            if isinstance(source, str):
                out.append(wrap(value, None) if is_array(value) else value)
            elif source == VARIADIC:
                nodes = edges[self._first_starred() :]
                out.append(tuple([wrap(a, e) for a, e in zip(value, nodes, strict=True)]))
            elif source != OUTPUT:
                out.append(wrap(value, edges[source]))
            elif type(value) is tuple:
                out.append(tuple([wrap(a, Output(self, i)) for i, a in enumerate(value)]))
            else:
                out.append(wrap(value, self))
        return tuple(out)

    def pull(self, edges: tuple[Node | None, ...], grad: Any, kept: Any) -> Iterable[Any]:
        """dL/dy to one gradient per input: run the formulas of the inputs that have an edge."""
        _, _, calls, joint, upstream = self.plan
        if upstream is not None:
            formula, at = upstream
            grad = formula(self, grad, *[kept[k] for k in at])
        grads: list[Any] = []
        if joint is not None:
            formula, at = joint
            grads += formula(self, grad, *[kept[k] for k in at])
            self._check_count(grads)
            for i, g in enumerate(grads):
                if g is not None:
                    grads[i] = None if edges[i] is None else self._fitted(i, g)
            return grads
        shapes, dtype = self.input_shapes, self.dtype
        for call in calls:
            i = len(grads)
            if call is None or edges[i] is None:
                grads.append(None)
                continue
            formula, at = call
            if not at:  # written out, since most formulas ask for one value or none
                g = formula(self, grad)
            elif len(at) == 1:
                g = formula(self, grad, kept[at[0]])
            else:
                g = formula(self, grad, *[kept[k] for k in at])
            if g is not None and (g.dtype is not dtype or g.shape != shapes[i]):
                g = self._fitted(i, g)
            grads.append(g)
        return grads

    def _fitted(self, i: int, g: Any) -> Any:
        """A gradient that has another dtype or shape than input `i`: converted, or summed."""
        if g.dtype != self.dtype:
            g = g.astype(self.dtype)
        shape = self.input_shapes[i]
        if g.shape == shape:
            return g
        return unbroadcast(g, shape) if self.broadcasts else self._wrong_shape(i, g, shape)

    def _wrong_shape(self, i: int, g: Any, shape: tuple[int, ...]) -> Any:
        """Raise. (The gradient checker shows the `g` of this frame.)"""
        raise ShapeError(
            f"{type(self).__name__}: the gradient of {self._formulas.name(i)} must have its shape "
            f"{shape}, but the formula returned {tuple(g.shape)}"
        )

    def _check_count(self, grads: list[Any]) -> None:
        if len(grads) != len(self.input_shapes):
            raise ShapeError(
                f"{type(self).__name__}.backward returned {len(grads)} gradients for "
                f"{len(self.input_shapes)} inputs; return one per input, None where none is "
                "owed"
            )


class Shell(NamedTuple):
    """Shape and dtype of an output, to make zeros of when nothing flowed into it."""

    shape: tuple[int, ...]
    dtype: Any
    module: Any

    def zeros(self) -> Array:
        return self.module.zeros(self.shape, self.dtype)
