"""Recompute instead of store: a stretch of the network that keeps only its inputs.

The first run records, to learn what the stretch depends on, and drops the graph; backward runs it
again. Memory falls by what the stretch had kept, time rises by one forward pass of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from . import random
from .engine import engine
from .errors import ArgumentTypeError
from .function import Function
from .grad_mode import enable_grad, mode
from .node import Node, Output, next_serial
from .tensor import Tensor, wrap


class Recompute(Function):
    """y = f(inputs), with the graph of f made again in backward.

    Its edges are all nodes older than the first run that f's graph reaches: the inputs, and the
    weights that f closed over.
    """

    def __init__(self, f: Callable[..., Any], draws: list[random.Draw]) -> None:
        self.f = f
        self.draws = draws

    def kept_inputs(self) -> Iterable[int]:
        return range(len(self.edges or ()))

    def kept_tensors(self) -> Any:
        return self.kept

    def pull(self, edges: tuple[Node | None, ...], grad: Any, kept: Any) -> Iterable[Any]:
        """Run f again, and its backward as far as the edges."""
        grads = grad if isinstance(grad, tuple) else (grad,)
        create = isinstance(next(g for g in grads if g is not None), Tensor)
        before, mode.replaying = mode.replaying, True
        try:
            with random.replaying(self.draws), enable_grad():
                y = self.f(*[wrap(x, node) if node is not False else x for x, node in kept])
        finally:
            mode.replaying = before
        ys = y if isinstance(y, tuple) else (y,)
        pairs = [
            (o.node, g)
            for o, g in zip(ys, grads, strict=True)
            if o.node is not None and g is not None
        ]
        found: dict[Node, Any] = {}
        wanted = {e for e in edges if e is not None}
        roots, seeds = [n for n, _ in pairs], [g for _, g in pairs]
        for _ in engine(
            roots, seeds, create=create, retain=create, wanted=wanted, stop=True, found=found
        ):
            pass
        return [None if e is None else found.get(e) for e in edges]

    def __repr__(self) -> str:
        return f"Recompute({getattr(self.f, '__name__', type(self.f).__name__)})"


def recompute(f: Callable[..., Any], *inputs: Any) -> Any:
    """f(*inputs), keeping only the inputs: backward runs f again.

    The gradients are those of f, of the weights it closed over too. Random draws inside f are
    repeated, running statistics are updated once.

    Args:
        f: a function of tensors that returns a tensor or a tuple of tensors. It must do the same
            when called again.
        *inputs: its arguments.

    Example:
        >>> import tinygrad_course as tg
        >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
        >>> tg.recompute(lambda h: tg.exp(h) * h, x).sum().backward()
        >>> [round(v, 3) for v in x.grad.tolist()]
        [5.437, 22.167]

    References:
        Chen, Xu, Zhang, Guestrin, "Training deep nets with sublinear memory cost", 2016,
        arXiv 1604.06174.
    """
    start = next_serial()
    with random.recording() as draws:
        y = f(*inputs)
    several = isinstance(y, tuple)
    ys = y if several else (y,)
    for out in ys:
        if not isinstance(out, Tensor):
            raise ArgumentTypeError(
                f"recompute: the function must return a tensor or a tuple of tensors, but returned "
                f"{type(out).__name__}"
            )
    older = _older_nodes([out.node for out in ys if out.node is not None], start)
    if not older:
        return y
    node = Recompute(f, list(draws))
    node.serial = next_serial()
    node.edges = tuple(older)
    node.kept = [(v.data, v.node) if isinstance(v, Tensor) else (v, False) for v in inputs]
    if not several:
        return wrap(y.data, node)
    node.set_outputs([out.data for out in ys])
    return tuple([wrap(out.data, Output(node, i)) for i, out in enumerate(ys)])


def _older_nodes(roots: list[Node], start: int) -> list[Node]:
    """The nodes made before `start` that the graph of the roots reaches first."""
    older: dict[Node, None] = {}
    seen: set[Node] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node.serial < start:
            older[node] = None
        elif node not in seen:
            seen.add(node)
            stack.extend([e for e in node.edges or () if e is not None])
    return list(older)
