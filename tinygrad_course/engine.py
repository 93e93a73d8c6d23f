"""The backward pass: one loop that takes the youngest node first and runs its formulas.

Third of the core's files. A node's consumers are all younger than it, so by the time it is taken
every gradient that flows into it has been added. `backward()` runs the loop silently, `tg.grad`
stops at the tensors asked for, `backward_steps` yields what the loop does, node by node.
Read next: `leaf_gradients.py`, where the pass ends; `gradients.py` starts it for the user.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from heapq import heappop, heappush
from typing import Any, NamedTuple

from .backend import added
from .errors import Error, GraphError
from .grad_mode import enable_grad, mode
from .leaf_gradients import accumulate
from .node import Leaf, Node, Output, written
from .tensor import wrap


class BackwardStep(NamedTuple):
    """What the backward pass did at one node.

    Attributes:
        node: the Function whose formulas ran.
        grad_out: dL/d(its output), as it had been summed up.
        grads_in: dL/d(its inputs), one per input, None where none is owed.
    """

    node: Node
    grad_out: Any
    grads_in: tuple[Any, ...]


def engine(
    roots: Sequence[Node],
    seeds: Sequence[Any],
    *,
    retain: bool = False,
    create: bool = False,
    wanted: Collection[Node] | None = None,
    stop: bool = False,
    found: dict[Node, Any] | None = None,
    silent: bool = True,
) -> Iterator[BackwardStep]:
    """The loop itself: a generator that yields only when it is not `silent`.

    Args:
        roots: the nodes to start from.
        seeds: dL/d(root), an array each (a tensor each with `create`).
        retain: leave the graph intact for another pass.
        create: hand the formulas tensors, so that the gradients have a graph of their own.
        wanted: visit only what leads to these nodes, and put their gradients into `found`;
            None: visit everything and accumulate into the leaves.
        stop: do not go on below a wanted node.
        found: receives the gradients of `wanted`.
        silent: yield nothing.
    """
    grads: dict[Node, Any] = {}
    heap: list[tuple[int, Node]] = []
    useful = None if wanted is None else _useful(roots, wanted, stop=stop)

    for root, seed in zip(roots, seeds, strict=True):
        if root in grads:
            grads[root] = grads[root] + seed
        else:
            grads[root] = seed
            if root.__class__ is not Leaf:
                heappush(heap, (-root.serial, root))
    observer = mode.observer
    node: Any = None
    try:
        while heap:
            node = heappop(heap)[1]
            grad = grads.pop(node)
            edges = node.edges
            if edges is None:
                raise _released(node)
            if wanted is None:
                if node.retained:
                    accumulate({node: grad}, create)
            elif node in wanted and found is not None:
                found[node] = grad
                if stop:
                    continue
            if node.__class__ is Output:
                _gather(node, grad, grads, heap)
                continue
            if written.newest > node.serial:
                _check_unchanged(node)
            if useful is not None:
                edges = tuple([e if e in useful else None for e in edges])
                if not any(edges):
                    continue
            if grad.__class__ is list:
                grad = _completed(node, grad, create)
            if observer is not None:
                observer.before_backward(node)
            if create:
                with enable_grad():
                    grads_in = node.pull(edges, grad, node.kept_tensors())
            else:
                grads_in = node.pull(edges, grad, node.kept)
            if observer is not None:
                observer.after_backward(node, grads_in)
            if not silent:
                yield BackwardStep(node, grad, tuple(grads_in))
            i = -1
            for g in grads_in:  # an index is faster than zip, and this loop is the pass
                i += 1
                edge = edges[i]
                if edge is None or g is None:
                    continue
                if edge not in grads:
                    grads[edge] = g
                    if edge.__class__ is not Leaf:  # the leaves' gradients wait for the end
                        heappush(heap, (-edge.serial, edge))
                elif create:
                    with enable_grad():
                        grads[edge] = grads[edge] + g
                else:
                    grads[edge] = added(grads[edge], g)
            grad = grads_in = g = None  # what a leaf is to own must stand in `grads` alone
            if not retain:
                node.kept = node.edges = None
        if wanted is None:
            accumulate(grads, create)
        elif found is not None:
            found.update(grads)
    except ValueError as error:
        if "read-only" in str(error) and not isinstance(error, Error):
            raise _written_into(node, error) from error
        raise
    finally:
        if observer is not None:
            observer.abandoned(node)
        if not retain and (heap or not silent):
            _release([n for _, n in heap] + ([node] if node is not None else []))


def _useful(roots: Sequence[Node], wanted: Collection[Node], *, stop: bool) -> set[Node]:
    """The nodes on a path from the roots to a wanted one."""
    oldest = min((n.serial for n in wanted), default=0)
    seen: set[Node] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node in seen or node.serial < oldest:
            continue
        seen.add(node)
        if node.edges is None and node not in wanted:
            raise _released(node)
        if stop and node in wanted:
            continue
        stack.extend([e for e in node.edges or () if e is not None])
    useful = set(wanted)
    for node in sorted(seen, key=lambda n: n.serial):
        if any(e in useful for e in node.edges or () if e is not None):
            useful.add(node)
    return useful


def _gather(node: Node, grad: Any, grads: dict[Node, Any], heap: list[tuple[int, Node]]) -> None:
    """One output's gradient takes its place among those of its Function's other outputs."""
    source: Any = node.edges[0]  # type: ignore[index]
    if source.edges is None:
        raise _released(source)
    gathered = grads.get(source)
    if gathered is None:
        gathered = grads[source] = [None] * len(source.outputs)
        heappush(heap, (-source.serial, source))
    index = node.index  # type: ignore[attr-defined]
    gathered[index] = grad if gathered[index] is None else gathered[index] + grad


def _completed(node: Any, grads: list[Any], create: bool) -> tuple[Any, ...]:
    """The gradients of several outputs, with zeros for those that nothing flowed into."""
    if node.accepts_none:
        return tuple(grads)
    zeros = [
        (wrap(shell.zeros(), None) if create else shell.zeros()) if g is None else g
        for g, shell in zip(grads, node.outputs, strict=True)
    ]
    return tuple(zeros)


def _check_unchanged(node: Any) -> None:
    """Raise if an input whose value the node kept was overwritten after forward."""
    edges = node.edges
    for i in node.kept_inputs():
        source = edges[i]
        while source is not None and source.view and source.edges:
            source = source.edges[0]
        if isinstance(source, Leaf) and source.changed > node.serial:
            raise GraphError(
                f"backward: {node!r} kept one of its inputs (number {i}), and that tensor was "
                "overwritten after the forward pass; run the forward pass again after an "
                "optimizer's step or an assign()"
            )


def _released(node: Node) -> GraphError:
    return GraphError(
        f"backward: the graph was released at {node!r} by an earlier backward(); "
        "pass retain_graph=True to the first one, or run the forward pass again"
    )


def _written_into(node: Node, error: ValueError) -> GraphError:
    return GraphError(
        f"backward: a formula of {node!r} wrote into an array it was handed ({error}); the "
        "gradient belongs to others as well: write grad = grad * 2, not grad *= 2"
    )


def _release(nodes: list[Node]) -> None:
    """Drop what an abandoned pass did not reach."""
    while nodes:
        node = nodes.pop()
        if node.edges:
            nodes.extend([e for e in node.edges if e is not None])
            node.kept = node.edges = None
