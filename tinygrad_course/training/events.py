"""TensorBoard's events: the curves of a run for those who look at them there. An extra.

`pip install 'tinygrad-course[tensorboard]'` brings what writes the files; `tensorboard --logdir
runs` shows them. Read next: `callbacks.py`.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ArgumentError

if TYPE_CHECKING:
    from ..train import Record, Training

_NAMES = {"lr": "learning rate", "samples_per_second": "samples per second"}


def check() -> None:
    """Make sure that events can be written.

    Raises:
        ArgumentError: the extra is not installed.
    """
    if importlib.util.find_spec("tensorboardX") is None:
        raise ArgumentError(
            "TensorBoard's events need the package tensorboardX, which is not installed; "
            "`pip install 'tinygrad-course[tensorboard]'` installs it"
        )


class TensorBoard:
    """Writes each epoch's record as scalars: loss/train and loss/test in one chart, and so on.

    A resumed run writes into the same folder; TensorBoard drops the steps that were lost.

    Args:
        folder: where the files of events go.

    Raises:
        ArgumentError: the extra is not installed.
    """

    def __init__(self, folder: str | Path) -> None:
        check()
        self.folder = Path(folder)
        self.writer: Any = None

    def on_start(self, run: Training) -> None:
        """Open a file of events, from this step on."""
        writer = importlib.import_module("tensorboardX").SummaryWriter
        self.writer = writer(str(self.folder), purge_step=run.progress.step + 1)

    def on_epoch(self, run: Training, record: Record) -> None:
        """Write the epoch's numbers."""
        for key, value in record.items():
            if key in ("event", "epoch", "step") or value is None:
                continue
            part, _, quantity = key.partition("_")
            is_curve = part in ("train", "test")
            name = f"{quantity}/{part}" if is_curve else _NAMES.get(key, key)
            self.writer.add_scalar(name, float(value), record["step"])
        self.writer.flush()

    def on_end(self, run: Training) -> None:
        """Close the file."""
        if self.writer is not None:
            self.writer.close()
            self.writer = None
