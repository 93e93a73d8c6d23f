"""The scikit-learn estimators: all of its own checks, and life in its pipelines and searches."""

from __future__ import annotations

import pickle
from functools import partial
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import tinygrad_course as tg
from tinygrad_course import models, nn
from tinygrad_course.errors import ArgumentError, ArgumentTypeError, ShapeError
from tinygrad_course.estimators import Classifier, Regressor


@parametrize_with_checks([Classifier(epochs=60), Regressor(epochs=60)])
def test_scikit_learns_own_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def test_early_stopping_passes_the_checks_that_train() -> None:
    X, y = load_iris(return_X_y=True)
    classifier = Classifier(hidden=32, epochs=300, early_stopping=True, patience=4, random_state=1)
    classifier.fit(X, y)
    curve = classifier.validation_curve_
    assert len(curve) == classifier.n_iter_ == len(classifier.loss_curve_) < 300
    assert int(np.argmin(curve)) == len(curve) - 1 - 4  # the best, then patience epochs
    assert classifier.score(X, y) > 0.9
    # The weights are the best epoch's: the same training, stopped there, predicts the same.
    again = clone(classifier).set_params(epochs=len(curve) - 4).fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X), classifier.predict_proba(X))


def test_random_state_decides_everything() -> None:
    X, y = load_iris(return_X_y=True)
    one, two, three = (
        Classifier(hidden=8, epochs=3, random_state=seed).fit(X, y).predict_proba(X)
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, three)


def test_labels_are_what_they_were() -> None:
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    classifier = Classifier(epochs=30, random_state=0).fit(X, names)
    assert classifier.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert classifier.score(X, names) > 0.9
    np.testing.assert_allclose(classifier.predict_proba(X).sum(1), 1.0)


def test_pipeline_search_and_cross_validation() -> None:
    X, y = load_iris(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), Classifier(epochs=40, random_state=0))
    assert cross_val_score(pipeline, X, y, cv=3).mean() > 0.9
    search = GridSearchCV(
        pipeline, {"classifier__hidden": [2, (16, 16)], "classifier__lr": [1e-5, 0.01]}, cv=2
    ).fit(X, y)
    assert search.best_params_["classifier__lr"] == 0.01
    assert search.best_score_ > 0.9


def test_regression_in_the_targets_units() -> None:
    X, y = load_diabetes(return_X_y=True)
    regressor = make_pipeline(StandardScaler(), Regressor(hidden=16, epochs=30, random_state=0))
    assert regressor.fit(X, y).score(X, y) > 0.5
    both = np.stack([y, -1000 * y], 1)
    regressor.fit(X, both)
    assert regressor.predict(X).shape == both.shape
    assert regressor.score(X, both) > 0.5
    line = Regressor(hidden=(), epochs=200, lr=0.05, weight_decay=0.0, random_state=0)
    x = np.arange(20.0)[:, None] / 10
    np.testing.assert_allclose(line.fit(x, 3 * x[:, 0] + 7).predict(x), 3 * x[:, 0] + 7, atol=0.05)
    constant = line.fit(x, np.full(20, 5.0)).predict(x)
    np.testing.assert_allclose(constant, 5.0, atol=0.05)


def test_a_network_of_the_users_own() -> None:
    X, y = load_digits(return_X_y=True)
    X = X[:300] / 16

    def convolutional(input_shape: Any, outputs: int, **options: Any) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(input_shape[-1], 8, 3, **options),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dense(72, outputs, **options),
        )

    own = Classifier(convolutional, input_shape=(8, 8, 1), epochs=10, random_state=0)
    assert own.fit(X, y[:300]).score(X, y[:300]) > 0.95
    assert own.model_.num_parameters() == 80 + 730
    assert not own.model_.training
    with_dropout = Classifier(partial(models.mlp, hidden=16), epochs=5, dtype="float32")
    assert with_dropout.fit(X, y[:300]).predict_proba(X).dtype == np.float32
    assert with_dropout.model_.parameters()[0].dtype == np.float32


def test_partial_fit() -> None:
    X, y = load_iris(return_X_y=True)
    classifier = Classifier(random_state=0)
    with pytest.raises(ArgumentError, match="classes, all labels that will come"):
        classifier.partial_fit(X, y)
    classifier.partial_fit(X[:60], y[:60], classes=[0, 1, 2])
    for _ in range(40):
        classifier.partial_fit(X, y)
    assert classifier.n_iter_ == 41
    assert classifier.score(X, y) > 0.9
    with pytest.raises(ArgumentError, match=r"labels \[3\]"):
        classifier.partial_fit(X[:1], [3])
    with pytest.raises(ArgumentError, match="not the same as on the last call"):
        classifier.partial_fit(X, y, classes=[0, 1])
    # One epoch of fit is one call of partial_fit.
    one = Classifier(epochs=1, random_state=0).fit(X, y)
    same = Classifier(random_state=0).partial_fit(X, y, classes=[0, 1, 2])
    np.testing.assert_array_equal(one.predict_proba(X), same.predict_proba(X))
    regressor = Regressor(random_state=0).partial_fit(X[:, :3], X[:, 3])
    for _ in range(40):
        regressor.partial_fit(X[:, :3], X[:, 3])
    assert regressor.score(X[:, :3], X[:, 3]) > 0.8
    with pytest.raises(ShapeError, match=r"shape \(\) of the first call, but it has \(2,\)"):
        regressor.partial_fit(X[:, :3], X[:, 2:])


def test_pickling_a_trained_one_and_training_it_on() -> None:
    X, y = load_iris(return_X_y=True)
    classifier = Classifier(epochs=2, random_state=0).fit(X, y)
    copy = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(
        classifier.partial_fit(X, y).predict_proba(X), copy.partial_fit(X, y).predict_proba(X)
    )


def test_errors_name_the_parameter() -> None:
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ArgumentError, match="Classifier: epochs must be at least 1, but it is 0"):
        Classifier(epochs=0).fit(X, y)
    with pytest.raises(ShapeError, match=r"input_shape \(5,\) has 5 values, but X has 4"):
        Classifier(input_shape=(5,)).fit(X, y)
    with pytest.raises(ArgumentTypeError, match="function that returns a Module"):
        Classifier(lambda *_, **__: 3).fit(X, y)
    with pytest.raises(
        ShapeError, match=r"must give \(N, 3\) for N samples, but it gave \(32, 4\)"
    ):
        Classifier(lambda *_, **__: nn.Sequential(nn.Dense(4, 4, dtype="float64"))).fit(X, y)
    assert tg.is_grad_enabled()
