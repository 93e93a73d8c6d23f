"""The user's own function with one expression changed, put in its place for a moment.

A function object can be given other code: whoever holds it then calls the changed one, be it half
of a pair, a layer's method or a formula of a Function. `Patch` reads the source, compiles it with
the change, and puts the old code back. Read next: `repair.py` and `held.py`, which use it.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType
from typing import Any, NamedTuple

from .source import SourceLine


class Slot(NamedTuple):
    """A place in a syntax tree where an expression stands.

    Attributes:
        parent: the node that holds it.
        field: the name of the parent's field.
        place: where in that field, if it is a list.
        statement: the statement around it.
    """

    parent: Any
    field: str
    place: int | None
    statement: ast.stmt

    @property
    def node(self) -> Any:
        """What stands there."""
        value = getattr(self.parent, self.field)
        return value if self.place is None else value[self.place]

    def put(self, node: Any) -> None:
        """Let another expression stand there."""
        if self.place is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.place] = node


class Patch:
    """A user's function whose code can be exchanged.

    Args:
        function: a function written in Python, whose source can be read.

    Raises:
        ValueError: its source cannot be read, or it cannot be compiled by itself.
    """

    def __init__(self, function: Any) -> None:
        self.function = function
        try:
            lines, self.first = inspect.getsourcelines(function)
            tree = ast.parse(textwrap.dedent("".join(lines))).body[0]
        except (OSError, TypeError, SyntaxError, IndexError) as error:
            raise ValueError(f"no source: {error}") from error
        if not isinstance(tree, ast.FunctionDef) or tree.name != function.__name__:
            raise ValueError("no function with a body of statements of its own")
        if any(isinstance(node, ast.While) for node in ast.walk(tree)):
            raise ValueError("a while loop in the source: changed, it might never end")
        self.lines = lines
        self.file = inspect.getsourcefile(function) or "?"
        self.tree = tree
        tree.decorator_list, tree.returns = [], None
        for argument in ast.walk(tree.args):
            if isinstance(argument, ast.arg):
                argument.annotation = None
        tree.args.defaults, tree.args.kw_defaults = [], [None] * len(tree.args.kwonlyargs)
        self.original: CodeType = function.__code__
        if self.compiled() is None:
            raise ValueError("it cannot be compiled by itself")

    def line(self, statement: ast.stmt) -> SourceLine:
        """The user's line where a statement begins."""
        number = statement.lineno - 1
        return SourceLine(self.file, self.first + number, self.lines[number].strip())

    def slots(self) -> Iterator[Slot]:
        """The places of all expressions that are read."""
        for statement in ast.walk(self.tree):
            if isinstance(statement, ast.stmt) and statement is not self.tree:
                yield from _slots(statement, statement)

    def names(self) -> list[str]:
        """The variables of the function, and the attributes of self that it reads."""
        found = [a.arg for a in self.tree.args.args]
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.append(node.id)
            elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "self":
                found.append(f"self.{node.attr}")
        return [n for n in dict.fromkeys(found) if n != "self"]

    def compiled(self) -> CodeType | None:
        """The code of the tree as it now stands; None where it does not fit the function."""
        free = self.original.co_freevars
        inner: ast.stmt = self.tree
        if free:  # a closure: the same names free again
            outer = ast.parse(f"def outer({', '.join(free)}):\n    pass").body[0]
            outer.body = [inner]  # type: ignore[attr-defined]
            inner = outer
        module = ast.fix_missing_locations(ast.Module([inner], []))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SyntaxWarning)
                code: CodeType = compile(module, self.file, "exec")
        except (SyntaxError, ValueError, TypeError):
            return None
        for _ in range(2 if free else 1):
            code = next(c for c in code.co_consts if isinstance(c, CodeType))
        return code if code.co_freevars == free else None

    @contextmanager
    def in_place(self) -> Iterator[bool]:
        """The tree as it now stands is the function's code, until the block ends.

        Yields:
            Whether it could be put in place.
        """
        code = self.compiled()
        if code is not None:
            self.function.__code__ = code
        try:
            yield code is not None
        finally:
            self.function.__code__ = self.original


def _slots(node: ast.AST, statement: ast.stmt) -> Iterator[Slot]:
    """The expressions in a statement, without those of the statements inside it."""
    for field, value in ast.iter_fields(node):
        children = value if isinstance(value, list) else [value]
        for index, child in enumerate(children):
            if not isinstance(child, ast.expr | ast.slice):
                if isinstance(child, ast.keyword | ast.comprehension):
                    yield from _slots(child, statement)
                continue
            if not isinstance(getattr(child, "ctx", None), ast.Store):
                yield Slot(node, field, index if isinstance(value, list) else None, statement)
            yield from _slots(child, statement)
