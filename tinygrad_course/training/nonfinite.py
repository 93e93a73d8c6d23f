"""The first NaN or infinity of a run: stop before it spreads, and say in which layer it arose.

Looking costs one pass over the gradients a step. Only when one is found is the batch run once more,
with every layer watched. Read next: `anomaly.py`, which names the line of your code instead.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from ..backend import array_module, to_device
from ..errors import AnomalyError
from ..evaluation import model_device
from ..gradients import backward_steps
from ..nn import Module
from ..node import next_serial
from ..tensor import Parameter, Tensor, tensor
from ..train import Record, Training


class NonFinite:
    """A callback that ends training at the first loss or gradient that is NaN or infinite.

    The weights are not touched, and nothing is saved after it. NumPy's own warnings about overflow
    are silent meanwhile: this says more.

    Raises:
        AnomalyError: from `fit`, naming the layer, the step, and what to do.
    """

    def __init__(self) -> None:
        self._parameters: list[Parameter] = []
        self._quiet: Any = None
        self._drawn = (0, 0)

    def on_start(self, run: Training) -> None:
        """Remember what to look at."""
        self._parameters = run.model.parameters()
        self._remember(run)
        self._quiet = np.errstate(all="ignore")
        self._quiet.__enter__()

    def on_end(self, run: Training) -> None:
        """NumPy warns again."""
        if self._quiet is not None:
            self._quiet.__exit__(None, None, None)
            self._quiet = None

    def on_gradients(self, run: Training) -> None:
        """Look at the loss and at every gradient."""
        assert run.batch is not None  # noqa: S101
        gradients = (p.grad for p in self._parameters if p.grad is not None)
        if math.isfinite(run.batch.loss) and all(map(_finite, gradients)):
            self._remember(run)
            return
        if run.generator is not None:
            run.generator.set_state(self._drawn)  # the same dropout masks again
        self._stop(run, run.batch.x, run.batch.y, f"the loss is {run.batch.loss}")

    def on_epoch(self, run: Training, record: Record) -> None:
        """The last step of an epoch is followed by no other batch; its test would show it."""
        if run.test is not None and not math.isfinite(record["test_loss"]):
            run.model.eval()
            self._stop(run, *run.test, f"the test loss is {record['test_loss']}")

    def _remember(self, run: Training) -> None:
        if run.generator is not None:
            self._drawn = run.generator.state()

    def _stop(self, run: Training, x: Any, y: Any, loss: str) -> None:
        run.optimizer.zero_grad()
        place = first_fault(run, x, y)
        run.optimizer.zero_grad()
        progress = run.progress
        raise AnomalyError(
            f"fit: expected finite numbers, but {place} is not finite after step {progress.step} "
            f"(epoch {progress.epoch + 1}, batch {progress.batch}), where {loss}; lower lr (it is "
            f"{run.optimizer.lr:.3g}), or limit the gradient with clip=1.0. What was saved before "
            "is unchanged"
        )


class _Call(NamedTuple):
    """One call of a layer: every node it made has a serial between first and last."""

    name: str
    first: int
    last: int
    finite: bool


def first_fault(run: Training, x: Any, y: Any) -> str:
    """Run one batch, and name the first thing in it that is not finite.

    Args:
        run: the training.
        x: samples (N, ...).
        y: labels (N,).

    Returns:
        Such as "the output of layers.3 (Dense)", or "the gradient that layers.0 (Conv2d) passes
        back".
    """
    device = model_device(run.model)
    samples, y = tensor(to_device(x, device)), to_device(y, device)
    if not _finite(samples):
        return "a sample of the batch"
    for name, parameter in run.model.named_parameters():
        if not _finite(parameter):
            return f"the parameter {name}"
    with _watched(run.model) as calls:
        loss = run.loss(run.model(samples), y)
    for call in calls:
        if not call.finite:
            return f"the output of {call.name}"
    if not _finite(loss):
        return "the loss of finite logits"
    for step in backward_steps(loss):
        if not all(_finite(grad) for grad in step.grads_in if grad is not None):
            serial = step.node.serial
            inside = (call.name for call in calls if call.first < serial < call.last)
            return f"the gradient that {next(inside, 'the loss')} passes back"
    return "the sum of the gradients"


@contextmanager
def _watched(model: Module) -> Iterator[list[_Call]]:
    """Inside, every call of a layer is listed when it ends: inner layers before outer ones."""
    calls: list[_Call] = []

    def watch(name: str, module: Module) -> None:
        forward = module.forward

        def watching(*inputs: Any, **options: Any) -> Any:
            first = next_serial()
            result = forward(*inputs, **options)
            results = result if isinstance(result, tuple) else (result,)
            finite = all(_finite(each) for each in results if isinstance(each, Tensor))
            title = f"{name} ({type(module).__name__})" if name else type(module).__name__
            calls.append(_Call(title, first, next_serial(), finite))
            return result

        vars(module)["forward"] = watching

    modules = model.named_modules()
    for name, module in modules:
        watch(name, module)
    try:
        yield calls
    finally:
        for _, module in modules:
            del vars(module)["forward"]


def _finite(value: Any) -> bool:
    array = value.data if isinstance(value, Tensor) else value
    return bool(array_module(array).isfinite(array).all())
