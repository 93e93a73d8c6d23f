"""What `why` answers: a sentence, the op at fault, the cause, the remedy, the path to the loss.

Filled in by `why.py` and `absent.py`.
"""

from __future__ import annotations

import html
import textwrap
from dataclasses import dataclass, field

from .flow import Visit
from .frames import said


@dataclass
class Explanation:
    """What was found.

    Attributes:
        verdict: "none", "zero", "partly zero", "nan", "huge", "tiny" or "sound".
        sentence: the finding in one sentence.
        where: the op at fault, with its line and layer where they are known.
        because: the cause.
        remedy: what to do.
        path: the ops from the tensor to the loss with the norms that passed, one line each.
    """

    verdict: str
    sentence: str
    where: str = ""
    because: str = ""
    remedy: str = ""
    path: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [self.sentence]
        for label, text in (("at", self.where), ("because", self.because), ("do", self.remedy)):
            if text:
                lines.append(_wrapped(label, text))
        if self.path:
            lines.append("  from the tensor to the loss, the norm that arrived at each op:")
            lines += [f"    {line}" for line in self.path]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def _wrapped(label: str, text: str) -> str:
    """A text beside its label, broken between words."""
    return textwrap.fill(
        text,
        100,
        initial_indent=f"  {label:<8}",
        subsequent_indent=" " * 10,
        break_long_words=False,
        break_on_hyphens=False,
    )


def place(visit: Visit) -> str:
    """The op of a visit, with its line and layer as far as they are known."""
    return described(visit.op, visit.where, visit.layer)


def described(op: str, where: str, layer: str) -> str:
    """An op with its line and its layer, as far as they are known.

    Example:
        >>> described("ReLU()", "", "layers.1")
        'ReLU()   in layers.1'
    """
    line = f"   {said(where)}" if where else ""
    return f"{op}{line}{f'   in {layer}' if layer else ''}"
