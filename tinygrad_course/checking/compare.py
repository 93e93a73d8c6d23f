"""The comparison itself: for every argument of a subject, backward's answer beside the numbers.

The steps, a file each: `preflight.py` (is it a function), `rows.py` (which outputs), `probes.py`
(which lines), `numeric.py` (derivatives with error bars), `settle.py` (the verdict), `localise.py`
(which element). Read next: `preflight.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ArgumentError
from .adjoint import adjoint_digits
from .complex_step import complex_digits
from .examine import Examiner
from .localise import examine_argument
from .numeric import EPS, laid_out_like
from .preflight import Fault, Flight, gradients, preflight
from .report import Finding, Report
from .rows import Rows, index_text, weights
from .subject import GradientOf, Subject

Array = Any


NOT_LINEAR = (
    "backward is not linear in its upstream gradient dL/dy: the gradient for a sum of outputs is "
    "not the sum of their gradients. Does a formula forget to multiply by grad, or use it twice?"
)
ZEROS = (
    "backward returned nothing but zeros: was this input detached, or read through .data or "
    ".numpy(), so that no path of the graph leads to it?"
)


def compare(subject: Subject, rtol: float, seed: int, *, second: bool) -> Report:
    """The verdicts on all arguments of a subject.

    Args:
        subject: what is checked.
        rtol: the relative tolerance.
        seed: seeds the probes.
        second: look at the gradient of its gradient instead.
    """
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
                Finding(a.label, a.value.shape, "wrong", str(fault), fault=fault.name)
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
    mixed += [(k, -u) for k, u in mixed]  # abs(dL/dx) is linear where all is positive
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
            if finding.verdict == "right":
                finding.adjoint = adjoint_digits(examiner)
                finding.complex_step = complex_digits(examiner)
            linear = _linear if rows.full else _odd
            if not linear(examiner, analytic[i], mixed, lambda i=i: noise(i, True)):  # type: ignore[misc]
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


def _odd(
    examiner: Examiner,
    gradients_found: Array,
    mixed: list[tuple[int, Array]],
    noise: Callable[[], Array],
) -> bool:
    """Whether the gradient for -u is minus that for u; `mixed` holds the us, then their negatives.

    Of linearity that is what can be asked where not every output has a row of its own.
    """
    count, half = len(examiner.rows), len(mixed) // 2
    for number in range(count, count + half):
        there, back = gradients_found[number], gradients_found[number + half]
        off = abs(there + back)
        scale = max(abs(there).max(initial=0.0), abs(back).max(initial=0.0))
        suspect = off > examiner.rtol * scale
        if suspect.any() and (suspect & (off > 8.0 * noise()[number])).any():
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
