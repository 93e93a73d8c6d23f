"""Small edits of a formula: every way to forget a factor or a term, flip a sign, take another name.

The generic mutation operators, applied to the syntax tree of a right line. They stand in for the
wrong lines that nobody wrote into the bank. Read next: `bank.py`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from functools import cache

SWAPPED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
}
REDUCTIONS = ("sum", "mean", "max", "min")
SIBLINGS = {
    "softmax": ("np.exp", "sigmoid"),
    "sigmoid": ("softmax", "np.tanh"),
    "np.tanh": ("sigmoid",),
    "np.exp": ("softmax",),
    "np.log": ("np.log2", "np.log10", "np.log1p"),
    "np.sqrt": ("np.square",),
    "np.maximum": ("np.minimum",),
    "np.minimum": ("np.maximum",),
}
"""Functions that are taken for one another."""
AGAIN = ("softmax", "sigmoid", "np.tanh", "np.exp")
FOLDED = {
    "add=False": "overlapping windows overwrite one another instead of adding up",
    "by_offset=True": "each place of the kernel overwrites the one before instead of adding to it",
    "crop=False": "the padding is cut off at the wrong side",
    "skip_last=True": "the last row of windows is left out",
}


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
        for other, words in _instead(node, names):
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


def _instead(node: ast.AST, names: Sequence[str]) -> Iterator[tuple[ast.expr, str]]:
    """What may stand in a node's place."""
    if isinstance(node, ast.BinOp):
        yield from _of_operator(node)
    elif isinstance(node, ast.Attribute) and node.attr == "T":
        yield node.value, f"the transposition of {ast.unparse(node.value)} is missing"
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Invert)):
        yield node.operand, "a sign is missing"
    elif isinstance(node, ast.Call):
        yield from _of_call(node)
    elif isinstance(node, ast.List):
        yield from _in_another_order(node)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "->" in node.value:
        yield from _other_letters(node.value)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        for name in names:
            if name != node.id and node.id not in {"np", "abs", "tuple", "range", "len"}:
                yield ast.Name(name, ast.Load()), f"{name} stands where {node.id} belongs"
        if node.id in names:
            yield _parsed(f"{node.id}[::-1, ::-1]"), f"{node.id} is flipped"
            yield _parsed(f"(1 - {node.id})"), f"1 - {node.id} stands where {node.id} belongs"
            for function in AGAIN:
                yield _parsed(f"{function}({node.id})"), f"{function} is applied once more"
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
        yield _parsed(f"({left} - {right})**2"), f"{left} - {right} is squared"
        yield _parsed(f"abs({left} - {right})"), f"the sign of {left} - {right} is lost"
        yield _parsed(f"np.sign({left} - {right})"), f"only the sign of {left} - {right} is left"


def _of_derivatives(node: ast.BinOp) -> Iterator[tuple[ast.expr, str]]:
    """The slopes of tanh, 1 - y^2, and of the logistic function, y (1 - y), mixed up or gone."""
    match node:
        case ast.BinOp(ast.Constant(1), ast.Sub(), ast.BinOp(y, ast.Pow(), ast.Constant(2))):
            z = ast.unparse(y)
            yield (
                _parsed(f"{z} * (1 - {z})"),
                "the logistic function's slope stands for that of tanh",
            )
            yield _parsed(f"1 - {z}"), "the square is missing"
        case ast.BinOp(
            ast.BinOp(rest, ast.Mult(), y), ast.Mult(), ast.BinOp(ast.Constant(1), ast.Sub(), again)
        ) if ast.unparse(y) == ast.unparse(again):
            z = ast.unparse(y)
            yield rest, f"the slope {z} * (1 - {z}) of the logistic function is missing"
            tanh = ast.BinOp(rest, ast.Mult(), _parsed(f"1 - {z}**2"))
            yield tanh, "the slope of tanh stands for the logistic function's"


def _without_parentheses(node: ast.BinOp) -> Iterator[tuple[ast.expr, str]]:
    """a (b - c) read as a b - c, and (b - c) / a as b - c / a."""
    words = "the parentheses are missing: a factor reaches only one of two terms"
    inner = (ast.Add, ast.Sub)
    if not isinstance(node.op, (ast.Mult, ast.Div)):
        return
    if isinstance(node.right, ast.BinOp) and isinstance(node.right.op, inner):
        if isinstance(node.op, ast.Mult):
            first = ast.BinOp(node.left, ast.Mult(), node.right.left)
            yield ast.BinOp(first, node.right.op, node.right.right), words
    if isinstance(node.left, ast.BinOp) and isinstance(node.left.op, inner):
        last = ast.BinOp(node.left.right, node.op, node.right)
        yield ast.BinOp(node.left.left, node.left.op, last), words


def _other_letters(subscripts: str) -> Iterator[tuple[ast.expr, str]]:
    """The subscripts of an einsum with two letters of one operand swapped."""
    left, _, result = subscripts.partition("->")
    parts = [*left.split(","), result]
    for k, part in enumerate(parts):
        for i in range(len(part)):
            for j in range(i):
                turned = list(part)
                turned[i], turned[j] = turned[j], turned[i]
                others = [*parts[:k], "".join(turned), *parts[k + 1 :]]
                text = f"{','.join(others[:-1])}->{others[-1]}"
                yield ast.Constant(text), f"the axes {part[j]} and {part[i]} are swapped"


def _in_another_order(node: ast.List) -> Iterator[tuple[ast.expr, str]]:
    """A list with two of its elements swapped."""
    for i in range(len(node.elts)):
        for j in range(i):
            turned = list(node.elts)
            turned[i], turned[j] = turned[j], turned[i]
            words = f"{ast.unparse(node.elts[j])} and {ast.unparse(node.elts[i])} are swapped"
            yield ast.List(turned, ast.Load()), words


def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _of_call(node: ast.Call) -> Iterator[tuple[ast.expr, str]]:
    """Another reduction, another axis, no call at all."""
    f = node.func
    if isinstance(f, ast.Name) and f.id == "fold":
        for keyword, words in FOLDED.items():
            name, value = keyword.split("=")
            keywords = [*node.keywords, ast.keyword(name, ast.Constant(value == "True"))]
            yield ast.Call(f, node.args, keywords), words
        return
    for other in SIBLINGS.get(ast.unparse(f), ()):
        call = ast.Call(_parsed(other), node.args, node.keywords)
        yield call, f"{other} stands where {ast.unparse(f)} belongs"
    if not isinstance(f, ast.Attribute):
        if len(node.args) == 1 and not node.keywords:
            yield node.args[0], f"{ast.unparse(f)} is missing"
        elif ast.unparse(f) == "unbroadcast":
            yield from _summed_too_early(node, lambda part: ast.Call(f, [part, node.args[1]], []))
        return
    if f.attr in REDUCTIONS:
        for name in REDUCTIONS:
            if name != f.attr:
                reduction = ast.Attribute(f.value, name, ast.Load())
                words = f"the {name} stands where the {f.attr} belongs"
                yield ast.Call(reduction, node.args, node.keywords), words
        yield f.value, f"the {f.attr} is missing"
        for axis in _other_axes(node):
            keywords = [
                ast.keyword("axis", _parsed(repr(axis))) if k.arg == "axis" else k
                for k in node.keywords
            ]
            yield ast.Call(f, node.args, keywords), f"the {f.attr} runs over axis {axis}"
        if f.attr == "sum":
            yield from _summed_too_early(
                ast.Call(f, [f.value], []),
                lambda part: ast.Call(
                    ast.Attribute(part, "sum", ast.Load()), node.args, node.keywords
                ),
            )
        if f.attr == "mean":
            yield from _unbiased(node)
    elif f.attr == "where" and len(node.args) == 3:
        test, then, other = node.args
        yield then, f"{ast.unparse(then)} everywhere: the other case is forgotten"
        yield other, f"{ast.unparse(other)} everywhere: the other case is forgotten"
        yield ast.Call(f, [test, other, then], []), "the two cases are swapped"
        for case in (1, 2):
            for text, words in (("0.0 * ({})", "zero"), ("2 * ({})", "doubled"),
                                ("0.5 * ({})", "halved"), ("-({})", "of the wrong sign")):  # fmt: skip
                args = list(node.args)
                args[case] = _parsed(text.format(ast.unparse(args[case])))
                yield ast.Call(f, args, []), f"{ast.unparse(node.args[case])} is {words}"
    elif isinstance(f.value, ast.Name) and f.value.id == "np" and len(node.args) == 1:
        yield node.args[0], f"{f.attr} is missing"
        if f.attr == "sign":
            step = _parsed(f"({ast.unparse(node.args[0])} > 0)")
            yield step, "a step of 0 and 1 stands where the sign belongs"


def _other_axes(node: ast.Call) -> Iterator[int | tuple[int, ...] | None]:
    """Axes that a reduction may run over by mistake: another one, one of several, one more."""
    given = next((k.value for k in node.keywords if k.arg == "axis"), None)
    if isinstance(given, ast.Tuple):
        axes = [a.value for a in given.elts if isinstance(a, ast.Constant)]
        for k in range(len(axes)):
            left = tuple([a for a in axes if a != axes[k]])
            yield left if len(left) > 1 else left[0]
        for more in {max(axes) + 1, min(axes) - 1} - {-1}:
            yield (*axes, more)
    yield from (0, 1, -1, -2, None)


def _summed_too_early(
    node: ast.Call, summed: Callable[[ast.expr], ast.expr]
) -> Iterator[tuple[ast.expr, str]]:
    """The sum of a product as the product of the sums."""
    whole = node.args[0]
    if isinstance(whole, ast.BinOp) and isinstance(whole.op, ast.Mult):
        words = "the sum of products is not the product of sums: multiply first, then sum"
        yield ast.BinOp(summed(whole.left), ast.Mult(), summed(whole.right)), words


def _unbiased(node: ast.Call) -> Iterator[tuple[ast.expr, str]]:
    """A mean as sum / (n - 1)."""
    axis = next((k.value for k in node.keywords if k.arg == "axis"), None)
    if isinstance(axis, ast.Constant) and isinstance(axis.value, int):
        text = ast.unparse(node)
        inside = ast.unparse(node.func.value)  # type: ignore[attr-defined]
        count = f"np.shape({inside})[{axis.value}]"
        yield (
            _parsed(f"{text} * ({count} / ({count} - 1))"),
            "n - 1 divides where n belongs: biased and unbiased variance are mixed",
        )
