"""What can be checked in a file: its pairs of functions and its Functions, each with its inputs.

Used by `tgc check`. `find(module)` lists what stands in a file that `loading.py` has run; where the
inputs come from stands in `drawing.py`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

from ..errors import ArgumentError, nearest
from ..function import Function
from .forms import is_torch_function, takes_context
from .frozen import is_module_class
from .layer_form import is_layer, layer_function
from .loading import PREFIX


class Found(NamedTuple):
    """Something in a file that has a gradient of its own.

    Attributes:
        name: the name under which it is asked for.
        f: what `gradcheck` takes first.
        forward: the function whose parameters name the inputs.
        skip: how many of its first parameters are none (self, ctx).
        aliases: other names for it.
    """

    name: str
    f: Any
    forward: Callable[..., Any]
    skip: int = 0
    aliases: tuple[str, ...] = ()


def find(module: ModuleType) -> list[Found]:
    """What stands in the file, in its order.

    Pairs are `forward` and `backward`, `dense_forward` and `dense_backward` (words may stand before
    and after: `conv_forward_naive`), `dense` and `dense_backward` (or `dense_grad`); classes are
    `tg.Function` subclasses, `torch.autograd.Function`s, and classes with `forward` and `backward`,
    be they static or a layer's methods.
    """
    functions = {n: v for n, v in vars(module).items() if inspect.isfunction(v)
                 and v.__module__ == module.__name__}  # fmt: skip
    out = list(_pairs(functions, module.__name__.removeprefix(PREFIX)))
    for name, value in vars(module).items():
        if isinstance(value, type) and value.__module__ == module.__name__:
            out += _class(name, value)
    return sorted(out, key=_line)


def choose(module: ModuleType, name: str | None) -> list[Found]:
    """What is to be checked: everything, or what is called `name`.

    Any function of tensors or Module can be named, though only pairs and Functions are found
    without one.

    Raises:
        ArgumentError: there is nothing, or nothing of that name.
    """
    found = find(module)
    if name is None:
        if not found and (only := _only_function(module)):
            return [only]
        if not found:
            raise ArgumentError(
                f"check: {module.__file__} has nothing to check: expected forward and backward "
                "(or dense_forward and dense_backward), or a class derived from tg.Function; for a "
                "function of tensors give its name: FILE.py::NAME"
            )
        return found
    for each in found:
        if name == each.name or name in each.aliases:
            return [each]
    value = getattr(module, name, None)
    if callable(value):
        if isinstance(value, type) and is_module_class(value):
            value = value()
        return [Found(name, value, getattr(value, "forward", value))]
    names = [each.name for each in found]
    raise ArgumentError(f"check: {module.__file__} has no {name!r}; {nearest(name, names)}")


def _pairs(functions: dict[str, Any], stem: str) -> Iterator[Found]:
    for name, function in functions.items():
        if name == "forward":
            partners, short = ["backward"], stem
        elif "forward" in name.split("_"):
            short = "_".join([word for word in name.split("_") if word != "forward"])
            partners = ["_".join([{"forward": "backward"}.get(w, w) for w in name.split("_")])]
        else:
            short = name
            partners = [f"{name}_backward", f"{name}_grad", f"grad_{name}", f"backward_{name}"]
        for partner in partners:
            if partner in functions:
                other = functions[partner]
                before = name.partition("_forward")[0]
                yield Found(short, (function, other), function, 0, (name, partner, before))
                break


def _class(name: str, value: type) -> list[Found]:
    if issubclass(value, Function) and hasattr(value, "_formulas"):
        return [Found(name, value, value.forward, 1)]
    if is_torch_function(value):
        forward: Any = value.forward  # type: ignore[attr-defined]
        return [Found(name, value, forward, int(takes_context(forward)))]
    static = [inspect.getattr_static(value, n, None) for n in ("forward", "backward")]
    if all(isinstance(s, staticmethod) for s in static):
        return [Found(name, value, value.forward)]  # type: ignore[attr-defined]
    if is_layer(value) and not is_module_class(value):
        return [Found(name, value, layer_function(value))]
    return []


def _only_function(module: ModuleType) -> Found | None:
    """The one public function of a file that has `inputs` beside it."""
    own = [n for n, v in vars(module).items() if inspect.isfunction(v)
           and v.__module__ == module.__name__ and not n.startswith("_")]  # fmt: skip
    others = [n for n in own if n != "inputs"]
    if "inputs" in own and len(others) == 1:
        function = getattr(module, others[0])
        return Found(others[0], function, function)
    return None


def _line(found: Found) -> int:
    try:
        first: Any = found.f if isinstance(found.f, type) else found.forward
        return inspect.getsourcelines(first)[1]
    except (OSError, TypeError):
        return 0
