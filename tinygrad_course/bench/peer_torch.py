"""The seven training steps in PyTorch: eager in either layout, and compiled.

The networks of `networks.py`, layer by layer. Imported in a worker process only, where PyTorch is
installed.
"""

# mypy: disable-error-code="import-not-found, misc, no-any-return, no-untyped-call"
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from .networks import batch_of

Step = Callable[[], object]


def make(step: str, variant: str) -> Step:
    """A function that trains one step (or runs one forward pass of AlexNet).

    Args:
        step: its name.
        variant: "torch", "torch-channels-last" or "torch-compile".
    """
    torch.set_flush_denormal(True)
    x, y = (torch.from_numpy(array) for array in batch_of(step))
    if x.ndim == 4:
        x = x.permute(0, 3, 1, 2).contiguous()
    model, optimizer = _build(step)
    if variant == "torch-channels-last" and x.ndim == 4:
        model = model.to(memory_format=torch.channels_last)
        x = x.contiguous(memory_format=torch.channels_last)
    network: Callable[[torch.Tensor], torch.Tensor] = model
    if variant == "torch-compile":
        network = torch.compile(model)
    if step == "alexnet":
        model.eval()

        def run_forward() -> object:
            with torch.no_grad():
                return network(x)

        return run_forward
    loss_of = F.binary_cross_entropy_with_logits if step == "xor" else F.cross_entropy

    def train() -> object:
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(network(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return train


def _build(step: str) -> tuple[Any, Any]:
    model = _MODELS[step]()
    if step == "vgg_small":
        return model, torch.optim.Adam(model.parameters(), lr=1e-3)
    rate, momentum, decay = {
        "xor": (0.1, 0.0, 0.0),
        "mlp": (0.01, 0.9, 0.0),
        "lenet5": (0.01, 0.9, 0.0),
    }.get(step, (0.1, 0.9, 1e-4))
    return model, torch.optim.SGD(model.parameters(), rate, momentum, weight_decay=decay)


def _xor() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))


def _mlp() -> nn.Module:
    return nn.Sequential(
        nn.Linear(784, 800),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(800, 800),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(800, 10),
    )


def _lenet5() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.Tanh(),
        nn.Linear(120, 84),
        nn.Tanh(),
        nn.Linear(84, 10),
    )


def _vgg_small() -> nn.Module:
    layers: list[nn.Module] = []
    channels = 3
    for width in (32, 64, 128):
        for _ in range(2):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
            channels = width
        layers += [nn.MaxPool2d(2), nn.Dropout(0.25)]
    head = [nn.Flatten(), nn.Linear(2048, 256), nn.ReLU(), nn.Dropout(0.5), nn.Linear(256, 10)]
    return nn.Sequential(*layers, *head)


class _Block(nn.Module):
    """relu(f(x) + x), as `models/resnet.py` has it."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels != width:
            conv = nn.Conv2d(channels, width, 1, stride, bias=False)
            self.shortcut = nn.Sequential(conv, nn.BatchNorm2d(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


def _stages(widths: tuple[int, ...], blocks: int, channels: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for stage, width in enumerate(widths):
        for block in range(blocks):
            layers.append(_Block(channels, width, 2 if stage and not block else 1))
            channels = width
    return [*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten()]


def _resnet20() -> nn.Module:
    stem = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    return nn.Sequential(*stem, *_stages((16, 32, 64), 3, 16), nn.Linear(64, 10))


def _resnet18() -> nn.Module:
    stem = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    stages = _stages((64, 128, 256, 512), 2, 64)
    return nn.Sequential(*stem, nn.MaxPool2d(3, 2, 1), *stages, nn.Linear(512, 1000))


def _alexnet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 64, 11, 4, 2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(9216, 4096),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(4096, 4096),
        nn.ReLU(),
        nn.Linear(4096, 1000),
    )


_MODELS: dict[str, Callable[[], nn.Module]] = {
    "xor": _xor,
    "mlp": _mlp,
    "lenet5": _lenet5,
    "vgg_small": _vgg_small,
    "resnet20": _resnet20,
    "resnet18": _resnet18,
    "alexnet": _alexnet,
}
