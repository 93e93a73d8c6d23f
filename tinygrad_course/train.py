"""The training loop: forward, loss, backward, step; and the evaluation beside it.

`Training` holds what is trained and how far it has come, `fit` runs it, callbacks look on.
Read `fit` and `train_epoch` first, then `callbacks.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .data import DataLoader, Split
from .errors import ArgumentError, DataError
from .functional import cross_entropy, softmax
from .grad_mode import no_grad
from .nn import Module
from .optim import Optimizer, accumulate, clip_grad_norm
from .random import Generator
from .tensor import Tensor, tensor
from .training.environment import using_threads

Record = dict[str, Any]


@dataclass
class Progress:
    """How far a run has come. With the arrays, this is all that a checkpoint has to keep.

    Attributes:
        epoch: whole epochs behind us, which is also the number of the current one, from 0.
        batch: batches of the current epoch behind us.
        step: optimizer steps made.
        samples: samples of the current epoch behind us.
        loss_sum: the sum of their losses.
        correct: how many of them were classified correctly.
        epoch_seconds: time spent on the batches of the current epoch.
        seconds: time spent on everything.
        history: one record for each whole epoch.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    samples: int = 0
    loss_sum: float = 0.0
    correct: int = 0
    epoch_seconds: float = 0.0
    seconds: float = 0.0
    history: list[Record] = field(default_factory=list)

    def next_epoch(self) -> None:
        """Leave the current epoch behind."""
        self.epoch += 1
        self.batch = self.samples = self.correct = 0
        self.loss_sum = self.epoch_seconds = 0.0


class Batch(NamedTuple):
    """The batch that callbacks look at.

    Attributes:
        x: samples (N, ...).
        y: labels (N,).
        loss: their mean loss, before the step.
    """

    x: npt.NDArray[Any]
    y: npt.NDArray[Any]
    loss: float


@dataclass
class Training:
    """What is trained, on what, for how long; and how far it has come.

    Attributes:
        model: samples in, logits (N, K) out.
        optimizer: holds the model's parameters.
        loader: the training data.
        epochs: how often to go through it.
        test: what to evaluate on after each epoch, or None.
        loss: `loss(logits, y)`, the mean over the samples.
        accumulate: how many batches make one optimizer step.
        clip: the largest norm of the gradient, or None.
        generator: where the model's dropout masks come from, saved with the rest.
        threads: of the matrix products; None leaves them as they are.
        progress: how far it has come.
        batch: the last batch, while training.
        stopped: why it ended before the last epoch, or None.

    Example:
        >>> from tinygrad_course import data, models, optim
        >>> digits = data.load("digits")
        >>> model = models.build("mlp", input_shape=digits.input_shape, classes=10)
        >>> adam = optim.Adam(model.named_parameters(), lr=0.01)
        >>> loader = DataLoader(*digits.train, 32, shuffle=True)
        >>> history = fit(Training(model, adam, loader, epochs=3, test=digits.test))
        >>> history[-1]["epoch"], history[-1]["test_accuracy"] > 0.9
        (3, True)
    """

    model: Module
    optimizer: Optimizer
    loader: DataLoader
    epochs: int
    test: Split | None = None
    loss: Callable[[Any, Any], Tensor] = cross_entropy
    accumulate: int = 1
    clip: float | None = None
    generator: Generator | None = None
    threads: int | None = None
    progress: Progress = field(default_factory=Progress)
    batch: Batch | None = field(default=None, repr=False)
    stopped: str | None = None

    def stop(self, reason: str) -> None:
        """End training after the current batch; for callbacks."""
        self.stopped = reason

    @property
    def total_steps(self) -> int:
        """Optimizer steps of the whole run."""
        return self.epochs * -(-len(self.loader) // self.accumulate)

    @property
    def train_loss(self) -> float:
        """The mean loss over the current epoch's samples so far, each as it was when seen."""
        return self.progress.loss_sum / max(self.progress.samples, 1)

    @property
    def train_accuracy(self) -> float:
        """The share of the current epoch's samples so far that was classified correctly."""
        return self.progress.correct / max(self.progress.samples, 1)


class Evaluation(NamedTuple):
    """How a model does on data.

    Attributes:
        loss: the mean loss.
        accuracy: the share classified correctly.
        predictions: (N,) the class with the largest logit; among equals the first.
        confidences: (N,) the probability the model gives it.
    """

    loss: float
    accuracy: float
    predictions: npt.NDArray[np.int64]
    confidences: npt.NDArray[np.float64]


def fit(run: Training, callbacks: Sequence[Any] = ()) -> list[Record]:
    """Train until the last epoch, or until a callback stops it.

    A run that was restored from a checkpoint goes on where it stood. A callback is any object with
    some of these methods; each is called in the order of the list:

        on_start(run)            before the first batch
        on_gradients(run)        after backward, before the step
        on_batch(run)            after each optimizer step
        on_epoch(run, record)    after each epoch and its evaluation
        on_end(run)              at the end, also after an error

    Args:
        run: what to train; it is changed in place.
        callbacks: who looks on: display, log, checkpoints.

    Returns:
        One record for each epoch: `event` "epoch", `epoch` (from 1), `step`, `train_loss`,
        `train_accuracy`, `test_loss`, `test_accuracy`, `lr`, `seconds`, `samples_per_second`.
    """

    def tell(event: str, *details: Any) -> None:
        for callback in callbacks:
            if hasattr(callback, event):
                getattr(callback, event)(run, *details)

    progress = run.progress
    start = perf_counter() - progress.seconds
    with using_threads(run.threads):
        try:
            tell("on_start")
            while progress.epoch < run.epochs and not run.stopped:
                for _ in train_epoch(run, tell):
                    progress.seconds = perf_counter() - start
                    tell("on_batch")
                    if run.stopped:
                        break
                else:
                    record = _finish_epoch(run)
                    progress.seconds = perf_counter() - start
                    tell("on_epoch", record)
        finally:
            tell("on_end")
    return progress.history


def train_epoch(run: Training, tell: Callable[..., None]) -> Iterator[None]:
    """The rest of the current epoch; yields after each optimizer step."""
    progress, start = run.progress, perf_counter() - run.progress.epoch_seconds
    run.model.train()
    batches = run.loader.epoch(progress.epoch, progress.batch)
    for (x, y), weight, last in accumulate(batches, run.accumulate):
        logits = run.model(tensor(x))  # forward
        loss = run.loss(logits, y)
        (loss * weight).backward()  # backward

        run.batch = Batch(x, y, loss.item())
        progress.batch += 1
        progress.samples += len(y)
        progress.loss_sum += run.batch.loss * len(y)
        progress.correct += int((logits.numpy().argmax(-1) == y).sum())
        tell("on_gradients")
        if last:
            if run.clip is not None:
                clip_grad_norm(run.model.parameters(), run.clip)
            run.optimizer.step()  # step
            run.optimizer.zero_grad()
            progress.step += 1
            progress.epoch_seconds = perf_counter() - start
            yield


def _finish_epoch(run: Training) -> Record:
    """Evaluate, write the epoch's record into the history, and move on to the next."""
    progress = run.progress
    tested = None if run.test is None else evaluate(run.model, *run.test, loss=run.loss)
    record = {
        "event": "epoch",
        "epoch": progress.epoch + 1,
        "step": progress.step,
        "train_loss": run.train_loss,
        "train_accuracy": run.train_accuracy,
        "test_loss": None if tested is None else tested.loss,
        "test_accuracy": None if tested is None else tested.accuracy,
        "lr": run.optimizer.lr,
        "seconds": progress.epoch_seconds,
        "samples_per_second": progress.samples / max(progress.epoch_seconds, 1e-9),
    }
    progress.history.append(record)
    progress.next_epoch()
    return record


def evaluate(
    model: Module,
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    batch_size: int = 250,
    *,
    loss: Callable[[Any, Any], Tensor] = cross_entropy,
) -> Evaluation:
    """Measure a model on data: no gradients, and every layer in inference mode.

    Args:
        model: samples in, logits (N, K) out; its mode is what it was afterwards.
        x: samples (N, ...).
        y: labels (N,).
        batch_size: samples at a time; it does not change the result beyond rounding.
        loss: `loss(logits, y)`, the mean over the samples.

    Raises:
        DataError: no samples, or x and y of different lengths.
        ArgumentError: a batch size below 1.

    Example:
        >>> from tinygrad_course import nn
        >>> result = evaluate(nn.Flatten(), [[2.0, 1.0], [0.0, 3.0]], [0, 0])
        >>> result.accuracy, result.predictions.tolist()
        (0.5, [0, 1])
    """
    samples, labels = np.asarray(x), np.asarray(y)
    if len(samples) != len(labels) or not len(samples):
        raise DataError(
            f"evaluate: expects samples and as many labels, but x has the shape {samples.shape} "
            f"and y {labels.shape}"
        )
    if batch_size < 1:
        raise ArgumentError(f"evaluate: batch_size must be at least 1, but it is {batch_size}")
    modes = [(module, module.training) for module in model.modules()]
    predictions, confidences, total = [], [], 0.0
    try:
        model.eval()
        with no_grad():
            for start in range(0, len(samples), batch_size):
                stop = start + batch_size
                logits = model(tensor(samples[start:stop]))
                count = len(logits)
                total += loss(logits, labels[start:stop]).item() * count
                probabilities = softmax(logits).numpy().astype(np.float64)
                predictions.append(logits.numpy().argmax(-1).astype(np.int64))
                confidences.append(probabilities.max(-1))
    finally:
        for module, mode in modes:
            module.training = mode
    predicted = np.concatenate(predictions)
    accuracy = float((predicted == labels).mean())
    return Evaluation(total / len(labels), accuracy, predicted, np.concatenate(confidences))
