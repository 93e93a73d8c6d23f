"""Grid and random search: many short runs, judged on a part held out of the training data.

The test data are not touched: whoever chooses by them has nothing left to test with. Finished
trials stand in a file, so an interrupted search goes on where it was. Read `search_space.py` first.

References:
    Bergstra and Bengio, "Random search for hyper-parameter optimization", JMLR 2012.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from time import perf_counter
from typing import Any

from ..data import Dataset, Split, hold_out
from ..errors import AnomalyError, CheckpointError, Error
from ..files import replace_file, unwritable
from ..train import fit
from .nonfinite import NonFinite
from .preparation import load_data
from .recipe import Recipe, assemble
from .search_space import Dimension, parse, settings_of

Trial = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What a search does; the same plan gives the same trials.

    Attributes:
        base: the recipe that all trials share.
        space: what is varied, as `--set` is given it.
        trials: how many random draws; None tries every combination.
        validation: the share of the training data that trials are judged on.
    """

    base: Recipe
    space: tuple[str, ...]
    trials: int | None = None
    validation: float = 0.2

    @property
    def dimensions(self) -> list[Dimension]:
        """The space, understood."""
        return [parse(text) for text in self.space]

    @property
    def settings(self) -> list[dict[str, Any]]:
        """Those of each trial."""
        return settings_of(self.dimensions, self.trials, self.base.seed)

    def to_dict(self) -> dict[str, Any]:
        """Fit for JSON."""
        return {"base": self.base.to_dict(), "space": list(self.space), "trials": self.trials,
                "validation": self.validation}  # fmt: skip

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Plan:
        """The plan whose `to_dict()` this is."""
        base = Recipe.from_dict(values["base"])
        return cls(base, tuple(values["space"]), values["trials"], values["validation"])


@dataclass(frozen=True)
class SearchFolder:
    """The files of a search: its plan, and a line for each finished trial.

    Attributes:
        path: the folder.
    """

    path: Path

    @property
    def plan_file(self) -> Path:
        """What is searched."""
        return self.path / "search.json"

    @property
    def trials_file(self) -> Path:
        """One JSON record a line."""
        return self.path / "trials.jsonl"

    def write_plan(self, plan: Plan) -> None:
        """Keep the plan."""
        replace_file(self.plan_file, json.dumps(plan.to_dict(), indent=1).encode())

    def read_plan(self) -> Plan:
        """The plan of a search that was begun.

        Raises:
            CheckpointError: there is none, or it is damaged.
        """
        try:
            return Plan.from_dict(json.loads(self.plan_file.read_text("utf-8")))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                f"{self.plan_file}: expected the plan of a search, but it cannot be read "
                f"({error}); name the folder of a search, or begin a new one"
            ) from error

    def finished(self) -> list[Trial]:
        """The trials that are finished; a line that a crash left unfinished is none."""
        if not self.trials_file.exists():
            return []
        found: dict[int, Trial] = {}
        for line in self.trials_file.read_text("utf-8").splitlines():
            trial = _record(line)
            if trial is not None:
                found[trial["trial"]] = trial
        return [found[number] for number in sorted(found)]

    def add(self, trial: Trial) -> None:
        """Append a trial, and bring it to the disk."""
        try:
            torn = self.trials_file.exists() and not self.trials_file.read_bytes().endswith(b"\n")
            with self.trials_file.open("a", encoding="utf-8") as file:
                file.write(("\n" if torn else "") + json.dumps(trial) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise unwritable(self.trials_file, error) from error


def _record(line: str) -> Trial | None:
    try:
        trial = json.loads(line)
    except ValueError:
        return None
    return trial if isinstance(trial, dict) and isinstance(trial.get("trial"), int) else None


def search(plan: Plan, folder: SearchFolder, *, processes: int = 1) -> Iterator[Trial]:
    """Make the trials that are not finished yet; each is kept, then yielded.

    Args:
        plan: what to try.
        folder: where trials are kept.
        processes: how many run at a time, each in a process of its own; 1 runs them here.

    Yields:
        `trial` (from 1), `settings`, `score` (the accuracy or R2 on the held-out part after the
        last epoch; None if it failed), `loss`, `seconds`, and `fault`, why it failed, or None.
    """
    done = {trial["trial"] for trial in folder.finished()}
    todo = [(n, each) for n, each in enumerate(plan.settings, 1) if n not in done]
    for trial in _made(plan, todo, min(processes, len(todo))):
        folder.add(trial)
        yield trial


def _made(plan: Plan, todo: list[tuple[int, dict[str, Any]]], processes: int) -> Iterator[Trial]:
    values = plan.to_dict()
    if processes <= 1:
        for number, settings in todo:
            yield run_trial(values, number, settings)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, initializer=_leave_interrupts) as pool:
        futures = [pool.submit(run_trial, values, *each) for each in todo]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool as error:
            raise CheckpointError(
                "search: a process ended without a word, most likely for want of memory; go on "
                "with fewer --processes"
            ) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()
            raise


def _leave_interrupts() -> None:
    """Ctrl-C is for the process that was started; it ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def run_trial(plan: dict[str, Any], number: int, settings: dict[str, Any]) -> Trial:
    """One trial: train without the held-out part, and measure on it."""
    asked = Plan.from_dict(plan)
    recipe = Recipe.from_dict({**asked.base.to_dict(), **settings})
    start = perf_counter()
    record: Trial = {"trial": number, "settings": settings, "score": None, "loss": None}
    try:
        run = assemble(recipe, divided(recipe.data, json.dumps(plan["base"]), asked.validation))
        last = fit(run, [NonFinite(), *run.rules])[-1]
        record |= {"score": last[f"test_{run.score}"], "loss": last["test_loss"]}
        fault = None
    except AnomalyError:
        fault = "diverged"
    except Error as error:
        fault = str(error)
    if record["score"] is not None and not math.isfinite(record["score"]):
        record["score"], fault = None, "diverged"
    return {**record, "seconds": perf_counter() - start, "fault": fault}


@lru_cache(maxsize=1)
def divided(data: str, base: str, validation: float) -> Dataset:
    """The training data of a recipe with a part of them in the place of the test data.

    Args:
        data: the recipe's.
        base: the recipe as JSON.
        validation: the share that is held out.
    """
    dataset = load_data(replace(Recipe.from_dict(json.loads(base)), data=data))
    x, y = dataset.train
    stratify = y if dataset.classes else None
    parts = hold_out(len(x), test=validation, stratify=stratify, seed=0)
    train, held = (Split(x[rows], y[rows]) for rows in (parts.train, parts.test))
    return replace(dataset, train=train, test=held)


def ranked(trials: Sequence[Trial]) -> list[Trial]:
    """The trials from the best to the worst; those that failed last.

    Example:
        >>> trials = [{"trial": 1, "score": None}, {"trial": 2, "score": 0.5},
        ...           {"trial": 3, "score": 0.9}]
        >>> [trial["trial"] for trial in ranked(trials)]
        [3, 2, 1]
    """
    return sorted(trials, key=lambda trial: -math.inf if trial["score"] is None
                  else trial["score"], reverse=True)  # fmt: skip


def chance_of_the_top(trials: int, share: float = 0.05) -> float:
    """How likely the best of some random trials lies in the top share of the space.

    Example:
        >>> round(chance_of_the_top(60), 3)
        0.954
    """
    return 1.0 - (1.0 - share) ** trials
