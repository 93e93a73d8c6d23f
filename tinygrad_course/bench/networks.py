"""The seven training steps, in this engine, through nothing but its public API.

`peer_torch.py` and `peer_jax.py` hold the same networks: same batch, biases, dropout and
optimizer. AlexNet is a forward pass only, since its weights, not its arithmetic, dominate a step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import functional as F  # noqa: N812
from .. import nn, optim
from ..grad_mode import no_grad
from ..models import alexnet, resnet18, resnet20
from ..random import Generator
from ..tensor import tensor

Step = Callable[[], object]


class Spec(NamedTuple):
    """What all engines share of a step.

    Attributes:
        batch: samples.
        sample: the shape of one, images as (H, W, C).
        classes: of the targets; 0 where there is no loss.
    """

    batch: int
    sample: tuple[int, ...]
    classes: int


SPECS = {
    "xor": Spec(4, (2,), 1),
    "mlp": Spec(128, (784,), 10),
    "lenet5": Spec(128, (32, 32, 1), 10),
    "vgg_small": Spec(128, (32, 32, 3), 10),
    "resnet20": Spec(128, (32, 32, 3), 10),
    "resnet18": Spec(8, (224, 224, 3), 1000),
    "alexnet": Spec(8, (224, 224, 3), 0),
}


def batch_of(step: str) -> tuple[Any, Any]:
    """Samples and targets: the four points of XOR, or random ones.

    Example:
        >>> [array.shape for array in batch_of("mlp")]
        [(128, 784), (128,)]
    """
    batch, sample, classes = SPECS[step]
    if step == "xor":
        x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
        return x, np.array([[0], [1], [1], [0]], np.float32)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch, *sample), np.float32)
    return x, rng.integers(0, max(1, classes), batch)


def make(step: str) -> Step:
    """A function that trains one step (or runs one forward pass of AlexNet)."""
    x, y = batch_of(step)
    if step == "alexnet":
        images, forward = tensor(x), alexnet((224, 224, 3), 1000).eval()

        def run_forward() -> object:
            with no_grad():
                return forward(images)

        return run_forward
    model, optimizer = _BUILDERS[step]()
    samples, targets = tensor(x), tensor(y)
    loss_of = F.binary_cross_entropy_with_logits if step == "xor" else F.cross_entropy

    def train() -> object:
        optimizer.zero_grad()
        loss = loss_of(model(samples), targets)
        loss.backward()
        optimizer.step()
        return loss

    return train


Built = tuple[nn.Module, optim.Optimizer]


def _xor() -> Built:
    model = nn.Sequential(nn.Dense(2, 8, activation="tanh"), nn.Dense(8, 1))
    return model, optim.SGD(model.parameters(), lr=0.1)


def _mlp() -> Built:
    model = nn.Sequential(
        nn.Dense(784, 800, activation="relu"),
        nn.Dropout(0.5),
        nn.Dense(800, 800, activation="relu"),
        nn.Dropout(0.5),
        nn.Dense(800, 10),
    )
    return model, optim.SGD(model.parameters(), lr=0.01, momentum=0.9)


def _lenet5() -> Built:
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, activation="tanh"),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5, activation="tanh"),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Dense(400, 120, activation="tanh"),
        nn.Dense(120, 84, activation="tanh"),
        nn.Dense(84, 10),
    )
    return model, optim.SGD(model.parameters(), lr=0.01, momentum=0.9)


def _vgg_small() -> Built:
    layers: list[nn.Module] = []
    channels = 3
    for width in (32, 64, 128):
        for _ in range(2):
            conv = nn.Conv2d(channels, width, 3, padding=1)
            layers += [conv, nn.BatchNorm(width, activation="relu")]
            channels = width
        layers += [nn.MaxPool2d(2), nn.Dropout(0.25)]
    model = nn.Sequential(
        *layers,
        nn.Flatten(),
        nn.Dense(2048, 256, activation="relu"),
        nn.Dropout(0.5),
        nn.Dense(256, 10),
    )
    return model, optim.Adam(model.parameters(), lr=1e-3)


def _residual(model: nn.Module) -> Built:
    return model, optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)


_BUILDERS: dict[str, Callable[[], Built]] = {
    "xor": _xor,
    "mlp": _mlp,
    "lenet5": _lenet5,
    "vgg_small": _vgg_small,
    "resnet20": lambda: _residual(resnet20((32, 32, 3), 10, generator=Generator(0))),
    "resnet18": lambda: _residual(resnet18((224, 224, 3), 1000, generator=Generator(0))),
}
