"""Small edits of a call: another reduction, another axis, a sibling function, no call at all.

A part of `edits.py`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from itertools import product

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
FOLDED = {
    "add=False": "overlapping windows overwrite one another instead of adding up",
    "by_offset=True": "each place of the kernel overwrites the one before instead of adding to it",
    "crop=False": "the padding is cut off at the wrong side",
    "skip_last=True": "the last row of windows is left out",
}
CASES = {
    "0.0 * ({})": "zero",
    "2 * ({})": "doubled",
    "0.5 * ({})": "halved",
    "-({})": "of the wrong sign",
}
"""What may be done to one case of np.where."""


def parsed(text: str) -> ast.expr:
    """An expression's syntax tree."""
    return ast.parse(text, mode="eval").body


def other_letters(subscripts: str) -> Iterator[tuple[ast.expr, str]]:
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


def of_call(node: ast.Call) -> Iterator[tuple[ast.expr, str]]:
    """Another reduction, another axis, no call at all."""
    f = node.func
    if isinstance(f, ast.Name) and f.id == "fold":
        for keyword, words in FOLDED.items():
            name, value = keyword.split("=")
            keywords = [*node.keywords, ast.keyword(name, ast.Constant(value == "True"))]
            yield ast.Call(f, node.args, keywords), words
        return
    if ast.unparse(f) == "softmax":
        across = f"softmax(np.swapaxes({ast.unparse(node.args[0])}, 0, -1)).swapaxes(0, -1)"
        yield parsed(across), "softmax runs over the samples instead of the classes"
    for sibling in SIBLINGS.get(ast.unparse(f), ()):
        call = ast.Call(parsed(sibling), node.args, node.keywords)
        yield call, f"{sibling} stands where {ast.unparse(f)} belongs"
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
                ast.keyword("axis", parsed(repr(axis))) if k.arg == "axis" else k
                for k in node.keywords
            ]
            words = f"the {f.attr} runs over axis {axis}"
            yield ast.Call(f, node.args, keywords), words
            if "keepdims" not in [k.arg for k in node.keywords]:
                kept = [*keywords, ast.keyword("keepdims", ast.Constant(True))]
                yield ast.Call(f, node.args, kept), words
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
        for case, (pattern, what) in product((1, 2), CASES.items()):
            args = list(node.args)
            args[case] = parsed(pattern.format(ast.unparse(args[case])))
            yield ast.Call(f, args, []), f"{ast.unparse(node.args[case])} is {what}"
    elif isinstance(f.value, ast.Name) and f.value.id == "np" and len(node.args) == 1:
        yield node.args[0], f"{f.attr} is missing"
        if f.attr == "sign":
            step = parsed(f"({ast.unparse(node.args[0])} > 0)")
            yield step, "a step of 0 and 1 stands where the sign belongs"


def _other_axes(node: ast.Call) -> Iterator[int | tuple[int, ...] | None]:
    """Axes that a reduction may run over by mistake: another one, one of several, one more."""
    given = next((k.value for k in node.keywords if k.arg == "axis"), None)
    if isinstance(given, ast.Tuple):
        constants = [a.value for a in given.elts if isinstance(a, ast.Constant)]
        axes = [a for a in constants if isinstance(a, int)]
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
            parsed(f"{text} * ({count} / ({count} - 1))"),
            "n - 1 divides where n belongs: biased and unbiased variance are mixed",
        )
