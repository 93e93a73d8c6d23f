"""Classification metrics: definitions, edges, errors that teach, and scikit-learn's numbers."""

from __future__ import annotations

import doctest
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_course.errors import ArgumentError, DtypeError, ShapeError
from tinygrad_course.metrics import accuracy, classification, confusion_matrix, precision, recall


def test_doctests() -> None:
    result = doctest.testmod(classification)
    assert result.attempted >= 4
    assert result.failed == 0


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
    ],
)
def test_errors_teach(make: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_scikit_learn_agrees() -> None:
    reference = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    targets, said = rng.integers(6, size=(2, 500))
    matrix = confusion_matrix(said, targets)
    np.testing.assert_array_equal(matrix, reference.confusion_matrix(targets, said))
    np.testing.assert_allclose(
        recall(matrix), reference.recall_score(targets, said, average=None), rtol=1e-14
    )
    np.testing.assert_allclose(
        precision(matrix), reference.precision_score(targets, said, average=None), rtol=1e-14
    )
    assert accuracy(said, targets) == pytest.approx(reference.accuracy_score(targets, said))
