"""`why(tensor)`: what made a gradient None, zero, huge or NaN, and what to do about it.

The pass is walked in numbers (`flow.py`), from the tensor towards the loss, to the first op that
got a sound gradient and handed on a spoilt one. Read next: `absent.py`, where no gradient came.
"""

from __future__ import annotations

import math
from typing import Any, cast

from ..errors import ArgumentTypeError, Error, ShapeError
from ..node import Leaf, Node
from ..tensor import Tensor
from . import absent
from .explanation import Explanation, place
from .flow import Flow, Handed, Visit, flow_of
from .forward_fault import forward_fault
from .frames import variables
from .health import Health, health_of
from .recording import Recording, newest_recording
from .trace import nodes_of

HUGE, TINY, PARTLY = 1e4, 1e-7, 0.1
LINES = 16
REMEDIES = {
    "huge": "normalise the inputs, start with smaller weights, add normalisation layers, take a "
    "mean and not a sum over the batch, or clip the gradients (tg.optim.clip_grad_norm)",
    "tiny": "use relu in place of saturating activations, He's or Glorot's start, normalisation "
    "layers or skip connections",
}


def why(tensor: Any, loss: Any = None) -> Explanation:
    """Explain the gradient of a tensor: why it is None, zero, huge or NaN.

    Call it before `backward()`, while the graph is there, or run forward and backward inside
    `with tg.debug.recording():`; then lines and layers are known as well. Nothing is changed.

    Args:
        tensor: the tensor whose gradient is in question.
        loss: the loss it should have come from; by default the newest scalar with a graph that
            leads to the tensor, among your variables.

    Returns:
        An `Explanation`; print it.

    Raises:
        ArgumentTypeError: no Tensor.
        ShapeError: the loss is no scalar.

    Example:
        >>> import tinygrad_course as tg
        >>> w = tg.tensor([-1.0, -2.0], requires_grad=True)
        >>> loss = (tg.relu(w) * 3.0).sum()
        >>> print(tg.debug.why(w, loss))  # doctest: +ELLIPSIS
        w: the gradient is zero, all 2 values of it
          at      ReLU()
          because relu is dead: all 2 of its inputs are at or below 0, where its slope is 0
          do      ...
    """
    for name, value in (("tensor", tensor), ("loss", loss)):
        if not isinstance(value, Tensor) and not (name == "loss" and value is None):
            raise ArgumentTypeError(f"debug.why: {name} must be a Tensor, but got {value!r:.60}")
    if loss is not None and loss.size != 1:
        raise ShapeError(
            f"debug.why: the loss must be a scalar, but its shape is {loss.shape}; reduce it with "
            ".sum() or .mean()"
        )
    found = list(variables())
    name = next((f.name for f in found if f.tensor is tensor), "this tensor")
    seen = newest_recording()
    if loss is None:
        loss = _loss_among([f.tensor for f in found], tensor)
    if tensor.node is None:
        return absent.constant(name, tensor, seen)
    flow, problem = _flow(tensor, loss, seen)
    arrived = _arrived(tensor.node, flow)
    if problem is not None:
        return Explanation("none", f"{name}: backward() cannot run: {problem}")
    if tensor.grad is None and (arrived is None or not _spoilt(arrived)):
        if not isinstance(tensor.node, Leaf):
            return absent.inner(name, tensor, arrived)
        return absent.leaf(name, tensor, loss, seen, arrived)
    return _present(name, tensor, loss, flow, arrived, seen)


def _present(
    name: str, tensor: Tensor, loss: Tensor | None, flow: Flow, arrived: Health | None,
    seen: Recording | None,
) -> Explanation:  # fmt: skip
    """A gradient that is there, or would be."""
    health = health_of(tensor.grad) if tensor.grad is not None else cast("Health", arrived)
    verdict = _verdict(health)
    if flow.sums and arrived is not None and _spoilt(health) and _verdict(arrived) != verdict:
        return absent.stale(name, health, verdict, arrived, _verdict(arrived))
    if not flow.visits:
        return absent.unrecorded(name, health, verdict)
    return _explain(name, tensor, loss, flow, seen, health)


def _alive(loss: Tensor) -> list[Node]:
    """The nodes of a graph that was not released."""
    return nodes_of(loss.node) if loss.node is not None and loss.node.edges else []


def _loss_among(tensors: list[Tensor], tensor: Tensor) -> Tensor | None:
    """The youngest scalar whose graph is there and leads to `tensor`."""
    scalars = [t for t in tensors if t.size == 1 and t.node is not None and t.node.edges]
    scalars.sort(key=lambda t: -t.node.serial)  # type: ignore[union-attr]
    return next((t for t in scalars if t is not tensor and tensor.node in nodes_of(t.node)), None)


def _flow(tensor: Tensor, loss: Tensor | None, seen: Recording | None) -> tuple[Flow, Error | None]:
    """A pass that reached the tensor: made now where the graph is there, or else recorded."""
    if loss is not None and tensor.node in _alive(loss):
        try:
            return flow_of(loss), None
        except Error as error:
            return Flow([]), error
    serial = tensor.node.serial if tensor.node is not None else 0
    for visits in seen.passes() if seen is not None else []:
        if any(handed.to == serial for visit in visits for handed in visit.handed):
            return Flow(visits), None
    return Flow([]), None


def _arrived(node: Node, flow: Flow) -> Health | None:
    """What the pass brought to a node; of several parts, their sum as far as it is known."""
    own = flow.sums.get(node.serial)
    own = own or next((v.arrived for v in flow.visits if v.serial == node.serial), None)
    parts = [handed.health for _, handed in flow.givers.get(node.serial, [])]
    if own is not None or not parts:
        return own
    return Health(
        parts[0].shape,
        sum(p.norm for p in parts),
        sum(p.largest for p in parts),
        min(p.zeros for p in parts),
        max(p.nans for p in parts),
        max(p.infinities for p in parts),
    )


def _verdict(health: Health) -> str:
    if health.bad:
        return "nan"
    if health.zero:
        return "zero"
    if health.largest >= HUGE:
        return "huge"
    if health.largest < TINY:
        return "tiny"
    return "partly zero" if health.zeros >= PARTLY else "sound"


def _spoilt(health: Health) -> bool:
    return _verdict(health) != "sound"


def _explain(
    name: str, tensor: Tensor, loss: Tensor | None, flow: Flow, seen: Recording | None,
    health: Health,
) -> Explanation:  # fmt: skip
    verdict = _verdict(health)
    path = _path(tensor.node.serial, flow)  # type: ignore[union-attr]
    lines = [_line(visit, handed) for visit, handed in path]
    if len(lines) > LINES:
        dots = f"{'...':>10}  {len(lines) - LINES} ops more"
        lines = [*lines[: LINES // 2], dots, *lines[-LINES // 2 :]]
    if verdict == "sound":
        return Explanation(
            "sound",
            f"{name}: nothing is wrong with the gradient: norm {health.norm:.4g}, largest "
            f"{health.largest:.4g}, every value finite",
            path=lines,
        )
    if verdict in {"huge", "tiny"}:
        return _grown(name, verdict, health, path, lines)
    size = math.prod(health.shape)
    words = {
        "zero": f"{name}: the gradient is zero, all {size} values of it",
        "partly zero": f"{name}: the gradient is zero in {round(health.zeros * size)} of {size} "
        "values",
        "nan": f"{name}: the gradient holds {health.bad}",
    }[verdict]
    out = Explanation(verdict, words)
    if verdict == "nan" and forward_fault(out, tensor, loss, flow.visits[0].serial, seen):
        return out
    return _blame(out, tensor.node.serial, flow)  # type: ignore[union-attr]


def _blame(out: Explanation, serial: int, flow: Flow) -> Explanation:
    """Walk towards the loss to the op that got a sound gradient and handed on a spoilt one."""

    def spoilt(h: Health) -> bool:
        return {"zero": h.zero, "nan": bool(h.bad)}.get(out.verdict, h.zeros >= PARTLY)

    while True:
        givers = flow.givers.get(serial, [])
        guilty = [(v, h) for v, h in givers if spoilt(h.health)]
        if not guilty or (out.verdict == "zero" and len(guilty) < len(givers)):
            out.where = " and ".join(place(v) for v, _ in givers)
            out.because = (
                f"the gradients that {len(givers)} uses of the tensor hand back cancel one another"
            )
            out.remedy = "if the tensor is subtracted from itself, detach one of the two"
            return out
        for visit, _ in guilty:
            if not spoilt(visit.arrived) or _lost_more(out, visit, guilty):
                out.where = place(visit)
                formula = "; ".join(visit.formula[1:]) or "its formula"
                out.because, out.remedy = visit.symptom or (
                    f"it came of {formula}",
                    "look at the values there with tg.debug.step(loss)",
                )
                return out
        visit = guilty[0][0]
        if visit.starts:
            out.where = place(visit)
            out.because = "the gradient that backward() began with is like that already"
            out.remedy = "look at the gradient argument, and at the loss itself"
            return out
        serial = visit.serial


def _lost_more(out: Explanation, visit: Visit, guilty: list[tuple[Visit, Handed]]) -> bool:
    """Of a gradient that is zero in part: whether most of the zeros were made here."""
    if out.verdict != "partly zero" or visit.symptom is None:
        return False
    handed = max(h.health.zeros for v, h in guilty if v is visit)
    return handed - visit.arrived.zeros >= PARTLY


def _grown(
    name: str, verdict: str, health: Health, path: list[tuple[Visit, Handed]], lines: list[str]
) -> Explanation:
    """Which op multiplied the norm most, or that all of them did a little."""
    sign = 1 if verdict == "huge" else -1
    factors = [
        ((h.health.norm / v.arrived.norm) ** sign, v, h)
        for v, h in path
        if v.arrived.norm and h.health.norm
    ]
    out = Explanation(
        verdict,
        f"{name}: the gradient is {verdict}: norm {health.norm:.4g}, largest {health.largest:.4g}",
        path=lines,
    )
    grows = "grows" if verdict == "huge" else "shrinks"
    out.remedy = REMEDIES[verdict]
    if factors:
        factor, visit, handed = max(factors, key=lambda f: f[0])
        if factor >= 10:
            out.where = place(visit)
            out.because = (
                f"the norm {grows} {factor:.4g} times there, from {visit.arrived.norm:.4g} to "
                f"{handed.health.norm:.4g} in dL/d{handed.name}"
            )
            if visit.symptom is not None:
                out.because += f". There, {visit.symptom.cause}"
                out.remedy = visit.symptom.remedy
        else:
            out.because = f"the norm {grows} a little at each of {len(path)} ops"
    return out


def _path(serial: int, flow: Flow) -> list[tuple[Visit, Handed]]:
    """From a node to the loss, at each step along the giver of the largest part."""
    path = []
    while givers := flow.givers.get(serial, []):
        visit, handed = max(givers, key=lambda g: g[1].health.norm)
        path.append((visit, handed))
        serial = visit.serial
    return path


def _line(visit: Visit, handed: Handed) -> str:
    return f"{visit.arrived.norm:>10.4g}  {place(visit)}  ({handed.name})"
