"""Which kernel runs: `find` is asked once per launch, and remembers what it answered.

Precedence: `impl=`, then `using(...)` in this thread, then the op's own rule, then the reference.
The choice looks at the arrays' type, dtype and shapes, never at a clock: bits must not change
from run to run. Read next: the specification of an op, such as `conv2d/__init__.py`.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

from . import compiled, registry, verify
from .numerics import setting as numerics_setting
from .registry import Arrays, Implementation, Kernel, KernelError, KernelWarning, Params


class Report(NamedTuple):
    """What ran since the last `reset_report`.

    Attributes:
        ran: calls by op and implementation.
        fallbacks: calls by op in which the reference ran although nobody had named it.
    """

    ran: dict[str, dict[str, int]]
    fallbacks: dict[str, int]


class _Choice:
    """An implementation, why it runs, and how often it has run for this reason.

    The count is not locked: a lock would cost more than the rest of `find`, and a report survives
    the loss of a call that two threads count in the same instant.
    """

    __slots__ = ("calls", "fallback", "implementation")

    def __init__(self, implementation: Implementation, fallback: bool) -> None:
        self.implementation = implementation
        self.fallback = fallback
        self.calls = 0


class _ThreadState(threading.local):
    """What `using` changed in this thread.

    Attributes:
        forced: the implementations named, by op.
        strict: whether to raise where the reference would run without having been named.
        demanding: whether there is a `using` around the call at all.
    """

    def __init__(self) -> None:
        self.forced: dict[str, str] = {}
        self.strict = False
        self.demanding = False


in_this_thread = _ThreadState()
_choices: dict[tuple[str, str, bool], _Choice] = {}


def find(op_name: str, arrays: Arrays, params: Params, impl: str | None = None) -> Kernel:
    """The function to run op `op_name` with, counted in `report`.

    Args:
        op_name: the op.
        arrays: its positional arguments.
        params: its keyword arguments.
        impl: the implementation to use, whatever `using` and the op's rule say.

    Returns:
        A function to call with exactly these arguments.

    Raises:
        KernelError: an unknown name, an implementation named that cannot take these arrays, or a
            fall-back to the reference under `using(strict=True)`.

    Example:
        >>> import numpy as np
        >>> x, w = np.ones((2, 3)), np.ones((3, 1))
        >>> find("matmul", (x, w), {})(x, w)
        array([[3.],
               [3.]])
    """
    chosen = _choose(op_name, arrays, params, impl)
    if chosen.fallback and in_this_thread.strict:
        array = _first_array(arrays)
        raise KernelError(
            f"{op_name}: only the reference takes {registry.family_of(type(array))} arrays of "
            f"{array.dtype.name} here, and using(strict=True) forbids falling back to it; "
            f"name it with using({op_name!r}, 'reference') if it is what you want"
        )
    chosen.calls += 1
    function = chosen.implementation.function
    return chosen.implementation.load() if isinstance(function, str) else function


def choice(op_name: str, arrays: Arrays, params: Params, impl: str | None = None) -> str:
    """The name of the implementation that `find` would return, without counting it.

    Example:
        >>> import numpy as np
        >>> choice("matmul", (np.ones((1, 1)), np.ones((1, 1))), {}, impl="reference")
        'reference'
    """
    return _choose(op_name, arrays, params, impl).implementation.name


def _choose(op_name: str, arrays: Arrays, params: Params, impl: str | None) -> _Choice:
    array = _first_array(arrays)
    demanded = impl if impl is not None else in_this_thread.forced.get(op_name)
    if demanded is not None:
        implementation = registry.named(op_name, demanded)
        reason = implementation.refusal(array)
        if reason is not None:
            raise KernelError(
                f"{op_name}: implementation {demanded!r} cannot run: {reason}; "
                f"there are {', '.join(registry.implementations(op_name))}"
            )
        if implementation.unproved:
            verify.before_use(implementation, array)
        return _remember(implementation, fallback=False)
    shape_class = registry.shape_classes.get(op_name)
    key = (
        op_name,
        type(array),
        None if array is None else array.dtype.num,
        None if shape_class is None else shape_class(arrays, params),
        numerics_setting.precise,
    )
    chosen: _Choice | None = registry.remembered.get(key)
    if chosen is None:
        chosen = registry.remembered[key] = _choose_by_rule(op_name, arrays, params)
    return chosen


ON_A_GPU = "cuda"
"""What an array on a GPU runs, wherever the op has it: the rules speak of CPUs."""


def _choose_by_rule(op_name: str, arrays: Arrays, params: Params) -> _Choice:
    array = _first_array(arrays)
    rule = registry.op(op_name).rule
    name = None
    if array is not None and registry.family_of(type(array)) == "cupy":
        name = ON_A_GPU if ON_A_GPU in registry.implementations(op_name) else None
    elif rule is not None:
        name = rule(arrays, params)
    if name is not None:
        implementation = registry.named(op_name, name)
        if implementation.refusal(array) is None:
            return _remember(implementation, fallback=False)
        if implementation.available is compiled.available:
            _say_if_uncompiled()
    return _remember(registry.named(op_name, "reference"), fallback=array is not None)


@functools.cache
def _say_if_uncompiled() -> None:
    """Once a process: the fast kernels are missing, and what brings them."""
    reason = compiled.why_not()
    if reason is not None:
        message = f"the NumPy kernels run instead of the compiled ones: {reason}"
        warnings.warn(message, KernelWarning, stacklevel=2)


def recover(
    error: Exception, op_name: str, arrays: Arrays, params: Params, impl: str | None
) -> Any:
    """Run a launch again after its kernel failed to compile: on the reference, said once.

    Args:
        error: what the function that `find` returned has raised.
        op_name: as given to `find`, like the rest.
        arrays: its positional arguments.
        params: its keyword arguments.
        impl: the implementation that was asked for.

    Returns:
        What the reference returns.

    Raises:
        KernelError: the implementation was asked for by name.
        Exception: `error` itself, where it did not come out of the compiler.
    """
    implementation = _choose(op_name, arrays, params, impl).implementation
    if implementation.name == "reference" or not compiled.failed_to_compile(error):
        raise error
    reason = f"{type(error).__name__}: {next(iter(str(error).strip().splitlines()), '')}"
    if impl is not None or op_name in in_this_thread.forced:
        raise KernelError(
            f"{op_name}: implementation {implementation.name!r} cannot be compiled here "
            f"({reason}); the compiler's own message is above"
        ) from error
    implementation.failure = f"it cannot be compiled here ({reason})"
    registry.remembered.clear()
    warnings.warn(
        f"{op_name}: the reference runs from now on instead of {implementation.name!r}, which "
        f"cannot be compiled here ({reason}); pip install --upgrade numba, or see tgc doctor",
        KernelWarning,
        stacklevel=3,
    )
    return find(op_name, arrays, params, impl)(*arrays, **params)


def _remember(implementation: Implementation, *, fallback: bool) -> _Choice:
    """The one `_Choice` that counts this implementation's calls for this reason."""
    key = (implementation.op, implementation.name, fallback)
    known = _choices.get(key)
    if known is None or known.implementation is not implementation:
        fresh = _Choice(implementation, fallback)
        fresh.calls = 0 if known is None else known.calls
        known = _choices[key] = fresh
    return known


def _first_array(arrays: Arrays) -> Any:
    """The array that decides; None for an optimizer's empty list of parameters."""
    first = arrays[0]
    if type(first) is list:
        return first[0] if first else None
    return first


@contextlib.contextmanager
def using(
    op_name: str | None = None, name: str | None = None, *, strict: bool | None = None
) -> Iterator[None]:
    """In this block and this thread, run op `op_name` in the implementation `name`.

    `using(strict=True)` raises wherever the reference would run without having been named.

    Raises:
        KernelError: an unknown op or implementation; the message holds the nearest.

    Example:
        >>> import numpy as np
        >>> with using("matmul", "reference"), using(strict=True):
        ...     find("matmul", (np.ones((1, 1)), np.ones((1, 1))), {}).__name__
        'matmul'
    """
    before = dict(vars(in_this_thread))
    if op_name is not None:
        if name is None:
            valid = ", ".join(registry.implementations(op_name))
            raise KernelError(f"using({op_name!r}): name one of its implementations too: {valid}")
        registry.named(op_name, name)
        in_this_thread.forced = {**in_this_thread.forced, op_name: name}
    if strict is not None:
        in_this_thread.strict = strict
    in_this_thread.demanding = True
    try:
        yield
    finally:
        vars(in_this_thread).update(before)


def report() -> Report:
    """What ran, and how often the reference ran without having been named.

    Example:
        >>> import numpy as np
        >>> reset_report()
        >>> with using("matmul", "reference"):
        ...     kernel = find("matmul", (np.ones((1, 1)), np.ones((1, 1))), {})
        >>> report()
        Report(ran={'matmul': {'reference': 1}}, fallbacks={})
    """
    ran: dict[str, dict[str, int]] = {}
    fallbacks: dict[str, int] = {}
    for (op_name, name, fallback), chosen in sorted(_choices.items()):
        if chosen.calls:
            by_name = ran.setdefault(op_name, {})
            by_name[name] = by_name.get(name, 0) + chosen.calls
            if fallback:
                fallbacks[op_name] = chosen.calls
    return Report(ran, fallbacks)


def reset_report() -> None:
    """Start the counts of `report` again from zero."""
    for chosen in _choices.values():
        chosen.calls = 0
