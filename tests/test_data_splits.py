"""Splits: every sample once, shares kept, groups apart; and checkers that catch a wrong split."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_course import data, errors
from tinygrad_course.data import Fold, Parts, hold_out, k_fold


def check_partition(parts, count):
    together = np.concatenate(parts)
    assert len(together) == count, "a sample is missing or there twice"
    np.testing.assert_array_equal(np.sort(together), np.arange(count))
    for part in parts:
        assert (np.diff(part) > 0).all(), "not ascending"


def check_folds(folds, count):
    for fold in folds:
        check_partition(fold, count)
        assert len(fold.train)
        assert len(fold.validation)
    check_partition([fold.validation for fold in folds], count)


def check_apart(parts, groups):
    seen = [set(np.asarray(groups)[part]) for part in parts]
    assert sum(map(len, seen)) == len(set.union(*seen)), "a group is in two parts"


def check_stratified(part, labels, share):
    for label in np.unique(labels):
        exact = share * (labels == label).sum()
        got = (labels[part] == label).sum()
        assert np.floor(exact - 1e-9) <= got <= np.ceil(exact + 1e-9), (label, exact, got)


seeds = st.integers(0, 2**64 - 1)


@given(st.integers(2, 60), st.floats(0.02, 0.6), st.floats(0, 0.35), seeds)
def test_hold_out_is_a_partition(count, test, validation, seed):
    sizes = round(count * test), round(count * validation)
    if 0 in (sizes[0], sizes[1] or not validation) or sum(sizes) >= count:
        return
    parts = hold_out(count, test=test, validation=validation, seed=seed)
    check_partition(parts, count)
    assert (len(parts.test), len(parts.validation)) == sizes


@given(st.lists(st.integers(2, 40), min_size=1, max_size=6), st.floats(0.1, 0.4), seeds)
def test_stratified_hold_out_keeps_the_shares(sizes, share, seed):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    labels = labels[np.random.default_rng(0).permutation(len(labels))]
    if round(len(labels) * share) == 0:
        return
    parts = hold_out(len(labels), test=share, stratify=labels, seed=seed)
    check_partition(parts, len(labels))
    check_stratified(parts.test, labels, share)
    assert set(labels[parts.train]) == set(labels)
    assert len(parts.validation) == 0


@given(st.integers(2, 50), st.data(), seeds)
def test_k_fold_is_a_partition_of_even_folds(count, draw, seed):
    k = draw.draw(st.integers(2, count))
    folds = k_fold(count, k, seed=seed)
    assert len(folds) == k
    check_folds(folds, count)
    sizes = [len(fold.validation) for fold in folds]
    assert max(sizes) - min(sizes) <= 1


@given(st.lists(st.integers(5, 30), min_size=1, max_size=5), st.integers(2, 5), seeds)
def test_stratified_k_fold_keeps_the_shares(sizes, k, seed):
    labels = np.repeat(np.arange(len(sizes)), sizes).astype(str)
    folds = k_fold(len(labels), k, stratify=labels, seed=seed)
    check_folds(folds, len(labels))
    for fold in folds:
        check_stratified(fold.validation, labels, 1 / k)
    lengths = [len(fold.validation) for fold in folds]
    assert max(lengths) - min(lengths) <= 1


@given(st.lists(st.integers(1, 12), min_size=3, max_size=25), st.data(), seeds)
def test_groups_stay_together(sizes, draw, seed):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    groups = groups[np.random.default_rng(1).permutation(len(groups))]
    k = draw.draw(st.integers(2, len(sizes)))
    folds = k_fold(len(groups), k, groups=groups, seed=seed)
    check_folds(folds, len(groups))
    for fold in folds:
        check_apart(fold, groups)
    # Largest first into the lightest: no fold is heavier than another by more than a group.
    lengths = [len(fold.validation) for fold in folds]
    assert max(lengths) - min(lengths) <= max(sizes)


def test_grouped_hold_out_meets_its_shares():
    rng = np.random.default_rng(2)
    groups = rng.integers(0, 200, 4000)
    parts = [hold_out(4000, test=0.2, validation=0.1, groups=groups, seed=s) for s in range(5)]
    for part in parts:
        check_partition(part, 4000)
        check_apart(part, groups)
        assert abs(len(part.test) / 4000 - 0.2) < 0.02
        assert abs(len(part.validation) / 4000 - 0.1) < 0.02
    assert len({part.test.tobytes() for part in parts}) == 5


def test_groups_and_classes_at_once():
    rng = np.random.default_rng(3)
    groups = rng.integers(0, 120, 3000)
    # Each group leans to one class, so that dealing by size alone would tilt the folds.
    labels = np.where(rng.random(3000) < 0.8, groups % 3 == 0, groups % 2 == 0).astype(int)

    def worst(folds):
        shares = [labels[fold.validation].mean() for fold in folds]
        return max(abs(share - labels.mean()) for share in shares)

    both = k_fold(3000, 5, stratify=labels, groups=groups, seed=1)
    check_folds(both, 3000)
    for fold in both:
        check_apart(fold, groups)
        assert abs(len(fold.validation) - 600) < 60
    assert worst(both) < 0.02
    assert worst(both) < worst(k_fold(3000, 5, groups=groups, seed=1))
    parts = hold_out(3000, test=0.25, stratify=labels, groups=groups, seed=1)
    check_apart(parts, groups)
    assert abs(labels[parts.test].mean() - labels.mean()) < 0.03


def test_the_seed_decides():
    y = np.repeat([0, 1, 2], 20)
    for split in (
        lambda seed: hold_out(60, stratify=y, seed=seed).test,
        lambda seed: hold_out(60, seed=seed).test,
        lambda seed: k_fold(60, 3, seed=seed)[0].validation,
        lambda seed: k_fold(60, 3, stratify=y, seed=seed)[0].validation,
        lambda seed: k_fold(60, 3, groups=np.arange(60) // 2, seed=seed)[0].validation,
    ):
        np.testing.assert_array_equal(split(1), split(1))
        assert not np.array_equal(split(1), split(2))
    # A run that was split with an earlier version is split the same.
    assert hold_out(10, test=0.3, seed=7).test.tolist() == [0, 5, 7]


def test_every_sample_is_held_out_equally_often():
    counts = np.zeros(20)
    for seed in range(1000):
        counts[hold_out(20, test=0.25, seed=seed).test] += 1
    assert ((counts - 250) ** 2 / 250).sum() < 45  # chi squared, 19 degrees of freedom


def test_leave_one_out_is_k_equal_n_and_one_fold_is_refused():
    folds = k_fold(7, 7, seed=3)
    assert [len(fold.validation) for fold in folds] == [1] * 7
    for k in (0, 1):
        with pytest.raises(errors.ArgumentError, match=f"it is {k}: with one fold .* k = 7, th"):
            k_fold(7, k)
    with pytest.raises(errors.ArgumentError, match="it is 8 and there are 7; k = 7 is leave-one-o"):
        k_fold(7, 8)


def test_arguments():
    for test, validation in ((0, 0), (1, 0), (0.5, 0.5), (0.2, -0.1), (float("nan"), 0)):
        with pytest.raises(errors.ArgumentError, match="hold_out: test must lie between 0 and 1"):
            hold_out(10, test=test, validation=validation)
    with pytest.raises(errors.ArgumentTypeError, match="test must be a share"):
        hold_out(10, test="a fifth")
    with pytest.raises(errors.ArgumentError, match="the test part would be empty: a share of"):
        hold_out(2)
    with pytest.raises(errors.ArgumentError, match=r"part would be empty.* 1 groups \(4 samples\)"):
        hold_out(4, groups=[1, 1, 1, 1])
    with pytest.raises(errors.DataError, match="two samples of every class, but 1 of 2 classes"):
        hold_out(4, test=0.5, stratify=[0, 0, 0, 1])
    with pytest.raises(errors.DataError, match="one has 2; use k = 2 or leave stratify out"):
        k_fold(5, 3, stratify=[0, 0, 0, 1, 1])
    with pytest.raises(errors.DataError, match="k = 3 folds need as many groups, but there are 2"):
        k_fold(4, 3, groups=["a", "a", "b", "b"])
    with pytest.raises(errors.ShapeError, match=r"groups must have the shape \(4,\).*it is \(3,\)"):
        k_fold(4, 2, groups=[1, 2, 3])
    with pytest.raises(errors.ArgumentTypeError, match="stratify must be numbers or text"):
        hold_out(2, test=0.5, stratify=[object(), object()])
    with pytest.raises(errors.DataError, match="groups must be finite"):
        hold_out(2, test=0.5, groups=[0.0, np.nan])
    with pytest.raises(errors.ArgumentTypeError, match="count must be an integer"):
        k_fold(2.5, 2)


def test_the_checkers_catch_a_wrong_split():
    rows = np.arange(6)
    with pytest.raises(AssertionError, match="missing or there twice"):
        check_partition(Parts(rows[:4], rows[:0], rows[3:]), 6)
    with pytest.raises(AssertionError):
        check_folds([Fold(rows[:3], rows[3:]), Fold(rows[:3], rows[3:])], 6)
    with pytest.raises(AssertionError, match="a group is in two parts"):
        check_apart(hold_out(6, test=0.5, seed=0), [0] * 6)
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    with pytest.raises(AssertionError):
        check_stratified(np.array([0, 1, 2, 3]), labels, 0.5)


def test_a_split_of_real_data():
    iris = data.load("iris")
    folds = k_fold(120, 10, stratify=iris.train.y)
    assert all(np.bincount(iris.train.y[fold.validation]).tolist() == [4, 4, 4] for fold in folds)


def test_a_stratified_three_way_hold_out():
    labels = np.repeat([0, 1], [270, 30])
    parts = hold_out(300, test=0.2, validation=0.1, stratify=labels)
    check_partition(parts, 300)
    counts = [np.bincount(labels[part]).tolist() for part in parts]
    assert counts == [[189, 21], [27, 3], [54, 6]]
