"""Where forward made its first NaN or infinity: before one looks for a fault in backward.

From the recorded calls, or else from what the nodes of the graph still keep. Used by `why.py`.
"""

from __future__ import annotations

from typing import Any

from ..node import Leaf
from ..tensor import Tensor
from .explanation import Explanation, described
from .health import health_of
from .kept import kept_values
from .recording import Recording
from .trace import nodes_of


def forward_fault(
    out: Explanation, tensor: Tensor, loss: Tensor | None, root: int, seen: Recording | None
) -> bool:
    """Whether the loss itself, or the tensor, is not finite; then `out` says who made it so.

    Args:
        out: the explanation, to be filled in.
        tensor: whose gradient is NaN.
        loss: the loss, as far as it is known.
        root: the serial of the node from which backward started.
        seen: the recording, if there is one.
    """
    itself = health_of(tensor).bad
    if itself:
        out.where = "the tensor itself"
        out.because = f"its values hold {itself} already"
        out.remedy = (
            "an earlier step wrote them: lower the learning rate, or find that step by running "
            "inside tg.detect_anomaly()"
        )
        return True
    calls = list(seen.calls) if seen is not None else []
    ends = [call.made.bad for call in calls if call.serial == root]
    if not (health_of(loss).bad if loss is not None else any(ends)):
        return False
    alive = loss is not None and loss.node is not None and bool(loss.node.edges)
    graph = {n.serial for n in nodes_of(loss.node)} if loss is not None and alive else None
    fault = next(
        (
            described(call.op, call.where, call.layer)
            for call in calls
            if call.made.bad
            and not any(o.bad for o in call.operands)
            and (graph is None or call.serial in graph)
        ),
        None,
    )
    if fault is None and loss is not None and alive:
        fault = _first_bad_node(loss)
    if fault is None:
        return False
    out.where = fault
    out.because = "forward made the first NaN or infinity there: the loss is not finite either"
    out.remedy = (
        "look at what goes into that op: log or sqrt of 0 or less, a division by 0, exp of a large "
        "number, or data with NaN in them"
    )
    return True


def _first_bad_node(loss: Tensor) -> str | None:
    """The oldest node whose output, as far as anything kept it, is not finite."""
    for node in nodes_of(loss.node):
        for key, value in kept_values(node).items():
            if not hasattr(value, "dtype") or not health_of(value).bad:
                continue
            if key == "y":
                return _described(node)
            formulas: Any = getattr(node, "_formulas", None)
            if formulas is None or key not in formulas.inputs or not node.edges:
                continue
            source = node.edges[formulas.inputs.index(key)]
            if source is None:
                return f"the input {key} of {_described(node)}: a constant"
            return _described(source)
    return None


def _described(node: Any) -> str:
    op = "a leaf" if isinstance(node, Leaf) else repr(node)
    return described(op, getattr(node, "_where", ""), getattr(node, "_layer", ""))
