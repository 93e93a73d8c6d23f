"""`tgc bench`: kernels, whole training steps, the cost of an op, and what the machine could do.

The measuring stands in `../bench`; this file asks for it and shows what came out. Read next:
`bench_report.py`, which prints, stores and compares.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from .options import common

Function = TypeVar("Function", bound=Callable[..., Any])

HELP = """Measure what is fast here, beside what, and how far from what the machine can do.

\b
tgc bench steps       seven training steps, beside PyTorch and JAX
tgc bench kernels     every implementation of every op, and your own:
                      tgc bench kernels softmax --with my.py::softmax
tgc bench overhead    what one operation costs, beside PyTorch
tgc bench ceiling     what this machine could do: GB/s and GFLOP/s

Close other programs first. Ratios within one run hold; times of two runs may differ by 20 %.
"""


@click.group(name="bench", help=HELP)
def command() -> None:
    """The subcommands below."""


def measured(function: Function) -> Function:
    """The options of all of them."""
    for option in (
        click.option("--threads", type=click.IntRange(min=1), metavar="N",
                     help="For every engine. [default: the cores]"),
        click.option("--rounds", type=click.IntRange(min=1), metavar="N", default=9,
                     show_default=True, help="How often each candidate has a turn."),
        click.option("--html", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
                     help="Write the table, and for kernels a roofline, as a page."),
        click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
                     help="Store the results as JSON, for --baseline."),
        click.option("--baseline", type=click.Path(dir_okay=False, path_type=Path),
                     metavar="FILE", help="Compare with stored results; exit code 1 if slower."),
        click.option("--tolerance", type=click.FloatRange(min=0), default=0.15, show_default=True,
                     help="With --baseline: how much slower is no regression."),
    ):  # fmt: skip
        function = option(function)
    return common(function)


@command.command()
@click.argument("names", nargs=-1, metavar="[STEP]...")
@click.option("--peers", default=None, metavar="A,B",
              help="torch, torch-channels-last, torch-compile, jax, or none. "
                   "[default: PyTorch in both layouts, if it is installed]")  # fmt: skip
@click.option("--profile", is_flag=True, help="Show in which kernels our time goes; no peers.")
@measured
def steps(names: tuple[str, ...], peers: str | None, profile: bool, **given: Any) -> int:
    """Time whole training steps beside other libraries.

    STEP is one of xor, mlp, lenet5, vgg_small, resnet20, resnet18 and alexnet (a forward pass); all
    of them by default. Every engine has the same network, batch and number of threads, in a process
    of its own. A ratio below 1 says that this engine is faster.
    """
    from ..bench.steps import STEPS, bench_steps, profile_step
    from .bench_report import Run, chosen, chosen_peers

    run = Run("steps", **given)
    asked = chosen("step", names, STEPS)
    if profile:
        run.kind = "profile"
        for step in asked:
            run.say(f"{step}: profile")
            for row in profile_step(step, threads=run.threads):
                run.add(row)
        return run.finish()
    there = chosen_peers(peers, run)
    for row in bench_steps(asked, there, threads=run.threads, rounds=run.rounds, say=run.say):
        run.add(row._asdict())
    return run.finish()
