"""`tgc check FILE.py[::NAME]`: is the backward written in a file the derivative of its forward?

What is found in a file stands in `checking/files.py`, where inputs come from in `drawing.py`.
"""

from __future__ import annotations

from typing import Any

import click

from .options import common, print_json


@click.command()
@click.argument("target", required=False, metavar="FILE.py[::NAME]")
@click.option("--hints", type=click.IntRange(1, 3), default=None,
              help="Only hints: 1 says where, 2 what, 3 the formula. [default: all]")  # fmt: skip
@click.option("--seed", default=0, show_default=True, help="Seeds inputs and probes.")
@common
def command(target: str | None, hints: int | None, seed: int, as_json: bool) -> Any:
    """Check the gradients in FILE.py, and name what is wrong with them.

    A file holds `forward(*inputs)` and `backward(grad, *inputs)`, or the same with a cache, or
    classes derived from tg.Function; several are all checked. Inputs come from its `inputs(rng)`,
    or from shapes in annotations: x: "N D".

    Exit code 1 if a gradient is wrong.
    """
    from ..checking.files import choose, load
    from ..checking.run import check_found

    if target is None:
        raise click.UsageError("give a file, as dense.py or dense.py::dense")
    path, _, name = target.partition("::")
    module = load(path)
    reports = [
        (each, check_found(each, module, seed=seed)) for each in choose(module, name or None)
    ]
    screen = None
    for found, report in reports:
        if as_json:
            print_json({"event": "check", "name": found.name, **report.to_dict()})
            continue
        from ..checking.render import as_rich
        from .terminal import console

        screen = screen or console()
        screen.print(as_rich(report, hints), soft_wrap=True)
    return int(any(report.verdict != "right" for _, report in reports))
