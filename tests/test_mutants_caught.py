"""Each op's own samples catch every mistake that the bank knows of that op.

The mutants' gradients go through the check of `test_ops.py`, in the place of the op's own: an op
whose samples let one pass is tested too little.
"""

import inspect

import numpy as np
import pytest
from cases import CASES
from cases.record import is_float

import tinygrad_course as tg
from tinygrad_course.checking.mutants import OPERATIONS, identify

NOT_OURS = {"l2_penalty", "rnn_step", "lstm_step", "attention"}  # by other names, of other shapes
PAIRS = [
    pytest.param(op, case, id=op.name)
    for op in OPERATIONS
    for case in CASES
    if case.name == op.name
]


POSITIONS = {
    "concatenate": ("a", "b"),
    "embedding": ("tokens", "weight"),
    "layer_norm": ("x", "gamma", "beta"),
}
"""Where an op takes its inputs in another order, or in a list: the bank's names."""
SAID_ANYWAY = {"reduction": "mean", "keepdims": False, "padding_index": None, "axis": 1}
"""Options that say what the bank's operation does without them."""


def named_as_the_bank(op, s):
    """The sample's inputs by names that the bank knows."""
    names = POSITIONS.get(op.name) or list(inspect.signature(getattr(tg, op.name)).parameters)
    options = {
        name: value
        for name, value in s.options.items()
        if name in op.arguments or name not in SAID_ANYWAY or SAID_ANYWAY[name] != value
    }
    options.pop("normalized_shape", None)
    return {**dict(zip(names, s.arrays, strict=False)), **options}


def recognised(op, case):
    """The case's smooth samples that are calls of the bank's operation."""
    for s in case.samples(np.random.default_rng(0)):
        if not s.smooth or any(a.size == 0 for a in s.arrays if isinstance(a, np.ndarray)):
            continue
        named = named_as_the_bank(op, s)
        with np.errstate(all="ignore"):
            output = np.asarray(case.reference(*s.arrays, **s.options))
        floats = {name for name, value in named.items() if is_float(value)}
        for known in identify(op.name, named, output):
            if known.operation is op and floats <= set(known.names.values()):
                yield known, named, output


def planted(known, named, output, mutant):
    """The call as a node whose gradients are the mutant's."""
    floats = [name for name, value in named.items() if is_float(value)]
    theirs = {theirs: own for own, theirs in known.names.items()}

    class Planted(tg.Function):
        def forward(self, *xs):
            inputs = {**known.inputs, **{theirs[n]: x for n, x in zip(floats, xs, strict=True)}}
            return np.asarray(known.operation.output(inputs))

        def backward(self, grad, xs):
            inputs = {**known.inputs, **{theirs[n]: x for n, x in zip(floats, xs, strict=True)}}
            made = known.operation.gradients(inputs, np.asarray(grad), mutant)
            return [made.get(theirs[n], np.zeros_like(named[n])) for n in floats]

    return Planted, [named[n] for n in floats]


def caught(known, named, output, mutant):
    f, inputs = planted(known, named, output, mutant)
    try:
        with np.errstate(all="ignore"):
            report = tg.gradcheck(lambda *xs: f().apply(*xs), inputs, diagnose=False)
    except (ValueError, TypeError, IndexError):
        return True  # the shapes gave it away
    return not report


def test_all_others_have_a_case():
    assert {op.name for op in OPERATIONS} - {case.name for case in CASES} == NOT_OURS


@pytest.mark.parametrize(("op", "case"), PAIRS)
def test_every_mutant_is_caught_by_the_ops_own_samples(op, case):
    calls = list(recognised(op, case))
    assert calls, "no sample is recognised"
    passed = [
        mutant.name
        for mutant in op.mutants
        if not any(caught(known, named, output, mutant) for known, named, output in calls)
    ]
    assert passed == []
