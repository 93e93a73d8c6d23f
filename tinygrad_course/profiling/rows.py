"""What a profile counts: a row for an op in a layer, a row for a layer. Read next: `report.py`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Row:
    """One op in one layer and one phase.

    Attributes:
        op: the name of its class.
        layer: the path of the innermost layer that called it, "" outside of all; a backward call
            counts for the layer of its forward.
        phase: "forward"; "backward": its formulas; "within backward": its forward, run by another
            op's formulas (`recompute`, `create_graph=True`, the gradient of a composition).
        calls: how often.
        seconds: in the op itself, without the ops that it called. Forward is the whole of `apply`:
            the arrays' computation and the recording. On a GPU: until the work was handed over.
        output_bytes: the size of what it returned: outputs, or in backward the gradients.
        kept_bytes: what it made the graph keep for backward. An array that several ops keep counts
            for the first; parameters and other leaves do not count, they exist anyway.
        live_bytes: of the arrays that ops made, the most that were alive when it ended.
    """

    op: str
    layer: str
    phase: str
    calls: int = 0
    seconds: float = 0.0
    output_bytes: int = 0
    kept_bytes: int = 0
    live_bytes: int = 0


@dataclass
class LayerRow:
    """One layer, with everything inside it.

    Attributes:
        layer: its path, "" for what no layer called.
        kind: its class.
        calls: how often it was called.
        forward_seconds: in the ops that it and its layers called.
        backward_seconds: in the formulas of those ops, and in what ran within them.
        output_bytes: of all those ops in forward.
        kept_bytes: of all those ops.
    """

    layer: str
    kind: str
    calls: int = 0
    forward_seconds: float = 0.0
    backward_seconds: float = 0.0
    output_bytes: int = 0
    kept_bytes: int = 0
