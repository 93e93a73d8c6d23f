"""What a check found: one finding per input, three verdicts, and a text that teaches.

A `Report` is true when every gradient was proved right. Printed, it says which number is which:
the analytic gradient is what backward returned, the numeric one comes from f's values alone.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from ..errors import GradientError
from .render import SHOUT, as_html, as_rich, told
from .source import SourceLine


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
        adjoint: where f is linear in the input: to how many digits <J d, u> = <d, J^T u> holds.
        complex_step: where forward takes complex numbers: to how many digits backward agrees with
            Im f(x + i h d) / h.
        diagnoses: what the mistake is; several where the numbers cannot tell them apart.
        unnamed: whether a name was looked for and none fits.
        line: the user's line that computes it.
        fault: the rule that forward or backward broke, if one ended the check ("stale-cache").
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
    adjoint: int | None = None
    complex_step: int | None = None
    diagnoses: list[Any] = field(default_factory=list)
    unnamed: bool = False
    line: SourceLine | None = None
    fault: str = ""

    def head(self) -> str:
        """The verdict in a line."""
        head = f"  {self.label}  shape {self.shape}  {SHOUT.get(self.verdict, self.verdict)}"
        if self.verdict == "right" and self.digits is not None:
            head += (
                f", {self.digits} digits agree" if self.digits else ", as far as f's rounding shows"
            )
        return head + (f"  ({self.looked_at})" if self.looked_at else "")

    def numbers(self) -> list[str]:
        """What was measured, line by line."""
        out = []
        if self.verdict != "right" and self.analytic is not None and self.numeric is not None:
            out += [
                f"worst at {self.place}, seen in {self.seen_in}:",
                f"  analytic  {self.analytic: .10g}   what backward returned",
                f"  numeric   {self.numeric: .10g} ± {self.error_bar:.1g}   from f's values",
            ]
        if self.wrong:
            ratio = "" if self.ratio is None else f"; analytic / numeric = {self.ratio:.7g} in all"
            out.append(f"{self.wrong} of {self.compared} are wrong{ratio}")
        if self.reason:
            out.append(self.reason)
        for kink in self.kinks[:3]:
            out.append(
                f"kink at {kink.place}: the slope of {kink.seen_in} is {kink.left:.4g} from "
                f"the left, {kink.right:.4g} from the right; backward chose {kink.analytic:.4g}"
            )
        if len(self.kinks) > 3:
            out.append(f"and {len(self.kinks) - 3} more kinks")
        return out

    def to_dict(self) -> dict[str, Any]:
        """Everything but the function, in JSON's types."""
        out = {
            name: value
            for name, value in vars(self).items()
            if name not in ("kinks", "diagnoses", "line")
        }
        return {
            **out,
            "kinks": [kink._asdict() for kink in self.kinks],
            "diagnoses": [asdict(d) for d in self.diagnoses],
            "line": None if self.line is None else self.line._asdict(),
        }


@dataclass
class Report:
    """The outcome of `gradcheck` or `gradgradcheck`; true when everything is right.

    Attributes:
        name: which of the two.
        findings: one per input that was checked.
        notes: what else was noticed.
        evaluations: how often f was called.
        cause: the exception that ended the check, if one did.

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

    @property
    def diagnoses(self) -> dict[str, list[Any]]:
        """What the mistake is, per input whose gradient is wrong and was recognised."""
        return {f.label: f.diagnoses for f in self.findings if f.diagnoses}

    def explained(self, hints: int | None = None) -> str:
        """The report as text.

        Args:
            hints: None for everything; 1 to 3 to be told less: where the mistake is, what it is,
                the formula.

        Example:
            >>> import tinygrad_course as tg
            >>> print(tg.gradcheck(lambda x: x * x, 3.0).explained(1))
            gradcheck: right
              x  shape ()  right, 13 digits agree  (all 1 elements, every output)
        """
        out = [f"{self.name}: {SHOUT.get(self.verdict, self.verdict)}"]
        said: set[str] = set()
        for finding in self.findings:
            out.append(finding.head())
            out += ["      " + text for _, text in told(finding, hints, said)]
        out += [f"  note: {note}" for note in self.notes]
        return "\n".join(out)

    def to_dict(self) -> dict[str, Any]:
        """The report in JSON's types.

        Example:
            >>> import tinygrad_course as tg
            >>> tg.gradcheck(lambda x: x * x, 3.0).to_dict()["verdict"]
            'right'
        """
        return {
            "verdict": self.verdict,
            "findings": [finding.to_dict() for finding in self.findings],
            "notes": self.notes,
            "evaluations": self.evaluations,
        }

    def __str__(self) -> str:
        return self.explained()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return as_html(self)

    def __rich__(self) -> Any:
        return as_rich(self)
