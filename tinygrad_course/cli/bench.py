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
            for record in profile_step(step, threads=run.threads):
                run.add(record)
        return run.finish()
    there = chosen_peers(peers, run)
    for row in bench_steps(asked, there, threads=run.threads, rounds=run.rounds, say=run.say):
        run.add(row._asdict())
    return run.finish()


@command.command()
@click.argument("ops", nargs=-1, metavar="[OP]...")
@click.option("--impl", multiple=True, metavar="NAME",
              help="Only this implementation, beside NumPy; may be repeated.")  # fmt: skip
@click.option("--shape", multiple=True, metavar="128x784,784x800",
              help="Shapes to time instead of the op's own sizes; may be repeated.")  # fmt: skip
@click.option("--sweep", is_flag=True, help="Also smaller sizes, to see where each one pays.")
@click.option("--with", "target", metavar="FILE.py::NAME",
              help="Your own kernel: NumPy, @njit, or what launches @cuda.jit.")  # fmt: skip
@click.option("--limit", type=click.FloatRange(min=0, min_open=True), default=60.0,
              show_default=True, help="Seconds your kernel may take to be verified.")  # fmt: skip
@measured
def kernels(
    ops: tuple[str, ...],
    impl: tuple[str, ...],
    shape: tuple[str, ...],
    sweep: bool,
    target: str | None,
    limit: float,
    **given: Any,
) -> int:
    """Time every implementation of an op, beside NumPy; all ops by default.

    The share of the ceiling is the least time that this machine needs, measured in the same run,
    over the time taken. A star marks the implementation that runs. A wrong kernel is never timed.

    Your own takes the parameters of the op (`out` may be missing). It runs in a process of its own:
    it may crash, hang or write past an array's end, and you are told. A .cu file has the kernels of
    the op's own cuda.cu (copy it, change it), and runs in the emulator.
    """
    from .. import kernels as registry
    from ..bench.ceiling import Ceiling
    from ..bench.kernel_rows import crossovers
    from ..bench.kernels import Subject, bench_kernels
    from ..bench.sizes import sizes_of
    from ..bench.subject import parts_of
    from .bench_report import Run, ceiling_rows, chosen

    subject = None
    asked = list(ops)
    if target is not None:
        path, name, op = parts_of(target, asked)
        subject, asked = Subject(path, name, op), [op]
    asked = chosen("op", asked, registry.names())
    known = {name for op in asked for name in registry.implementations(op)} - {"reference"}
    chosen("implementation", impl, sorted(known))
    if shape and len(asked) > 1:
        raise click.UsageError("--shape: name the one op that these are the shapes of")
    for op in asked:
        sizes_of(op, shape)  # shapes that do not fit are told of before anything is measured
    run = Run("kernels", **given)
    rows = []
    for found in bench_kernels(
        asked,
        implementations=impl,
        shapes=shape,
        sweep=sweep,
        subject=subject,
        threads=run.threads,
        rounds=run.rounds,
        limit=limit,
        say=run.say,
    ):
        if isinstance(found, Ceiling):
            run.ceilings += ceiling_rows(found)
        else:
            rows.append(found)
            run.add(found._asdict())
    run.words = crossovers(rows)
    code = run.finish()
    wrong = subject is not None and any(row.fault for row in rows)
    return 1 if wrong else code


@command.command()
@measured
def ceiling(**given: Any) -> int:
    """Measure what this machine can do: memory by level, and arithmetic.

    Arrays of 16 KiB to 256 MiB show the levels of the cache and the memory behind them; a register
    tile, the multiply-adds.
    """
    from ..bench.ceiling import of_answer
    from ..bench.kernel_worker import OURS
    from ..bench.kernels import WORKER
    from ..bench.worker import Worker, threads_environment
    from .bench_report import Run, ceiling_rows

    run = Run("ceiling", **given)
    for threads in sorted({1, run.threads}):
        run.say(f"measuring with {threads} threads")
        environment = threads_environment(threads)
        with Worker(WORKER, OURS, str(threads), environment=environment) as worker:
            found = of_answer(worker.ask("ceiling"))
        for row in ceiling_rows(found):
            run.add(row)
        run.facts["ceiling by"] = found.source
    return run.finish()


@command.command()
@measured
def overhead(**given: Any) -> int:
    """Measure what one operation costs: 4-element arrays, beside PyTorch.

    30 times y = relu(y * b + c), then backward: 90 operations, on one thread.
    """
    from ..bench.overhead import bench_overhead
    from .bench_report import Run, chosen_peers

    given["threads"] = 1
    run = Run("overhead", **given)
    peers = chosen_peers("torch", run)
    for row in bench_overhead(peers, rounds=run.rounds, say=run.say):
        run.add(row._asdict())
    return run.finish()
