"""One training run from its first line on the screen to its report.

Ctrl-C ends it between two batches, with a checkpoint; a second Ctrl-C ends it at once.
Read next: `outcome.py`.
"""

from __future__ import annotations

import shlex
import signal
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import checkpoint
from ..errors import Error
from ..train import fit, measure
from ..training.callbacks import NonFinite, RunFolder
from ..training.events import TensorBoard
from ..training.recipe import Recipe
from . import outcome
from .display import display_for
from .failure import InterruptedRunError, warn
from .options import print_json
from .terminal import console, here, is_live, path_markup

if TYPE_CHECKING:
    from rich.console import Console

    from ..training.recipe import Run


@dataclass
class Session:
    """A run, where it is kept, and how it is shown.

    Attributes:
        run: what to train.
        folder: where checkpoints, log and report go.
        as_json: print records instead of drawing.
        report: whether to write one.
        events: whether to write TensorBoard's events.
    """

    run: Run
    folder: Path
    as_json: bool = False
    report: bool = True
    events: bool = False
    screen: Console = field(init=False)

    def __post_init__(self) -> None:
        self.screen = console()

    def train(self) -> None:
        """Train, test, show and report."""
        run, files = self.run, RunFolder(self.folder)
        self._begin()
        callbacks: list[Any] = [NonFinite(), *files.callbacks(), *run.rules]
        if self.events:
            callbacks.append(TensorBoard(self.folder / "events"))
        callbacks.append(display_for(self.screen, self.as_json))
        with stop_at_interrupt(run) as interrupted:
            try:
                fit(run, callbacks)
            except KeyboardInterrupt:
                raise self._stopped("at once") from None
        if interrupted():
            checkpoint.save(files.last, run)
            raise self._stopped("after the current batch")
        if run.stopped and not self.as_json:
            click.echo(f"Stopped: {run.stopped}.")
        self._end()

    def _begin(self) -> None:
        run, recipe, step = self.run, self.run.recipe, self.run.progress.step
        if self.as_json:
            print_json(
                {
                    "event": "start",
                    **recipe.to_dict(),
                    "parameters": run.model.num_parameters(),
                    "train_samples": len(run.dataset.train.x),
                    "test_samples": len(run.dataset.test.x),
                    "step": step,
                    "total_steps": run.total_steps,
                    "out": str(self.folder),
                }
            )
            return
        for line in heading(run):
            self.screen.print(line)
        self.screen.print(f"[dim]Kept in[/] {path_markup(self.folder)}", soft_wrap=True)
        if run.progress.epoch >= run.epochs:
            warn("this run is finished: every epoch is behind it")
        elif step:
            self.screen.print(f"[dim]Goes on after step {step:,} of {run.total_steps:,}[/]")
        self.screen.print()

    def _end(self) -> None:
        """Test the trained model and write the report; if that fails, the result is shown first."""
        run = self.run
        tested = measure(run, run.dataset.test)
        page: Path | None = None
        failure: Exception | None = None
        if self.report:
            try:
                with self._status("drawing the report"):
                    page = outcome.write_report(self.folder, run, tested, command_of(run.recipe))
            except (Error, OSError, ImportError) as error:
                failure = error
        if self.as_json:
            print_json(
                {
                    "event": "end",
                    **outcome.result_of(run, tested),
                    "out": str(self.folder),
                    "report": page,
                    "stopped": run.stopped,
                }
            )
        else:
            outcome.show_result(self.screen, run, tested, self.folder, page)
            outcome.show_next(self.screen, run, self.folder)
        if failure is not None:
            raise failure

    @contextmanager
    def _status(self, words: str) -> Iterator[None]:
        if self.as_json or not is_live(self.screen):
            yield
        else:
            with self.screen.status(f"[dim]{words} ...[/]"):
                yield

    def _stopped(self, when: str) -> InterruptedRunError:
        progress = self.run.progress
        saved = checkpoint.load(RunFolder(self.folder).last).progress
        return InterruptedRunError(
            f"{when}, in epoch {progress.epoch + 1} of {self.run.epochs}; step {saved.step:,} of "
            f"{self.run.total_steps:,} is kept. Go on with:\n"
            f"  tgc train --resume {shlex.quote(here(self.folder))}"
        )


@contextmanager
def stop_at_interrupt(run: Run) -> Iterator[Callable[[], bool]]:
    """Inside, the first Ctrl-C stops `run` after its batch; the next one interrupts as usual.

    Yields:
        A function that says whether there was one.
    """
    pressed: list[int] = []
    if threading.current_thread() is not threading.main_thread():  # no signals there
        yield lambda: False
        return
    before = signal.getsignal(signal.SIGINT)

    def handle(number: int, _frame: Any) -> None:
        pressed.append(number)
        run.stop("interrupted")
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, handle)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)


def heading(run: Run) -> list[str]:
    """What is trained, on what, and how: the first lines of the display."""
    from rich.markup import escape

    recipe, data = run.recipe, run.dataset
    classic = " (classic)" if recipe.classic else ""
    done = [f"shifted by up to {recipe.shift} pixels"] if recipe.shift else []
    done += ["mirrored"] if recipe.flip else []
    done += ["standardised"] if run.scaling.x is not None else []
    changed = ", " + " and ".join(done) if done else ""
    epochs = "1 epoch" if run.epochs == 1 else f"{run.epochs} epochs"
    return [
        (
            f"[bold]{recipe.model}{classic}[/] learns [bold]{escape(data.name)}[/]: "
            f"{run.model.num_parameters():,} parameters"
        ),
        f"[dim]{len(data.train.x):,} training samples{changed}; {len(data.test.x):,} to test on[/]",
        (
            f"[dim]{epochs}, batches of {recipe.batch_size}, {recipe.optimizer}, "
            f"learning rate {recipe.lr:g} ({recipe.schedule}), seed {recipe.seed}[/]"
        ),
    ]


def command_of(recipe: Recipe, only: Collection[str] | None = None) -> str:
    """The command that repeats a run.

    Args:
        recipe: of the run.
        only: leave out all settings but the model and these.

    Example:
        >>> command_of(Recipe(model="mlp", data="digits", lr=0.01, classic=False))
        'tgc train mlp --data digits --lr 0.01'
    """
    usual = Recipe(data=recipe.data, optimizer=recipe.optimizer).complete().to_dict()
    default = Recipe().to_dict()
    usual |= {"data": default["data"], "optimizer": default["optimizer"]}
    # Without its name, the model is what suits the samples: where that may be another, it is said.
    named = recipe.data != usual["data"] or recipe.model != usual["model"]
    words = ["tgc", "train", *([recipe.model] if named else [])]
    for name, value in recipe.to_dict().items():
        left_out = name == "model" or (only is not None and name not in only)
        if left_out or value is None or value == usual[name]:
            continue
        option = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            words.append(option if value else f"--no-{option[2:]}")
        elif name == "size" and isinstance(value, list):
            words += [option, "x".join(map(str, value))]
        else:
            for each in value if isinstance(value, list) else [value]:
                words += [option, repr(each) if isinstance(each, float) else str(each)]
    return shlex.join(words)
