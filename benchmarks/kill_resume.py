"""Kill training runs at random moments, resume them, and compare every bit with an unhurt run.

    python benchmarks/kill_resume.py --kills 50

Each run is killed (SIGKILL: nothing is cleaned up) and resumed up to five times, then left to end.
Its last and best checkpoints and its log must equal those of a run that was never disturbed, the
times in them apart. Ends with exit code 1 at the first difference.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tinygrad_course.checkpoint import load, resume
from tinygrad_course.train import fit
from tinygrad_course.training.callbacks import NonFinite, Patience, RunFolder
from tinygrad_course.training.recipe import Recipe, assemble

RECIPE = Recipe(
    model="mlp", data="digits", epochs=12, batch_size=32, accumulate=2, optimizer="adam", clip=5.0
)
"""Small, and with everything that has a state: dropout, moments, a schedule, partial windows."""

TIMES = ("seconds", "samples_per_second", "epoch_seconds")


def train(folder: RunFolder) -> None:
    """One process: begin the run in `folder`, or go on with it, until it ends."""
    run = resume(folder.path)[0] if folder.last.exists() else assemble(RECIPE)
    print("training", flush=True)
    fit(run, [NonFinite(), *folder.callbacks(every=3), Patience(50)])


def start(folder: RunFolder) -> subprocess.Popen[str]:
    """Such a process, once it trains."""
    command = [sys.executable, __file__, "--train", str(folder.path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None  # noqa: S101
    process.stdout.readline()
    return process


def finish(process: subprocess.Popen[str]) -> float:
    """Wait for its end; the seconds that took."""
    begin = time.perf_counter()
    process.communicate()
    if process.returncode:
        sys.exit(f"a run ended with exit code {process.returncode}")
    return time.perf_counter() - begin


def outcome(folder: RunFolder) -> dict[str, Any]:
    """What a run left behind, without the times."""

    def timeless(record: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in record.items() if key not in TIMES}

    result: dict[str, Any] = {
        "log": [timeless(json.loads(line)) for line in folder.log.read_text().splitlines()]
    }
    for path in (folder.last, folder.best):
        saved = load(path)
        progress = timeless(saved.facts["progress"])
        progress["history"] = [timeless(record) for record in progress["history"]]
        result[path.name] = {
            "progress": progress,
            "generator": saved.facts["generator"],
            "arrays": {name: array.tobytes() for name, array in saved.arrays.items()},
        }
    return result


def main() -> None:
    """Parse the arguments and do it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--train", metavar="FOLDER", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.train:
        train(RunFolder(Path(arguments.train)))
        return
    moments = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as place:
        unhurt = RunFolder(Path(place, "unhurt"))
        duration = finish(start(unhurt))
        expected = outcome(unhurt)
        kills, runs = 0, 0
        while kills < arguments.kills:
            folder = RunFolder(Path(place, f"run{runs}"))
            for _ in range(min(5, arguments.kills - kills)):
                process = start(folder)
                time.sleep(moments.uniform(0, duration / 3))
                kills += process.poll() is None  # a run that has ended cannot be killed
                process.kill()
                process.communicate()
            finish(start(folder))
            if outcome(folder) != expected:
                sys.exit(f"run {runs} differs from the unhurt one after {kills} kills")
            runs += 1
    steps = expected["last.safetensors"]["progress"]["step"]
    print(
        f"{kills} kills in {runs} runs of {steps} steps: "
        "every run ended with the bits of the unhurt one"
    )


if __name__ == "__main__":
    main()
