"""A network that classifies, as scikit-learn has it. Read next: `regressor.py`."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin  # type: ignore[import-not-found, import-untyped, unused-ignore]
from sklearn.utils.multiclass import check_classification_targets  # type: ignore[import-not-found, import-untyped, unused-ignore]
from sklearn.utils.validation import validate_data  # type: ignore[import-not-found, import-untyped, unused-ignore]

from ..errors import ArgumentError
from ..functional import cross_entropy, softmax
from ..tensor import Tensor, tensor
from .network import Array, Network


class Classifier(ClassifierMixin, Network):  # type: ignore[misc, unused-ignore]
    """A network that classifies, trained by AdamW on the cross-entropy.

    Args:
        model: what builds the network, `model(input_shape, outputs, generator=, dtype=)`, as
            `tg.models.lenet5` does; if None, dense layers with ReLU between them.
        hidden: the sizes of their hidden layers.
        input_shape: what a row of X becomes for the network: (28, 28, 1); a row if None.
        epochs: how often to go through the data.
        batch_size: samples a step.
        lr: the learning rate.
        weight_decay: AdamW's.
        early_stopping: hold out some samples, and stop when the loss on them has not fallen for
            `patience` epochs; the weights are those of the best epoch.
        validation_fraction: how many to hold out.
        patience: in epochs.
        dtype: of the network; float64 as in scikit-learn, or float32, which is faster.
        random_state: decides first weights, order, dropout masks and what is held out.

    Attributes:
        classes_: the labels, sorted.
        model_: the network, in inference mode.
        n_iter_: epochs trained.
        loss_curve_: the mean training loss of each.
        validation_curve_: with early stopping, the loss on the held-out samples after each.
        n_features_in_: columns of X.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> X, y = load_iris(return_X_y=True)
        >>> classifier = Classifier(hidden=16, epochs=30, random_state=0).fit(X, y)
        >>> classifier.score(X, y) > 0.9, classifier.predict_proba(X[:1]).shape
        (True, (1, 3))
    """

    def fit(self, X: Any, y: Any) -> Classifier:
        """Train from the beginning on samples X (N, D) with labels y (N,)."""
        X, y = validate_data(self, X, y, dtype=self.dtype)
        check_classification_targets(y)
        self.classes_, targets = np.unique(y, return_inverse=True)
        self._start(len(self.classes_))
        return self._train(X, targets, targets)

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Classifier:
        """One more epoch, on these samples.

        Args:
            X: samples (N, D).
            y: labels (N,).
            classes: all labels that will ever come; expected in the first call.

        Raises:
            ArgumentError: no classes in the first call, or a label that is none of them.
        """
        first = not hasattr(self, "model_")
        X, y = validate_data(self, X, y, dtype=self.dtype, reset=first)
        check_classification_targets(y)
        if first:
            if classes is None:
                raise ArgumentError(
                    "Classifier.partial_fit: classes, all labels that will come, is expected in "
                    "the first call"
                )
            self.classes_ = np.unique(classes)
            self._start(len(self.classes_))
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ArgumentError(
                f"Classifier.partial_fit: classes={classes!r} is not the same as on the last call, "
                f"{self.classes_}"
            )
        strangers = np.setdiff1d(y, self.classes_)
        if len(strangers):
            raise ArgumentError(
                f"Classifier.partial_fit: y has the labels {strangers.tolist()}, which are not "
                f"among the classes {self.classes_.tolist()}"
            )
        self._epoch(X, np.searchsorted(self.classes_, y))
        return self

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class: (N, K), in the order of `classes_`."""
        return softmax(tensor(self._outputs_for(self._validated(X)))).numpy()

    def predict(self, X: Any) -> Array:
        """The label with the largest probability: (N,)."""
        places = self._outputs_for(self._validated(X)).argmax(1)
        labels: Array = self.classes_[places]
        return labels

    def _loss(self, outputs: Tensor, targets: Array) -> Tensor:
        return cross_entropy(outputs, targets)
