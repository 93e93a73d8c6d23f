"""The forms in which a gradient may be written, each made a function of tensors.

`as_form(f, inputs)` recognises them:

- a function of tensors, a Module, a method: taken as it is;
- a `tg.Function` subclass, or an instance (made again for every call);
- a pair of NumPy functions `forward(*inputs)`, `backward(grad, *inputs)`; backward may ask for
  fewer, by forward's parameter names, and for the output as `y`, `out` or `output`;
- the courses' form: `forward(...) -> (out, cache)`, `backward(dout, cache)`. It is this form where
  backward takes one value beside the upstream gradients and it is named like a cache, or is none of
  forward's parameters;
- a class with static methods `forward` and `backward`, as a pair;
- a class of layers with their own state, `Affine(W, b)`, `forward(x)`, `backward(dout)`, `.dW`;
- a `torch.autograd.Function`, where torch is installed.

Read next: `foreign.py` (above), then `subject.py`.
"""

from __future__ import annotations

import copy
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..errors import ArgumentTypeError
from ..function import Function
from ..tensor import Tensor
from .foreign import Foreign, Pull, Run
from .frozen import is_module_class
from .layer_form import is_layer, layer_function, layer_halves
from .torch_form import torch_halves

Array = Any

CACHES = ("cache", "cached", "caches", "ctx", "context", "saved", "memo", "memory", "state")
OUTPUTS = ("y", "out", "output")


@dataclass(frozen=True)
class Form:
    """What is checked, as a function of tensors.

    Attributes:
        call: the function of tensors.
        kind: the form's name.
        labels: the names of its inputs, or None to read them from `call`.
        source: the user's backward, or class with `grad_*` formulas, for pointing at its lines.
        forward: the user's forward, where it is a function of its own.
        title: the user's name for it.
        options: forward's parameters that have defaults, with these.
    """

    call: Callable[..., Any]
    kind: str = "a function of tensors"
    labels: Sequence[str] | None = None
    source: Any = None
    forward: Any = None
    title: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


def as_form(f: Any, inputs: Any, name: str = "gradcheck") -> Form:
    """Recognise the form of f.

    Args:
        f: one of the forms above.
        inputs: its inputs.
        name: the caller's name, for messages.

    Raises:
        ArgumentTypeError: it is none of them.

    Example:
        >>> import numpy as np
        >>> form = as_form((lambda x: x * x, lambda grad, x: 2 * x * grad), [np.ones(3)])
        >>> form.kind
        'a pair of functions'
    """
    given = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
    if isinstance(f, (tuple, list)) and len(f) == 2 and all(callable(each) for each in f):
        return _pair(f[0], f[1], given)
    if isinstance(f, Function) or (isinstance(f, type) and issubclass(f, Function)):
        return _function(f, len(given), name)
    if is_torch_function(f):
        run, pull = torch_halves(f)
        labels = names_of(f.forward, len(given), skip=int(takes_context(f.forward)))
        return _foreign(run, pull, labels, "a torch.autograd.Function", f.backward, f.__name__)
    if isinstance(f, type) and _is_static(f, "forward") and _is_static(f, "backward"):
        halves: Any = f
        form = _pair(halves.forward, halves.backward, given)
        return replace(form, title=f.__name__)
    if is_layer(f) and not is_module_class(f):
        labels = names_of(layer_function(f), len(given))
        run, pull = layer_halves(f, len(given))
        form = _foreign(run, pull, labels, "a layer", f, f.__name__)
        return replace(form, forward=f.forward)
    return Form(f, title=getattr(f, "__name__", type(f).__name__))


def is_torch_function(f: Any) -> bool:
    """Whether f is a subclass of `torch.autograd.Function`; torch is never imported for it."""
    torch: Any = sys.modules.get("torch")
    return torch is not None and isinstance(f, type) and issubclass(f, torch.autograd.Function)


def takes_context(forward: Any) -> bool:
    """Whether a `torch.autograd.Function`'s forward is handed the context first."""
    return next(iter(inspect.signature(forward).parameters), "") in ("ctx", "context", "self")


def names_of(forward: Any, count: int, *, skip: int = 0) -> list[str]:
    """The names of forward's first `count` parameters; "input 0" where it has none."""
    try:
        parameters = list(inspect.signature(forward).parameters.values())[skip:]
    except (TypeError, ValueError):
        parameters = []
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [p.name for p in parameters if p.kind in plain][:count]
    return names + [f"input {i}" for i in range(len(names), count)]


def _function(f: Any, count: int, name: str) -> Form:
    cls: Any = f if isinstance(f, type) else type(f)
    if isinstance(f, type):
        try:
            inspect.signature(f).bind()
        except TypeError as error:
            raise ArgumentTypeError(
                f"{name}: {cls.__name__} cannot be made without arguments ({error}); pass an "
                f"instance: {name}({cls.__name__}(...), inputs)"
            ) from None

    def call(*values: Any) -> Any:
        return (f() if isinstance(f, type) else copy.copy(f)).apply(*values)

    labels = names_of(cls.forward, count, skip=1)
    return Form(call, "a Function", labels, cls, cls.forward, cls.__name__)


def _pair(forward: Callable[..., Any], backward: Callable[..., Any], given: list[Any]) -> Form:
    labels = names_of(forward, len(given))
    title = getattr(forward, "__name__", "")
    after = _after_the_gradients(backward)
    if _keeps_cache(after, labels, len(given)):
        kind = "a pair with a cache"
        run, pull = _with_cache(forward, backward)
    else:
        kind = "a pair of functions"
        by_name = bool(after) and all(n in labels or n in OUTPUTS for n in after)
        places = [labels.index(n) if n in labels else -1 for n in after] if by_name else None
        run, pull = _without_cache(forward, backward, places)
    form = _foreign(run, pull, labels, kind, backward, title)
    return replace(form, forward=forward, options=_options(forward, len(given)))


def _options(forward: Callable[..., Any], count: int) -> dict[str, Any]:
    """The numbers that forward's parameters after the first `count` default to."""
    try:
        parameters = list(inspect.signature(forward).parameters.values())[count:]
    except (TypeError, ValueError):
        return {}
    return {p.name: p.default for p in parameters if isinstance(p.default, (int, float, tuple))}


def _after_the_gradients(backward: Callable[..., Any]) -> list[str]:
    """The names of backward's parameters after the first; [] where they cannot be told."""
    try:
        parameters = list(inspect.signature(backward).parameters.values())
    except (TypeError, ValueError):
        return []
    if any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters):
        return []
    return [p.name for p in parameters if p.default is inspect.Parameter.empty][1:]


def _keeps_cache(after: list[str], labels: list[str], count: int) -> bool:
    if not after:
        return False
    if any(word in after[-1].lower() for word in CACHES):
        return True
    known = after[-1] in labels or after[-1] in OUTPUTS
    return not known and len(after) == 1 and (count != 1 or labels[0] == "input 0")


def _with_cache(forward: Callable[..., Any], backward: Callable[..., Any]) -> tuple[Run, Pull]:
    def run(*inputs: Any) -> tuple[Any, Any]:
        result = forward(*inputs)
        if not isinstance(result, tuple) or len(result) < 2:
            raise ArgumentTypeError(
                f"{forward.__name__}: backward asks for a cache, so forward must return "
                f"(out, cache), but it returned {type(result).__name__}"
            )
        out = result[0] if len(result) == 2 else result[:-1]
        return out, result[-1]

    def pull(grads: tuple[Array, ...], cache: Any, inputs: list[Any]) -> Any:
        return backward(*grads, cache)

    return run, pull


def _without_cache(
    forward: Callable[..., Any], backward: Callable[..., Any], places: list[int] | None
) -> tuple[Run, Pull]:
    def run(*inputs: Any) -> tuple[Any, Any]:
        out = forward(*inputs)
        return out, out

    def pull(grads: tuple[Array, ...], out: Any, inputs: list[Any]) -> Any:
        wanted = inputs if places is None else [out if p < 0 else inputs[p] for p in places]
        return backward(grads[0] if len(grads) == 1 else grads, *wanted)

    return run, pull


def _foreign(
    run: Run, pull: Pull, labels: Sequence[str], kind: str, source: Any, title: str
) -> Form:
    """The two halves as a function of tensors; constants are copied for every call."""

    def call(*values: Any) -> Any:
        own = [v if isinstance(v, Tensor) else copy.deepcopy(v) for v in values]
        node = Foreign(run, pull, own, labels)
        return node.apply(*[v for v in own if isinstance(v, Tensor)])

    vars(call)["run"] = run  # forward on arrays, which may be complex: `complex_step.py`
    return Form(call, kind, labels, source, title=title)


def _is_static(cls: type, name: str) -> bool:
    return isinstance(inspect.getattr_static(cls, name, None), staticmethod)


def owes_nothing(form: Form, values: Sequence[Any]) -> list[int]:
    """The float inputs for which a foreign backward returns None: they are constants.

    It is asked once, on copies; a backward that raises owes everything.
    """
    from ..node import Leaf
    from ..tensor import wrap

    if form.kind not in ("a pair of functions", "a pair with a cache", "a layer"):
        return []
    leaves = [wrap(v.copy(), Leaf()) if isinstance(v, np.ndarray) and v.dtype.kind == "f" else v
              for v in values]  # fmt: skip
    y = form.call(*leaves)
    ys = y if isinstance(y, tuple) else (y,)
    node: Any = ys[0].node
    if node is None:
        return []
    root = node if isinstance(node, Foreign) else node.edges[0]
    seeds = [np.ones(t.shape, t.dtype) for t in ys]
    try:
        found = root.backward(seeds if len(seeds) > 1 else seeds[0], root.kept[0],
                              tuple(v.data for v in leaves if isinstance(v, Tensor)))  # fmt: skip
    except Exception:  # noqa: BLE001 - the check itself will report it
        return []
    return [slot for slot, g in zip(root.slots, found, strict=True) if g is None]
