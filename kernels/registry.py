"""Which kernels exist: specifications (`Op`) and the ways to compute them (`Implementation`).

Each op folder registers its ops here, and a user adds implementations with the decorator
`implementation`. Read next: `dispatch.py`, which chooses among them.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np

Arrays: TypeAlias = tuple[Any, ...]
"""A kernel's positional arguments: arrays, or lists of arrays (the optimizers)."""
Params: TypeAlias = dict[str, Any]
Shape: TypeAlias = tuple[int, ...]
Kernel: TypeAlias = Callable[..., Any]
KernelT = TypeVar("KernelT", bound=Kernel)


class KernelError(ValueError):
    """A kernel that does not exist, cannot run here, or has another signature than its op."""


class KernelWarning(UserWarning):
    """A compiled kernel that cannot run, be threaded or be kept here; something slower runs."""


class Cost(NamedTuple):
    """The least work of one call: floating-point operations, and bytes read and written once."""

    flops: float
    bytes: float


class Benchmark(NamedTuple):
    """One size worth timing: `op.make(rng, dtype, shapes, params)` builds its arrays."""

    label: str
    shapes: tuple[Shape, ...]
    params: Params


def normal_arrays(
    rng: np.random.Generator, dtype: Any, shapes: Sequence[Shape], params: Params
) -> Arrays:
    """Standard normal arrays of the given shapes: what most ops are tested and timed on."""
    return tuple(rng.standard_normal(shape).astype(dtype) for shape in shapes)


@dataclass(frozen=True, eq=False)
class Op:
    """The specification of one kernel.

    Attributes:
        name: what `launch` and `find` call it.
        reference: the function that defines it.
        cost: `cost(*arrays, **params)`, the `Cost` of that call.
        samples: `samples(rng, dtype)` yields (arrays, params) for the tests, edge cases included.
        benchmark_shapes: the sizes to time.
        make: builds arrays from shapes, for ops whose inputs are not all normal numbers.
        in_place: positions of the arguments the kernel writes into; all others it only reads.
        rule: names the implementation for these (arrays, params), "reference" where that is best.
        shape_class: what the rule looks at, as one hashable value: the choice is cached under it.
    """

    name: str
    reference: Kernel
    cost: Callable[..., Cost]
    samples: Callable[[np.random.Generator, Any], Iterable[tuple[Arrays, Params]]]
    benchmark_shapes: tuple[Benchmark, ...]
    make: Callable[[np.random.Generator, Any, Sequence[Shape], Params], Arrays] = normal_arrays
    in_place: tuple[int, ...] = ()
    rule: Callable[[Arrays, Params], str] | None = None
    shape_class: Callable[[Arrays, Params], Hashable] | None = None

    def __post_init__(self) -> None:
        assert (self.rule is None) == (self.shape_class is None), self.name  # noqa: S101


@dataclass(eq=False)
class Implementation:
    """One way to compute an op.

    Attributes:
        op: the op's name.
        name: `"reference"`, or any other word, unique within the op.
        function: the kernel, or `"module:function"` (a leading dot: inside `kernels`), imported
            when it first runs.
        family: the arrays it takes: `"numpy"`, `"cupy"` or `"any"`.
        dtypes: names of the dtypes it takes, or None for all.
        available: whether this machine can run it.
        unproved: whether a user wrote it, so that `verify` must find it right before it runs.
        failure: why it turned out that it cannot run here, once it was tried.
        needs: what `available` looks for, in words, for whoever does not have it.
    """

    op: str
    name: str
    function: Kernel | str
    family: str = "any"
    dtypes: tuple[str, ...] | None = None
    available: Callable[[], bool] = field(default=lambda: True)
    unproved: bool = False
    failure: str | None = None
    needs: str | None = None

    def load(self) -> Kernel:
        """The function itself, imported now if it was named by a string."""
        if isinstance(self.function, str):
            module, _, function = self.function.partition(":")
            loaded: Kernel = getattr(importlib.import_module(module, __package__), function)
            self.function = loaded
        return self.function

    def refusal(self, array: Any) -> str | None:
        """Why it cannot run on `array`, or None where it can."""
        if self.failure is not None:
            return self.failure
        if not self.available():
            needs = "" if self.needs is None else f": it needs {self.needs}"
            return f"it is not available on this machine{needs}"
        if array is None:
            return None
        if self.family not in ("any", family_of(type(array))):
            return f"it takes {self.family} arrays, not {family_of(type(array))} arrays"
        if self.dtypes is not None and array.dtype.name not in self.dtypes:
            return f"it takes {' or '.join(self.dtypes)}, not {array.dtype.name}"
        return None


def family_of(array_type: type) -> str:
    """The family of an array type: `"numpy"`, or the name of the package it comes from.

    Example:
        >>> family_of(np.ndarray)
        'numpy'
    """
    if issubclass(array_type, np.ndarray):
        return "numpy"
    return array_type.__module__.partition(".")[0]


_ops: dict[str, Op] = {}
_implementations: dict[str, dict[str, Implementation]] = {}
remembered: dict[Hashable, Any] = {}
"""What `dispatch` chose before; emptied whenever an implementation comes or goes."""
shape_classes: dict[str, Callable[[Arrays, Params], Hashable]] = {}
"""`Op.shape_class` of the ops that have a rule: the only part of an op that each launch needs."""


def _unknown(what: str, name: str, valid: Iterable[str]) -> KernelError:
    known = sorted(valid)
    close = difflib.get_close_matches(name, known, n=1)
    guess = f"did you mean {close[0]!r}? " if close else ""
    return KernelError(f"{what} {name!r} does not exist; {guess}Valid names: {', '.join(known)}")


def names() -> list[str]:
    """The names of all ops, sorted.

    Example:
        >>> names()[:3]
        ['activation', 'activation_grad', 'adadelta_step']
    """
    return sorted(_ops)


def op(name: str) -> Op:
    """The specification of one op.

    Raises:
        KernelError: no op has that name; the message holds the nearest.

    Example:
        >>> op("matmul").cost(np.zeros((2, 3)), np.zeros((3, 4)))
        Cost(flops=48, bytes=208)
    """
    if name not in _ops:
        raise _unknown("kernel", name, _ops)
    return _ops[name]


def implementations(op_name: str) -> dict[str, Implementation]:
    """All implementations of one op by name, the reference first.

    Example:
        >>> next(iter(implementations("matmul")))
        'reference'
    """
    return dict(_implementations[op(op_name).name])


def register(new: Op) -> Op:
    """Add an op to the registry, with its reference as the first implementation."""
    assert new.name not in _ops, new.name  # noqa: S101
    _ops[new.name] = new
    if new.shape_class is not None:
        shape_classes[new.name] = new.shape_class
    _implementations[new.name] = {"reference": Implementation(new.name, "reference", new.reference)}
    return new


def add(new: Implementation) -> None:
    """Add one implementation, or replace the one of that name.

    Raises:
        KernelError: an unknown op, the name "reference", or another signature than the op's.
    """
    reference = op(new.op).reference
    if new.name == "reference":
        raise KernelError(f"{new.op}: 'reference' is the definition; choose another name")
    if not isinstance(new.function, str):
        expected, given = signature(reference), signature(new.function)
        compiled = not inspect.isfunction(new.function)  # Numba knows no keyword-only parameters
        if given != expected and not (compiled and given == [w for w in expected if w != "*"]):
            raise KernelError(
                f"{new.op}: implementation {new.name!r} takes ({', '.join(given)}), but every "
                f"implementation takes the reference's ({', '.join(expected)})"
            )
    _implementations[new.op][new.name] = new
    remembered.clear()


def named(op_name: str, name: str) -> Implementation:
    """One implementation of one op.

    Raises:
        KernelError: the op or the implementation does not exist; the message holds the nearest.
    """
    known = _implementations[op(op_name).name]
    if name not in known:
        raise _unknown(f"{op_name}: implementation", name, known)
    return known[name]


def remove(op_name: str, name: str) -> None:
    """Forget an implementation of the user's; the reference stays.

    Raises:
        KernelError: no such implementation, or the reference.
    """
    if named(op_name, name).name == "reference":
        raise KernelError(f"{op_name}: the reference is the definition and cannot be removed")
    del _implementations[op_name][name]
    remembered.clear()


def signature(function: Kernel) -> list[str]:
    """The parameters of a kernel as words, keyword-only ones after a star.

    Example:
        >>> signature(op("dense").reference)
        ['x', 'w', 'b', '*', 'activation', 'out']
    """
    words: list[str] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in words:
            words.append("*")
        words.append(parameter.name)
    return words


def implementation(
    op_name: str,
    *,
    name: str,
    family: str = "any",
    dtypes: tuple[str, ...] | None = None,
    available: Callable[[], bool] = lambda: True,
) -> Callable[[KernelT], KernelT]:
    """Decorator: register your own implementation of an op.

    It runs where it is asked for: `with using(op_name, name)`, or `impl=name`. Its first use in a
    dtype runs it on the op's samples; one that is wrong there raises, and trains nothing.

    Example:
        >>> @implementation("running_statistics", name="mine")
        ... def running_statistics(running, value, *, momentum):
        ...     running += momentum * (value - running)
        ...     return running
        >>> named("running_statistics", "mine").load()(np.zeros(2), np.ones(2), momentum=0.1)
        array([0.1, 0.1])
        >>> remove("running_statistics", "mine")
    """

    def decorate(function: KernelT) -> KernelT:
        add(Implementation(op_name, name, function, family, dtypes, available, unproved=True))
        return function

    return decorate
