"""`retained()`: which variables still hold a graph, since which line, and how many bytes it keeps.

A graph lives as long as a tensor that was computed on it. The usual holder is a sum or a list of
losses. Variables are searched first; what none of them leads to is found by the garbage collector.
"""

from __future__ import annotations

import ast
import gc
import html
import inspect
import linecache
from dataclasses import dataclass
from typing import Any

from ..backend import is_array
from ..node import Leaf, Node
from ..tensor import Tensor
from .frames import Found, said, short, variables
from .trace import nodes_of

SEARCHES = 50
GIVING = (ast.AugAssign, ast.Assign, ast.Call)
TAKING = {"append", "add", "extend", "insert", "setdefault"}


@dataclass
class Holder:
    """A variable that holds one graph or several.

    Attributes:
        name: the variable; of a container, with how many tensors are in it.
        tensors: how many tensors with a graph it leads to.
        nodes: how many nodes they reach.
        bytes: the arrays that these nodes keep, each counted once.
        line: the user's line that put it there, or that computed it: `train.py:14: total += loss`.
        advice: what to write instead.
    """

    name: str
    tensors: int
    nodes: int
    bytes: int
    line: str
    advice: str


class Retained(list[Holder]):
    """The holders, the largest first; print it."""

    def __str__(self) -> str:
        if not self:
            return "no graph is held: no tensor that a variable leads to was computed on one"
        lines = ["these hold a graph:"]
        width = max(len(h.name) for h in self)
        for h in self:
            count = "" if h.tensors == 1 else f", {h.tensors} tensors"
            size = f"{_size(h.bytes):>8} in {h.nodes} node{'' if h.nodes == 1 else 's'}{count}"
            lines.append(f"  {h.name:<{width}}  {size}")
            lines += [f"      {text}" for text in (h.line, h.advice) if text]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def retained() -> Retained:
    """What still holds a graph: by variable, line and bytes.

    A graph that `backward()` released no longer counts: it keeps no arrays. Two variables may hold
    parts of the same graph; each is listed with all that it reaches.

    Returns:
        A list of `Holder`s, the largest first; printing it is the point.

    Example:
        >>> import tinygrad_course as tg
        >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
        >>> losses = [tg.exp(w).sum() for _ in range(3)]
        >>> print(tg.debug.retained())
        these hold a graph:
          losses      24 B in 6 nodes, 3 tensors
              keep numbers, not tensors: losses.append(loss.item())
    """
    found = [f for f in variables() if _holds(f.tensor)]
    groups: dict[tuple[str, int], list[Found]] = {}
    for f in found:
        groups.setdefault((f.variable, id(f.frame)), []).append(f)
    holders = [_holder(group) for group in groups.values()]
    known = {id(f.tensor) for f in found}
    others = [o for o in gc.get_objects() if issubclass(type(o), Tensor) and id(o) not in known]
    holders += _nameless([t for t in others if _holds(t)], others)
    return Retained(sorted(holders, key=lambda h: -h.bytes))


def _holds(tensor: Tensor) -> bool:
    node = tensor.node
    return node is not None and not isinstance(node, Leaf) and bool(node.edges)


def _holder(group: list[Found]) -> Holder:
    """The variable that leads to these tensors."""
    unique = {id(f.tensor): f for f in group}
    first = group[0]
    tensors = [f.tensor for f in unique.values()]
    nodes, size = _weight(tensors)
    name = first.name if len(tensors) == 1 else first.variable
    where, text = _assigned(first)
    line = f"{where}: {text}" if where else said(getattr(tensors[-1].node, "_where", ""))
    return Holder(name, len(tensors), nodes, size, line, _advice(first, text))


def _weight(tensors: list[Tensor]) -> tuple[int, int]:
    """How many nodes the tensors reach, and the bytes these keep; leaves' values exist anyway."""
    nodes: set[Node] = set()
    for tensor in tensors:
        if tensor.node not in nodes:
            nodes.update(n for n in nodes_of(tensor.node) if not isinstance(n, Leaf))
    arrays: dict[int, Any] = {}
    for node in nodes:
        for array in _arrays(node.kept):
            while is_array(array.base):
                array = array.base  # noqa: PLW2901
            arrays[id(array)] = array
    return len(nodes), sum(a.nbytes for a in arrays.values())


def _arrays(kept: Any) -> list[Any]:
    if is_array(kept):
        return [kept]
    if isinstance(kept, (tuple, list)):
        return [a for value in kept for a in _arrays(value)]
    return []


def _assigned(found: Found) -> tuple[str, str]:
    """The last line of the program that gave the variable its value: ("train.py:14", its text)."""
    code = None if found.frame is None else found.frame.f_code
    file = found.file if code is None else code.co_filename
    try:
        tree: ast.AST = ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:
        return "", ""
    if code is not None and code.co_name != "<module>":
        tree = next((n for n in ast.walk(tree) if _starts_at(n, code.co_firstlineno)), tree)
    lines = [n.lineno for n in ast.walk(tree) if isinstance(n, GIVING) and _gives(n, found)]
    if not lines:
        return "", ""
    return short(f"{file}:{max(lines)}"), linecache.getline(file, max(lines)).strip()


def _starts_at(node: ast.AST, line: int) -> bool:
    """Whether a function begins there, with its first decorator."""
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return False
    return line in {node.lineno, *(d.lineno for d in node.decorator_list)}


def _gives(node: ast.AugAssign | ast.Assign | ast.Call, found: Found) -> bool:
    """Whether a statement puts something into the variable."""
    if isinstance(node, ast.Call):
        function = node.func
        if not isinstance(function, ast.Attribute) or function.attr not in TAKING:
            return False
        return isinstance(function.value, ast.Name) and function.value.id == found.variable
    targets = [node.target] if isinstance(node, ast.AugAssign) else node.targets
    parts = [part for target in targets for part in ast.walk(target)]
    return any(isinstance(part, ast.Name) and part.id == found.variable for part in parts)


def _advice(found: Found, text: str) -> str:
    """What to write instead."""
    name, variable = found.name, found.variable
    if variable == "Out" or variable.strip("_").isdigit() or not variable.strip("_"):
        return "the notebook's history holds what a cell showed: end the cell's last line with ;"
    if f"{variable} +=" in text or f"{variable} = {variable} +" in text:
        return f"every loss added keeps its graph; add numbers: {variable} += loss.item()"
    if name.startswith(f"{variable}[") and "." not in name:
        return f"keep numbers, not tensors: {variable}.append(loss.item())"
    if name != variable:
        return f"an object remembers it: let it remember {name} = value.detach()"
    return (
        f"backward() releases it, and so does `del {variable}`; for numbers only, compute it under "
        "tg.no_grad()"
    )


def _nameless(tensors: list[Tensor], ours: list[Tensor]) -> list[Holder]:
    """Tensors that no variable leads to, by what refers to them."""
    # Before more lists refer to them; each look goes through all of Python's objects.
    names = [
        _referrer(t, (tensors, ours)) if i < SEARCHES else "others" for i, t in enumerate(tensors)
    ]
    groups: dict[str, list[Tensor]] = {}
    for name, tensor in zip(names, tensors, strict=True):
        groups.setdefault(name, []).append(tensor)
    out = []
    for name, group in groups.items():
        nodes, size = _weight(group)
        where = short(getattr(group[-1].node, "_where", ""))
        advice = "no variable of the running functions leads to it: a closure, a cache or a cycle"
        out.append(Holder(name, len(group), nodes, size, where, advice))
    return out


def _referrer(tensor: Tensor, ours: tuple[list[Tensor], ...]) -> str:
    """What refers to a tensor, in a few words."""
    for owner in gc.get_referrers(tensor):
        if any(owner is each for each in ours) or inspect.isframe(owner):
            continue
        if isinstance(owner, (dict, list, tuple, set)):
            for above in gc.get_referrers(owner):
                if getattr(above, "__dict__", None) is owner:
                    return f"an attribute of a {type(above).__name__}"
            return f"a {type(owner).__name__} of {len(owner)}"
        return f"a {type(owner).__name__}"
    return "something unknown"


def _size(count: int) -> str:
    """A size as people say it."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} B"
