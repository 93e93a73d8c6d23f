"""The mutant bank: its right backwards are right, its wrong ones wrong, and no two the same."""

import numpy as np
import pytest

from tinygrad_course.checking.mutants import GENERIC, OPERATIONS, identify, operation
from tinygrad_course.checking.mutants.edits import edits
from tinygrad_course.checking.mutants.operation import lines
from tinygrad_course.checking.planting import affected, evidence_of, numeric_gradients, of_blunder
from tinygrad_course.errors import ArgumentError

TAUGHT = """
    dense matmul add mul relu leaky_relu sigmoid tanh softmax log_softmax cross_entropy
    binary_cross_entropy_with_logits mse l1 huber conv2d max_pool2d avg_pool2d batch_norm
    layer_norm dropout embedding lstm_step rnn_step attention sum mean max reshape transpose
    concatenate sqrt log exp l2_penalty
"""
each = pytest.mark.parametrize("op", OPERATIONS, ids=lambda op: op.name)


def test_the_bank_holds_what_courses_teach():
    assert {op.name for op in OPERATIONS} == set(TAUGHT.split())
    assert len(GENERIC) >= 12


@each
def test_right_backwards_are_the_derivatives_of_forward(op):
    rng = np.random.default_rng(3)
    inputs = op.sample(rng, False)
    dy = np.asarray(rng.standard_normal(op.output(inputs).shape))
    right = op.gradients(inputs, dy)
    for name, numeric in numeric_gradients(op, inputs, dy).items():
        assert right[name].shape == numeric.shape
        assert np.allclose(right[name], numeric, 1e-7, 1e-8), name


@each
def test_mutants_differ_from_the_right_one_and_from_one_another(op):
    assert 6 <= len(op.mutants) <= 15
    assert len({m.name for m in op.mutants}) == len(op.mutants)
    seen = {}
    for mutant in op.mutants:
        rng = np.random.default_rng(7)
        names = affected(op, mutant, rng)
        assert names, f"{mutant.name} changes nothing"
        seen[mutant.name] = set(names)
    for square in (False, True):
        made = {}
        for mutant in op.mutants:
            if mutant.square and not square:
                continue
            rng = np.random.default_rng(11)
            made[mutant.name] = [gradients_of(op, mutant, rng, square) for _ in range(3)]
        # On square probes some wrong lines coincide; where others tell them apart, they must.
        for a, first in made.items():
            for b, second in made.items():
                if a < b and not square:
                    assert any(differ(x, y) for x, y in zip(first, second, strict=True)), (a, b)


def gradients_of(op, mutant, rng, square):
    inputs = op.sample(rng, square)
    dy = np.asarray(rng.standard_normal(op.output(inputs).shape))
    return op.gradients(inputs, dy, mutant)


def differ(first, second):
    for name, a in first.items():
        b = second[name]
        if a.shape != b.shape or not np.allclose(a, b, 1e-6, 1e-9):
            return True
    return False


@each
def test_mutants_tell_what_and_why(op):
    for mutant in op.mutants:
        assert len(mutant.what) > 10
        assert mutant.cause
        assert set(mutant.instead) <= {name for name, _ in lines(op.backward)}
        assert all(mutant.instead[n] != dict(lines(op.backward))[n] for n in mutant.instead)


@each
def test_operations_are_recognised_by_what_they_compute(op):
    rng = np.random.default_rng(5)
    inputs = op.sample(rng, False)
    output = op.output(inputs)
    renamed = {n if not isinstance(v, np.ndarray) else f"{n}_": v for n, v in inputs.items()}
    for name in (op.name, None):
        names = [known.operation.name for known in identify(name, renamed, output)]
        assert op.name in names


def test_hidden_numbers_and_other_layouts_are_recognised():
    rng = np.random.default_rng(2)
    op = operation("conv2d")
    inputs = {**op.sample(rng, False), "stride": 2, "padding": 1}
    dy = rng.standard_normal(op.output(inputs).shape)
    first = {
        "images": inputs["x"].transpose(0, 3, 1, 2),
        "kernel": inputs["w"].transpose(3, 2, 0, 1),
        "bias": inputs["b"],
    }
    known = identify(None, first, op.output(inputs).transpose(0, 3, 1, 2))[0]
    assert known.operation is op
    assert known.inputs["stride"] == 2
    right = op.gradients(inputs, dy)
    upstream = dy.transpose(0, 3, 1, 2)
    assert np.allclose(known.gradient("w", upstream), right["w"].transpose(3, 2, 0, 1))
    assert np.allclose(known.gradient("x", upstream), right["x"].transpose(0, 3, 1, 2))
    x, w, b = rng.standard_normal((4, 3)), rng.standard_normal((2, 3)), rng.standard_normal(2)
    rows_out = identify("linear", {"x": x, "weight": w, "bias": b}, x @ w.T + b)[0]
    assert np.allclose(rows_out.gradient("w", np.ones((4, 2))), np.ones((4, 2)).T @ x)


def test_a_name_alone_proves_nothing():
    x = np.ones((2, 3))
    assert identify("relu", {"x": x}, x * 17.0) == []


def test_unknown_operations_raise_with_the_nearest_name():
    with pytest.raises(ArgumentError, match="did you mean 'conv2d'"):
        operation("conv2")


@pytest.mark.parametrize("blunder", GENERIC, ids=lambda b: b.name)
def test_generic_mistakes_can_be_made_somewhere(blunder):
    rng = np.random.default_rng(0)
    made = [
        evidence_of(op, name, of_blunder(blunder), rng, square=blunder.square, probes=1)
        for op in OPERATIONS
        for name in op.checked
    ]
    assert sum(e is not None for e in made) >= 3


def test_edits_forget_and_swap():
    found = dict(edits("y * (dy - s)", ("x", "y", "dy", "s")))
    assert found["dy - s"] == "the factor y is missing"
    assert "y * dy" in found
    assert "y * (dy + s)" in found
    assert found["x * (dy - s)"] == "x stands where y belongs"
    assert "y * (dy - s)" not in found
