"""A layer that keeps its own state: `Affine(W, b)`, `forward(x)`, `backward(dout)`, then `.dW`.

The form of the books that build layers as classes. Its inputs are those of `__init__` and then
those of forward; backward returns the gradients of the latter, and those of the former are read
from attributes named after them (dW, grad_W, ...). Read next: `forms.py`.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from .foreign import Pull, Run, matched, spellings

Array = Any


def is_layer(cls: Any) -> bool:
    """Whether this is a class with methods `forward` and `backward` of its own."""
    if not isinstance(cls, type):
        return False
    return all(inspect.isfunction(inspect.getattr_static(cls, n, None))
               for n in ("forward", "backward"))  # fmt: skip


def layer_function(cls: Any) -> Callable[..., Any]:
    """A stand-in whose signature has the parameters of `__init__` and then those of forward.

    Example:
        >>> class Scale:
        ...     def __init__(self, w):
        ...         self.w = w
        ...     def forward(self, x):
        ...         return self.w * x
        >>> str(inspect.signature(layer_function(Scale)))
        '(w, x)'
    """

    def forward(*inputs: Any) -> Any:
        return layer_halves(cls, len(inputs))[0](*inputs)[0]

    own = [] if cls.__init__ is object.__init__ else _parameters(cls.__init__)
    every = [p.replace(default=inspect.Parameter.empty) for p in [*own, *_parameters(cls.forward)]]
    forward.__signature__ = inspect.Signature(every)  # type: ignore[attr-defined]
    forward.__name__ = cls.__name__
    return forward


def layer_halves(cls: Any, count: int) -> tuple[Run, Pull]:
    """`run` and `pull` of a layer: made anew for every call.

    Args:
        cls: the class.
        count: how many inputs there are in all; forward's parameters take the last of them.
    """
    late = _parameters(cls.forward)
    first = max(0, count - len(late))
    names = [p.name for p in _parameters(cls.__init__)[:first]] if first else []
    labels = [p.name for p in late]

    def run(*inputs: Any) -> tuple[Any, Any]:
        layer = cls(*inputs[:first])
        return layer.forward(*inputs[first:]), layer

    def pull(grads: tuple[Array, ...], cache: Any, inputs: list[Any]) -> Any:
        layer = copy.deepcopy(cache)  # backward may add to its attributes: every pass starts anew
        returned = layer.backward(*grads)
        slots = list(range(len(inputs) - first))
        own: Sequence[Any] = [_attribute(layer, name) for name in names]
        return [*own, *matched(returned, inputs[first:], labels, slots)]

    return run, pull


def _parameters(function: Any) -> list[inspect.Parameter]:
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = list(inspect.signature(function).parameters.values())[1:]
    return [p for p in parameters if p.kind in plain and p.default is inspect.Parameter.empty]


def _attribute(layer: Any, name: str) -> Any:
    """The gradient of an attribute: dW, grad_W, ..., or the entry of a dict `grads`."""
    held = {k.lower(): v for k, v in vars(layer).items()}
    for entries in ("grads", "gradients"):
        if isinstance(held.get(entries), dict):
            held.update({str(k).lower(): v for k, v in held[entries].items()})
            if name.lower() in {str(k).lower() for k in held[entries]}:
                return held[name.lower()]
    return next((held[k] for k in spellings(name)[1:] if k in held), None)
