"""Range-based precision and recall: the parts of the definition by hand, and their relations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_course.errors import ArgumentError, DtypeError, ShapeError
from tinygrad_course.metrics import (
    confusion_matrix,
    precision,
    range_precision,
    range_recall,
    ranges,
    recall,
)

SEEDS = st.integers(0, 2**32 - 1)

#        0  1  2  3  4  5  6  7  8  9 10 11
REAL = [0, 1, 1, 1, 1, 0, 0, 1, 1, 1, 0, 1]  # ranges of 4, 3 and 1
SAID = [1, 1, 0, 1, 0, 0, 0, 0, 1, 1, 1, 0]  # ranges of 2, 1 and 3


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        # The first range is met twice, at its places 1 and 3 of 4; the second at 2 and 3 of 3; the
        # third is missed.
        ({}, (2 / 4 + 2 / 3 + 0) / 3),
        ({"gamma": "reciprocal"}, (2 / 4 / 2 + 2 / 3 + 0) / 3),
        ({"gamma": lambda pieces: 1 / pieces**2}, (2 / 4 / 4 + 2 / 3 + 0) / 3),
        ({"bias": "front"}, ((4 + 2) / 10 + (2 + 1) / 6) / 3),
        ({"bias": "back"}, ((1 + 3) / 10 + (2 + 3) / 6) / 3),
        ({"bias": "middle"}, ((1 + 2) / 6 + (2 + 1) / 4) / 3),
        ({"bias": lambda i, length: i == length or 3}, ((3 + 3) / 10 + (3 + 1) / 7) / 3),
        ({"alpha": 1.0}, 2 / 3),
        ({"alpha": 0.25, "gamma": "reciprocal"}, (0.25 * 2 + 0.75 * (1 / 4 + 2 / 3)) / 3),
    ],
)
def test_recall_by_hand(options: dict[str, object], expected: float) -> None:
    assert range_recall(SAID, REAL, **options) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        # Of the ranges said, the first is real at place 2 of 2, the second wholly, the third at
        # places 1 and 2 of 3.
        ({}, (1 / 2 + 1 + 2 / 3) / 3),
        ({"gamma": "reciprocal"}, (1 / 2 + 1 + 2 / 3) / 3),
        ({"bias": "front"}, (1 / 3 + 1 + 5 / 6) / 3),
        ({"bias": "back"}, (2 / 3 + 1 + 3 / 6) / 3),
        ({"bias": "middle"}, (1 / 2 + 1 + 3 / 4) / 3),
    ],
)
def test_precision_by_hand(options: dict[str, object], expected: float) -> None:
    assert range_precision(SAID, REAL, **options) == pytest.approx(expected, rel=1e-15)


def test_one_prediction_over_two_anomalies_is_two_pieces_of_it() -> None:
    said, real = [1, 1, 1, 1], [1, 0, 0, 1]
    assert range_precision(said, real) == 0.5
    assert range_precision(said, real, gamma="reciprocal") == 0.25
    assert range_recall(said, real, gamma="reciprocal") == 1.0


@given(SEEDS)
def test_ranges_put_together_are_the_labels(seed: int) -> None:
    labels = np.random.default_rng(seed).integers(2, size=25)
    again = np.zeros_like(labels)
    for start, stop in ranges(labels):
        assert start < stop
        assert start == 0 or not labels[start - 1]
        assert stop == 25 or not labels[stop]
        again[start:stop] = 1
    np.testing.assert_array_equal(again, labels)


@given(SEEDS, st.sampled_from(["flat", "front", "back", "middle"]), st.floats(0, 1))
def test_points_are_ranges_of_length_one(seed: int, bias: str, alpha: float) -> None:
    rng = np.random.default_rng(seed)
    said, real = np.zeros((2, 40), int)
    said[::2], real[::2] = rng.integers(2, size=(2, 20))
    said[0] = real[2] = 1
    matrix = confusion_matrix(said, real, 2)
    found = range_recall(said, real, alpha=alpha, gamma="reciprocal", bias=bias)
    assert found == pytest.approx(recall(matrix, "binary"))
    found = range_precision(said, real, gamma="reciprocal", bias=bias)
    assert found == pytest.approx(precision(matrix, "binary"))


@given(SEEDS)
def test_relations(seed: int) -> None:
    said, real = np.random.default_rng(seed).integers(2, size=(2, 30))
    said[0] = real[1] = 1
    assert range_precision(said, real) == range_recall(real, said)
    assert range_recall(said[::-1], real[::-1], bias="front") == pytest.approx(
        range_recall(said, real, bias="back")
    )
    in_pieces = range_recall(said, real, gamma="reciprocal")
    assert 0 <= in_pieces <= range_recall(said, real) <= range_recall(said, real, alpha=1) <= 1
    assert range_recall(real, real, alpha=0.3, gamma="reciprocal", bias="middle") == pytest.approx(
        1
    )
    assert range_recall(1 - real, real, alpha=0.3) == 0


def test_nothing_real_or_nothing_said() -> None:
    assert np.isnan(range_recall([1, 0], [0, 0]))
    assert np.isnan(range_precision([0, 0], [0, 1]))
    assert range_recall([0, 0], [0, 1]) == range_precision([1, 0], [0, 0]) == 0


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: range_recall([], []), ShapeError, "targets is empty"),
        (lambda: range_recall([1, 0], [1]), ShapeError, r"predictions .* \(2,\) .* \(1,\)"),
        (lambda: ranges([[1, 0]]), ShapeError, r"labels .* \(1, 2\)"),
        (lambda: ranges([0, 2]), ArgumentError, "labels .* one is 2"),
        (lambda: ranges(["normal", "anomaly"]), DtypeError, "labels expects numbers"),
        (lambda: range_recall(SAID, REAL, alpha=2), ArgumentError, "alpha .* 0 to 1, but got 2"),
        (lambda: range_recall(SAID, REAL, bias="frnt"), ArgumentError, "did you mean 'front'"),
        (lambda: range_precision(SAID, REAL, gamma="two"), ArgumentError, "no gamma 'two'"),
        (lambda: range_recall(SAID, REAL, gamma=lambda n: n), ArgumentError, "gave 2 for 2 pieces"),
        (lambda: range_recall(SAID, REAL, bias=lambda i, n: 0), ArgumentError, "numbers above 0"),
    ],
)
def test_errors_teach(make: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()
