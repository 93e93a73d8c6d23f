"""Regression errors and calibration: definitions, edges, errors, and scikit-learn's numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_course.errors import ArgumentError, DtypeError, ShapeError
from tinygrad_course.metrics import (
    accuracy,
    brier_score,
    expected_calibration_error,
    mae,
    mse,
    r2,
    reliability_bins,
    rmse,
)

SEEDS = st.integers(0, 2**32 - 1)


@given(SEEDS)
def test_relations_of_the_errors(seed: int) -> None:
    rng = np.random.default_rng(seed)
    t = rng.normal(size=50)
    y = t + rng.normal(size=50)
    assert rmse(y, t) ** 2 == pytest.approx(mse(y, t))
    assert mae(y, t) <= rmse(y, t)
    assert mse(y, t) == pytest.approx((y - t).var() + (y - t).mean() ** 2)
    assert r2(y, t) == pytest.approx(1 - mse(y, t) / t.var())
    assert r2(np.full(50, t.mean()), t) == pytest.approx(0, abs=1e-12)
    assert r2(t, t) == 1


def test_r2_of_least_squares_is_the_squared_correlation() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=40)
    t = 2 * x + rng.normal(size=40)
    line = np.polyval(np.polyfit(x, t, 1), x)
    assert r2(line, t) == pytest.approx(np.corrcoef(x, t)[0, 1] ** 2, rel=1e-12)


def test_equal_targets() -> None:
    constant = np.full(3, 0.1)
    assert constant.mean() != 0.1  # so TSS as computed is 6e-34, and 1 - RSS / TSS is -5e33
    assert r2(constant, constant) == 1
    assert r2(constant + 1, constant) == 0
    both = np.stack([constant, np.arange(3.0)], axis=1)
    assert r2(both, both) == 1


def test_float32_is_summed_in_float64() -> None:
    t = np.full(1000, 2.0**13, np.float32)
    assert mse(t + np.float32(0.5), t) == 0.25
    assert np.isnan(mse([np.nan, 1], [0, 1]))


def probabilities(rng: np.random.Generator, count: int, classes: int):
    weights = rng.exponential(size=(count, classes)) ** 2
    return weights / weights.sum(axis=1, keepdims=True)


@given(SEEDS, st.integers(1, 12), st.sampled_from(["uniform", "quantile"]))
def test_bins_hold_every_example_once(seed: int, bins: int, strategy: str) -> None:
    rng = np.random.default_rng(seed)
    p = probabilities(rng, 60, 3)
    targets = rng.integers(3, size=60)
    found = reliability_bins(p, targets, bins=bins, strategy=strategy)
    used = found.counts > 0
    assert found.counts.sum() == 60
    assert np.isnan(found.confidence[~used]).all()
    low, high = found.edges[:-1][used], found.edges[1:][used]
    assert (low <= found.confidence[used] + 1e-12).all()
    assert (found.confidence[used] <= high + 1e-12).all()
    assert found.frequency[used] @ found.counts[used] / 60 == pytest.approx(accuracy(p, targets))
    gap = abs(p.max(axis=1).mean() - accuracy(p, targets))
    error = expected_calibration_error(p, targets, bins=bins, strategy=strategy)
    assert gap - 1e-12 <= error <= 1
    if bins == 1:
        assert error == pytest.approx(gap)


def test_a_bin_holds_its_upper_edge() -> None:
    assert reliability_bins([0, 0.25, 0.5, 0.75, 1], [0] * 5, bins=4).counts.tolist() == [
        2,
        1,
        1,
        1,
    ]


def test_who_says_what_happens_is_calibrated() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(size=200_000)
    happened = rng.uniform(size=p.size) < p
    assert expected_calibration_error(p, happened) < 0.01
    assert expected_calibration_error(np.sqrt(p), happened) > 0.1
    assert brier_score(p, happened) < brier_score(np.sqrt(p), happened)
    # The share of positives, said to everybody, is calibrated and useless.
    share = np.full(p.size, happened.mean())
    assert expected_calibration_error(share, happened) < 1e-12
    assert brier_score(share, happened) > 1.4 * brier_score(p, happened)


@given(SEEDS)
def test_brier_of_two_columns_is_twice_that_of_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p = probabilities(rng, 20, 2)
    targets = rng.integers(2, size=20)
    assert brier_score(p, targets) == pytest.approx(2 * brier_score(p[:, 1], targets))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: mse([[1.0], [2.0]], [1.0, 2.0]), ShapeError, r"\(2, 1\); .* index it with"),
        (lambda: mae([], []), ShapeError, "N at least 1"),
        (lambda: r2([1.0], [1.0]), ShapeError, "at least 2 examples"),
        (lambda: rmse(["1"], ["2"]), DtypeError, "predictions expects numbers"),
        (lambda: mse([1j], [2j]), DtypeError, "real numbers"),
        (lambda: brier_score([1.5], [1]), ArgumentError, "0 to 1, but one is 1.5; are they logits"),
        (lambda: brier_score([[0.9, 0.9]], [1]), ArgumentError, "one sums to 1.8"),
        (lambda: brier_score([0.5], ["yes"]), DtypeError, "targets expects numbers"),
        (lambda: brier_score([], []), ShapeError, "targets is empty"),
        (lambda: brier_score([[0.5]], [0]), ShapeError, r"index .* \[:, 0\]"),
        (lambda: expected_calibration_error([0.5], [2]), ArgumentError, "one is 2"),
        (lambda: expected_calibration_error([[0.5, 0.5]], [2]), ArgumentError, "one is 2"),
        (lambda: reliability_bins([0.5], [1], bins=0), ArgumentError, "bins expects at least 1"),
        (lambda: reliability_bins([0.5], [1], strategy="u"), ArgumentError, "no strategy 'u'"),
    ],
)
def test_errors_teach(make: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("shape", [(100,), (100, 3), (2,), (7, 1)])
def test_scikit_learn_agrees_on_regression(shape: tuple[int, ...]) -> None:
    reference = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    for scale in (1e-6, 1.0, 1e6):
        t = rng.normal(size=shape) * scale
        y = t + rng.normal(size=shape)
        if shape == (100, 3):
            t[:, 1] = 4.0
        for ours, theirs in (
            (mse, reference.mean_squared_error),
            (rmse, reference.root_mean_squared_error),
            (mae, reference.mean_absolute_error),
            (r2, reference.r2_score),
        ):
            assert ours(y, t) == pytest.approx(theirs(t, y), rel=1e-12)


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_scikit_learn_agrees_on_calibration(strategy: str) -> None:
    pytest.importorskip("sklearn")
    from sklearn.calibration import calibration_curve
    from sklearn.metrics import brier_score_loss

    rng = np.random.default_rng(0)
    for count in (5, 300):
        p = rng.integers(1, 21, size=count) / 20  # many on the edges
        happened = np.append([0, 1], rng.integers(2, size=count - 2))
        found = reliability_bins(p, happened, bins=10, strategy=strategy)
        frequency, confidence = calibration_curve(happened, p, n_bins=10, strategy=strategy)
        used = found.counts > 0
        np.testing.assert_allclose(found.frequency[used], frequency, rtol=1e-12)
        np.testing.assert_allclose(found.confidence[used], confidence, rtol=1e-12)
        assert brier_score(p, happened) == pytest.approx(brier_score_loss(happened, p), rel=1e-12)
        rows = probabilities(rng, count, 4)
        targets = rng.integers(4, size=count)
        theirs = brier_score_loss(targets, rows, labels=[0, 1, 2, 3], scale_by_half=False)
        assert brier_score(rows, targets) == pytest.approx(theirs, rel=1e-12)
