"""`gradcheck` and `gradgradcheck`: is what backward returns the derivative of forward?

The steps, a file each: `subject.py` (what is called), `preflight.py` (is it a function), `rows.py`
(which outputs), `probes.py` (which lines), `numeric.py` (derivatives with error bars), `settle.py`
(the verdict), `localise.py` (which element), `report.py` (the text).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from .evidence import Redraw
from .examine import Examiner
from .explain import explain
from .forms import Form, as_form, owes_nothing
from .localise import examine_argument
from .numeric import EPS, laid_out_like
from .preflight import Fault, Flight, gradients, preflight
from .report import Finding, Report
from .rows import Rows, index_text, weights
from .subject import Constant, GradientOf, Subject

Array = Any


NOT_LINEAR = (
    "backward is not linear in its upstream gradient dL/dy: the gradient for a sum of outputs is "
    "not the sum of their gradients. Does a formula forget to multiply by grad, or use it twice?"
)
ZEROS = (
    "backward returned nothing but zeros: was this input detached, or read through .data or "
    ".numpy(), so that no path of the graph leads to it?"
)


def gradcheck(f: Callable[..., Any], inputs: Any, *, rtol: float = 1e-6, seed: int = 0) -> Report:
    """Compare the gradients of f, as backward computes them, with derivatives of its values.

    For random and for single upstream gradients u, dL/dx = J^T u is compared with central
    differences of f, extrapolated to step 0, which come with an error bar. There is no step size to
    choose, and no tolerance that grows with the tensor. A gradient is

    - *right* where analytic and numeric agree to `rtol` of the largest gradient of that output with
      respect to that input; at a kink, where it lies between the two one-sided slopes;
    - *wrong* where two independent step ladders agree with each other and not with it, by far more
      than the error bar and the measured rounding of either side;
    - *undecidable* otherwise, with the reason.

    Everything runs in float64, on copies. Inputs written into, randomness (frozen and replayed: a
    dropout layer is checked in training mode), running statistics (restored after every call) and
    backward passes that read what another call left behind are recognised.

    Args:
        f: a function of tensors that returns a tensor or a tuple of them, or a Module, whose
            parameters are then checked too.
        inputs: its inputs, in a list or tuple; a single array, tensor or float may stand alone.
            Floats are cast to float64 and checked; integers, bools and everything else are handed
            on unchanged.
        rtol: the relative tolerance.
        seed: seeds the probes. (The package's default generator is left alone.)

    Returns:
        A `Report`: true if everything is right; printed, it explains.

    Raises:
        ArgumentError: no input is a float.
        ArgumentTypeError: f returns something that is no tensor.
        GraphError: the output does not depend on any input.

    Example:
        >>> import tinygrad_course as tg
        >>> class Cube(tg.Function):
        ...     def forward(self, x):
        ...         return x * x * x
        ...     def grad_x(self, grad, x):
        ...         return grad * 2.0 * x * x
        >>> print(tg.gradcheck(lambda x: Cube().apply(x), [2.0]))
        gradcheck: WRONG
          x  shape ()  WRONG  (all 1 elements, every output)
              worst at x, seen in output:
                analytic   8   what backward returned
                numeric    12 ± 1e-13   from f's values
              1 of 1 are wrong

    References:
        Ridders, "Accurate computation of F'(x) and F'(x) F''(x)", Advances in Engineering Software
        1982; Griewank, Walther, "Evaluating derivatives", SIAM 2008.
    """
    return run_check(f, inputs, rtol=rtol, seed=seed)


def gradgradcheck(
    f: Callable[..., Any], inputs: Any, *, rtol: float = 1e-6, seed: int = 0
) -> Report:
    """`gradcheck` of the gradient of f: is what `create_graph=True` builds its derivative?

    The function checked is (inputs, upstream gradient) -> input gradients. Its values come from the
    plain backward pass, so the first derivative is taken to be right: check it first. A backward
    pass that treats a statistic of x as a constant passes `gradcheck` and fails here.

    Args:
        f: as for `gradcheck`.
        inputs: as for `gradcheck`.
        rtol: the relative tolerance.
        seed: seeds the probes and the upstream gradient.

    Returns:
        A `Report`, with a finding per input and one for the upstream gradient.

    Example:
        >>> import tinygrad_course as tg
        >>> bool(tg.gradgradcheck(tg.tanh, [[0.5, -1.0]]))
        True
    """
    return run_check(f, inputs, rtol=rtol, seed=seed, second=True)


def run_check(
    f: Any,
    inputs: Any,
    *,
    rtol: float = 1e-6,
    seed: int = 0,
    second: bool = False,
    diagnose: bool = True,
    redraw: Redraw | None = None,
) -> Report:
    """`gradcheck` with all that it can be told.

    Args:
        f: what is checked, in any form of `forms.py`.
        inputs: its inputs.
        rtol: the relative tolerance.
        seed: seeds the probes.
        second: check the derivative of the gradient instead.
        diagnose: look for the name of a mistake.
        redraw: draws other inputs for that, (rng, which drawing) -> inputs; without it, those
            given are varied.
    """
    name = "gradgradcheck" if second else "gradcheck"
    form = as_form(f, inputs, name)
    subject = _subject(form, inputs, name)
    report = _check(subject, rtol, seed, second=second)
    if isinstance(report.cause, ShapeError):
        _check_others(report, form, subject, rtol, seed, second)
    if report.verdict == "wrong" and diagnose and not second:
        explain(report, form, subject, redraw, seed)
    return report


def _check_others(
    report: Report, form: Form, subject: Subject, rtol: float, seed: int, second: bool
) -> None:
    """A gradient of a wrong shape ended the check: check the other inputs, with it as a constant.

    The findings take the order of the inputs.
    """
    order = [a.label for a in subject.arguments]
    left = report
    while isinstance(left.cause, ShapeError) and len(left.findings) == 1:
        done = [f.label for f in report.findings]
        inputs = [
            Constant(v) if label in done else v
            for label, v in zip(subject.labels, subject.inputs(), strict=True)
        ]
        if set(done) >= set(order) or not set(done) <= set(subject.labels):
            break
        others = Subject(form.call, inputs, subject.name, subject.labels)
        left = _check(others, rtol, seed, second=second)
        report.findings += left.findings
        report.notes += [n for n in left.notes if n not in report.notes]
    report.findings.sort(key=lambda f: order.index(f.label))


def _subject(form: Form, inputs: Any, name: str) -> Subject:
    """The form with its inputs; where backward returns None, the input is a constant."""
    subject = Subject(form.call, inputs, name, form.labels)
    with np.errstate(all="ignore"), subject.frozen:
        idle = owes_nothing(form, subject.inputs())
    if idle and len(idle) < len(subject.arguments):
        given = [Constant(v) if i in idle else v for i, v in enumerate(subject.inputs())]
        subject = Subject(form.call, given, name, form.labels)
    return subject


def _check(subject: Subject, rtol: float, seed: int, *, second: bool) -> Report:
    if not 0.0 < rtol < 1.0:
        raise ArgumentError(f"{subject.name}: rtol must lie between 0 and 1, but it is {rtol}")
    random = np.random.default_rng(seed)
    checked: Subject | GradientOf = subject
    report = Report(subject.name, [])
    with np.errstate(all="ignore"), subject.frozen:
        try:
            flight = preflight(checked)
            if second and not flight.unsteady:
                upstream = [weights(random, shape) for shape in flight.shapes]
                notes = flight.notes
                checked = GradientOf(subject, flight.outputs, upstream, flight.values)
                flight = preflight(checked)
                flight.notes[:0] = [n for n in notes if n not in flight.notes]
            report.notes = flight.notes
            report.findings = _findings(checked, flight, rtol, random)
            report.evaluations = flight.evaluations
        except Fault as fault:
            report.findings = [
                _untested(a.label, a.value.shape, "wrong", str(fault))
                for a in checked.arguments
                if fault.label in (None, a.label)
            ]
            report.cause = fault.__cause__
    return report


def _untested(label: str, shape: tuple[int, ...], verdict: str, reason: str) -> Finding:
    return Finding(label, shape, verdict, reason)


def _findings(
    subject: Subject | GradientOf, flight: Flight, rtol: float, random: np.random.Generator
) -> list[Finding]:
    """One finding per argument."""
    arguments = subject.arguments
    if flight.unsteady:
        return [
            _untested(a.label, a.value.shape, "undecidable", flight.unsteady) for a in arguments
        ]
    rows = Rows(flight, max(a.value.size for a in arguments), random)
    values = [a.value for a in arguments]
    mixed = [(k, weights(random, shape)) for k, shape in enumerate(flight.shapes)]
    analytic = gradients(flight, [*rows.seeds, *mixed], values)
    _measure_jitter(flight, rows, values, random)
    measured: list[list[Array]] = []

    def noise(which: int, every: bool = False) -> Array:
        if not measured:
            seeds = [*rows.seeds, *mixed]
            measured.append(_rounding(flight, seeds, values, analytic, random))
        return measured[0][which] if every else measured[0][which][: len(rows)]

    findings = []
    for i, argument in enumerate(arguments):
        if not argument.value.size or not flight.values.size:
            reason = "empty: there is nothing to compare"
            findings.append(_untested(argument.label, argument.value.shape, "right", reason))
            continue
        if not rows.seeds:
            finding = _untested(argument.label, argument.value.shape, "right", "")
        else:
            own = analytic[i][: len(rows)]
            examiner = Examiner(flight, rows, own, i, rtol, lambda i=i: noise(i))  # type: ignore[misc]
            finding = examine_argument(examiner, random)
            if finding.verdict == "wrong" and not own.any() and not finding.reason:
                finding.reason = ZEROS
            if rows.full and not _linear(examiner, analytic[i], mixed, lambda i=i: noise(i, True)):  # type: ignore[misc]
                finding.verdict, finding.reason = "wrong", NOT_LINEAR
        if rows.dropped and finding.verdict == "right":
            finding.verdict, finding.reason = "undecidable", _dropped(flight, rows)
        findings.append(finding)
    return findings


def _measure_jitter(
    flight: Flight, rows: Rows, values: list[Array], random: np.random.Generator
) -> None:
    """How much f's outputs change when its inputs change by their last bits.

    x - mean(x), say, may be small and is still rounded like x.
    """
    changes = [abs(flight.evaluate(_nudged(values, random)) - flight.values) for _ in range(3)]
    jitter = np.nan_to_num(np.fmax.reduce(changes), nan=0.0, posinf=0.0)
    finite = np.where(np.isfinite(flight.values), abs(flight.values), 0.0)
    jitter = np.maximum(jitter, EPS * finite)
    start = 0
    for k, shape in enumerate(flight.shapes):
        stop = start + int(np.prod(shape))
        if isinstance(flight.subject, GradientOf):
            floor = EPS * flight.subject.natural[k]
            jitter[start:stop] = np.maximum(jitter[start:stop], floor)
        rows.shared[start:stop] = jitter[start:stop].max(initial=0.0)
        start = stop
    rows.jitter[:] = jitter


def _nudged(values: list[Array], random: np.random.Generator) -> list[Array]:
    """The values, changed in their last bits."""
    tiny = 2.0**-51
    signs = [random.integers(-1, 2, v.shape) for v in values]
    return [v * laid_out_like(v, 1.0 + tiny * s) for v, s in zip(values, signs, strict=True)]


def _rounding(
    flight: Flight,
    seeds: list[tuple[int, Array]],
    values: list[Array],
    analytic: list[Array],
    random: np.random.Generator,
) -> list[Array]:
    """How much the analytic gradients change when all that enters changes by its last bits."""
    tiny = 2.0**-51
    largest = [np.zeros_like(a) for a in analytic]
    for _ in range(2):
        nudged = [
            (k, u + tiny * abs(u).max(initial=0.0) * random.standard_normal(u.shape))
            for k, u in seeds
        ]
        moved = gradients(flight, nudged, _nudged(values, random))
        for so_far, a, b in zip(largest, analytic, moved, strict=True):
            np.fmax(so_far, abs(a - b), out=so_far)
    for noise in largest:  # where two samples happened to agree, the others tell
        if noise.size:
            np.fmax(noise, np.nanmedian(noise, axis=1, keepdims=True), out=noise)
    return largest


def _linear(
    examiner: Examiner,
    gradients_found: Array,
    mixed: list[tuple[int, Array]],
    noise: Callable[[], Array],
) -> bool:
    """Whether the gradient of a weighted sum of outputs is the weighted sum of their gradients."""
    rows = examiner.rows
    count = len(rows)
    own, combined = gradients_found[:count], gradients_found[count:]
    for number, ((k, u), got) in enumerate(zip(mixed, combined, strict=True)):
        seeds = np.array([(s * u).sum() if o == k else 0.0 for o, s in rows.seeds])
        expected = seeds @ own
        if rows.dropped or not np.isfinite(expected).all():
            continue
        off = abs(expected - got)
        scale = (abs(seeds)[:, None] * abs(own)).max(initial=0.0)
        # A gradient of nothing but rounding (that of a sum of softmax, say) may be any tiny number.
        floor = 16.0 * abs(seeds) @ (examiner.floor + examiner.absorbed)
        rounding = float(floor) / examiner.scale.reshape(-1)
        suspect = off > np.maximum(examiner.rtol * max(scale, abs(got).max()), rounding)
        if suspect.any() and (suspect & (off > 8.0 * noise()[count + number])).any():
            return False
    return True


def _dropped(flight: Flight, rows: Rows) -> str:
    place = int(np.flatnonzero(~np.isfinite(flight.values))[0])
    value, start = flight.values[place], 0
    for label, shape in zip(flight.labels, flight.shapes, strict=True):
        size = int(np.prod(shape))
        if place < start + size:
            where = label + index_text(np.unravel_index(place - start, shape))
            return (
                f"{rows.dropped} of {flight.values.size} output values are not finite at these "
                f"inputs ({where} is {value}), and have no derivative there"
            )
        start += size
    return ""
