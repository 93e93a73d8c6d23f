"""The user's own line: where in their backward the gradient of an input is computed.

A formula `grad_w` is found by its name. In a joint backward the place in the returned tuple leads
to an expression, or to a name and its last assignment; where it leads nowhere (a dict, attributes),
an assignment to `dw` (or `grad_w`, `w_grad`, ...) is looked for.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .foreign import spellings


class SourceLine(NamedTuple):
    """A line of the user's code.

    Attributes:
        file: its file.
        number: its number there.
        code: the line, without its indentation.
    """

    file: str
    number: int
    code: str

    def __str__(self) -> str:
        typed = self.file.startswith("<") or "ipykernel" in self.file  # at a prompt, in a notebook
        return f"{'' if typed else Path(self.file).name + ' '}line {self.number}:  {self.code}"


def line_of(source: Any, label: str, position: int | None) -> SourceLine | None:
    """Where `source` computes the gradient of the input `label`.

    Args:
        source: a backward function, or a class with `grad_*` formulas or a `backward`.
        label: the input's name.
        position: its place in what backward returns; -1 if it is not there.

    Returns:
        The line, or None where it cannot be told.
    """
    function = source
    if isinstance(source, type):
        formula = getattr(source, f"grad_{label}", None)
        if formula is not None:
            return _in_function(formula, [], None)
        function = getattr(source, "backward", None)
    return None if function is None else _in_function(function, spellings(label)[1:], position)


def assignment_to(name: str, source: Any) -> SourceLine | None:
    """The last line of a backward that assigns to `name`.

    Args:
        name: the variable.
        source: as for `line_of`.
    """
    parsed = _parsed(getattr(source, "backward", None) if isinstance(source, type) else source)
    if parsed is None:
        return None
    found = _assigned(parsed.body, [name.lower()])
    return None if found is None else parsed.line(found)


class _Parsed(NamedTuple):
    """The source of a function: its tree, its lines, and where they stand."""

    body: Any
    lines: list[str]
    first: int
    file: str

    def line(self, node: Any) -> SourceLine:
        return SourceLine(
            self.file, self.first + node.lineno - 1, self.lines[node.lineno - 1].strip()
        )


def _parsed(function: Any) -> _Parsed | None:
    try:
        lines, first = inspect.getsourcelines(function)
        file = inspect.getsourcefile(function) or "?"
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError, IndentationError):
        return None
    return _Parsed(tree.body[0], lines, first, file)


def _in_function(function: Any, names: Sequence[str], position: int | None) -> SourceLine | None:
    parsed = _parsed(function)
    if parsed is None:
        return None
    body = parsed.body
    returned = [n for n in ast.walk(body) if isinstance(n, ast.Return) and n.value is not None]
    if not returned:
        return None
    value: Any = max(returned, key=lambda n: n.lineno).value
    element = _element(value, position)
    if isinstance(element, ast.Name):
        where: Any = _assigned(body, [element.id.lower()]) or element
    elif element is not None and not isinstance(element, ast.Dict):
        where = element
    else:
        where = _assigned(body, names) or value
    return parsed.line(where)


def _element(value: Any, position: int | None) -> Any:
    """The expression returned at this place; None where what is returned has no such place."""
    if isinstance(value, ast.Tuple):
        if position is None or not 0 <= position < len(value.elts):
            return None
        return value.elts[position]
    return value if position in (0, None) else None


def _assigned(body: Any, names: Sequence[str]) -> Any:
    """The last statement that assigns to, or into, one of these names (or to a key so called)."""
    found: Any = None
    nodes: Iterator[Any] = ast.walk(body)
    for node in nodes:
        targets: list[Any] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
            targets = [node.target]
        for target in targets:
            parts = target.elts if isinstance(target, ast.Tuple) else [target]
            if any(_name(p) in names for p in parts) and (
                found is None or node.lineno > found.lineno
            ):
                found = node
    return found


def _name(target: Any) -> str:
    """The name a target writes to: dw, dw[i], self.dw and grads["dw"] all say "dw"."""
    if isinstance(target, ast.Subscript):
        key = target.slice
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            return key.value.lower()
        return _name(target.value)
    if isinstance(target, ast.Attribute):
        return target.attr.lower()
    return target.id.lower() if isinstance(target, ast.Name) else ""
