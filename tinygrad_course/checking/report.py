"""What a check found: one finding per input, three verdicts, and a text that teaches.

A `Report` is true when every gradient was proved right. Printed, it says which number is which:
the analytic gradient is what backward returned, the numeric one comes from f's values alone.
"""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from typing import NamedTuple

from ..errors import GradientError


class Kink(NamedTuple):
    """A place where f has two slopes.

    Attributes:
        place: the element or direction, as text.
        seen_in: the output looked at.
        left: the slope from the left.
        right: the slope from the right.
        analytic: what backward returned: right if it lies between them.
    """

    place: str
    seen_in: str
    left: float
    right: float
    analytic: float


@dataclass
class Finding:
    """The verdict on the gradient of one input.

    Attributes:
        label: the input's name.
        shape: its shape.
        verdict: "right", "wrong" or "undecidable".
        reason: why, where the numbers alone do not say it.
        digits: to how many digits analytic and numeric agree, at the worst place.
        looked_at: what was compared.
        index: the worst place; None where it is no single element.
        place: the same as text, e.g. "w[1, 2]".
        seen_in: the output (or the weighted sum of outputs) in which it shows.
        analytic: the derivative that backward claims there.
        numeric: the derivative from the values of f.
        error_bar: how far `numeric` may be off.
        wrong: how many elements (or lines) are wrong.
        compared: of how many.
        ratio: analytic / numeric, where it is the same at all wrong places; else None.
        kinks: places with two slopes.
    """

    label: str
    shape: tuple[int, ...]
    verdict: str
    reason: str = ""
    digits: int | None = None
    looked_at: str = ""
    index: tuple[int, ...] | None = None
    place: str = ""
    seen_in: str = ""
    analytic: float | None = None
    numeric: float | None = None
    error_bar: float | None = None
    wrong: int = 0
    compared: int = 0
    ratio: float | None = None
    kinks: list[Kink] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The finding as text."""
        head = f"  {self.label}  shape {self.shape}  {_SHOUT.get(self.verdict, self.verdict)}"
        if self.verdict == "right" and self.digits is not None:
            head += (
                f", {self.digits} digits agree" if self.digits else ", as far as f's rounding shows"
            )
        out = [head + (f"  ({self.looked_at})" if self.looked_at else "")]
        if self.verdict != "right" and self.analytic is not None and self.numeric is not None:
            out += [
                f"      worst at {self.place}, seen in {self.seen_in}:",
                f"        analytic  {self.analytic: .10g}   what backward returned",
                f"        numeric   {self.numeric: .10g} ± {self.error_bar:.1g}   from f's values",
            ]
        if self.wrong:
            ratio = "" if self.ratio is None else f"; analytic / numeric = {self.ratio:.7g} in all"
            out.append(f"      {self.wrong} of {self.compared} are wrong{ratio}")
        if self.reason:
            out.append(f"      {self.reason}")
        for kink in self.kinks[:3]:
            out.append(
                f"      kink at {kink.place}: the slope of {kink.seen_in} is {kink.left:.4g} from "
                f"the left, {kink.right:.4g} from the right; backward chose {kink.analytic:.4g}"
            )
        if len(self.kinks) > 3:
            out.append(f"      and {len(self.kinks) - 3} more kinks")
        return out


_SHOUT = {"wrong": "WRONG", "undecidable": "UNDECIDABLE"}


@dataclass
class Report:
    """The outcome of `gradcheck` or `gradgradcheck`; true when everything is right.

    Attributes:
        name: which of the two.
        findings: one per input that was checked.
        notes: what else was noticed.
        evaluations: how often f was called.

    Example:
        >>> import tinygrad_course as tg
        >>> report = tg.gradcheck(lambda x: x * x, 3.0)
        >>> bool(report), report["x"].verdict
        (True, 'right')
    """

    name: str
    findings: list[Finding]
    notes: list[str] = field(default_factory=list)
    evaluations: int = 0
    cause: BaseException | None = None

    @property
    def verdict(self) -> str:
        """The worst verdict among the findings."""
        found = {f.verdict for f in self.findings}
        return next((v for v in ("wrong", "undecidable") if v in found), "right")

    def __bool__(self) -> bool:
        return self.verdict == "right"

    def __getitem__(self, label: str) -> Finding:
        for finding in self.findings:
            if finding.label == label:
                return finding
        raise KeyError(label)

    def raise_if_wrong(self) -> Report:
        """The report itself if all is right.

        Raises:
            GradientError: a gradient is wrong, or could not be proved right.
        """
        if not self:
            raise GradientError(str(self)) from self.cause
        return self

    def __str__(self) -> str:
        out = [f"{self.name}: {_SHOUT.get(self.verdict, self.verdict)}"]
        for finding in self.findings:
            out += finding.lines()
        out += [f"  note: {note}" for note in self.notes]
        return "\n".join(out)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        colour = {"right": "#1a7f37", "wrong": "#cf222e", "undecidable": "#9a6700"}[self.verdict]
        style = f"border-left: 4px solid {colour}; padding-left: 8px"
        return f'<pre style="{style}">{html.escape(str(self))}</pre>'
