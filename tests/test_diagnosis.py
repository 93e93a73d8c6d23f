"""The diagnosis: each rule on a case of its own, the self-test's scores on a sample."""

import dataclasses

import numpy as np
import pytest

from tinygrad_course.checking.diagnosis import Diagnosis, Evidence, diagnose
from tinygrad_course.checking.diagnosis.known import Recognised
from tinygrad_course.checking.mutants import GENERIC, OPERATIONS, operation
from tinygrad_course.checking.planted import Case, cases, right_cases
from tinygrad_course.checking.planting import evidence_of, of_blunder, of_mutant, right
from tinygrad_course.checking.self_test import judge, score


def seen(op_name, name, spoil, **options):
    options.setdefault("numeric", True)
    rng = np.random.default_rng(options.pop("seed", 4))
    return evidence_of(operation(op_name), name, spoil, rng, **options)


def of(function):
    """A wrong backward as f(inputs, dy, the right gradient)."""

    def spoil(op, name, inputs, dy, before):
        return function(inputs, dy, op.gradients(inputs, dy)[name])

    return spoil


def names(evidence, **options):
    return [d.name for d in diagnose(evidence, **options)]


def mutant(op_name, mutant_name):
    return of_mutant(operation(op_name).mutant(mutant_name))


def one_off(inputs, dy, g):
    g = g.copy()
    g.flat[np.argmax(abs(inputs["x"]))] += 0.5
    return g


FAULTS = {
    "divided by N": ("dense", "w", of(lambda i, dy, g: g / len(dy)), "divided_by_batch"),
    "times 2": ("dense", "w", of(lambda i, dy, g: 2.0 * g), "factor:2"),
    "sign": ("dense", "w", of(lambda i, dy, g: -g), "factor:-1"),
    "transposed square weight": ("dense", "w", of(lambda i, dy, g: g.T), "transposed"),
    "missing sum": ("add", "b", of(lambda i, dy, g: dy), "b_not_summed"),
    "mean for sum": ("add", "b", of(lambda i, dy, g: dy.mean(axis=0)), "b_mean"),
    "cross-entropy without 1/N": ("cross_entropy", "logits", None, "mean_forgotten"),
    "kernel flipped in dW": ("conv2d", "w", None, "flipped_dw"),
    "missing mean term": ("batch_norm", "x", None, "no_mean_term"),
    "forgotten gamma": ("batch_norm", "x", None, "gamma_forgotten"),
    "cross-entropy without - y": ("cross_entropy", "logits", None, "targets_forgotten"),
    "dropped border row": ("conv2d", "x", None, "last_row_dropped"),
    "one kinked element": ("relu", "x", of(one_off), "part:"),
    "W for W^T": ("dense", "x", None, "weights_not_transposed"),
    "stale cache": ("dense", "w", lambda op, n, i, dy, b: op.gradients(b, b["dy"])[n], "stale"),
    "statistics constant": ("batch_norm", "x", None, "statistics_constant"),
    "variances mixed": ("batch_norm", "x", None, "unbiased_variance"),
    "overwritten": ("conv2d", "x", None, "overwritten"),
    "kernel flipped in dX": ("conv2d", "x", None, "kernel_flipped_in_dx"),
    "float16": ("dense", "w", of(lambda i, dy, g: g.astype(np.float16)), "rounding:float16"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_twenty_faults_are_named(fault):
    op, name, spoil, expected = FAULTS[fault]
    square = fault in {"transposed square weight", "W for W^T"}
    spoil = spoil or mutant(op, expected)
    evidence = seen(op, name, spoil, square=square)
    answers = diagnose(evidence)
    assert answers
    assert expected in answers[0].name
    assert f"d{name}" in answers[0].sentence


@pytest.mark.parametrize("op", ["dense", "cross_entropy", "batch_norm", "conv2d", "add"])
def test_the_five_right_functions_pass(op):
    for name in operation(op).checked:
        assert diagnose(seen(op, name, right)) == []


def test_the_batch_size_stands_in_the_sentence():
    e = seen("tanh", "x", of(lambda i, dy, g: g * len(dy)))
    answer = next(d for d in diagnose(e) if d.name == "factor:N")
    assert f"exactly {len(e.output)} times too large" in answer.sentence
    assert "batch size" in answer.sentence
    assert isinstance(answer, Diagnosis)
    assert all(answer.hints)


def test_a_formula_of_the_bank_is_told_in_the_users_names():
    e = seen("dense", "w", mutant("dense", "weight_gradient_divided_by_batch"))

    def renamed(one):
        words = {"x": "images", "w": "kernel", "b": "offset"}
        return dataclasses.replace(
            one,
            op=None,
            input="kernel",
            inputs={words[n]: v for n, v in one.inputs.items()},
            others={},
            repeats=tuple(renamed(r) for r in one.repeats),
        )

    answer = diagnose(renamed(e))[0]
    assert answer.name == "mutant:dense.weight_gradient_divided_by_batch"
    assert answer.right_formula == "dkernel = images.T @ dy"
    assert answer.found_formula == "dkernel = images.T @ dy / images.shape[0]"
    assert answer.hints[2] == answer.right_formula


def test_rounding_is_tested_before_factors():
    rounded = of(lambda i, dy, g: np.float64(np.float16(g)))
    for seed in range(20):
        assert names(seen("mul", "b", rounded, seed=seed)) == ["rounding:float16"]


def test_one_probe_leaves_several_names_and_says_so():
    e = seen("sigmoid", "x", of(lambda i, dy, g: g / len(dy)), probes=1)
    told = names(e)
    assert "factor:1/N" in told
    assert len(told) > 1


def test_another_layout_is_told_with_the_formula():
    def turned(one):
        y, dy = one.output.transpose(0, 3, 1, 2), one.upstream.transpose(0, 3, 1, 2)
        inputs = {
            "x": one.inputs["x"].transpose(0, 3, 1, 2),
            "w": one.inputs["w"].transpose(3, 2, 0, 1),
            "b": one.inputs["b"],
        }
        right_one, found = one.right.transpose(0, 3, 1, 2), one.found.transpose(0, 3, 1, 2)
        repeats = tuple(turned(r) for r in one.repeats)
        return Evidence(None, "x", inputs, y, dy, right_one, found, {}, (), repeats, "float64")

    answer = diagnose(turned(seen("conv2d", "x", mutant("conv2d", "overwritten"))))[0]
    assert answer.name == "mutant:conv2d.overwritten"
    assert "with x.transpose(0, 2, 3, 1)" in answer.right_formula


def test_a_name_has_to_fit_every_probe():
    e = seen("tanh", "x", of(lambda i, dy, g: 2.0 * g))
    other = dataclasses.replace(e.repeats[0], found=3.0 * e.repeats[0].right)
    told = names(dataclasses.replace(e, repeats=(other,)))
    assert "factor:2" not in told


def test_without_a_known_operation_the_generic_rules_answer():
    def unknown(one):
        return dataclasses.replace(
            one, op=None, output=one.output + 1.0, repeats=tuple(unknown(r) for r in one.repeats)
        )

    e = unknown(seen("batch_norm", "x", mutant("batch_norm", "statistics_constant")))
    assert Recognised(e).names == []
    assert names(e)[0] == "statistic-constant:axis0"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("blunder", GENERIC, ids=lambda b: b.name)
def test_generic_mistakes_are_named(blunder, dtype):
    op = operation("conv2d" if "border" in blunder.name or "pixels" in blunder.name else "dense")
    name = op.checked[0]
    spoil = of_blunder(blunder)
    rng = np.random.default_rng(0)
    e = evidence_of(op, name, spoil, rng, square=blunder.square, dtype=dtype)
    assert e is not None
    case = Case(op, blunder.name, spoil, e, blunder.names, dtype)
    if case.deviation > 1e-2 or dtype == "float64":
        assert judge(case, diagnose(e)) == "named"


@pytest.mark.parametrize("op", OPERATIONS, ids=lambda op: op.name)
def test_every_mutant_is_named(op):
    for case in cases(np.random.default_rng(1), "float64", generic=False, operations=[op]):
        assert judge(case, diagnose(case.evidence)) == "named", case.label


def test_rules_are_good_without_the_bank():
    some = [operation(n) for n in ("softmax", "batch_norm", "mse", "tanh", "leaky_relu")]
    told = [
        judge(c, diagnose(c.evidence, without=frozenset({c.label})), frozenset({c.label}))
        for c in cases(np.random.default_rng(2), "float64", generic=False, operations=some)
    ]
    assert told.count("named") + told.count("described") > 0.8 * len(told)


def test_two_mistakes_at_once_are_told_as_two():
    op = operation("batch_norm")
    twice = of_mutant(op.mutant("no_mean_term"))

    def spoil(*call):
        return 2.0 * twice(*call)

    told = diagnose(seen("batch_norm", "x", spoil))
    assert "mutant:batch_norm.no_mean_term + factor:2" in [d.name for d in told]


def test_what_has_no_name_is_located():
    e = seen("tanh", "x", of(one_off))
    answers = diagnose(e)
    assert [d.exact for d in answers] == [False]
    assert "of the elements" in answers[0].sentence


def test_nan_is_told_as_such():
    def broken(inputs, dy, g):
        return np.where(np.arange(g.size).reshape(g.shape) == 0, np.nan, g)

    (answer,) = diagnose(seen("tanh", "x", of(broken)))
    assert answer.name == "not-finite"
    assert "in 1 of" in answer.sentence


def test_nothing_is_said_of_noise():
    rng = np.random.default_rng(9)
    e = seen("tanh", "x", of(lambda i, dy, g: rng.standard_normal(g.shape)))
    assert diagnose(e) == []


def test_evidence_without_repeats_or_names():
    right_one = np.array([1.0, 2.0, 3.0])
    e = Evidence(None, "x", {}, right_one, right_one, right_one, -right_one, {}, (), (), "float64")
    assert "factor:-1" in names(e)


def test_checks_of_right_backwards_raise_no_alarm():
    for case in right_cases(np.random.default_rng(0), "float64", rounds=1):
        if case.operation.name in {"softmax", "batch_norm", "max_pool2d", "lstm_step"}:
            assert case.verdict() == "right", case.label
            break


@pytest.mark.parametrize("op", ["conv2d", "dense"])
def test_a_backward_that_loses_the_sign_is_found(op):
    blunder = next(b for b in GENERIC if b.name == "absolute value")
    spoil = of_blunder(blunder)
    for seed in range(12):
        e = seen(op, "b", spoil, seed=seed, numeric=False)
        assert Case(operation(op), "b", spoil, e, (), "float64").verdict() == "wrong"


def test_score_knows_its_dtypes():
    with pytest.raises(ValueError, match="float64"):
        score(dtype="int8")
