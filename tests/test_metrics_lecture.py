"""The metrics lecture's numbers, and its mistakes: the slide's number, the right one, and why."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_course import metrics as m

# Rows are the truth (healthy, diseased), columns the test's answer.
CLINICAL = {1: [[0, 10], [10, 80]], 2: [[10, 0], [20, 70]]}
TUMOURS = [[989_010, 9_990], [10, 990]]


@pytest.mark.parametrize(
    ("test", "accuracy", "sensitivity", "specificity", "precision", "f1", "balanced", "mcc"),
    [
        (1, 0.8, 0.889, 0.0, 0.889, 0.889, 0.444, -0.111),
        (2, 0.8, 0.778, 1.0, 1.0, 0.875, 0.889, 0.509),
    ],
)
def test_two_clinical_tests_of_which_accuracy_sees_no_difference(
    test: int,
    accuracy: float,
    sensitivity: float,
    specificity: float,
    precision: float,
    f1: float,
    balanced: float,
    mcc: float,
) -> None:
    matrix = np.array(CLINICAL[test])
    assert matrix.trace() / matrix.sum() == pytest.approx(accuracy)
    assert m.recall(matrix, "binary") == pytest.approx(sensitivity, abs=5e-4)
    assert m.specificity(matrix, "binary") == pytest.approx(specificity, abs=5e-4)
    assert m.precision(matrix, "binary") == pytest.approx(precision, abs=5e-4)
    assert m.f1(matrix, "binary") == pytest.approx(f1, abs=5e-4)
    assert m.balanced_accuracy(matrix) == pytest.approx(balanced, abs=5e-4)
    assert m.mcc(matrix) == pytest.approx(mcc, abs=5e-4)


def test_f1_prefers_the_test_that_finds_nobody_healthy() -> None:
    useless, useful = CLINICAL[1], CLINICAL[2]
    assert m.f1(useless, "binary") > m.f1(useful, "binary")
    # F1 never looks at the true negatives; what does, prefers the other.
    assert m.balanced_accuracy(useless) < m.balanced_accuracy(useful)
    assert m.mcc(useless) < 0 < m.mcc(useful)


def test_e01_f_beta_has_a_factor_that_the_slide_leaves_out() -> None:
    precision, recall = m.precision(CLINICAL[1], "binary"), m.recall(CLINICAL[1], "binary")
    slide = precision * recall / (1**2 * precision + recall)
    assert slide == pytest.approx(0.444, abs=5e-4)  # the slide's formula
    assert m.f1(CLINICAL[1], "binary") == pytest.approx(0.889, abs=5e-4)  # the slide's own table
    # Why: a mean of two equal numbers is that number, and 1 / (1 + beta^2) of it is none.
    for beta in (0.5, 1.0, 2.0):
        assert m.f_beta(CLINICAL[1], beta, "binary") == pytest.approx(precision)
        slide = precision * recall / (beta**2 * precision + recall)
        assert slide * (1 + beta**2) == pytest.approx(precision)


def test_e02_one_minus_precision_is_not_the_false_positive_rate() -> None:
    slide = 1 - m.precision(TUMOURS, "binary")
    assert slide == pytest.approx(0.9098, abs=5e-5)
    rate = 1 - m.specificity(TUMOURS, "binary")
    assert rate == pytest.approx(0.0100, abs=5e-5)
    # Why: both count the same 9,990 false alarms, but among different things.
    assert slide == pytest.approx(9_990 / (9_990 + 990))  # among what was called malignant
    assert rate == pytest.approx(9_990 / (9_990 + 989_010))  # among what is benign
    predictions = np.repeat([0, 1, 0, 1], [9890, 100, 1, 9])
    targets = np.repeat([0, 0, 1, 1], [9890, 100, 1, 9])
    curve = m.roc_curve(predictions, targets)
    matrix = m.confusion_matrix(predictions, targets)
    assert curve.false_positive_rate[1] == pytest.approx(1 - m.specificity(matrix, "binary"))


def test_the_vendor_of_tumours_is_right_and_of_little_use() -> None:
    matrix = np.array(TUMOURS)
    assert matrix.trace() / matrix.sum() == pytest.approx(0.99)
    assert m.precision(matrix, "binary") == pytest.approx(0.0902, abs=5e-5)
    assert m.recall(matrix, "binary") == pytest.approx(0.99)
    assert m.f1(matrix, "binary") == pytest.approx(0.165, abs=5e-4)
    # Calling every tumour benign has the greater accuracy.
    assert matrix[0].sum() / matrix.sum() == pytest.approx(0.999)


def test_e05_digits_are_rounded_not_cut() -> None:
    assert m.f1(CLINICAL[2], "binary") == 0.875  # the slide: 0.87
    sensitivity = m.recall(CLINICAL[2], "binary")
    assert f"{sensitivity:.2%}" == "77.78%"
    assert f"{sensitivity:.1%}" == "77.8%"  # the slide: 77.7 %
    assert np.floor(sensitivity * 1000) / 10 == 77.7  # Why: what follows was cut off


def test_e14_the_second_of_the_two_is_a_precision() -> None:
    # The slide lists "range based recall and range based prediction". A prediction is the input.
    predictions, targets = [1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1]
    assert m.range_precision(predictions, targets) == 0.5
    assert m.range_recall(predictions, targets) == 0.5
    assert m.range_precision([0, 0, 1, 0, 0, 0], targets) == 1
    assert m.range_recall([0, 0, 1, 0, 0, 0], targets) == 0.25


def test_the_confusion_matrix_of_two_alike_flowers_is_not_symmetric() -> None:
    # Versicolor is taken for virginica, and not the other way round: precision and recall differ.
    matrix = np.array([[13, 0, 0], [0, 10, 6], [0, 0, 9]])
    assert m.recall(matrix).tolist() == [1, 10 / 16, 1]
    assert m.precision(matrix).tolist() == [1, 1, 9 / 15]
