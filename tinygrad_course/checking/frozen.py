"""What a function reads besides its inputs: generators, buffers, parameters.

A numeric derivative subtracts two calls, so both must see the same random numbers and the same
running statistics. `Frozen` finds what f holds (attributes of a Module, variables it closes over),
casts it to float64 for the time of the check, rewinds it before every call, and puts everything
back afterwards. Read next: `subject.py`.
"""

from __future__ import annotations

import functools
import inspect
import pickle
import random
import types
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..random import Generator, default_generator
from ..tensor import Tensor

LARGEST_CONTAINER = 10_000


class Source(NamedTuple):
    """A source of random numbers: how its state is read, and how it is set."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], None]


class Frozen:
    """Generators, tensors, arrays and module attributes that `f` can reach.

    Use as a context: inside, float tensors are of one dtype; outside, nothing has changed.

    Args:
        f: what is looked through.
        dtype: what float tensors become inside.

    Attributes:
        drawn: the names of the sources of randomness that f used, once `watch` has seen a call.
    """

    def __init__(self, f: Any, dtype: type = np.float64) -> None:
        self.dtype = dtype
        found = reachable(f)
        self._tensors = [o for o in found if isinstance(o, Tensor)]
        self._arrays = [o for o in found if isinstance(o, np.ndarray)]
        self._modules = [o for o in found if is_module(o)]
        self._sources = [_ours("tg.random.default_generator", default_generator), *_globals()]
        for o in found:
            if isinstance(o, Generator) and o is not default_generator:
                self._sources.append(_ours(repr(o), o))
            elif isinstance(o, np.random.Generator):
                self._sources.append(_numpys(o))
        self.drawn: list[str] = []
        self._written: list[tuple[Any, Any]] = []

    def __enter__(self) -> Frozen:
        self._originals = [t.data for t in self._tensors]
        for t in self._tensors:
            if t.dtype.kind == "f" and t.dtype != self.dtype:
                t.data = t.data.astype(self.dtype)
            elif t.node is None:
                t.data = t.data.copy()
        self._contents = [a.copy() for a in self._arrays]
        self._attributes = [dict(vars(m)) for m in self._modules]
        self._states = [s.read() for s in self._sources]
        self._snapshots = [(t, t.data.copy()) for t in self._tensors]
        self._buffers = self._snapshots
        self._moving = list(zip(self._sources, self._states, strict=True))
        return self

    def __exit__(self, *_: object) -> None:
        for source, state in zip(self._sources, self._states, strict=True):
            source.write(state)
        self._restore_attributes()
        for t, data in zip(self._tensors, self._originals, strict=True):
            t.data = data
        for a, content in zip(self._arrays, self._contents, strict=True):
            if a.flags.writeable:
                a[...] = content

    def watch(self) -> None:
        """After a first call: from now on rewind exactly what that call has moved."""
        self._moving = [
            (source, state)
            for source, state in zip(self._sources, self._states, strict=True)
            if not _same_state(source.read(), state)
        ]
        self.drawn = [source.name for source, _ in self._moving]
        self._buffers = [(t, c) for t, c in self._snapshots if not same_bits(t.data, c)]
        moved = [not same_bits(a, c) for a, c in zip(self._arrays, self._contents, strict=True)]
        self._written = [
            (a, c) for a, c, m in zip(self._arrays, self._contents, moved, strict=True) if m
        ]

    def rewind(self) -> None:
        """Put everything back to where it stood before the first call."""
        for source, state in self._moving:
            source.write(state)
        for t, content in self._buffers:
            t.data = content.copy()
        for a, content in self._written:
            a[...] = content
        self._restore_attributes()

    def _restore_attributes(self) -> None:
        for module, attributes in zip(self._modules, self._attributes, strict=True):
            vars(module).clear()
            vars(module).update(attributes)


def same_bits(a: Any, b: Any) -> bool:
    """Whether two arrays are equal bit by bit, NaN included."""
    return bool(a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes())


def _same_state(a: Any, b: Any) -> bool:
    return pickle.dumps(a) == pickle.dumps(b)


def _ours(name: str, generator: Generator) -> Source:
    return Source(name, generator.state, generator.set_state)


def _numpys(generator: np.random.Generator) -> Source:
    bits = generator.bit_generator
    return Source("a NumPy generator", lambda: bits.state, lambda s: setattr(bits, "state", s))


def _globals() -> list[Source]:
    return [
        Source("np.random", lambda: np.random.get_state(legacy=False), np.random.set_state),
        Source("random", random.getstate, random.setstate),
    ]


def is_module(o: Any) -> bool:
    """Whether it looks like a Module: it has parameters() and buffers()."""
    return is_module_class(type(o)) and hasattr(o, "__dict__")


def is_module_class(cls: type) -> bool:
    """Whether instances of the class look like a Module."""
    return hasattr(cls, "parameters") and hasattr(cls, "buffers")


def reachable(f: Any) -> list[Any]:
    """Tensors, arrays, generators and modules that `f` holds, each once.

    Looked through: attributes of f and of modules, containers, `functools.partial`, bound methods,
    and a function's closure, defaults and the global names it uses.
    """
    found: list[Any] = []
    seen: set[int] = set()
    stack: list[Any] = [f]
    while stack:
        o = stack.pop()
        if o is None or isinstance(o, (int, float, str, bytes, type)) or id(o) in seen:
            continue
        seen.add(id(o))
        if isinstance(o, (Tensor, np.ndarray, Generator, np.random.Generator)):
            found.append(o)
        elif isinstance(o, (list, tuple, set, frozenset, dict)):
            if len(o) <= LARGEST_CONTAINER:
                stack.extend(o.values() if isinstance(o, dict) else o)
        elif isinstance(o, functools.partial):
            stack.extend((o.func, o.args, o.keywords))
        elif isinstance(o, types.MethodType):
            stack.append(o.__func__)
            if is_module(o.__self__):
                stack.append(o.__self__)
            else:
                stack.append(dict(vars(o.__self__)) if hasattr(o.__self__, "__dict__") else None)
        elif isinstance(o, types.FunctionType):
            stack.extend(_held_by(o))
        elif is_module(o):
            found.append(o)
            stack.extend(vars(o).values())
        elif o is f and hasattr(o, "__dict__"):
            stack.extend(vars(o).values())
    return found


def _held_by(function: types.FunctionType) -> list[Any]:
    """What a Python function closes over, defaults to, or names among its globals."""
    held: list[Any] = [function.__defaults__, function.__kwdefaults__]
    variables = inspect.getclosurevars(function).nonlocals
    held += variables.values()
    for name in function.__code__.co_names:
        value = function.__globals__.get(name)
        if isinstance(value, (Tensor, np.ndarray, Generator, np.random.Generator)) or is_module(
            value
        ):
            held.append(value)
    return held
