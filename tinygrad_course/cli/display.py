"""A run while it learns: a line an epoch, and below them a bar that is drawn again in place.

Both displays are callbacks of `train.fit`. `Live` needs a terminal; `Lines` writes one line an
epoch wherever output goes; `JsonLines` writes the records as they are. Read next: `outcome.py`,
what is shown and written at the end.
"""

from __future__ import annotations

import math
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from ..training.callbacks import score_of
from .options import print_json

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from ..train import Record, Training

HEADING = " epoch   train loss  accuracy   test loss  accuracy      rate     time"
REGRESSION_HEADING = HEADING.replace("accuracy", "      R2")
INTERVAL = 0.05
"""Seconds between two drawings of the bar: drawing must not slow down what it shows."""


def epoch_line(record: Record, epochs: int) -> str:
    """One epoch as a line under `HEADING`; a dash where nothing was measured.

    Example:
        >>> print(HEADING)
         epoch   train loss  accuracy   test loss  accuracy      rate     time
        >>> record = {"epoch": 3, "train_loss": 0.12345, "train_accuracy": 0.9612,
        ...           "test_loss": None, "test_accuracy": None, "lr": 0.003, "seconds": 2.25}
        >>> print(epoch_line(record, 15))
          3/15       0.1235   96.12 %           —         —    0.0030    2.2 s
    """

    def loss(value: float | None) -> str:
        return "—" if value is None else f"{value:.4f}" if value < 1e4 else f"{value:.2e}"

    score = "r2" if "train_r2" in record else "accuracy"

    def share(value: float | None) -> str:
        if value is None or score == "accuracy":
            return "—" if value is None else f"{100 * value:.2f} %"
        return f"{value:.4f}" if value > -100 else f"{value:.1e}"

    rate = record["lr"]
    return (
        f"{record['epoch']:>3}/{epochs:<4}{loss(record['train_loss']):>11}"
        f"{share(record['train_' + score]):>10}{loss(record['test_loss']):>12}"
        f"{share(record['test_' + score]):>10}"
        f"{f'{rate:.4f}' if rate >= 1e-4 else f'{rate:.1e}':>10}{clock(record['seconds']):>9}"
    )


def heading_for(run: Training) -> str:
    """The line above the epochs."""
    return REGRESSION_HEADING if run.regression else HEADING


def clock(seconds: float) -> str:
    """A time as it is read: seconds, or minutes and seconds, or hours.

    Example:
        >>> clock(2.25), clock(75.4), clock(3725), clock(0.004)
        ('2.2 s', '1:15', '1:02:05', '0.0 s')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class JsonLines:
    """Each epoch's record as one JSON object on one line."""

    def on_epoch(self, run: Training, record: Record) -> None:
        """Print it."""
        print_json(record)


class Lines:
    """One plain line an epoch: for pipes, files, and terminals that cannot move their cursor."""

    def on_start(self, run: Training) -> None:
        """The heading; after a resumption, the epochs before it."""
        click.echo(heading_for(run))
        for record in run.progress.history:
            click.echo(epoch_line(record, run.epochs))

    def on_epoch(self, run: Training, record: Record) -> None:
        """The epoch's line."""
        click.echo(epoch_line(record, run.epochs))


class Live:
    """Lines that stay, and a last one that moves: bar, loss, accuracy, speed, time left."""

    def __init__(self, screen: Console) -> None:
        self.screen = screen
        self.best = -math.inf
        self.bar: Progress | None = None

    def on_start(self, run: Training) -> None:
        """The heading and the bar."""
        self.screen.print(heading_for(run), style="dim", no_wrap=True, overflow="crop")
        for record in run.progress.history:
            self._print(record, run.epochs)
        self.bar = self._bar()
        self.task = self.bar.add_task(
            "", total=run.total_steps, completed=run.progress.step, numbers="", left=""
        )
        self.start = self.drawn = perf_counter()
        self.first_step = run.progress.step
        self.bar.start()

    def on_batch(self, run: Training) -> None:
        """Move the bar, if it was not moved just now."""
        now = perf_counter()
        if now - self.drawn >= INTERVAL:
            self.drawn = now
            self._update(run, now)

    def on_epoch(self, run: Training, record: Record) -> None:
        """The epoch's line, above the bar; in green where the test accuracy is the best so far."""
        self._print(record, run.epochs)

    def on_end(self, run: Training) -> None:
        """Take the bar away."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None

    def _print(self, record: Record, epochs: int) -> None:
        from rich.text import Text

        line = Text(epoch_line(record, epochs), no_wrap=True, overflow="crop")
        score = score_of(record)
        if score is not None and score > self.best:
            self.best = score
            line.highlight_regex(r"(?<=\d )\s*\S+( %)?(?=\s+\S+\s+\S+( s)?$)", "bold green")
        self.screen.print(line)

    def _bar(self) -> Progress:
        from rich.progress import BarColumn, Progress, TextColumn

        return Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None, complete_style="cyan", finished_style="cyan"),
            TextColumn("{task.fields[numbers]}"),
            TextColumn("[cyan]{task.fields[left]}"),
            console=self.screen,
            transient=True,
            expand=True,
        )

    def _update(self, run: Training, now: float) -> None:
        assert self.bar is not None  # noqa: S101 - fit calls on_start first
        progress = run.progress
        made = progress.step - self.first_step
        left = (now - self.start) / max(made, 1) * (run.total_steps - progress.step)
        speed = progress.samples / max(progress.epoch_seconds, 1e-9)
        width = self.screen.width
        parts: list[tuple[int, str]] = [
            (40, f"loss {run.train_loss:.4f}"),
            (
                60,
                f"R2 {run.train_r2:.4f}"
                if run.regression
                else f"accuracy {100 * run.train_accuracy:.2f} %",
            ),
            (72, f"{speed:,.0f} samples/s" if width >= 90 else f"{speed:,.0f}/s"),
        ]
        self.bar.update(
            self.task,
            description=f"{progress.epoch + 1:>3}/{run.epochs}",
            completed=progress.step,
            numbers="  ".join(text for least, text in parts if width >= least),
            left=f"{clock(round(left))} left".replace(".0 s", " s"),
        )


def display_for(screen: Console, as_json: bool) -> Any:
    """The display that suits the output."""
    from .terminal import is_live

    if as_json:
        return JsonLines()
    return Live(screen) if is_live(screen) else Lines()
