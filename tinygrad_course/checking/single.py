"""The verdict in float32: how many digits of a gradient are left when everything runs in float32.

Differences of float32 values decide little, so the formula is proved in float64 first; then the
float32 backward pass is compared with the float64 one at the same inputs. How many digits *can* be
left is measured: by how much the float64 gradient moves when its inputs move by float32's rounding.
"""

from __future__ import annotations

import numpy as np

from ..errors import Error
from ..gradients import grad
from ..node import Leaf
from ..tensor import wrap
from .forms import Form
from .report import Report
from .rows import weights
from .subject import Array, Constant, Subject

EPS32 = float(np.finfo(np.float32).eps)
MARGIN = 64.0
BOUND = 1e-2
"""A relative deviation beyond this is wrong, unless the inputs' rounding explains it."""


def check_single(report: Report, form: Form, subject: Subject, seed: int) -> None:
    """Add the float32 verdict to the findings that are right in float64.

    Args:
        report: the outcome in float64.
        form: what was checked.
        subject: the same with its inputs.
        seed: draws upstream gradients.
    """
    checked = {a.label for a in subject.arguments}
    rounded = [
        v.astype(np.float32).astype(np.float64) if _is_float(v) else v for v in subject.inputs()
    ]
    given = [
        v if label in checked else Constant(v)
        for label, v in zip(subject.labels, rounded, strict=True)
    ]
    double = Subject(form.call, given, subject.name, subject.labels)
    single = Subject(form.call, given, subject.name, subject.labels, np.float32)
    try:
        exact, moved, found = _runs(double, single, seed)
    except Error as error:
        report.notes.append(f"float32: not checked, it cannot be run in float32: {error}")
        return
    for i, argument in enumerate(double.arguments):
        finding = report[argument.label]
        if finding.verdict != "right" or not argument.value.size:
            continue
        size = max(float(abs(exact[i]).max(initial=0.0)), 1e-300)
        off = float(abs(found[i].astype(np.float64) - exact[i]).max(initial=0.0)) / size
        shaken = max(float(abs(m[i] - exact[i]).max(initial=0.0)) for m in moved) / size
        possible = MARGIN * max(shaken, EPS32)
        finding.digits = _digits(off)
        finding.looked_at += f"; float32 can decide {_digits(possible)}"
        if off <= possible:
            continue
        finding.verdict = "wrong" if not off <= BOUND else "undecidable"
        finding.reason = (
            f"right in float64, but in float32 it deviates by {off:.2g} of the largest element, "
            f"where rounding explains {possible:.1g}: something overflows, cancels, or is computed "
            "in a lower precision on the way"
        )
    report.notes.append(
        "float32: the formula was proved in float64, then the float32 backward pass was compared"
    )


def _runs(
    double: Subject, single: Subject, seed: int
) -> tuple[list[Array], list[list[Array]], list[Array]]:
    """The gradients in float64, in float64 at inputs rounded otherwise, and in float32."""
    with np.errstate(all="ignore"):
        with double.frozen:
            exact = _gradients(double, np.float64, seed, 0.0)
            moved = [_gradients(double, np.float64, seed, EPS32, nudge) for nudge in (1, 2, 3)]
        with single.frozen:
            return exact, moved, _gradients(single, np.float32, seed, 0.0)


def _digits(error: float) -> int:
    return max(0, int(-np.log10(max(error, 1e-8)))) if np.isfinite(error) else 0


def _is_float(v: object) -> bool:
    return isinstance(v, np.ndarray) and v.dtype.kind == "f"


def _gradients(
    subject: Subject, dtype: type, seed: int, shake: float, nudge: int = 0
) -> list[Array]:
    """Per argument dL/dx for one random upstream gradient per output."""
    rng = np.random.default_rng(nudge)
    leaves = [
        wrap(np.asarray(a.value * (1.0 + shake * rng.uniform(-0.5, 0.5, a.value.shape)), dtype),
             Leaf())
        for a in subject.arguments
    ]  # fmt: skip
    ys = [y for y in subject.call(leaves) if y.node is not None]
    draw = np.random.default_rng(seed)
    seeds = [weights(draw, y.shape).astype(np.float32).astype(y.dtype) for y in ys]
    return [g.data for g in grad(ys, leaves, seeds)]
