"""From "wrong" to what the mistake is: evidence gathered, the diagnosis asked for, the line found.

Everything here happens after the verdict and cannot change it. Where no mistake has a name that
fits, the user's own code is looked into. Read next: `evidence.py`, then `diagnosis/`, `held.py` and
`repair.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..function import Function
from ..node import Leaf, Node
from ..tensor import wrap
from .diagnosis import Evidence, diagnose
from .evidence import FURTHER, Redraw, Shown, plain, show
from .faults import FAULTS
from .foreign import spellings
from .forms import Form, names_of
from .held import held
from .misplaced import misplaced
from .repair import Repair, repaired
from .report import Finding, Report
from .source import SourceLine, assignment_to, line_of
from .subject import Constant, Subject
from .variations import grown, moved, resized, shrunk


def explain(report: Report, form: Form, subject: Subject, redraw: Redraw | None, seed: int) -> None:
    """Add diagnoses and source lines to the wrong findings of a report.

    Args:
        report: the outcome of a check.
        form: what was checked.
        subject: the same with its inputs.
        redraw: draws further inputs, other shapes among them; None: those given are varied.
        seed: seeds the probes.
    """
    wrong = [f for f in report.findings if f.verdict == "wrong"]
    for finding in wrong:
        if finding.fault in FAULTS:
            finding.diagnoses = [FAULTS[finding.fault](finding.label)]
    labels = list(form.labels or subject.labels)
    source, names = form.source, {label: label for label in labels}
    op = form.title
    with np.errstate(all="ignore"), subject.frozen:
        if source is None:
            source, names, op = _user_function(subject)
        shown = _probes(form, subject, labels, [f.label for f in wrong], redraw, seed, op)
    repairs: list[Repair | None] = []
    for finding in wrong:
        name = names.get(finding.label)
        if source is not None and name is not None:
            finding.line = line_of(source, name, _position(form, labels, finding.label))
        try:
            if not finding.diagnoses:
                finding.diagnoses = misplaced(finding.label, shown)
            if not finding.diagnoses:
                _diagnose(finding, shown, op, form.options)
            if source is not None and name is not None and not _is_told(finding):
                _look_into_the_code(finding, form, _formula(source, name), shown, repairs)
            if source is not None:
                finding.line = _inner_line(source, finding) or finding.line
        except Exception as error:  # noqa: BLE001 - the verdict stands, whatever happens to its name
            report.notes.append(
                f"the diagnosis of {finding.label} failed ({type(error).__name__}: {error}): "
                "please report it"
            )


def _is_told(finding: Finding) -> bool:
    """Whether the mistake has a name that says what to change."""
    vague = ("formula:", "factor:varying", "slice-factor", "missing-term", "statistic-constant",
             "missing-mean", "part:", "extra-factor", "missing-factor", "extra-term")  # fmt: skip
    several = len(finding.diagnoses) > 1
    if several and all(d.name.startswith("factor:") for d in finding.diagnoses):
        return False  # the code may tell which
    return any(
        d.exact and (d.right_formula or not d.name.startswith(vague)) for d in finding.diagnoses
    )


def _look_into_the_code(
    finding: Finding, form: Form, backward: Any, shown: Sequence[Shown],
    repairs: list[Repair | None],
) -> None:  # fmt: skip
    """Edit the user's own forward and backward, until one change explains the numbers.

    One backward is searched again only as long as changes are found: `repairs` keeps them.
    """
    label = finding.label
    known = next((r for r in repairs if r is not None and label in r.mended), None)
    told = None if known is not None or form.forward is None else held(form.forward, label, shown)
    if told is not None:
        finding.diagnoses, finding.line = [told[0]], told[1]
        finding.unnamed = False
        return
    if known is None and None not in repairs:
        known = repaired(backward, label, shown)
        repairs.append(known)
    if known is not None:
        finding.diagnoses, finding.line = [known.diagnosis(label)], known.line
        finding.unnamed = False


def _formula(source: Any, name: str) -> Any:
    """The function in which the gradient of an input is computed."""
    if not isinstance(source, type):
        return source
    own = getattr(source, f"grad_{name}", None) or getattr(source, "backward", None)
    return getattr(own, "__func__", own)


def _inner_line(source: Any, finding: Finding) -> SourceLine | None:
    """The line of an intermediate value, where the diagnosis is about one and the user has it."""
    formulas = {d.found_formula for d in finding.diagnoses}
    name = formulas.pop().partition(" = ")[0] if len(formulas) == 1 else ""
    if not name.isidentifier() or name.lower() in spellings(finding.label):
        return None
    return assignment_to(name, source)


def _position(form: Form, labels: list[str], label: str) -> int | None:
    """Its place in what backward returns; -1 for what a layer keeps as an attribute."""
    if form.kind == "a layer":
        late = names_of(form.source.forward, len(labels), skip=1)
        return late.index(label) if label in late else -1
    return labels.index(label) if label in labels else None


def _probes(
    form: Form, subject: Subject, labels: list[str], wrong: list[str], redraw: Redraw | None,
    seed: int, op: str,
) -> list[Shown]:  # fmt: skip
    """The gradients at the inputs given, and at up to three others."""
    output = _first_output(subject)
    checked = {a.label for a in subject.arguments}
    free = [label in checked for label in labels]
    given = subject.inputs()
    whole = len(checked) == sum(free)  # a Module's parameters have the shapes they have
    start = (shrunk(given) or grown(given)) if whole and not redraw else None
    first = start or given
    out = [None if start else show(subject, labels, wrong, output, seed, op, form.options)]
    for number in range(1 if start is None else 0, FURTHER + 1):
        if out == [None] and start is None and redraw is None:
            break
        if redraw is not None:
            ways = [list(redraw(np.random.default_rng(seed + number), number))]
        else:
            ways = [moved(first, free, seed + number)]
            if whole and number in (1, 2):  # other shapes, where f takes them
                ways.insert(0, moved(resized(first, number), free, seed + number))
        shown = _first_shown(form, subject, labels, wrong, output, ways, free, seed + number, op)
        out.append(shown)
    return [s for s in out if s is not None]


def _first_shown(
    form: Form, subject: Subject, labels: list[str], wrong: list[str], output: int,
    ways: list[list[Any]], free: list[bool], seed: int, op: str,
) -> Shown | None:  # fmt: skip
    """The gradients at the first of these inputs that f takes."""
    for drawn in ways:
        inputs = [v if keep else Constant(v) for v, keep in zip(drawn, free, strict=True)]
        other = Subject(form.call, inputs, subject.name, labels)
        with other.frozen:
            shown = show(other, labels, wrong, output, seed, op, form.options)
        if shown is not None and any(g is not None for g in shown.right.values()):
            return shown
    return None


def _first_output(subject: Subject) -> int:
    """The first output that an input leads to."""
    ys = subject.call([wrap(a.value.copy(), Leaf()) for a in subject.arguments])
    return next((i for i, y in enumerate(ys) if y.node is not None), 0)


def _diagnose(
    finding: Finding, shown: Sequence[Shown], op: str, options: Mapping[str, Any]
) -> None:
    label = finding.label
    usable = [s for s in shown if s.right.get(label) is not None and s.found.get(label) is not None]
    if not usable:
        return

    def evidence(which: int, repeats: tuple[Any, ...]) -> Any:
        s = usable[which]
        right: Any = s.right[label]
        others = {k: (s.right[k], s.found[k]) for k in s.right
                  if k != label and s.right[k] is not None and s.found[k] is not None}  # fmt: skip
        before = [p.found[label] for p in usable if p is not s]
        previous = tuple(p for p in before if p is not None and p.shape == right.shape)
        return Evidence(
            op=op or None, input=label, inputs={**plain(s.inputs), **options},
            output=s.output, upstream=s.upstream,
            right=right, found=s.found[label], others=others, previous=previous, repeats=repeats,
            dtype="float64",
        )  # fmt: skip

    repeats = tuple(evidence(i, ()) for i in range(1, len(usable)))
    finding.diagnoses = list(diagnose(evidence(0, repeats)))
    finding.unnamed = not finding.diagnoses


def _user_function(subject: Subject) -> tuple[Any, dict[str, str], str]:
    """The one Function of the user's own in the graph, and what it calls the check's inputs."""
    leaves = [wrap(a.value.copy(), Leaf()) for a in subject.arguments]
    ys = subject.call(leaves)
    seen: set[Node] = set()
    stack = [y.node for y in ys if y.node is not None]
    own: list[Any] = []
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if isinstance(node, Function) and not type(node).__module__.startswith(_PACKAGE):
            own.append(node)
        stack += [e for e in node.edges or () if e is not None]
    if len({type(node) for node in own}) != 1:
        return None, {}, ""
    node = own[0]
    at = {id(leaf.node): a.label for a, leaf in zip(subject.arguments, leaves, strict=True)}
    inputs = node._formulas.inputs
    names = {
        at[id(edge)]: inputs[min(i, len(inputs) - 1)]
        for i, edge in enumerate(node.edges or ())
        if id(edge) in at
    }
    alone = len(own) == 1 and len(names) == len(leaves) and own[0] in [y.node for y in ys]
    return type(node), names, type(node).__name__ if alone else ""


_PACKAGE = __name__.partition(".")[0] + "."
