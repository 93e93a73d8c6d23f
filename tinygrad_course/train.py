"""The training loop: forward, loss, backward, step; and after each epoch a look at the test part.

`Training` holds what is trained and how far it has come, `fit` runs it, callbacks look on.
Read `fit` and `train_epoch` first, then `evaluation.py` and `training/callbacks.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .backend import to_device
from .data import DataLoader, Split
from .evaluation import Evaluation, Regression, evaluate, evaluate_regression, model_device
from .functional import cross_entropy
from .nn import Module
from .optim import Optimizer, accumulate, clip_grad_norm
from .random import Generator
from .tensor import Tensor, tensor, values
from .training.environment import using_threads

__all__ = [
    "Batch",
    "Evaluation",
    "Progress",
    "Record",
    "Regression",
    "Training",
    "evaluate",
    "evaluate_regression",
    "fit",
    "measure",
    "train_epoch",
]

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
        regression: targets are numbers (N, 1), not labels, and the loss is the mean squared error;
            R2 is recorded instead of accuracy.
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
    regression: bool = False
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

    @property
    def train_r2(self) -> float:
        """For regression: the share of the targets' variance that is explained so far, likewise."""
        variance = float(np.var(self.loader.y, dtype=np.float64))
        return 1 - self.train_loss / variance if variance else math.nan

    @property
    def score(self) -> str:
        """What tells how good it is, as records call it: accuracy, or r2 for regression."""
        return "r2" if self.regression else "accuracy"


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
        `train_accuracy`, `test_loss`, `test_accuracy`, `lr`, `seconds`, `samples_per_second`;
        for regression `train_r2` and `test_r2` instead of the accuracies.
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
    device = model_device(run.model)
    batches = run.loader.epoch(progress.epoch, progress.batch)
    for (x, y), weight, last in accumulate(batches, run.accumulate):
        samples, labels = to_device(x, device), to_device(y, device)
        logits = run.model(tensor(samples))  # forward
        loss = run.loss(logits, labels)
        (loss * weight).backward()  # backward

        run.batch = Batch(x, y, loss.item())
        progress.batch += 1
        progress.samples += len(y)
        progress.loss_sum += run.batch.loss * len(y)
        if not run.regression:
            progress.correct += int((values(logits).argmax(-1) == labels).sum())
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
    tested = None if run.test is None else measure(run, run.test)
    score = run.score
    record = {
        "event": "epoch",
        "epoch": progress.epoch + 1,
        "step": progress.step,
        "train_loss": run.train_loss,
        f"train_{score}": getattr(run, f"train_{score}"),
        "test_loss": None if tested is None else tested.loss,
        f"test_{score}": None if tested is None else getattr(tested, score),
        "lr": run.optimizer.lr,
        "seconds": progress.epoch_seconds,
        "samples_per_second": progress.samples / max(progress.epoch_seconds, 1e-9),
    }
    progress.history.append(record)
    progress.next_epoch()
    return record


def measure(run: Training, part: Split, batch_size: int = 250) -> Evaluation | Regression:
    """How the model does on a part of the data, as it stands now.

    Args:
        run: whose model, loss and task.
        part: samples and labels, or targets.
        batch_size: samples at a time.
    """
    if run.regression:
        return evaluate_regression(run.model, *part, batch_size)
    return evaluate(run.model, *part, batch_size, loss=run.loss)
