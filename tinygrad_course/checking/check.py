"""`gradcheck` and `gradgradcheck`: is what backward returns the derivative of forward?

The steps, a file each: `forms.py` and `subject.py` (what is called), `compare.py` (the verdicts; it
names its own files), `explain.py` (what the mistake is), `blind.py` (what the inputs could not have
shown), `single.py` (float32), `report.py` (the text). Read next: `forms.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError, nearest
from .blind import blind_spots
from .compare import compare
from .evidence import Redraw
from .explain import explain
from .forms import Form, as_form, owes_nothing
from .report import Report
from .single import check_single
from .subject import Constant, Subject


def gradcheck(
    f: Callable[..., Any] | Sequence[Callable[..., Any]],
    inputs: Any,
    *,
    rtol: float = 1e-6,
    seed: int = 0,
    dtype: str = "float64",
    diagnose: bool = True,
) -> Report:
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
        f: a function of tensors that returns a tensor or a tuple of them; a Module, whose
            parameters are then checked too; a `tg.Function`; a pair of NumPy functions,
            `(forward, backward)`, with `backward(grad, *inputs)` or, where forward returns
            `(out, cache)`, `backward(dout, cache)`; or a `torch.autograd.Function`.
        inputs: its inputs, in a list or tuple; a single array, tensor or float may stand alone.
            Floats are cast to float64 and checked; integers, bools and everything else are handed
            on unchanged.
        rtol: the relative tolerance.
        seed: seeds the probes. (The package's default generator is left alone.)
        dtype: "float32" to run f and its backward pass in float32 besides, and to be told how many
            digits are left there.
        diagnose: look for the name of a mistake: it takes a moment.

    Returns:
        A `Report`: true if everything is right; printed, it explains.

    Raises:
        ArgumentError: no input is a float, or the dtype is another.
        ArgumentTypeError: f returns something that is no tensor.
        GraphError: the output does not depend on any input.

    Example:
        >>> import tinygrad_course as tg
        >>> class Cube(tg.Function):
        ...     def forward(self, x):
        ...         return x * x * x
        ...     def grad_x(self, grad, x):
        ...         return grad * 2.0 * x * x
        >>> print(tg.gradcheck(Cube, [2.0]))
        gradcheck: WRONG
          x  shape ()  WRONG  (all 1 elements, every output)
              dx is exactly 1.5 times too small: 2 stands where 3 belongs.
                right  dx = (your dx) / (2/3)
                found  dx = 2/3 * (right dx)
              line 5:  return grad * 2.0 * x * x
              worst at x, seen in output:
                analytic   8   what backward returned
                numeric    12 ± 1e-13   from f's values
              1 of 1 are wrong

    References:
        Ridders, "Accurate computation of F'(x) and F'(x) F''(x)", Advances in Engineering Software
        1982; Griewank, Walther, "Evaluating derivatives", SIAM 2008.
    """
    return run_check(f, inputs, rtol=rtol, seed=seed, dtype=dtype, diagnose=diagnose)


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
    dtype: str = "float64",
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
        dtype: "float32" for a verdict on float32 besides.
        second: check the derivative of the gradient instead.
        diagnose: look for the name of a mistake.
        redraw: draws other inputs for that, (rng, which drawing) -> inputs; without it, those
            given are varied.
    """
    name = "gradgradcheck" if second else "gradcheck"
    if dtype not in ("float64", "float32"):
        valid = nearest(str(dtype), ("float64", "float32"))
        raise ArgumentError(f"{name}: gradients are checked in float64 or float32; {valid}")
    form = as_form(f, inputs, name)
    subject = _subject(form, inputs, name)
    report = compare(subject, rtol, seed, second=second)
    if _ended_early(report):
        _check_others(report, form, subject, rtol, seed, second)
    if report.verdict == "wrong" and diagnose and not second:
        explain(report, form, subject, redraw, seed)
    if report and not second:
        with np.errstate(all="ignore"), subject.frozen:
            report.notes += blind_spots(subject, seed)
    if dtype == "float32" and not second:
        check_single(report, form, subject, seed)
    return report


def _ended_early(report: Report) -> bool:
    """Whether a wrong shape or a broken rule at one input kept the others from being checked."""
    broken = isinstance(report.cause, ShapeError) or bool(report.findings[0].fault)
    return len(report.findings) == 1 and broken


def _check_others(
    report: Report, form: Form, subject: Subject, rtol: float, seed: int, second: bool
) -> None:
    """One bad gradient ended the check: check the other inputs, with that one as a constant.

    The findings take the order of the inputs.
    """
    order = [a.label for a in subject.arguments]
    left = report
    while _ended_early(left):
        done = [f.label for f in report.findings]
        inputs = [
            Constant(v) if label in done else v
            for label, v in zip(subject.labels, subject.inputs(), strict=True)
        ]
        if set(done) >= set(order) or not set(done) <= set(subject.labels):
            break
        others = Subject(form.call, inputs, subject.name, subject.labels)
        left = compare(others, rtol, seed, second=second)
        report.findings += left.findings
        report.notes += [n for n in left.notes if n not in report.notes]
        report.evaluations += left.evaluations
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
