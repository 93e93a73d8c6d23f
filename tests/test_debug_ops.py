"""Every op of `cases/` can be stepped through, drawn, recorded and asked why."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout

import numpy as np
import pytest
from cases import CASES
from cases.record import is_float

import tinygrad_course as tg
from tinygrad_course.debug.flow import flow_of
from tinygrad_course.debug.trace import trace_of

SMOOTH = [c for c in CASES if c.differentiable and any(c.samples(np.random.default_rng(0)))]


def total(y):
    parts = y if isinstance(y, (tuple, list)) else (y,)
    loss = parts[0].sum()
    for part in parts[1:]:
        if part.requires_grad:
            loss = loss + (part * 2.0).sum()
    return loss


@pytest.mark.parametrize("case", SMOOTH, ids=[case.name for case in SMOOTH])
def test_every_op(case):
    sample = next(iter(case.samples(np.random.default_rng(0))))
    tg.manual_seed(0)
    inputs = [tg.tensor(a, requires_grad=True) if is_float(a) else a for a in sample.arrays]
    leaves = [t for t in inputs if isinstance(t, tg.Tensor)]
    with tg.debug.recording() as seen:
        loss = total(case.function(*inputs, **sample.options))
    trace = trace_of(loss)
    assert trace.error is None
    visits = flow_of(loss).visits
    out = io.StringIO()
    with redirect_stdout(out):
        tg.debug.step(loss, commands=["next"] * len(trace.places))
    text = out.getvalue()
    assert f"1 of {len(trace.places)}:" in text
    assert re.search(r"\w\.py:\d+: ", text)
    assert str(tg.debug.html(loss)).count("<details") == min(400, len(trace.places))
    # What is shown is what backward() does.
    with tg.debug.recording() as again:
        loss.backward()
    assert [v.op for v in again.visits] == [v.op for v in visits]
    assert [v.arrived for v in again.visits][1:] == [v.arrived for v in visits][1:]
    shown = {p.node: p.gradient for p in trace.places if p.is_leaf}
    for leaf in leaves:
        if leaf.node in shown and leaf.grad is not None:
            np.testing.assert_array_equal(shown[leaf.node], leaf.grad.data)
    assert tg.debug.why(leaves[0]).sentence
    assert seen.calls
