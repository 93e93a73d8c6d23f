"""Whole training steps on the GPU. Read next: `resume.py`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import tinygrad_course as tg
from tinygrad_course.bench.timing import spread

from .clock import ROUNDS, Clock

STEPS = 30  # in a turn


def training_rows(cupy: Any, *, tiny: bool) -> Iterator[dict[str, Any]]:
    """Steps of networks that the package builds: the GPU's time, the host's, memory."""
    batches = {"mlp": 16, "lenet5": 8} if tiny else {"mlp": 128, "lenet5": 128, "vgg-small": 128}
    for name, batch in batches.items():
        shape = (32, 32, 3) if name == "vgg-small" else (28, 28, 1)
        model = tg.models.build(name, input_shape=shape, classes=10).to("cuda")
        optimizer = tg.optim.Adam(model.parameters(), lr=1e-3)
        rng = np.random.default_rng(0)
        x = tg.tensor(rng.standard_normal((batch, *shape)).astype("float32"), device="cuda")
        y = tg.tensor(rng.integers(0, 10, batch), device="cuda")

        def step(model: Any = model, optimizer: Any = optimizer, x: Any = x, y: Any = y) -> None:
            optimizer.zero_grad()
            tg.functional.cross_entropy(model(x), y).backward()
            optimizer.step()

        clock = Clock(cupy)
        row = {"model": name, "batch": batch, "first_ms": clock.first(step) * 1e3}
        if not tiny:
            clock.run([step], STEPS)
            measured = [clock.run([step], STEPS) for _ in range(ROUNDS)]
            row["gpu_ms"] = spread([times.gpu for times in measured]).median * 1e3
            row["host_ms"] = spread([times.host for times in measured]).median * 1e3
        yield {**row, "pool_mb": cupy.get_default_memory_pool().total_bytes() / 1e6}
