"""Classification: the matrix, its rates, their averages, errors, scikit-learn's numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_course.errors import ArgumentError, DtypeError, ShapeError
from tinygrad_course.metrics import (
    accuracy,
    balanced_accuracy,
    confusion_matrix,
    f1,
    f_beta,
    mcc,
    precision,
    recall,
    specificity,
    top_k_accuracy,
)

RATES = {"recall": recall, "precision": precision, "specificity": specificity, "f1": f1}


@given(st.integers(1, 8), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_the_matrix_agrees_with_a_loop(classes: int, count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(count, classes)).astype(np.float32)
    targets = rng.integers(classes, size=count)
    expected = np.zeros((classes, classes), int)
    for row, target in zip(scores, targets, strict=True):
        expected[target, int(np.argmax(row))] += 1
    matrix = confusion_matrix(scores, targets)
    np.testing.assert_array_equal(matrix, expected)
    np.testing.assert_array_equal(confusion_matrix(scores.argmax(1), targets, classes), expected)
    assert matrix.sum() == count
    assert accuracy(scores, targets) == pytest.approx(np.trace(matrix) / count)
    # Recall, weighted by how often each class occurs, is the accuracy; so is precision.
    for shares, weights in ((recall(matrix), matrix.sum(1)), (precision(matrix), matrix.sum(0))):
        assert np.nansum(shares * weights) / count == pytest.approx(accuracy(scores, targets))


def test_sequences_of_classes_keep_their_axes() -> None:
    scores = np.zeros((2, 3, 4))
    scores[..., 1] = 1
    targets = np.array([[1, 1, 0], [1, 3, 1]])
    assert accuracy(scores, targets) == pytest.approx(4 / 6)
    assert accuracy(targets, targets) == 1.0


def test_equal_scores_take_the_first_class() -> None:
    assert accuracy([[1.0, 1.0]], [0]) == 1.0


def test_a_class_without_examples_is_nan_and_silent() -> None:
    matrix = confusion_matrix([0, 0], [0, 1], classes=3)
    np.testing.assert_array_equal(recall(matrix), [1.0, 0.0, np.nan])
    np.testing.assert_array_equal(precision(matrix), [0.5, np.nan, np.nan])
    assert confusion_matrix([], [], classes=2).tolist() == [[0, 0], [0, 0]]


def test_small_integer_dtypes_do_not_overflow() -> None:
    classes = np.arange(200, dtype=np.uint8)
    np.testing.assert_array_equal(confusion_matrix(classes, classes), np.eye(200, dtype=int))


@pytest.mark.parametrize("name", RATES)
@given(st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_averages_are_what_they_say(name: str, classes: int, seed: int) -> None:
    matrix = np.random.default_rng(seed).integers(1, 30, size=(classes, classes))
    rate, support = RATES[name], matrix.sum(axis=1)
    each = rate(matrix)
    assert rate(matrix, "macro") == pytest.approx(each.mean())
    assert rate(matrix, "weighted") == pytest.approx(each @ support / support.sum())
    right = matrix.trace() / matrix.sum()
    if name == "specificity":
        right = 1 - (1 - right) / (classes - 1)  # each mistake is one class's false positive
    assert rate(matrix, "micro") == pytest.approx(right)


@given(st.integers(0, 2**32 - 1), st.floats(0.0, 5.0))
def test_f_lies_between_precision_and_recall(seed: int, beta: float) -> None:
    matrix = np.random.default_rng(seed).integers(1, 30, size=(2, 2))
    p, r = precision(matrix, "binary"), recall(matrix, "binary")
    f = f_beta(matrix, beta, "binary")
    assert min(p, r) - 1e-12 <= f <= max(p, r) + 1e-12
    assert f == pytest.approx((1 + beta**2) * p * r / (beta**2 * p + r))
    assert f_beta(matrix, 0.0, "binary") == pytest.approx(p)
    assert f_beta(matrix, 1e6, "binary") == pytest.approx(r)


def test_undefined_rates_are_left_out_of_means_or_replaced() -> None:
    matrix = confusion_matrix([0, 0], [0, 1], classes=3)
    assert precision(matrix, "macro") == 0.5
    assert precision(matrix, "macro", undefined=0) == pytest.approx(1 / 6)
    assert np.isnan(precision(np.zeros((2, 2), int), "macro"))
    assert np.isnan(recall(np.zeros((2, 2), int), "micro"))
    assert recall(np.zeros((2, 2), int), "weighted", undefined=0) == 0.0


@given(st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_guessing_one_class_earns_nothing(classes: int, seed: int) -> None:
    targets = np.append(np.arange(classes), np.random.default_rng(seed).integers(classes, size=50))
    matrix = confusion_matrix(np.zeros_like(targets), targets, classes)
    assert balanced_accuracy(matrix) == pytest.approx(1 / classes)
    assert balanced_accuracy(matrix, adjusted=True) == pytest.approx(0)
    assert mcc(matrix) == 0.0
    assert mcc(np.diag(matrix.sum(axis=1))) == pytest.approx(1)


@given(st.integers(0, 2**32 - 1))
def test_mcc_of_two_classes_is_the_formula_and_a_correlation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    said, true = np.append([[0, 1], [0, 1]], rng.integers(2, size=(2, 40)), axis=1)
    (tn, fp), (fn, tp) = confusion_matrix(said, true)
    root = np.sqrt(float((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)))
    assert mcc([[tn, fp], [fn, tp]]) == pytest.approx((tp * tn - fp * fn) / root)
    assert mcc([[tn, fp], [fn, tp]]) == pytest.approx(np.corrcoef(said, true)[0, 1])
    assert mcc([[tp, fn], [fp, tn]]) == pytest.approx(mcc([[tn, fp], [fn, tp]]))


def test_mcc_of_a_billion_examples_does_not_overflow() -> None:
    assert mcc(np.array([[4, 1], [1, 4]], np.int64) * 10**8) == pytest.approx(0.6)


@given(st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_more_named_classes_are_never_worse(classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(3, size=(2, 10, classes)).astype(np.float32)
    targets = rng.integers(classes, size=(2, 10))
    shares = [top_k_accuracy(scores, targets, k) for k in range(1, classes + 1)]
    assert shares == sorted(shares)
    assert shares[0] == accuracy(scores, targets)  # with ties among the scores, too
    assert shares[-1] == 1.0


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: accuracy([0, 1], [0, 1, 2]), ShapeError, r"targets' shape \(3,\).*\(2,\)"),
        (lambda: accuracy([], []), ShapeError, "targets is empty"),
        (lambda: accuracy([0.2, 0.9], [0, 1]), DtypeError, "predictions expects integer classes"),
        (lambda: accuracy([0, 1], [0.0, 1.0]), DtypeError, "targets expects .* float64"),
        (lambda: accuracy([[np.nan, 1.0]], [1]), ArgumentError, "predictions hold NaN"),
        (lambda: confusion_matrix([3], [0], 3), ArgumentError, "predictions .* 0 to 2, but .* 3"),
        (lambda: confusion_matrix([0], [-1], 3), ArgumentError, "targets .* 0 to 2, but .* -1"),
        (lambda: confusion_matrix([], []), ArgumentError, "classes expects at least 1, but got 0"),
        (lambda: recall([[1, 2, 3]]), ShapeError, r"recall: matrix expects a square .*\(1, 3\)"),
        (lambda: precision([1, 2]), ShapeError, r"precision: matrix expects a square .*\(2,\)"),
        (lambda: accuracy(["cat"], ["cat"]), DtypeError, "predictions .* <U3; number the classes"),
        (lambda: accuracy([0], np.array(["a"], object)), DtypeError, "targets expects numbers"),
        (lambda: f1(np.eye(2), "makro"), ArgumentError, "f1: .* did you mean 'macro'"),
        (
            lambda: recall(np.eye(3), "binary"),
            ShapeError,
            r"'binary' expects a \(2, 2\).* 3 classes",
        ),
        (lambda: f_beta(np.eye(2), -1.0), ArgumentError, "beta expects .* at least 0, but got -1"),
        (lambda: f_beta(np.eye(2), np.inf), ArgumentError, "use `recall`"),
        (
            lambda: top_k_accuracy([[1.0, 2.0]], [0], 3),
            ArgumentError,
            "k expects .* 1 to 2, .* got 3",
        ),
        (lambda: top_k_accuracy([1, 2], [1, 2], 1), ShapeError, "scores expects targets' shape"),
        (lambda: top_k_accuracy(np.ones((0, 3)), [], 1), ShapeError, "targets is empty"),
        (lambda: top_k_accuracy([[1.0, 2.0]], [2], 1), ArgumentError, "targets .* 0 to 1, .* is 2"),
        (
            lambda: balanced_accuracy([[3, 0], [0, 0]], adjusted=True),
            ArgumentError,
            "adjusted expects examples of at least 2 classes",
        ),
    ],
)
def test_errors_teach(make: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.filterwarnings("ignore:A single label was found")
@pytest.mark.parametrize(("classes", "count"), [(2, 400), (6, 500), (6, 8), (3, 1)])
def test_scikit_learn_agrees(classes: int, count: int) -> None:
    reference = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(count)
    for _ in range(20):  # with 8 examples of 6 classes, some are absent, or never predicted
        targets, said = rng.integers(classes, size=(2, count))
        matrix, labels = confusion_matrix(said, targets, classes), list(range(classes))
        np.testing.assert_array_equal(
            matrix, reference.confusion_matrix(targets, said, labels=labels)
        )
        assert accuracy(said, targets) == pytest.approx(
            reference.accuracy_score(targets, said), rel=1e-12
        )
        assert balanced_accuracy(matrix) == pytest.approx(
            reference.balanced_accuracy_score(targets, said), rel=1e-12, abs=1e-12
        )
        assert mcc(matrix) == pytest.approx(
            reference.matthews_corrcoef(targets, said), rel=1e-12, abs=1e-12
        )
        averages = [None, "macro", "micro", "weighted"] + ["binary"] * (classes == 2)
        for average in averages:
            for undefined in (np.nan, 0.0, 1.0):
                options = {
                    "average": average,
                    "zero_division": undefined,
                    "labels": None if average == "binary" else labels,
                }
                for ours, theirs in (
                    (precision, reference.precision_score(targets, said, **options)),
                    (recall, reference.recall_score(targets, said, **options)),
                    (f1, reference.f1_score(targets, said, **options)),
                ):
                    np.testing.assert_allclose(
                        ours(matrix, average, undefined=undefined), theirs, rtol=1e-12, atol=0
                    )
                np.testing.assert_allclose(
                    f_beta(matrix, 0.5, average, undefined=undefined),
                    reference.fbeta_score(targets, said, beta=0.5, **options),
                    rtol=1e-12,
                )


def test_scikit_learn_agrees_on_the_k_best_after_ties_are_turned_round() -> None:
    reference = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    scores, targets = rng.integers(4, size=(200, 7)).astype(float), rng.integers(7, size=200)
    for k in range(1, 7):
        theirs = reference.top_k_accuracy_score(
            6 - targets, scores[:, ::-1], k=k, labels=list(range(7))
        )
        assert top_k_accuracy(scores, targets, k) == pytest.approx(theirs, rel=1e-12)
