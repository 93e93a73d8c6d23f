"""An explanation in words, for a terminal and for a notebook.

What is said stands in `explanation`; `as_rich` and `as_html` colour it. Read next: `report.py`.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .report import Finding, Report

SHOUT = {"wrong": "WRONG", "undecidable": "UNDECIDABLE"}
COLOURS = {"right": "green", "wrong": "red", "undecidable": "yellow"}
HTML_COLOURS = {"right": "#1a7f37", "wrong": "#cf222e", "undecidable": "#9a6700"}
MOST = 3
UNNAMED = "no known mistake gives these numbers: it is a rarer one, or several at once"
HINTS = ("where", "what", "formula")


def explanation(finding: Finding, hints: int | None = None) -> list[tuple[str, str]]:
    """The diagnosis of a finding in lines, each with its kind.

    Args:
        finding: a wrong gradient.
        hints: None for everything, else how many of the three hints.

    Returns:
        (kind, text): "name" for what it is, "right" and "found" for formulas, "line" for the user's
        line, "hint", "plain" for the rest.
    """
    out: list[tuple[str, str]] = []
    diagnoses = finding.diagnoses
    if finding.unnamed:
        out.append(("plain", UNNAMED))
    if hints is not None:
        for diagnosis in diagnoses[:1]:
            out += [("hint", f"hint {k + 1} ({HINTS[k]}): {text}")
                    for k, text in enumerate(diagnosis.hints[:hints])]  # fmt: skip
        if finding.line is not None and (hints > 1 or not diagnoses):
            out.append(("line", str(finding.line)))
        return out
    if len(diagnoses) > 1:
        out.append(("plain", "several mistakes would look exactly like this:"))
    for diagnosis in diagnoses[:MOST]:
        bullet = "- " if len(diagnoses) > 1 else ""
        out.append(("name", bullet + diagnosis.sentence))
        if diagnosis.right_formula:
            out.append(("right", f"  right  {diagnosis.right_formula}"))
        if diagnosis.found_formula:
            out.append(("found", f"  found  {diagnosis.found_formula}"))
        if diagnosis.cause:
            out.append(("plain", f"  met in {diagnosis.cause}"))
    if len(diagnoses) > MOST:
        out.append(("plain", f"and {len(diagnoses) - MOST} more"))
    if finding.line is not None:
        out.append(("line", str(finding.line)))
    return out


def told(finding: Finding, hints: int | None, said: set[str]) -> list[tuple[str, str]]:
    """All lines under a finding's head, each with its kind; what was said above is not repeated.

    Args:
        finding: a finding.
        hints: as in `Report.explained`.
        said: what the findings before it said; extended.
    """
    if finding.verdict != "wrong":
        return [("plain", text) for text in finding.numbers()]
    formulas = [d.found_formula for d in finding.diagnoses]
    if len(formulas) == 1 and formulas[0] and formulas[0] in said and hints is None:
        return [("name", f"the same mistake: {formulas[0]}")]
    if finding.reason and finding.reason in said and not finding.diagnoses:
        return [("plain", "for the same reason")]
    said.update([finding.reason, *formulas] if len(formulas) < 2 else [finding.reason])
    out = explanation(finding, hints)
    if hints is None or not finding.diagnoses:
        out += [("number", text) for text in finding.numbers()]
    return out


STYLES = {"name": "bold", "right": "green", "found": "red", "line": "cyan", "hint": "bold",
          "plain": "", "number": "dim"}  # fmt: skip


def as_rich(report: Report, hints: int | None = None) -> Any:
    """The report as coloured text for a terminal.

    Args:
        report: the report.
        hints: as in `Report.explained`.

    Returns:
        A `rich.text.Text`.
    """
    from rich.text import Text

    text = Text()
    text.append(f"{report.name}: ", "bold")
    text.append(SHOUT.get(report.verdict, report.verdict), f"bold {COLOURS[report.verdict]}")
    said: set[str] = set()
    for finding in report.findings:
        text.append("\n" + finding.head(), COLOURS[finding.verdict])
        for kind, line in told(finding, hints, said):
            text.append("\n      " + line, STYLES[kind])
    for note in report.notes:
        text.append(f"\n  note: {note}", "dim")
    return text


def as_html(report: Report) -> str:
    """The report as HTML for a notebook."""
    esc = html.escape
    colour = HTML_COLOURS[report.verdict]
    verdict = SHOUT.get(report.verdict, report.verdict)
    out = [f'<div style="border-left: 4px solid {colour}; padding-left: 8px">',
           f'<b>{esc(report.name)}: <span style="color: {colour}">{verdict}</span></b>',
           ]  # fmt: skip
    for finding in report.findings:
        out.append(f'<div style="color: {HTML_COLOURS[finding.verdict]}">'
                   f"{esc(finding.head().strip())}</div>")  # fmt: skip
        for kind, line in explanation(finding) if finding.verdict == "wrong" else []:
            tag = (
                "b" if kind == "name" else "code" if kind in ("right", "found", "line") else "span"
            )
            out.append(f"<div><{tag}>{esc(line.strip())}</{tag}></div>")
        numbers = "\n".join(finding.numbers())
        if numbers and finding.verdict == "wrong" and finding.diagnoses:
            hinted = "".join(f"<li>{esc(hint)}</li>" for hint in finding.diagnoses[0].hints)
            out.append(f"<details><summary>hints</summary><ol>{hinted}</ol></details>")
        if numbers:
            out.append(f"<details><summary>numbers</summary><pre>{esc(numbers)}</pre></details>")
    out += [f"<div><i>note: {esc(note)}</i></div>" for note in report.notes]
    return "\n".join([*out, "</div>"])
