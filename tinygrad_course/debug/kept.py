"""What a node keeps, by name, and what its inputs are called: the node as its class writes it.

Read `../function.py` first. Used by `trace.py` and `symptoms.py`.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from ..backend import is_array
from ..formulas import OUTPUT, VARIADIC
from ..function import Function
from ..node import Leaf, Node, Output
from ..pointwise import Binary, Unary


def kept_values(node: Any) -> dict[str, Any]:
    """The values that a node keeps for backward, by the names its formulas use.

    Example:
        >>> import tinygrad_course as tg
        >>> a, b = (tg.tensor(v, requires_grad=True) for v in (2.0, 3.0))
        >>> {name: float(v) for name, v in kept_values((a * b).node).items()}
        {'b': 3.0, 'a': 2.0}
    """
    if node.kept is None or not isinstance(node, Function):
        return {}
    general = "plan" in vars(node)
    if general:
        return dict(_planned(node))
    if isinstance(node, Unary) and not general:
        return {"x" if node._keeps == 1 else "y": node.kept}
    if isinstance(node, Binary) and not general:
        pairs = zip(node._sources, node.kept, strict=True)
        return {"ab"[s]: value for s, value in pairs if s is not None and value is not None}
    values = node.kept if isinstance(node.kept, (tuple, list)) else (node.kept,)
    flat = [v[0] if isinstance(v, tuple) and v else v for v in values]  # recompute: (array, node)
    return {f"input {i}": v for i, v in enumerate(flat) if is_array(v)}


def _planned(node: Any) -> Iterator[tuple[str, Any]]:
    formulas = node._formulas
    for source, value in zip(node.plan.sources, node.kept, strict=True):
        if isinstance(source, str):
            yield source, value
        elif source == OUTPUT:
            if isinstance(value, tuple):
                yield from ((f"y[{i}]", v) for i, v in enumerate(value))
            else:
                yield "y", value
        elif source == VARIADIC:
            name = formulas.inputs[-1]
            yield from ((f"{name}[{i}]", v) for i, v in enumerate(value))
        else:
            yield formulas.inputs[source], value


def input_name(node: Any, i: int) -> str:
    """The name of input `i`: forward's parameter, `xs[2]` for one of a starred one.

    Example:
        >>> import tinygrad_course as tg
        >>> input_name((tg.tensor(2.0, requires_grad=True) * 3.0).node, 1)
        'b'
    """
    formulas = getattr(node, "_formulas", None)
    if formulas is None:
        return f"input {i}"
    if formulas.variadic and i >= len(formulas.inputs) - 1:
        return f"{formulas.inputs[-1]}[{i - len(formulas.inputs) + 1}]"
    return str(formulas.name(i))


def formula_of(node: Any) -> list[str]:
    """The formulas of a node's class as its docstring prints them, a line each.

    Example:
        >>> import tinygrad_course as tg
        >>> formula_of((tg.tensor(2.0, requires_grad=True) * 3.0).node)
        ['y = a b', 'dL/da = dL/dy b', 'dL/db = dL/dy a']
    """
    if isinstance(node, Leaf):
        return []
    own = type(node).__doc__ if "__doc__" in vars(type(node)) else None
    text = inspect.cleandoc(own or "")
    for heading in ("\nArgs:", "\nExample:", "\nReferences:", "\nAttributes:"):
        text = text.partition(heading)[0]
    lines = [part.strip() for line in text.splitlines() for part in line.split("        ")]
    lines = [line.rstrip(";.") for line in lines if line]
    return [line for i, line in enumerate(lines) if not i or " = " in line]


def source_node(edge: Node | None) -> tuple[Node | None, int]:
    """The node an edge leads to, and which of its outputs: an `Output` is looked through."""
    if isinstance(edge, Output) and edge.edges:
        return edge.edges[0], edge.index
    return edge, 0
