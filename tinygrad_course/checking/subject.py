"""What is checked: a function of float64 arrays, however the user wrote it.

`Subject` turns f and its inputs into named arguments and a `call`; a Module's parameters are
arguments too. `GradientOf` is the same for the gradient of a subject: checking it is checking the
second derivative. Read next: `preflight.py`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import ArgumentError, ArgumentTypeError, DtypeError
from ..grad_mode import enable_grad
from ..gradients import grad
from ..node import Leaf
from ..tensor import Parameter, Tensor, wrap
from .frozen import Frozen, is_module
from .numeric import scale_of

Array = Any


class Argument(NamedTuple):
    """One thing that f is differentiated with respect to.

    Attributes:
        label: its name in f's signature, or the parameter's name in the Module.
        value: a float64 array of our own.
    """

    label: str
    value: Array


class Constant(NamedTuple):
    """A float input that is handed on like an integer: nobody claims a gradient for it.

    Attributes:
        value: the input.
    """

    value: Any


class Subject:
    """A function of tensors with its inputs, ready to be called again and again.

    Args:
        f: a function of tensors, or a Module.
        inputs: its inputs; floats become float64 arguments, the rest is handed on.
        name: the caller's name, for messages.
        labels: the inputs' names; None to read them from f.
        dtype: of the float inputs that are no arguments, and of what f holds.

    Raises:
        ArgumentError: there is no float among the inputs (and f has no parameters).
        ArgumentTypeError: f is not callable, or an input is complex.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        inputs: Any,
        name: str,
        labels: Sequence[str] | None = None,
        dtype: type = np.float64,
    ) -> None:
        if not callable(f):
            raise ArgumentTypeError(
                f"{name}: expected a function of tensors first, but it is {type(f).__name__}; "
                f"call it as {name}(f, inputs)"
            )
        self.f = f
        self.name = name
        self.frozen = Frozen(f, dtype)
        given = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        labels = _labels(f, len(given)) if labels is None else labels
        self.labels = list(labels)
        self.arguments: list[Argument] = []
        self._slots: list[Any] = []
        """Per input of f: an argument's position, or a constant in a list of one."""
        for label, value in zip(labels, given, strict=True):
            constant = isinstance(value, Constant)
            given_value = value.value if constant else value
            array = _as_float64(given_value, label, name)
            if constant and array is not None:
                self._slots.append([array.astype(dtype)])
            elif array is None:
                self._slots.append([_copied(given_value)])
            else:
                self._slots.append(len(self.arguments))
                self.arguments.append(Argument(label, array))
        self._holders = _parameters(f)
        self._first_holder = len(self.arguments)
        for label, parameter in self._holders:
            self.arguments.append(Argument(label, np.array(parameter.data, np.float64)))
        if not self.arguments:
            kinds = ", ".join(
                [str(getattr(v, "dtype", type(v).__name__)) for v in given] or ["none"]
            )
            raise ArgumentError(
                f"{name}: there is nothing to differentiate: expected at least one float input, "
                f"but the inputs are {kinds}; only floats have gradients (np.array([3, 3]) is an "
                "integer array; write np.array([3.0, 3.0]))"
            )

    def inputs(self) -> list[Any]:
        """All inputs of f, in their order: floats as float64 arrays, the rest as it was given."""
        return [self.arguments[s].value if isinstance(s, int) else s[0] for s in self._slots]

    def place_of(self, which: int) -> int | None:
        """Which input of f an argument is; None for a Module's parameter."""
        return next((k for k, s in enumerate(self._slots) if s == which), None)

    def constants(self) -> list[Array]:
        """The arrays among the inputs that are handed on unchecked."""
        slots = [s[0] for s in self._slots if isinstance(s, list)]
        values = [v.data if isinstance(v, Tensor) else v for v in slots]
        return [v for v in values if isinstance(v, np.ndarray)]

    def call(self, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """f's outputs for these arguments, with everything else as it was in the first call."""
        self.frozen.rewind()
        values = [tensors[s] if isinstance(s, int) else s[0] for s in self._slots]
        before = [(p, p.data, p.node) for _, p in self._holders]
        for (_, p), t in zip(self._holders, tensors[self._first_holder :], strict=True):
            p.data, p.node = t.data, t.node
        try:
            result = self.f(*values)
        except DtypeError as error:
            raise DtypeError(
                f"{self.name}: f is run in float64, and it raised: {error}. It seems to hold a "
                "float32 constant: make that one float64, or pass it as an input"
            ) from error
        finally:
            for p, data, node in before:
                p.data, p.node = data, node
        return _outputs(result, self.name)


class GradientOf:
    """The gradient of a subject as a subject: (inputs, upstream gradients) -> input gradients.

    Its values come from the plain backward pass, its derivatives from `create_graph=True`.
    """

    def __init__(
        self, first: Subject, outputs: Sequence[int], upstream: Sequence[Array], values: Array
    ) -> None:
        self.name = first.name
        self.frozen = first.frozen
        self.first = first
        self.outputs = outputs
        several = len(outputs) > 1
        seeds = [
            Argument(f"upstream gradient {k}" if several else "upstream gradient", u)
            for k, u in enumerate(upstream)
        ]
        self.arguments = [*first.arguments, *seeds]
        size = float(np.nansum(abs(np.concatenate([u.reshape(-1) for u in upstream]) * values)))
        self.natural = [
            size / float(np.median(scale_of(a.value))) if a.value.size else 0.0
            for a in first.arguments
        ]
        """|L| / |x|, per input: a gradient is rounded like this, not like itself."""
        self.output_labels = [f"dL/d{a.label}" for a in first.arguments]

    def constants(self) -> list[Array]:
        """The arrays among the inputs that are handed on unchecked."""
        return self.first.constants()

    def call(self, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """dL/d(argument) for each argument of the first subject, L being <upstream, outputs>."""
        count = len(self.first.arguments)
        recorded = any(t.node is not None for t in tensors)
        points = [t if t.node is not None else wrap(t.data, Leaf()) for t in tensors[:count]]
        with enable_grad():
            ys = self.first.call(points)
            pairs = [
                (ys[i], u)
                for i, u in zip(self.outputs, tensors[count:], strict=True)
                if ys[i].node is not None
            ]
            if not pairs:
                return tuple([wrap(np.zeros(p.shape), None) for p in points])
            seeds = [u for _, u in pairs]
            return tuple(grad([y for y, _ in pairs], points, seeds, create_graph=recorded))


def _labels(f: Any, count: int) -> list[str]:
    """The names of f's first parameters; "input 0" where it has none."""
    try:
        parameters = list(inspect.signature(getattr(f, "forward", f)).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [p.name for p in parameters if p.kind in plain][:count]
    return names + [f"input {i}" for i in range(len(names), count)]


def _as_float64(value: Any, label: str, name: str) -> Array | None:
    """A float input as a float64 array of our own; None for what is handed on."""
    if isinstance(value, Tensor):
        value = value.data
    if isinstance(value, (bool, int, str)) or value is None:
        return None
    if not isinstance(value, (float, np.ndarray, np.generic)):
        if not isinstance(value, (list, tuple)):
            return None
        try:
            value = np.asarray(value)
        except ValueError:
            return None
    array = np.asarray(value)
    if array.dtype.kind == "c":
        raise ArgumentTypeError(
            f"{name}: {label} is {array.dtype}; gradients here are of real numbers. Pass the real "
            "and the imaginary part as two inputs"
        )
    return np.array(array, np.float64, order="K") if array.dtype.kind == "f" else None


def _copied(value: Any) -> Any:
    """A constant of our own, so that a function which writes into it does no harm outside."""
    if isinstance(value, Tensor):
        return wrap(value.data.copy(), None)
    return value.copy() if isinstance(value, np.ndarray) else value


def _parameters(f: Any) -> list[tuple[str, Parameter]]:
    """The trained parameters of a Module (or of the Module whose method f is), with their names."""
    owner: Any = f if is_module(f) else getattr(f, "__self__", None)
    if not is_module(owner):
        return []
    if hasattr(owner, "named_parameters"):
        named = list(owner.named_parameters())
    else:
        named = [(f"parameter {i}", p) for i, p in enumerate(owner.parameters())]
    return [(label, p) for label, p in named if p.node is not None and p.dtype.kind == "f"]


def _outputs(result: Any, name: str) -> tuple[Tensor, ...]:
    """What f returned, as a tuple of tensors."""
    if isinstance(result, Tensor):
        return (result,)
    if isinstance(result, (list, tuple)) and result and all(isinstance(t, Tensor) for t in result):
        return tuple(result)
    if isinstance(result, (list, tuple)):
        kinds = sorted({type(t).__name__ for t in result if not isinstance(t, Tensor)})
        what = f"a {type(result).__name__} with {', '.join(kinds)}" if kinds else "nothing"
    else:
        what = f"{type(result).__name__}"
    raise ArgumentTypeError(
        f"{name}: f must return a tensor or a tuple of tensors, but it returned {what}; compute "
        "with tg's functions (a result of .numpy(), .data, .item() or np.* has left the graph)"
    )
