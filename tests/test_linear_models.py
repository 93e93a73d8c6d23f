"""Linear models have one best answer, and our optimizers find it: scikit-learn is the referee."""

import numpy as np
import pytest

import tinygrad_course as tg
from tinygrad_course import data, nn, optim

linear_model = pytest.importorskip("sklearn.linear_model")


def fitted(loss_of, layer, penalty, lr, steps):
    """Full-batch training with Nesterov's momentum; the penalty spares the bias."""
    groups = [
        {"params": [layer.weight], "weight_decay": penalty},
        {"params": [layer.bias], "weight_decay": 0.0},
    ]
    optimizer = optim.SGD(groups, lr=lr, momentum=0.99, nesterov=True)
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(layer).backward()
        optimizer.step()
    return layer


def test_logistic_regression_of_two_classes_is_scikit_learns():
    cells = data.load("breast-cancer", dtype="float64")
    x = data.Standardize.fit(cells.train.x)(cells.train.x)
    y = cells.train.y
    referee = linear_model.LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000).fit(x, y)
    layer = nn.Dense(x.shape[1], 1, dtype="float64", generator=tg.Generator(0))
    fitted(
        lambda m: tg.binary_cross_entropy_with_logits(m(tg.tensor(x))[:, 0], y),
        layer,
        penalty=1.0 / len(x),  # C sum(loss) + |w|^2 / 2, divided by C N
        lr=0.2,
        steps=4000,
    )
    np.testing.assert_allclose(layer.weight.numpy()[:, 0], referee.coef_[0], atol=1e-4)
    np.testing.assert_allclose(layer.bias.numpy(), referee.intercept_, atol=1e-4)


def test_softmax_regression_of_three_classes_is_scikit_learns():
    irises = data.load("iris", dtype="float64")
    x = data.Standardize.fit(irises.train.x)(irises.train.x)
    y = irises.train.y
    referee = linear_model.LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000).fit(x, y)
    layer = nn.Dense(4, 3, dtype="float64", generator=tg.Generator(0))
    fitted(
        lambda m: tg.cross_entropy(m(tg.tensor(x)), y),
        layer,
        penalty=1.0 / len(x),
        lr=0.5,
        steps=4000,
    )
    np.testing.assert_allclose(layer.weight.numpy().T, referee.coef_, atol=1e-4)
    # A constant added to all biases changes nothing: compare what is left without it.
    ours = layer.bias.numpy()
    np.testing.assert_allclose(
        ours - ours.mean(), referee.intercept_ - referee.intercept_.mean(), atol=1e-4
    )
    np.testing.assert_allclose(
        tg.softmax(layer(tg.tensor(x))).numpy(), referee.predict_proba(x), atol=1e-4
    )
