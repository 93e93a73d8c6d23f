"""Asking for gradients: `backward`, `backward_steps` and `grad`, three ways to run one loop.

They check what the user gave, start the loop of `engine.py`, and hand out what it found.
Read next: `derivatives.py`, for what is built on `grad`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from .backend import array_module, check_same_device
from .dtypes import constant_like, literal
from .engine import BackwardStep, engine
from .errors import ArgumentError, ArgumentTypeError, GraphError, ShapeError
from .leaf_gradients import owned
from .node import Node
from .tensor import Tensor, wrap


def _seed(root: Tensor, seed: Any, name: str, create: bool) -> Any:
    """dL/d(root): what the user gave, checked; 1 for a scalar."""
    if root.node is None:
        raise GraphError(
            f"{name}: this tensor does not require a gradient: no tensor it was computed from has "
            "requires_grad=True (or it was computed under no_grad, detached, or made by an op that "
            "has no gradient: argmax, a comparison, one_hot)"
        )
    if seed is None:
        if root.size != 1:
            raise ShapeError(
                f"{name}: the gradient of a tensor of shape {root.shape} needs a direction; "
                "reduce it to a scalar (e.g. .sum() or .mean()) or pass the gradient of your loss "
                "with respect to it"
            )
        one = constant_like(1.0, root.dtype, root.data)
        if one.shape != root.shape:
            one = one.reshape(root.shape)
        return wrap(one, None) if create else one
    tensor = seed if isinstance(seed, Tensor) else wrap(literal(seed, root.dtype, root.data), None)
    if tensor.shape != root.shape:
        raise ShapeError(
            f"{name}: the gradient of a tensor must have its shape {root.shape}, "
            f"but it has {tensor.shape}"
        )
    check_same_device(name, (root.data, tensor.data), ("the tensor", "its gradient"))
    if tensor.dtype != root.dtype:
        tensor = tensor.astype(root.dtype)
    return tensor if create else tensor.data


def run_backward(root: Any, gradient: Any, retain_graph: bool, create_graph: bool) -> None:
    """`Tensor.backward`: the whole pass, into the leaves."""
    seed = _seed(root, gradient, "backward", create_graph)
    for _ in engine([root.node], [seed], retain=retain_graph or create_graph, create=create_graph):
        pass


def backward_steps(
    loss: Tensor, gradient: Any = None, *, retain_graph: bool = False
) -> Iterator[BackwardStep]:
    """Run backward node by node: the loop of `backward()`, yielding after each node.

    Leaving the iteration early releases the graph, and leaves no leaf a part of its gradient: they
    receive theirs at the end.

    Example:
        >>> import tinygrad_course as tg
        >>> x = tg.tensor(3.0, requires_grad=True)
        >>> for step in tg.backward_steps(x * x + 1.0):
        ...     print(step.node, step.grad_out, [g is not None and float(g) for g in step.grads_in])
        Add() 1.0 [1.0, False]
        Mul() 1.0 [3.0, 3.0]
    """
    seed = _seed(loss, gradient, "backward_steps", False)
    return engine([loss.node], [seed], retain=retain_graph, silent=False)  # type: ignore[list-item]


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Any = None,
    *,
    create_graph: bool = False,
    retain_graph: bool | None = None,
) -> Any:
    """The gradients of outputs with respect to inputs, returned instead of accumulated.

    Computes sum_i <grad_outputs_i, d outputs_i / d input_j> for each j. Visits only nodes on a path
    to the inputs. An input that the outputs do not depend on gets zeros.

    Args:
        outputs: a tensor or several.
        inputs: a tensor (leaf or not) or several; the result has the same form.
        grad_outputs: dL/d(output) for each, of its shape; may be left out for scalars.
        create_graph: give the gradients a graph, to differentiate them again.
        retain_graph: keep the graph for another pass; by default what `create_graph` says.

    Raises:
        GraphError: an input does not require a gradient, or the graph was released.
        ShapeError: grad_outputs do not have the outputs' shapes.

    Example:
        >>> import tinygrad_course as tg
        >>> x = tg.tensor(3.0, requires_grad=True)
        >>> slope = tg.grad(x * x * x, x, create_graph=True)
        >>> slope.item(), tg.grad(slope, x).item()
        (27.0, 18.0)
    """
    out, into = _tensors("outputs", outputs), _tensors("inputs", inputs)
    given = [grad_outputs] if isinstance(outputs, Tensor) else grad_outputs
    seeds = [None] * len(out) if given is None else list(given)
    if len(seeds) != len(out):
        raise ArgumentError(f"grad: {len(out)} outputs need as many grad_outputs, not {len(seeds)}")
    for i, t in enumerate(into):
        if t.node is None:
            raise GraphError(
                f"grad: input {i} does not require a gradient; make it with requires_grad=True "
                "before the outputs are computed"
            )
    found: dict[Node, Any] = {}
    roots = [o.node for o in out if o.node is not None]
    if not roots:
        _seed(out[0], None, "grad", create_graph)
    starts = [
        _seed(o, s, "grad", create_graph)
        for o, s in zip(out, seeds, strict=True)
        if o.node is not None
    ]
    retain = create_graph if retain_graph is None else retain_graph
    wanted = {t.node for t in into if t.node is not None}
    for _ in engine(roots, starts, create=create_graph, retain=retain, wanted=wanted, found=found):
        pass
    results = [_result(t, found, create_graph) for t in into]
    return results[0] if isinstance(inputs, Tensor) else results


def _tensors(what: str, given: Any) -> list[Tensor]:
    """One tensor or several as a list."""
    tensors = list(given) if isinstance(given, (list, tuple)) else [given]
    for t in tensors:
        if not isinstance(t, Tensor):
            raise ArgumentTypeError(
                f"grad: {what} must be a tensor or a list of tensors, but there is a "
                f"{type(t).__name__}"
            )
    if not tensors and what == "outputs":
        raise ArgumentError("grad: there are no outputs to differentiate")
    return tensors


def _result(t: Tensor, found: dict[Node, Any], create: bool) -> Tensor:
    if t.node not in found:
        return wrap(array_module(t.data).zeros_like(t.data), None)
    return owned(t.node, found, create)
