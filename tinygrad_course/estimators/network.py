"""What a classifier and a regressor share: parameters, training loop, early stopping.

The loop is that of `../train.py`, without what a long run needs. Read next: `classifier.py`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from sklearn.base import BaseEstimator  # type: ignore[import-not-found, import-untyped, unused-ignore]
from sklearn.model_selection import train_test_split  # type: ignore[import-not-found, import-untyped, unused-ignore]
from sklearn.utils import check_random_state  # type: ignore[import-not-found, import-untyped, unused-ignore]
from sklearn.utils.validation import check_is_fitted, validate_data  # type: ignore[import-not-found, import-untyped, unused-ignore]

from .. import data, nn, optim
from ..errors import ArgumentError, ArgumentTypeError, ShapeError
from ..grad_mode import no_grad
from ..nn import Module
from ..random import Generator
from ..tensor import Tensor, tensor

Array = np.ndarray[Any, Any]
Self = TypeVar("Self", bound="Network")

BATCH = 1024
"""Samples at a time in predict."""


class Network(BaseEstimator):  # type: ignore[misc, unused-ignore]
    """What the two have in common: the parameters, the loop, early stopping."""

    def __init__(
        self,
        model: Callable[..., Module] | None = None,
        *,
        hidden: int | Sequence[int] = (100,),
        input_shape: Sequence[int] | None = None,
        epochs: int = 100,
        batch_size: int = 32,
        lr: float = 0.005,
        weight_decay: float = 0.01,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        patience: int = 10,
        dtype: str = "float64",
        random_state: Any = None,
    ) -> None:
        self.model = model
        self.hidden = hidden
        self.input_shape = input_shape
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.dtype = dtype
        self.random_state = random_state

    # What the two do differently.

    def _loss(self, outputs: Tensor, targets: Array) -> Tensor:
        raise NotImplementedError

    # What they share.

    def _start(self, outputs: int) -> None:
        """A fresh network and optimizer; every random choice follows from random_state."""
        for name in ("epochs", "batch_size", "patience"):
            if int(getattr(self, name)) < 1:
                raise ArgumentError(
                    f"{type(self).__name__}: {name} must be at least 1, but it is "
                    f"{getattr(self, name)!r}"
                )
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        shape = tuple(self.input_shape) if self.input_shape is not None else (self.n_features_in_,)
        if math.prod(shape) != self.n_features_in_:
            raise ShapeError(
                f"{type(self).__name__}: input_shape {shape} has {math.prod(shape)} values, but "
                f"X has {self.n_features_in_} features"
            )
        build = self.model if self.model is not None else self._mlp
        network = build(shape, outputs, generator=Generator(seed), dtype=self.dtype)
        if not isinstance(network, Module):
            raise ArgumentTypeError(
                f"{type(self).__name__}: model must be a function that returns a Module, such as "
                f"tg.models.lenet5, but it returned {type(network).__name__}"
            )
        self.model_ = network
        self.optimizer_ = optim.AdamW(
            network.named_parameters(), lr=self.lr, weight_decay=self.weight_decay
        )
        self.loss_curve_: list[float] = []
        self.n_iter_ = 0
        self._seed, self._shape, self._outputs = seed, shape, outputs

    def _mlp(
        self, input_shape: tuple[int, ...], outputs: int, *, generator: Generator, dtype: Any
    ) -> Module:
        hidden = np.atleast_1d(np.asarray(self.hidden, int)).tolist()
        sizes = [math.prod(input_shape), *hidden]
        network = nn.Sequential(nn.Flatten())
        for before, after in itertools.pairwise(sizes):
            network.append(nn.Dense(before, after, generator=generator, dtype=dtype))
            network.append(nn.ReLU())
        return network.append(nn.Dense(sizes[-1], outputs, generator=generator, dtype=dtype))

    def _epoch(self, X: Array, targets: Array) -> None:
        """Once through the data, in a new order."""
        self.model_.train()
        loader = data.DataLoader(X, targets, self.batch_size, shuffle=True, seed=self._seed)
        total = 0.0
        for x, y in loader.epoch(self.n_iter_):
            loss = self._loss(self._forward(x), y)
            loss.backward()
            self.optimizer_.step()
            self.optimizer_.zero_grad()
            total += loss.item() * len(x)
        self.model_.eval()
        self.n_iter_ += 1
        self.loss_curve_.append(total / len(X))

    def _forward(self, x: Array) -> Tensor:
        outputs: Tensor = self.model_(tensor(x.reshape(len(x), *self._shape)))
        if outputs.shape != (len(x), self._outputs):
            raise ShapeError(
                f"{type(self).__name__}: the model must give (N, {self._outputs}) for N samples, "
                f"but it gave {outputs.shape} for {len(x)}"
            )
        return outputs

    def _train(self: Self, X: Array, targets: Array, stratify: Array | None) -> Self:
        """All epochs, or until the loss on held-out samples has not fallen for a while."""
        if not self.early_stopping:
            for _ in range(self.epochs):
                self._epoch(X, targets)
            return self
        X, X_held, targets, held = train_test_split(
            X,
            targets,
            test_size=self.validation_fraction,
            random_state=self._seed,
            stratify=stratify,
        )
        best, best_state, since = np.inf, self.model_.state_dict(), 0
        self.validation_curve_: list[float] = []
        while self.n_iter_ < self.epochs and since < self.patience:
            self._epoch(X, targets)
            error = self._error(X_held, held)
            self.validation_curve_.append(error)
            since += 1
            if error < best:
                best, best_state, since = error, self.model_.state_dict(), 0
        self.model_.load_state_dict(best_state)
        return self

    def _error(self, X: Array, targets: Array) -> float:
        with no_grad():
            return float(self._loss(tensor(self._outputs_for(X)), targets).item())

    def _outputs_for(self, X: Array) -> Array:
        parts = [X[start : start + BATCH] for start in range(0, len(X), BATCH)]
        with no_grad():
            return np.concatenate([self._forward(part).numpy() for part in parts])

    def _validated(self, X: Any) -> Array:
        check_is_fitted(self)
        checked: Array = validate_data(self, X, reset=False, dtype=self.dtype)
        return checked
