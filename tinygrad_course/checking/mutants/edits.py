"""Small edits of a formula: every way to forget a factor or a term, flip a sign, take another name.

The generic mutation operators, applied to the syntax tree of a right line. They stand in for the
wrong lines that nobody wrote into the bank. Those of calls stand in `edits_of_calls.py`. Read next:
`bank.py`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import cache

from .edits_of_calls import of_call, other_letters, parsed

SWAPPED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
}
AGAIN = ("softmax", "sigmoid", "np.tanh", "np.exp")


@cache
def edits(expression: str, names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Expressions one edit away from this one, each with what was done, simplest first.

    Args:
        expression: a right formula.
        names: other values that could stand in it.

    Example:
        >>> [text for text, _ in edits("dy * y", ("x",))]
        ['dy', 'y', 'dy / y', 'x * y', 'dy * x']
    """
    found: dict[str, str] = {}
    for change, words in _changes(expression, names):
        text = ast.unparse(change)
        if text != ast.unparse(ast.parse(expression, mode="eval")):
            found.setdefault(text, words)
    return tuple(found.items())


def _changes(expression: str, names: Sequence[str]) -> Iterator[tuple[ast.AST, str]]:
    count = len(list(ast.walk(ast.parse(expression, mode="eval"))))
    by_name: list[tuple[ast.AST, str]] = []
    for place in range(count):
        node = list(ast.walk(ast.parse(expression, mode="eval")))[place]
        for other, words in replacements(node, names):
            tree = ast.parse(expression, mode="eval")
            old = list(ast.walk(tree))[place]
            changed = _Put(old, other).visit(tree)
            if isinstance(node, ast.Name):
                by_name.append((changed, words))
            else:
                yield changed, words
    yield from by_name


class _Put(ast.NodeTransformer):
    """Replace one node by another."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else super().generic_visit(node)


def replacements(node: ast.AST, names: Sequence[str]) -> Iterator[tuple[ast.expr, str]]:
    """What may stand in a node's place."""
    if isinstance(node, ast.BinOp):
        yield from _of_operator(node)
    elif isinstance(node, ast.Attribute) and node.attr == "T":
        yield node.value, f"the transposition of {ast.unparse(node.value)} is missing"
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Invert)):
        yield node.operand, "a sign is missing"
    elif isinstance(node, ast.Call):
        yield from of_call(node)
    elif isinstance(node, ast.List):
        yield from _in_another_order(node)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "->" in node.value:
        yield from other_letters(node.value)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        for name in names:
            if name != node.id and node.id not in {"np", "abs", "tuple", "range", "len"}:
                yield ast.Name(name, ast.Load()), f"{name} stands where {node.id} belongs"
        if node.id in names:
            yield parsed(f"{node.id}[::-1, ::-1]"), f"{node.id} is flipped"
            yield parsed(f"(1 - {node.id})"), f"1 - {node.id} stands where {node.id} belongs"
            for function in AGAIN:
                yield parsed(f"{function}({node.id})"), f"{function} is applied once more"
    elif isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Gt, ast.LtE)):
        turned = ast.Lt() if isinstance(node.ops[0], ast.Gt) else ast.Gt()
        yield ast.Compare(node.left, [turned], node.comparators), "a comparison is turned round"


def _of_operator(node: ast.BinOp) -> Iterator[tuple[ast.expr, str]]:
    left, right = ast.unparse(node.left), ast.unparse(node.right)
    what = "term" if isinstance(node.op, (ast.Add, ast.Sub)) else "factor"
    if isinstance(node.op, ast.MatMult):
        yield ast.BinOp(node.right, ast.MatMult(), node.left), "the two factors are swapped"
        elementwise = "a matrix product was taken for an elementwise one"
        yield ast.BinOp(node.left, ast.Mult(), node.right), elementwise
        for side in ("left", "right"):
            old = getattr(node, side)
            turned = ast.Attribute(old, "T", ast.Load())
            pair = (turned, node.right) if side == "left" else (node.left, turned)
            yield ast.BinOp(pair[0], ast.MatMult(), pair[1]), f"{ast.unparse(old)} is transposed"
        return
    if isinstance(node.op, ast.Pow):
        yield node.left, f"the power {right} is missing"
        return
    yield from _of_derivatives(node)
    yield from _without_parentheses(node)
    yield node.left, f"the {what} {right} is missing"
    if not isinstance(node.op, ast.Div):
        yield node.right, f"the {what} {left} is missing"
    if type(node.op) in SWAPPED:
        other = SWAPPED[type(node.op)]()
        signs = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
        words = f"{signs[type(other)]} stands where {signs[type(node.op)]} belongs"
        yield ast.BinOp(node.left, other, node.right), words
    if isinstance(node.op, ast.Sub):
        yield parsed(f"({left} - {right})**2"), f"{left} - {right} is squared"
        yield parsed(f"abs({left} - {right})"), f"the sign of {left} - {right} is lost"
        yield parsed(f"np.sign({left} - {right})"), f"only the sign of {left} - {right} is left"


def _of_derivatives(node: ast.BinOp) -> Iterator[tuple[ast.expr, str]]:
    """The slopes of tanh, 1 - y^2, and of the logistic function, y (1 - y), mixed up or gone."""
    match node:
        case ast.BinOp(ast.Constant(1), ast.Sub(), ast.BinOp(y, ast.Pow(), ast.Constant(2))):
            z = ast.unparse(y)
            yield (
                parsed(f"{z} * (1 - {z})"),
                "the logistic function's slope stands for that of tanh",
            )
            yield parsed(f"1 - {z}"), "the square is missing"
        case ast.BinOp(
            ast.BinOp(rest, ast.Mult(), y), ast.Mult(), ast.BinOp(ast.Constant(1), ast.Sub(), again)
        ) if ast.unparse(y) == ast.unparse(again):
            z = ast.unparse(y)
            yield rest, f"the slope {z} * (1 - {z}) of the logistic function is missing"
            tanh = ast.BinOp(rest, ast.Mult(), parsed(f"1 - {z}**2"))
            yield tanh, "the slope of tanh stands for the logistic function's"


def _without_parentheses(node: ast.BinOp) -> Iterator[tuple[ast.expr, str]]:
    """a (b - c) read as a b - c, and (b - c) / a as b - c / a."""
    words = "the parentheses are missing: a factor reaches only one of two terms"
    inner = (ast.Add, ast.Sub)
    if not isinstance(node.op, (ast.Mult, ast.Div)):
        return
    if (
        isinstance(node.op, ast.Mult)
        and isinstance(node.right, ast.BinOp)
        and isinstance(node.right.op, inner)
    ):
        first = ast.BinOp(node.left, ast.Mult(), node.right.left)
        yield ast.BinOp(first, node.right.op, node.right.right), words
    if isinstance(node.left, ast.BinOp) and isinstance(node.left.op, inner):
        last = ast.BinOp(node.left.right, node.op, node.right)
        yield ast.BinOp(node.left.left, node.left.op, last), words


def _in_another_order(node: ast.List) -> Iterator[tuple[ast.expr, str]]:
    """A list with two of its elements swapped."""
    for i in range(len(node.elts)):
        for j in range(i):
            turned = list(node.elts)
            turned[i], turned[j] = turned[j], turned[i]
            words = f"{ast.unparse(node.elts[j])} and {ast.unparse(node.elts[i])} are swapped"
            yield ast.List(turned, ast.Load()), words
