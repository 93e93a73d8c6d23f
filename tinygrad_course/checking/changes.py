"""Small changes of a backward, made in its tree one after the other and taken back.

Of statements: = for +=, a line left out, a row added instead of assigned. Of expressions: the edits
of the bank (`mutants/edits.py`), slices and numbers off by one, and what is forgotten most: a
transposition, a sum over an axis, a sign, a mask, a factor that stands ready in a variable. Used by
`repair.py`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from itertools import combinations, product

from .mutants.edits import replacements
from .patching import Patch, Slot

Change = tuple[ast.stmt, str]
"""(the statement that was changed, what was done)"""

FORGOTTEN = {
    "({}).T": "a transposition is missing",
    "-({})": "the sign is wrong",
    "({}).sum(axis=0)": "a sum over axis 0 is missing",
    "({}).sum(axis=1)": "a sum over axis 1 is missing",
    "({}).sum(axis=-1)": "a sum over the last axis is missing",
    "({}).sum(axis=0, keepdims=True)": "a sum over axis 0 is missing",
    "({}).sum(axis=1, keepdims=True)": "a sum over axis 1 is missing",
    "({}).mean(axis=0)": "a mean over axis 0 is missing",
    "({}) / len({})": "the division by the batch size is missing",
    "2 * ({})": "a factor 2 is missing",
    "({}) / 2": "a factor 2 is too many",
    "({}) * ({})": "the square is missing",
    "({})[::-1]": "the order is reversed",
}
WITH_A_NAME = {
    "({0}) * {1}": "the factor {1} is missing",
    "({0}) / {1}": "the division by {1} is missing",
    "({0}) * ({1} > 0)": "the mask {1} > 0 is missing",
    "({0}) + {1}": "the term {1} is missing",
    "({0}) - {1}": "the term -{1} is missing",
    "({0}) * (1 - {1})": "the factor 1 - {1} is missing",
    "({0}) * {1} * (1 - {1})": "the factor {1} * (1 - {1}) is missing",
    "({0}) * (1 - {1} ** 2)": "the factor 1 - {1} ** 2 is missing",
    "({0}) @ {1}": "the product with {1} is missing",
    "({0}) @ {1}.T": "the product with {1}.T is missing",
    "({0}) / len({1})": "the division by len({1}) is missing",
    "({0}) / {1}.size": "the division by {1}.size is missing",
    "({0}) / {1} ** 2": "the division by {1} ** 2 is missing",
}


def of_statements(tree: ast.FunctionDef) -> Iterator[Change]:
    """Every statement changed in its kind: each is yielded while the tree holds it."""
    for holder in ast.walk(tree):
        for field in ("body", "orelse"):
            body = getattr(holder, field, None)
            if not isinstance(body, list):
                continue
            for k, statement in enumerate(body):
                for other, words in _other_kinds(statement):
                    body[k] = ast.copy_location(other, statement)
                    yield body[k] if not isinstance(other, ast.Pass) else statement, words
                    body[k] = statement


def _other_kinds(statement: ast.stmt) -> Iterator[tuple[ast.stmt, str]]:
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        whole = statement.targets[0]
        if isinstance(whole, ast.Name | ast.Attribute | ast.Subscript):
            yield (
                ast.AugAssign(whole, ast.Add(), statement.value),
                "it is overwritten each time instead of added up (+=)",
            )
    elif isinstance(statement, ast.AugAssign):
        target = statement.target
        if isinstance(target, ast.Subscript) and ":" not in ast.unparse(target.slice):
            name, index = target.value, target.slice
            call = (
                f"np.add.at({ast.unparse(name)}, {_index(index)}, {ast.unparse(statement.value)})"
            )
            yield (
                ast.parse(call).body[0],
                "of an index that occurs twice += counts one only: np.add.at adds all",
            )
        yield (
            ast.Assign([statement.target], statement.value),
            "it is added up where it has to be assigned",
        )
        for op, sign in ((ast.Sub, "-="), (ast.Add, "+=")):
            if not isinstance(statement.op, op):
                changed = ast.AugAssign(statement.target, op(), statement.value)
                yield changed, f"{sign} belongs here"
        yield ast.Pass(), f"without the line `{ast.unparse(statement)}`"


def _index(node: ast.expr) -> str:
    text = ast.unparse(node)
    return f"({text})" if isinstance(node, ast.Tuple) else text


def of_expressions(patch: Patch) -> Iterator[Change]:
    """Every expression changed, the likelier changes first."""
    slots = list(patch.slots())
    names = patch.names()
    loops = [s for s in slots if isinstance(s.statement, ast.For)]
    for slot in loops:
        yield from _tried(slot, _turned_round(replacements(slot.node, ())))
    for slot in slots:
        if not _is_of_a_shape(slot.parent):
            yield from _tried(slot, _numbers(slot.node))
        yield from _tried(slot, _calls(slot.node))
    yield from _axes_of_statements(slots)
    for slot in slots:
        yield from _tried(slot, _turned_round(replacements(slot.node, ())))
    wide = [s for s in slots if _is_wide(s)]
    for slot in wide:
        text = ast.unparse(slot.node)
        yield from _tried(slot, _written(FORGOTTEN, text))
    for slot in slots:
        if isinstance(slot.node, ast.Name):
            yield from _tried(slot, _other_names(slot.node, names))
        elif isinstance(slot.node, ast.Constant) and type(slot.node.value) is int:
            yield from _tried(slot, _counts(slot.node, names))
    for pattern, words in WITH_A_NAME.items():
        for slot in wide:
            text = ast.unparse(slot.node)
            yield from _tried(slot, _with_names(pattern, words, text, names))


def _tried(slot: Slot, others: Iterator[tuple[ast.expr, str]]) -> Iterator[Change]:
    old = slot.node
    for other, words in others:
        slot.put(ast.copy_location(other, old))
        yield slot.statement, words
        slot.put(old)


def _is_of_a_shape(node: ast.AST) -> bool:
    """Whether this is x.shape[...]."""
    return isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith(".shape")


def _is_wide(slot: Slot) -> bool:
    """Whether a whole gradient may stand here: what is assigned or returned, and factors in it."""
    if isinstance(slot.node, ast.Constant | ast.Slice | ast.Tuple | ast.List | ast.Compare):
        return False
    if isinstance(slot.parent, ast.stmt):
        return slot.field == "value"
    return isinstance(slot.parent, ast.Tuple | ast.List | ast.BinOp) and not isinstance(
        slot.statement, ast.For
    )


def _numbers(node: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    """Whole numbers off by one (axes, bounds, exponents), bounds left out, keepdims forgotten."""
    if isinstance(node, ast.Constant) and type(node.value) is int:
        for near in (node.value - 1, node.value + 1):
            other: ast.expr = ast.Constant(abs(near))
            other = ast.UnaryOp(ast.USub(), other) if near < 0 else other
            yield other, f"{near} belongs where {node.value} stands"
    elif isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
        value = node.operand.value
        if isinstance(node.op, ast.USub) and type(value) is int:
            for near in (value - 1, value + 1):
                other = ast.UnaryOp(ast.USub(), ast.Constant(near)) if near else ast.Constant(0)
                yield other, f"-{near} belongs where -{value} stands"
    elif isinstance(node, ast.BinOp) and isinstance(node.right, ast.Constant):
        for op, other_op, words in ((ast.Mult, ast.Pow, "**"), (ast.Pow, ast.Mult, "*")):
            if isinstance(node.op, op):
                yield ast.BinOp(node.left, other_op(), node.right), f"{words} belongs here"
    elif isinstance(node, ast.Subscript) and _is_of_a_shape(node):
        array = ast.unparse(node.value).removesuffix(".shape")
        for text in (f"{array}.size / {array}.shape[1]", f"{array}.size / {array}.shape[-1]",
                     f"{array}.size"):  # fmt: skip
            yield _parsed(text), f"{text} belongs where {ast.unparse(node)} stands"
    elif isinstance(node, ast.Slice):
        if node.upper is not None:
            yield ast.Slice(node.lower, None, node.step), "the upper bound of the slice is wrong"
            less = ast.BinOp(node.upper, ast.Sub(), ast.Constant(1))
            yield ast.Slice(node.lower, less, node.step), "the slice is one too long"
            more = ast.BinOp(node.upper, ast.Add(), ast.Constant(1))
            yield ast.Slice(node.lower, more, node.step), "the slice is one too short"
        if node.lower is not None:
            yield ast.Slice(None, node.upper, node.step), "the lower bound of the slice is wrong"


REDUCTIONS = ("sum", "mean", "max", "min")


def _calls(node: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    """A reduction over another axis or with its axis kept; a tuple's elements swapped; no call."""
    if isinstance(node, ast.Tuple):
        for i, j in combinations(range(len(node.elts)), 2):
            turned = list(node.elts)
            turned[i], turned[j] = turned[j], turned[i]
            words = f"{ast.unparse(node.elts[i])} and {ast.unparse(node.elts[j])} are swapped"
            yield ast.Tuple(turned, ast.Load()), words
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        total = ast.Call(ast.Attribute(node.value, "sum", ast.Load()), [], [])
        total.keywords = [ast.keyword("axis", ast.Constant(0))]
        yield total, f"the sum belongs where only number {node.slice.value!r} stands"
        yield node.value, f"[{node.slice.value!r}] is too many"
    if not isinstance(node, ast.Call):
        return
    if isinstance(node.func, ast.Attribute) and node.func.attr in REDUCTIONS:
        for axis in (None, 0, 1, -1):
            for keep in (True, False):
                yield reduced(node, axis, keep), _of_axis(node, axis)
    elif isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) != "np":
        yield node.func.value, f".{node.func.attr}() is too many"
    if len(node.args) > 1:
        yield node.args[0], f"{ast.unparse(node.func)}(...) is too many"


def reduced(node: ast.Call, axis: int | None, keep: bool) -> ast.Call:
    """A call of sum or mean with another axis (None: its own), and keepdims or not."""
    over_array = isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "np"
    args = node.args[:1] if over_array else []
    own = [k.value for k in node.keywords if k.arg == "axis"] + node.args[len(args) :]
    where = own[:1] if axis is None else [_constant(axis)]
    keywords = [ast.keyword("axis", w) for w in where]
    keywords += [ast.keyword("keepdims", ast.Constant(True))] if keep else []
    return ast.Call(node.func, args, keywords)


def _of_axis(node: ast.Call, axis: int | None) -> str:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else "sum"
    return f"keepdims of the {name}" if axis is None else f"the {name} has to run over axis {axis}"


def _axes_of_statements(slots: Sequence[Slot]) -> Iterator[Change]:
    """All reductions of a statement over another axis: whoever mistakes it, does so throughout."""
    for statement in dict.fromkeys([s.statement for s in slots]):
        own = [s for s in slots if s.statement is statement]
        calls = [s for s in own if isinstance(s.node, ast.Call)
                 and isinstance(s.node.func, ast.Attribute)
                 and s.node.func.attr in REDUCTIONS]  # fmt: skip
        for axis, keep in product((0, 1, -1), (False, True)) if len(calls) > 1 else ():
            # From the inside out: an outer call is made anew from what then stands in it.
            before = [slot.node for slot in calls[::-1]]
            for slot in calls[::-1]:
                slot.put(ast.copy_location(reduced(slot.node, axis, keep), slot.node))
            yield statement, f"the sums and means have to run over axis {axis}"
            for slot, old in zip(calls, before[::-1], strict=True):
                slot.put(old)


def _counts(node: ast.Constant, names: Sequence[str]) -> Iterator[tuple[ast.expr, str]]:
    """A number that has to be a count or a length."""
    for name in names:
        for text in (f"{name}.sum(axis=1)", f"{name}.sum(axis=0)", f"len({name})", f"{name}.size"):
            yield _parsed(text), f"{text} belongs where {node.value!r} stands"


def _turned_round(others: Iterator[tuple[ast.expr, str]]) -> Iterator[tuple[ast.expr, str]]:
    """Edits that make a right line wrong, told the other way: what is missing there is too many."""
    for other, words in others:
        told = re.sub(r"^(.*) stands where (.*) belongs$", r"\1 belongs where \2 stands", words)
        told = told.replace(" is missing", " is too many").replace(
            " runs over ", " has to run over "
        )
        yield other, told


def _constant(value: int) -> ast.expr:
    return ast.parse(repr(value), mode="eval").body


def _other_names(node: ast.Name, names: Sequence[str]) -> Iterator[tuple[ast.expr, str]]:
    if node.id in names:
        yield _parsed(f"(1 - {node.id})"), f"1 - {node.id} belongs where {node.id} stands"
    for name in names:
        if name != node.id and node.id in names:
            yield _parsed(name), f"{name} belongs where {node.id} stands"


def _written(patterns: dict[str, str], text: str) -> Iterator[tuple[ast.expr, str]]:
    for pattern, words in patterns.items():
        yield _parsed(pattern.replace("{}", text)), words


def _with_names(
    pattern: str, words: str, text: str, names: Sequence[str]
) -> Iterator[tuple[ast.expr, str]]:
    for name in names:
        yield _parsed(pattern.format(text, name)), words.format(text, name)


def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body
