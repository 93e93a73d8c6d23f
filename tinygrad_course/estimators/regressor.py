"""A network that predicts numbers, as scikit-learn has it."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin  # type: ignore[import-not-found, import-untyped, unused-ignore]
from sklearn.utils.validation import validate_data  # type: ignore[import-not-found, import-untyped, unused-ignore]

from ..errors import ShapeError
from ..functional import mse
from ..tensor import Tensor
from .network import Array, Network


class Regressor(RegressorMixin, Network):  # type: ignore[misc, unused-ignore]
    """A network that predicts numbers, trained by AdamW on the mean squared error.

    While it trains, each target has mean 0 and variance 1; predictions are in the targets' units.

    Args:
        model: what builds the network, `model(input_shape, outputs, generator=, dtype=)`; if None,
            dense layers with ReLU between them.
        hidden: the sizes of their hidden layers.
        input_shape: what a row of X becomes for the network; a row if None.
        epochs: how often to go through the data.
        batch_size: samples a step.
        lr: the learning rate.
        weight_decay: AdamW's.
        early_stopping: hold out some samples, and stop when the error on them has not fallen for
            `patience` epochs; the weights are those of the best epoch.
        validation_fraction: how many to hold out.
        patience: in epochs.
        dtype: of the network; float64 as in scikit-learn, or float32, which is faster.
        random_state: decides first weights, order, dropout masks and what is held out.

    Attributes:
        model_: the network, in inference mode.
        n_iter_: epochs trained.
        loss_curve_: the mean squared error of each, of the standardised targets.
        validation_curve_: with early stopping, that of the held-out samples after each.
        n_features_in_: columns of X.

    Example:
        >>> X = np.linspace(-1, 1, 50)[:, None]
        >>> regressor = Regressor(hidden=32, random_state=0).fit(X, 100 * X[:, 0] ** 2)
        >>> regressor.score(X, 100 * X[:, 0] ** 2) > 0.95
        True
    """

    def fit(self, X: Any, y: Any) -> Regressor:
        """Train from the beginning on samples X (N, D) with targets y (N,) or (N, K)."""
        X, y = validate_data(self, X, y, dtype=self.dtype, multi_output=True, y_numeric=True)
        targets = self._begin(y)
        return self._train(X, targets, None)

    def partial_fit(self, X: Any, y: Any) -> Regressor:
        """One more epoch, on these samples; the targets' mean and scale are the first call's."""
        first = not hasattr(self, "model_")
        X, y = validate_data(
            self, X, y, dtype=self.dtype, multi_output=True, y_numeric=True, reset=first
        )
        self._epoch(X, self._begin(y) if first else self._standardised(y))
        return self

    def predict(self, X: Any) -> Array:
        """The targets: (N,) or (N, K), as y was."""
        y: Array = self._outputs_for(self._validated(X)) * self._scale + self._mean
        return y.reshape(len(y), *self._target_shape)

    def _begin(self, y: Array) -> Array:
        self._target_shape = y.shape[1:]
        columns = y.reshape(len(y), -1).astype(self.dtype)
        self._mean, deviation = columns.mean(0), columns.std(0)
        self._scale = np.where(deviation > 0, deviation, 1.0).astype(self.dtype)
        self._start(columns.shape[1])
        return self._standardised(y)

    def _standardised(self, y: Array) -> Array:
        if y.shape[1:] != self._target_shape:
            raise ShapeError(
                f"Regressor: a target must have the shape {self._target_shape} of the first call, "
                f"but it has {y.shape[1:]}"
            )
        columns: Array = (y.reshape(len(y), -1).astype(self.dtype) - self._mean) / self._scale
        return columns

    def _loss(self, outputs: Tensor, targets: Array) -> Tensor:
        return mse(outputs, targets)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
