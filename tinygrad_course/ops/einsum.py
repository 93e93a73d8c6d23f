"""Einstein's sums: any product of tensors, summed over any of their axes.

Each axis has a letter; axes of one letter run together, and letters that the result lacks are
summed. The gradient of such a sum is another one, with the result's letters and an operand's
exchanged. Read next: `activation.py`.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import Array, array_module, as_array
from ..dtypes import operands as as_operands
from ..errors import ArgumentError, ArgumentTypeError, ShapeError
from ..function import Function
from ..tensor import Tensor, values
from .indexing import getitem
from .shaping import broadcast_to, reshape, transpose


class Einsum(Function):
    """y = sum of products of xs        dL/dx_i = the sum of products of dL/dy and the other xs

    For "ij,jk->ik": dL/da is "ik,jk->ij" of dL/dy and b. A letter that only this operand had was
    summed over, and there the gradient is the same everywhere: it is broadcast.
    """

    promotes = True

    def __init__(self, *, equation: str) -> None:
        self.equation = equation
        self.view = "," not in equation

    def forward(self, *xs: Array) -> Array:
        terms = self.equation.split("->")[0].split(",")
        self.sizes = {
            c: n for t, x in zip(terms, xs, strict=True) for c, n in zip(t, x.shape, strict=True)
        }
        return as_array(np.einsum(self.equation, *xs, optimize=len(xs) > 1))

    def backward(self, grad: Any, xs: Any) -> list[Any]:
        left, result = self.equation.split("->")
        terms = left.split(",")
        grads = list[Any]()
        for i, term in enumerate(terms):
            if self.edges is not None and self.edges[i] is None:
                grads.append(None)
                continue
            others = terms[:i] + terms[i + 1 :]
            there = "".join([c for c in term if c in result or any(c in o for o in others)])
            equation = f"{','.join([result, *others])}->{there}"
            g = Einsum(equation=equation).apply(grad, *xs[:i], *xs[i + 1 :])
            kept = g.reshape(tuple([self.sizes[c] if c in there else 1 for c in term]))
            grads.append(broadcast_to(kept, tuple([self.sizes[c] for c in term])))
        return grads


def einsum(equation: str, *operands: Any) -> Tensor:
    """The sum of products that `equation` spells, a letter for each axis.

    Axes of one letter run together. The letters after "->" are the result's axes; all others are
    summed over. Without "->" the result has the letters that occur once, in alphabetical order. A
    letter repeated within an operand takes its diagonal. "..." stands for any further axes, which
    broadcast as in NumPy; in the implicit form they come first.

    Args:
        equation: e.g. "ij,jk->ik", "bhqd,bhkd->bhqk", "ii", "...ij->...ji".
        *operands: a tensor or an array for each term, any number of them.

    Returns:
        The result; its order of summation is chosen by size. "..." that an explicit result lacks
        is summed over, as PyTorch has it. Unlike in NumPy, a size of 1 does not stretch under a
        letter, only under "...".

    Raises:
        ArgumentError: an equation that is malformed, or does not have a term for each operand.
        ShapeError: a term that does not have as many letters as its operand axes, or a letter with
            two sizes.

    Example:
        >>> import tinygrad_course as tg
        >>> a, b = tg.tensor([[1.0, 2.0], [3.0, 4.0]]), tg.tensor([[1.0, 0.0], [1.0, 1.0]])
        >>> tg.einsum("ij,jk->ik", a, b).tolist()
        [[3.0, 2.0], [7.0, 4.0]]
        >>> tg.einsum("ii", a).item(), tg.einsum("ij->j", a).tolist()
        (5.0, [4.0, 6.0])
    """
    if not isinstance(equation, str):
        raise ArgumentTypeError(
            f"einsum: the equation comes first, as text, but it is {type(equation).__name__}"
        )
    xs = as_operands(*operands)
    terms, result = _parsed(equation, [len(x.shape) for x in xs])
    sizes = _sizes(equation, terms, xs)
    pairs = [_regular(term, x, sizes) for term, x in zip(terms, xs, strict=True)]
    spare = iter([c for c in string.ascii_letters if c not in equation])
    names = {c: c if c.isalpha() else next(spare) for c in sizes}
    written = ["".join([names[c] for c in term]) for term in (*[t for t, _ in pairs], result)]
    plain = f"{','.join(written[:-1])}->{written[-1]}"
    return Einsum(equation=plain).apply(*[x for _, x in pairs])


Labels = tuple[str, ...]
"""The axes of a term: letters, and "0", "1", ... for the axes under the ellipsis from the right."""


def _parsed(equation: str, ndims: Sequence[int]) -> tuple[list[Labels], Labels]:
    """The terms and the result, ellipses spelled out."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    parts = left.split(",")
    for part in (*parts, right):
        if set(part.replace("...", "", 1)) - set(string.ascii_letters):
            raise ArgumentError(
                f"einsum: {equation!r}: {part!r} is no term: it is made of letters and at most one "
                "'...', terms are separated by ',', and '->' stands before the result"
            )
    if len(parts) != len(ndims):
        raise ArgumentError(
            f"einsum: {equation!r} has {len(parts)} terms, but there are {len(ndims)} operands"
        )
    terms: list[Labels] = []
    width = 0
    for i, (part, ndim) in enumerate(zip(parts, ndims, strict=True)):
        rest = ndim - len(part.replace("...", ""))
        if rest < 0 or (rest and "..." not in part):
            raise ShapeError(
                f"einsum: {equation!r}: term {part!r} has {len(part.replace('...', ''))} letters, "
                f"but operand {i} has {ndim} axes"
            )
        terms.append(_spelled(part, rest))
        width = max(width, rest if "..." in part else 0)
    letters = [c for term in terms for c in term if c.isalpha()]
    if not arrow:
        return terms, (
            *_spelled("...", width),
            *sorted(c for c in letters if letters.count(c) == 1),
        )
    result = _spelled(right, width)
    for c in result:
        if result.count(c) > 1 or (c.isalpha() and c not in letters):
            what = "repeats" if result.count(c) > 1 else "has a letter that no term has:"
            raise ArgumentError(f"einsum: {equation!r}: the result {what} {c!r}")
    return terms, result


def _spelled(part: str, width: int) -> Labels:
    before, dots, after = part.partition("...")
    axes = tuple([str(i) for i in reversed(range(width))]) if dots else ()
    return (*before, *axes, *after)


def _sizes(equation: str, terms: Sequence[Labels], xs: Sequence[Any]) -> dict[str, int]:
    """The size of every axis; under an ellipsis a size of 1 gives way."""
    sizes: dict[str, int] = {}
    owners: dict[str, int] = {}
    for i, (term, x) in enumerate(zip(terms, xs, strict=True)):
        for c, n in zip(term, x.shape, strict=True):
            if c not in sizes or (not c.isalpha() and sizes[c] == 1):
                sizes[c], owners[c] = n, i
            elif sizes[c] != n and (c.isalpha() or n != 1):
                name = repr(c) if c.isalpha() else "an axis under '...'"
                first = tuple(xs[owners[c]].shape)
                raise ShapeError(
                    f"einsum: {equation!r}: {name} has size {sizes[c]} in operand {owners[c]} "
                    f"(shape {first}), but {n} in operand {i} (shape {tuple(x.shape)})"
                )
    return sizes


def _regular(term: Labels, x: Any, sizes: dict[str, int]) -> tuple[Labels, Any]:
    """The operand with every label once, and without axes of size 1 that stretch."""
    own = tuple([c for c, n in zip(term, x.shape, strict=True) if n == sizes[c]])
    if own != term:
        x = reshape(x, tuple([sizes[c] for c in own]))
    for c in dict.fromkeys(own):
        places = [i for i, label in enumerate(own) if label == c]
        if len(places) > 1:
            rest = [i for i in range(len(own)) if i not in places]
            along = array_module(values(x)).arange(sizes[c])
            x = getitem(transpose(x, (*places, *rest)), (along,) * len(places))
            own = (c, *[own[i] for i in rest])
    return own, x
