"""Why there is no gradient at all: constants, inner tensors, graphs that end before the loss.

Where a recording is there, the ops that took the tensor are followed to the one that let go of the
graph (`detach()`, `.data`, `no_grad`, an op without a gradient), and its line is named.
"""

from __future__ import annotations

from typing import NamedTuple

from ..node import Leaf
from ..tensor import Parameter, Tensor
from .explanation import Explanation, described
from .frames import names_of_nodes, short
from .health import Health
from .recording import Call, Recording
from .trace import nodes_of

RECORD = "run forward inside `with tg.debug.recording():` and ask again: then the line is named"


class Break(NamedTuple):
    """Where a graph ended: the op, the cause, the remedy."""

    where: str
    because: str
    remedy: str


def constant(name: str, tensor: Tensor, seen: Recording | None) -> Explanation:
    """A tensor that has no node."""
    out = Explanation("none", f"{name}: there is no gradient: the tensor is a constant")
    token = seen.token(tensor.data) if seen is not None else 0
    call = next((c for c in seen.calls if token in c.outputs), None) if seen is not None else None
    if tensor.dtype.kind != "f" and (call is None or call.differentiable):
        out.because = f"its values are {tensor.dtype}, and only floats have gradients"
        out.remedy = "convert them: tensor.astype('float32')"
        return out
    if call is None and isinstance(tensor, Parameter):
        out.because = "it is a frozen parameter: its requires_grad is False"
        out.remedy = f"{name}.requires_grad = True, or unfreeze() on its layer, before forward"
        return out
    if call is None:
        out.because = (
            "it was made without requires_grad=True; or detached (detach(), .data, .numpy()), "
            "computed under no_grad, or by an op without a gradient"
        )
        out.remedy = f"make it with tg.tensor(..., requires_grad=True); or {RECORD}"
        return out
    out.where = described(call.op, call.where, call.layer)
    if call.serial:
        out.because = "that op was recorded, and its result was detached since: detach() or .data"
        out.remedy = "use the op's result itself where a gradient shall flow"
    else:
        out.where, out.because, out.remedy = _unrecorded(call)
    return out


def inner(name: str, tensor: Tensor, arrived: Health | None) -> Explanation:
    """A tensor that an op computed: it keeps no gradient unless asked to."""
    node = tensor.node
    op = described(repr(node), getattr(node, "_where", ""), getattr(node, "_layer", ""))
    out = Explanation("none", f"{name}: .grad is None, because the tensor is no leaf", op)
    out.because = "an op computed it, and only leaves (those you make) keep a gradient"
    out.remedy = "call retain_grad() on it before backward(), or use tg.grad(loss, tensor)"
    if type(node).__name__ in {"Sub", "Add"}:
        out.remedy += (
            ". If it is a weight that you updated by w = w - lr * w.grad, the name now stands for "
            "a new tensor: use w.assign(w.data - lr * w.grad.data), or an optimizer"
        )
    if arrived is not None:
        out.because += f" (a gradient of norm {arrived.norm:.4g} flows through it)"
    return out


def leaf(
    name: str, tensor: Tensor, loss: Tensor | None, seen: Recording | None, arrived: Health | None
) -> Explanation:
    """A leaf whose `.grad` is None."""
    out = Explanation("none", f"{name}: .grad is None")
    if arrived is not None:
        alive = loss is not None and loss.node is not None and loss.node.edges
        if alive:
            out.because = "backward() was not called yet, or zero_grad() was called after it"
            out.remedy = f"call backward(): a gradient of norm {arrived.norm:.4g} would arrive"
        else:
            out.because = (
                f"a gradient of norm {arrived.norm:.4g} did arrive, and zero_grad() forgot it"
            )
            out.remedy = "look at .grad between backward() and zero_grad()"
        return out
    broken = _first_break(tensor, loss, seen) if seen is not None else None
    if broken is not None:
        out.where, out.because, out.remedy = broken
        return out
    if loss is not None and loss.node is not None:
        if tensor.node.serial > loss.node.serial:  # type: ignore[union-attr]
            out.because = "it was made, or its requires_grad switched on, after the loss"
            out.remedy = "do so before the forward pass, and keep using the same tensor"
            return out
        if not loss.node.edges:
            out.because = "the graph of the loss was released, and did not bring a gradient here"
            out.remedy = f"ask before backward(), or {RECORD}"
            return out
        names = names_of_nodes()
        reached = [n for n in nodes_of(loss.node) if isinstance(n, Leaf)]
        words = ", ".join(names.get(n, "one without a name") for n in reached[:8]) or "none"
        out.because = f"the loss does not depend on it: the leaves its graph reaches are {words}"
        out.remedy = (
            "look for detach(), .data, .numpy(), no_grad or another tensor of the same name "
            f"between the two; {RECORD}"
        )
        return out
    out.because = "no graph leads to it: backward() was never called, or on something else"
    out.remedy = f"pass the loss, tg.debug.why(tensor, loss), before backward(); or {RECORD}"
    return out


def unrecorded(name: str, health: Health, verdict: str) -> Explanation:
    """A gradient whose graph is gone, and nobody looked on."""
    what = {"sound": "is sound", "nan": f"holds {health.bad}"}.get(verdict, f"is {verdict}")
    return Explanation(
        verdict,
        f"{name}: the gradient {what}: norm {health.norm:.4g}, largest {health.largest:.4g}",
        because="" if verdict == "sound" else "the graph it came from was released by backward()",
        remedy="" if verdict == "sound" else f"ask before backward(), or {RECORD}",
    )


def stale(
    name: str, health: Health, verdict: str, arrived: Health, fresh: str
) -> Explanation:  # fmt: skip
    """A `.grad` that the pass at hand does not account for."""
    what = f"holds {health.bad}" if verdict == "nan" else f"is {verdict}"
    return Explanation(
        verdict,
        f"{name}: .grad {what}: norm {health.norm:.4g}, largest {health.largest:.4g}",
        because=f"it is not from this loss alone, whose gradient here is {fresh} (norm "
        f"{arrived.norm:.4g}): earlier passes were added up in it",
        remedy="call zero_grad() before each backward(), then ask again",
    )


def _first_break(tensor: Tensor, loss: Tensor | None, seen: Recording) -> Break | None:
    """Follow the ops that took the tensor, to the first that let go of the graph.

    Where the loss is known, only a break on the way to it counts.
    """
    start = seen.token(tensor.data)
    state: dict[int, Break | None] = {start: None}
    maker: dict[int, Call] = {}
    end = None if loss is None else seen.token(loss.data)
    last: Call | None = None
    first: Break | None = None
    for call in seen.calls:
        mine = [o for o in call.operands if o.token in state]
        if not mine:
            continue
        last = call
        breaks = [state[o.token] or _break(call, o.traced, maker.get(o.token)) for o in mine]
        # One whole way is enough for a gradient to flow.
        broken = None if any(b is None for b in breaks) else breaks[0]
        first = first or broken
        for token in call.outputs:
            state[token], maker[token] = broken, call
    if end is not None:
        return state.get(end)
    if first is not None or last is None:
        return first
    return Break(
        described(last.op, last.where, last.layer),
        "the graph leads up to that op, and backward() was not called on what came of it",
        "call backward() on the loss computed from it",
    )


def _break(call: Call, traced: bool, made_by: Call | None) -> Break | None:
    """Whether this call let go of an input that came from the tensor."""
    if traced:
        return None if call.serial else Break(*_unrecorded(call))
    where = described(call.op, call.where, call.layer)
    if made_by is None:
        return Break(
            where,
            "there the tensor came in as a constant: detached (detach(), .data, .numpy()), or its "
            "requires_grad was still off",
            "pass the tensor itself, with requires_grad=True from the start",
        )
    made = f"{made_by.op} ({short(made_by.where)})"
    return Break(
        where,
        f"its input came in as a constant: what {made} made was detached before (detach(), "
        ".data, .numpy())",
        "pass the op's result itself",
    )


def _unrecorded(call: Call) -> tuple[str, str, str]:
    """Why a call left no node."""
    where = described(call.op, call.where, call.layer)
    if not call.differentiable:
        return where, "that op has no gradient: its result is a constant by nature", (
            "use a smooth stand-in, such as softmax in place of argmax"
        )  # fmt: skip
    if any(o.traced for o in call.operands):
        return where, "it ran under no_grad, so the graph ends there", (
            "move it out of `with tg.no_grad():`"
        )  # fmt: skip
    return where, "none of its inputs requires a gradient", (
        "make the leaves with requires_grad=True before they are used"
    )  # fmt: skip
