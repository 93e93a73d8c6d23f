"""Ranking metrics: counts, curves, areas and gains against definitions, loops and scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_course import metrics as m
from tinygrad_course.errors import ArgumentError, DataError, DtypeError, ShapeError

SEEDS = st.integers(0, 2**32 - 1)


def draw(seed: int, levels: int = 8, count: int = 30):
    """Scores with many ties, and targets of both classes."""
    rng = np.random.default_rng(seed)
    targets = np.append([0, 1], rng.integers(2, size=rng.integers(0, count)))
    return rng.integers(levels, size=targets.size) - 3.0, targets


@given(SEEDS)
def test_roc_points_are_the_rates_of_each_threshold(seed: int) -> None:
    scores, targets = draw(seed)
    curve = m.roc_curve(scores, targets)
    for fpr, tpr, threshold in zip(*curve, strict=True):
        matrix = m.confusion_matrix((scores >= threshold).astype(int), targets, 2)
        assert tpr == pytest.approx(m.recall(matrix, "binary"))
        assert fpr == pytest.approx(1 - m.specificity(matrix, "binary"))
    assert (curve.false_positive_rate[-1], curve.true_positive_rate[-1]) == (1, 1)


@given(SEEDS)
def test_roc_auc_is_the_chance_that_a_positive_stands_above_a_negative(seed: int) -> None:
    scores, targets = draw(seed)
    pairs = scores[targets == 1][:, None] - scores[targets == 0]
    expected = np.mean((pairs > 0) + 0.5 * (pairs == 0))
    assert m.roc_auc(scores, targets) == pytest.approx(expected, rel=1e-12)
    assert m.roc_auc(-scores, targets) == pytest.approx(1 - expected, rel=1e-12)
    assert m.roc_auc(np.exp(scores), targets) == pytest.approx(expected, rel=1e-12)


@given(SEEDS)
def test_precision_recall_points_are_the_rates_of_each_threshold(seed: int) -> None:
    scores, targets = draw(seed)
    curve = m.precision_recall_curve(scores, targets)
    for threshold, precision, recall in zip(
        curve.thresholds, curve.precision, curve.recall, strict=False
    ):
        matrix = m.confusion_matrix((scores >= threshold).astype(int), targets, 2)
        assert precision == pytest.approx(m.precision(matrix, "binary"))
        assert recall == pytest.approx(m.recall(matrix, "binary"))


@given(SEEDS)
def test_interpolation_joins_counts_by_lines(seed: int) -> None:
    scores, targets = draw(seed)
    steps = [(0, 0)]
    for threshold in np.unique(scores)[::-1]:
        above = scores >= threshold
        steps.append((int(targets[above].sum()), int((1 - targets[above]).sum())))
    (positives, _) = steps[-1]
    for (tp, fp), (next_tp, next_fp) in pairwise(steps):
        for way in (Fraction(1, 3), Fraction(9, 10), Fraction(1)):
            if next_tp == tp:
                continue
            x, y = tp + way * (next_tp - tp), fp + way * (next_fp - fp)
            found = m.interpolated_precision(scores, targets, float(x / positives))
            assert found == pytest.approx(float(x / (x + y)), rel=1e-9)


@given(SEEDS)
def test_the_area_is_the_integral_of_the_interpolated_precision(seed: int) -> None:
    scores, targets = draw(seed)
    positives = int(targets.sum())
    nodes, weights = np.polynomial.legendre.leggauss(40)
    area = 0.0
    for k in range(positives):  # the curve is smooth between whole numbers of true positives
        recalls = (k + (nodes + 1) / 2) / positives
        area += m.interpolated_precision(scores, targets, recalls) @ weights / 2 / positives
    assert m.precision_recall_auc(scores, targets) == pytest.approx(area, rel=1e-9)


def test_lines_in_precision_recall_space_claim_too_much() -> None:
    scores = [3] * 10 + [2] * 30 + [1] * 1980
    targets = [1] * 5 + [0] * 5 + [1] * 5 + [0] * 25 + [1] * 10 + [0] * 1970
    curve = m.precision_recall_curve(scores, targets)
    claimed = np.interp(0.35, curve.recall[::-1], curve.precision[::-1])
    assert claimed == pytest.approx(0.4)
    assert m.interpolated_precision(scores, targets, 0.35) == pytest.approx(7 / 22)
    trapezoids = -np.trapezoid(curve.precision, curve.recall)
    assert trapezoids > 1.5 * m.precision_recall_auc(scores, targets)


def test_a_recall_that_is_a_threshold_s_is_taken_for_it() -> None:
    scores, targets = [3] * 7 + [2] * 50 + [1] * 93, [1] * 7 + [0] * 50 + [1] * 93
    assert 0.07 * 100 > 7  # and would lie beyond the 50 negatives
    assert m.interpolated_precision(scores, targets, 0.07) == 1
    assert m.interpolated_precision(scores, targets, 0.08) == 8 / 58


def test_guessing_and_perfection() -> None:
    targets = np.array([1] * 20 + [0] * 60)
    same = np.zeros(80)
    assert m.roc_auc(same, targets) == 0.5
    assert m.average_precision(same, targets) == 0.25
    assert m.precision_recall_auc(same, targets) == pytest.approx(0.25)
    assert m.precision_recall_gain_auc(same, targets) == pytest.approx(0, abs=1e-15)
    for area in (m.roc_auc, m.average_precision, m.precision_recall_auc):
        assert area(targets, targets) == pytest.approx(1)
    assert m.precision_recall_gain_auc(targets, targets) == pytest.approx(1)
    # The worst order still finds all of the positives in the end.
    assert m.roc_auc(-targets, targets) == 0
    assert 0 < m.precision_recall_auc(-targets, targets) < 0.25
    assert m.precision_recall_gain_auc(-targets, targets) < 0
    np.testing.assert_array_equal(m.interpolated_precision(same, targets, [0, 0.5, 1]), 0.25)
    assert m.interpolated_precision(-targets, targets, 0) == 0


@given(SEEDS)
def test_one_curve_above_another_in_roc_is_above_it_in_precision_recall(seed: int) -> None:
    scores, targets = draw(seed)
    worse = np.where(targets == 1, scores - 1, scores)
    assert m.roc_auc(scores, targets) >= m.roc_auc(worse, targets)
    recalls = np.linspace(0.05, 1, 20)
    better = m.interpolated_precision(scores, targets, recalls)
    assert (better >= m.interpolated_precision(worse, targets, recalls) - 1e-12).all()


@given(SEEDS, st.floats(0.1, 4))
def test_gains_make_f_a_mean(seed: int, beta: float) -> None:
    scores, targets = draw(seed)
    share = targets.mean()
    matrix = m.confusion_matrix((scores >= scores[1]).astype(int), targets, 2)
    precision, recall = m.precision(matrix, "binary"), m.recall(matrix, "binary")
    f = m.f_beta(matrix, beta, "binary")
    mean = (m.gain(precision, share) + beta**2 * m.gain(recall, share)) / (1 + beta**2)
    assert m.gain(f, share) == pytest.approx(mean, rel=1e-9, abs=1e-9)


@given(SEEDS)
def test_the_gain_curve_is_that_of_the_thresholds(seed: int) -> None:
    scores, targets = draw(seed)
    share = targets.mean()
    curve = m.precision_recall_gain_curve(scores, targets)
    assert curve.recall_gain[0] == 0
    assert (curve.recall_gain[-1], curve.precision_gain[-1]) == (1, 0)
    assert (np.diff(curve.recall_gain) >= 0).all()
    for precision_gain, recall_gain, threshold in zip(*curve, strict=True):
        if np.isnan(threshold):  # where recall is the share of positives, between thresholds
            precision = m.interpolated_precision(scores, targets, share)
            assert precision_gain == pytest.approx(m.gain(precision, share), rel=1e-9, abs=1e-9)
        else:
            matrix = m.confusion_matrix((scores >= threshold).astype(int), targets, 2)
            expected = m.gain(m.precision(matrix, "binary"), share)
            assert precision_gain == pytest.approx(expected, rel=1e-9, abs=1e-12)
            expected = m.gain(m.recall(matrix, "binary"), share)
            assert recall_gain == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(SEEDS)
def test_trapezoids_are_exact_in_gain_space(seed: int) -> None:
    scores, targets = draw(seed)
    share = targets.mean()
    fine = np.linspace(0, 1, 4001)
    recalls = share / (1 - (1 - share) * fine)  # the recall whose gain it is
    recalls[-1] = 1.0
    gains = m.gain(m.interpolated_precision(scores, targets, recalls), share)
    expected = np.trapezoid(gains, fine)
    assert m.precision_recall_gain_auc(scores, targets) == pytest.approx(expected, abs=2e-3)


def test_the_gain_authors_example() -> None:
    # By hand: P = N = 3, so recall gain 0 is TP = 1.5, on the way from (0, 0) to (2, 0);
    # then (2, 0): 1, 1 - 1/2; (2, 1): 1 - 1/2, 1/2; (3, 2): 1/3, 1; (3, 3): 0, 1.
    curve = m.precision_recall_gain_curve([0.8, 0.8, 0.6, 0.4, 0.4, 0.2], [1, 1, 0, 0, 1, 0])
    np.testing.assert_allclose(curve.recall_gain, [0, 0.5, 0.5, 1, 1], rtol=1e-15)
    np.testing.assert_allclose(curve.precision_gain, [1, 1, 0.5, 1 / 3, 0], rtol=1e-15)
    area = m.precision_recall_gain_auc([0.8, 0.8, 0.6, 0.4, 0.4, 0.2], [1, 1, 0, 0, 1, 0])
    assert area == pytest.approx(0.5 + 0.5 * (0.5 + 1 / 3) / 2, rel=1e-15)


def test_infinite_scores_have_a_place() -> None:
    scores = [np.inf, np.inf, 0.0, -np.inf, -np.inf]
    assert m.roc_auc(scores, [1, 1, 0, 1, 0]) == pytest.approx((2 + 2 + 0 + 0.5) / 6)


def test_an_absent_class_has_no_area_and_no_place_in_a_mean() -> None:
    rng = np.random.default_rng(0)
    scores, targets = rng.normal(size=(20, 4)), rng.integers(3, size=20)
    for metric in (m.roc_auc, m.average_precision):
        each = metric(scores, targets, average=None)
        assert np.isnan(each).tolist() == [False, False, False, True]
        for average in ("macro", "weighted"):
            with pytest.raises(DataError, match="each of the 4 classes, but none is of class 3"):
                metric(scores, targets, average=average)
    with pytest.raises(DataError, match="none is of class 3"):
        m.roc_auc(scores, targets, multi_class="ovo")


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: m.roc_curve([1, 2], [1, 1]), DataError, "roc_curve: .* 2 examples are positive"),
        (lambda: m.roc_auc([1, 2], [0, 0]), DataError, "roc_auc: .* are negative.* true positive"),
        (lambda: m.precision_recall_curve([1, 2], [0, 0]), DataError, "expects positives"),
        (lambda: m.precision_recall_gain_auc([1, 2], [1, 1]), DataError, "gain_auc: .*both"),
        (lambda: m.roc_auc([], []), ShapeError, "targets is empty"),
        (lambda: m.roc_auc(np.ones((0, 3)), []), ShapeError, "targets is empty"),
        (lambda: m.roc_auc([1, 2], [0]), ShapeError, r"targets expects .*\(1,\).* \(2,\)"),
        (lambda: m.roc_auc([[1], [2]], [0, 1]), ShapeError, r"K at least 2.*\[:, 0\]"),
        (lambda: m.roc_curve([[1, 2]], [0]), ShapeError, "more than two classes"),
        (lambda: m.roc_auc([1, 2], [1, 2]), ArgumentError, "one is 2; write"),
        (lambda: m.roc_auc([1, 2], ["a", "b"]), DtypeError, "number the classes"),
        (lambda: m.roc_auc(["a", "b"], [0, 1]), DtypeError, "scores expects numbers"),
        (lambda: m.roc_auc([np.nan, 1], [0, 1]), ArgumentError, "scores hold NaN"),
        (lambda: m.roc_auc(np.eye(3), [0, 1, 3]), ArgumentError, "0 to 2, .* one is 3"),
        (lambda: m.roc_auc(np.eye(2), [0.0, 1.0]), DtypeError, "integer classes"),
        (lambda: m.roc_auc(np.eye(2), [0, 1], multi_class="ovx"), ArgumentError, "did you mean"),
        (lambda: m.roc_auc(np.eye(2), [0, 1], average="makro"), ArgumentError, "'macro'"),
        (
            lambda: m.roc_auc(np.eye(2), [0, 1], multi_class="ovo", average="micro"),
            ArgumentError,
            "'ovo' there is no average 'micro'",
        ),
        (lambda: m.interpolated_precision([1, 2], [0, 1], 30), ArgumentError, "0.3 for 30 %"),
        (lambda: m.gain(0.5, 1.0), ArgumentError, "positive_share expects"),
    ],
)
def test_errors_teach(make: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(("levels", "count"), [(2, 40), (9, 40), (10**6, 400), (3, 3)])
def test_scikit_learn_agrees_on_two_classes(levels: int, count: int) -> None:
    reference = pytest.importorskip("sklearn.metrics")
    for seed in range(40):
        scores, targets = draw(seed, levels, count)
        fpr, tpr, thresholds = reference.roc_curve(targets, scores, drop_intermediate=False)
        for ours, theirs in zip(m.roc_curve(scores, targets), (fpr, tpr, thresholds), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12)
        for ours, theirs in zip(
            m.precision_recall_curve(scores, targets),
            reference.precision_recall_curve(targets, scores),
            strict=True,
        ):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12)
        assert m.roc_auc(scores, targets) == pytest.approx(
            reference.roc_auc_score(targets, scores), rel=1e-12
        )
        assert m.average_precision(scores, targets) == pytest.approx(
            reference.average_precision_score(targets, scores), rel=1e-12
        )


@pytest.mark.parametrize("ties", [False, True])
def test_scikit_learn_agrees_on_several_classes(ties: bool) -> None:
    reference = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(1)
    for _ in range(10):
        weights = rng.integers(1, 5 if ties else 10**6, size=(60, 4)).astype(float)
        scores = weights / weights.sum(axis=1, keepdims=True)
        targets = np.append(np.arange(4), rng.integers(4, size=56))
        one_hot = np.eye(4)[targets]
        for average in ("macro", "weighted", "micro", None):
            np.testing.assert_allclose(
                m.roc_auc(scores, targets, average=average),
                reference.roc_auc_score(targets, scores, multi_class="ovr", average=average),
                rtol=1e-12,
            )
            np.testing.assert_allclose(
                m.average_precision(scores, targets, average=average),
                reference.average_precision_score(one_hot, scores, average=average),
                rtol=1e-12,
            )
        for average in ("macro", "weighted"):
            np.testing.assert_allclose(
                m.roc_auc(scores, targets, multi_class="ovo", average=average),
                reference.roc_auc_score(targets, scores, multi_class="ovo", average=average),
                rtol=1e-12,
            )
