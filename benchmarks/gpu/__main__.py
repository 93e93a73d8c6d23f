"""The command: `python -m benchmarks.gpu --out FOLDER`; `__init__.py` says what it does."""

from __future__ import annotations

import argparse
import functools
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import tinygrad_course as tg
from tinygrad_course import kernels

from . import __doc__ as description
from .card import about, limits
from .clock import Clock
from .kernel_times import kernel_rows
from .resume import measure_ops, store
from .steps import training_rows

UNTIMED = {"running_statistics", "unfold", "fold", "max_pool2d_gather"}
TESTS = Path(__file__).resolve().parents[2] / "tests"


def main() -> None:
    """Measure, print a line for each result as it comes, and store them all as JSON."""
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--only", choices=["kernels", "training", "page"], help="one part")
    parser.add_argument("--ops", nargs="+", help="these ops, instead of all")
    parser.add_argument("--rehearse", action="store_true", help="without a GPU, at tiny sizes")
    arguments = parser.parse_args()
    parts = [arguments.only] if arguments.only else ["kernels", "training", "page"]
    if parts != ["page"]:
        with_cupy(arguments, parts)
    if "page" in parts:
        page(arguments.out)


def with_cupy(arguments: argparse.Namespace, parts: list[str]) -> None:
    """Measure on the GPU, or rehearse on CuPy's double."""
    if arguments.rehearse:
        sys.path.insert(0, str(TESTS))
        import cupy_double

        with cupy_double.installed() as cupy:
            tg.cuda.why_not = lambda: None
            measure(cupy, arguments, parts)
        return
    reason = tg.cuda.why_not()
    if reason is not None:
        raise SystemExit(f"no GPU to measure: {reason}")
    import cupy

    measure(cupy, arguments, parts)


def measure(cupy: Any, arguments: argparse.Namespace, parts: list[str]) -> None:
    """The parts asked for; what is measured is stored at once."""
    tiny, card = arguments.rehearse, about(cupy)
    say(card)
    if "kernels" in parts:
        best = limits(cupy, Clock(cupy), tiny=tiny)
        for row in best.rows:
            say(row)
        ops = arguments.ops or [name for name in kernels.names() if name not in UNTIMED]
        measured = functools.partial(kernel_rows, cupy, limits=best, tiny=tiny)
        measure_ops(arguments.out / "gpu-kernels.json", ops, card, best.rows, measured)
    if "training" in parts:
        rows = []
        for row in training_rows(cupy, tiny=tiny):
            rows.append(row)
            say(row)
            store(arguments.out / "gpu-training.json", {"machine": card, "rows": rows})


def page(folder: Path) -> None:
    """The roofline and the table of the kernels measured so far, as one HTML page."""
    source = folder / "gpu-kernels.json"
    if not source.exists() or importlib.util.find_spec("jinja2") is None:
        say("no page: it needs gpu-kernels.json, and the package jinja2")
        return
    from tinygrad_course.bench.page import write_page

    say(f"{write_page(folder / 'gpu-kernels.html', json.loads(source.read_text()))}")


def say(what: Any) -> None:
    """One line of the log."""
    print(what if isinstance(what, str) else json.dumps(what), flush=True)


if __name__ == "__main__":
    main()
