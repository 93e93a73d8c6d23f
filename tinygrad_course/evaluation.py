"""How well a model does on data: accuracy for classes, R2 and MSE for numbers. No gradients here.

Read next: `metrics/`, which has the finer measures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .backend import to_device
from .errors import ArgumentError, DataError
from .functional import cross_entropy, mse, softmax
from .grad_mode import no_grad
from .metrics import r2
from .nn import Module
from .tensor import Tensor, tensor

Array = npt.NDArray[Any]


class Evaluation(NamedTuple):
    """How a model does on data with classes.

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


class Regression(NamedTuple):
    """How a model does on data with numbers for targets.

    Attributes:
        loss: the mean squared error.
        r2: the share of the targets' variance that is explained; NaN for a single sample.
        predictions: (N, 1) what comes out.
    """

    loss: float
    r2: float
    predictions: npt.NDArray[np.float64]


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
    predictions, confidences, total = [], [], 0.0
    for logits, labels in _outputs(model, x, y, batch_size):
        total += loss(logits, labels).item() * len(labels)
        probabilities = softmax(logits).cpu().numpy().astype(np.float64)
        predictions.append(logits.cpu().numpy().argmax(-1).astype(np.int64))
        confidences.append(probabilities.max(-1))
    predicted, true = np.concatenate(predictions), np.asarray(y)
    accuracy = float((predicted == true).mean())
    return Evaluation(total / len(true), accuracy, predicted, np.concatenate(confidences))


def evaluate_regression(
    model: Module, x: npt.ArrayLike, y: npt.ArrayLike, batch_size: int = 250
) -> Regression:
    """Measure a model that predicts a number: no gradients, every layer in inference mode.

    Args:
        model: samples in, numbers (N, 1) out; its mode is what it was afterwards.
        x: samples (N, ...).
        y: targets (N, 1).
        batch_size: samples at a time.

    Raises:
        DataError: no samples, or x and y of different lengths.
        ArgumentError: a batch size below 1.

    Example:
        >>> from tinygrad_course import nn
        >>> result = evaluate_regression(nn.Flatten(), [[1.0], [2.0]], [[1.0], [3.0]])
        >>> result.loss, result.r2
        (0.5, 0.5)
    """
    predictions, total = [], 0.0
    for outputs, targets in _outputs(model, x, y, batch_size):
        total += mse(outputs, targets).item() * len(targets)
        predictions.append(outputs.cpu().numpy().astype(np.float64))
    predicted = np.concatenate(predictions)
    true = np.asarray(y, np.float64)
    share = r2(predicted, true) if len(true) > 1 else math.nan
    return Regression(total / len(true), share, predicted)


def model_device(model: Module) -> str:
    """Where a model is, and its samples have to be: the device of its first tensor.

    Example:
        >>> from tinygrad_course import nn
        >>> model_device(nn.Dense(2, 1))
        'cpu'
    """
    return next((t.device for _, t in model.named_tensors()), "cpu")


def _outputs(
    model: Module, x: npt.ArrayLike, y: npt.ArrayLike, batch_size: int
) -> Iterator[tuple[Tensor, Array]]:
    """What the model says of each batch, and what is true."""
    samples, targets = np.asarray(x), np.asarray(y)
    if len(samples) != len(targets) or not len(samples):
        raise DataError(
            f"evaluate: expects samples and as many labels, but x has the shape {samples.shape} "
            f"and y {targets.shape}"
        )
    if batch_size < 1:
        raise ArgumentError(f"evaluate: batch_size must be at least 1, but it is {batch_size}")
    device = model_device(model)
    modes = [(module, module.training) for module in model.modules()]
    try:
        model.eval()
        with no_grad():
            for start in range(0, len(samples), batch_size):
                stop = start + batch_size
                x_there, y_there = (to_device(a[start:stop], device) for a in (samples, targets))
                yield model(tensor(x_there)), y_there
    finally:
        for module, mode in modes:
            module.training = mode
