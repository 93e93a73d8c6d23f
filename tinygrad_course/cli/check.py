"""`tgc check FILE.py[::NAME]`: is the backward written in a file the derivative of its forward?

What is found in a file stands in `checking/files.py`, where its inputs come from in
`checking/drawing.py`.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import click

from .options import common, print_json

if TYPE_CHECKING:
    from rich.console import Console

    from ..checking.self_test import Scores


@click.command()
@click.argument("target", required=False, metavar="FILE.py[::NAME]")
@click.option(
    "--hints",
    type=click.IntRange(1, 3),
    default=None,
    help="Be told less: 1 where it is, 2 also what it is, 3 also the formula. [default: all]",
)
@click.option("--seed", default=0, show_default=True, help="Seeds inputs and probes.")
@click.option(
    "--dtype",
    type=click.Choice(["float64", "float32"]),
    default="float64",
    show_default=True,
    help="float32: run it in float32 besides, and count the digits.",
)
@click.option("--self-test", is_flag=True, help="Check the checker: plant mistakes, count.")
@click.option("--quick", is_flag=True, help="With --self-test: a sample, in a minute.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True,
              help="With --self-test: so many processes.")  # fmt: skip
@common
def command(
    target: str | None,
    hints: int | None,
    seed: int,
    dtype: str,
    self_test: bool,
    quick: bool,
    jobs: int,
    as_json: bool,
) -> int:
    """Check the gradients in FILE.py, and name what is wrong with them.

    FILE.py holds `forward(*inputs)` and `backward(grad, *inputs)`, or `forward(...) -> (out,
    cache)` and `backward(dout, cache)`, with a prefix or suffix if there are several, or classes
    derived from tg.Function. All are checked unless one is named.

    Inputs come from its `inputs(rng)`, or from shapes in annotations: `x: "N D"`.

    Exit code 1 if a gradient is wrong, or cannot be decided.
    """
    if self_test:
        return _self_test(quick, seed, jobs, as_json)
    if target is None:
        raise click.UsageError("expected a file to check, as dense.py or dense.py::dense")
    if quick or jobs > 1:
        raise click.UsageError("--quick and --jobs go with --self-test")
    return _check(target, hints, seed, dtype, as_json)


def _check(target: str, hints: int | None, seed: int, dtype: str, as_json: bool) -> int:
    import contextlib
    import random

    import numpy as np

    from ..checking.files import choose
    from ..checking.loading import failure, load
    from ..checking.render import as_rich
    from ..checking.run import check_found
    from ..errors import Error
    from ..random import manual_seed
    from .failure import say, warn
    from .terminal import console

    path, _, name = target.partition("::")
    random.seed(seed)  # a file that draws from the global generators is checked the same each time
    np.random.seed(seed)
    manual_seed(seed)
    printed = Printed()
    with contextlib.redirect_stdout(printed):
        module = load(path)
    failed = 0
    for number, found in enumerate(choose(module, name or None)):
        try:
            with contextlib.redirect_stdout(printed):
                report = check_found(found, module, seed=seed, dtype=dtype)
        except Exception as error:  # noqa: BLE001 - the user's code; the next function is checked
            failed += 1
            ours = isinstance(error, Error)
            message = str(error) if ours else f"{found.name}: {failure(error, path)}"
            if as_json:
                print_json({"event": "error", "name": found.name, "message": message})
            else:
                say("error", message, "red")
            continue
        failed += not report
        if as_json:
            print_json({"event": "check", "name": found.name, **report.to_dict()})
        else:
            if number:
                click.echo()
            console().print(as_rich(report, hints), soft_wrap=True)
    if printed.text:
        warn(f"{path} printed, in the first of many calls:\n{printed.text}")
    return int(failed > 0)


class Printed(io.TextIOBase):
    """What a user's file prints while it is checked: the beginning is kept.

    A forward is called hundreds of times, and `--json` promises nothing but JSON.

    Example:
        >>> printed = Printed()
        >>> print("a", "b", end="", file=printed)
        >>> printed.text
        'a b'
    """

    most = 500

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        """Keep it while there is room."""
        self.text += text[: self.most - len(self.text)]
        return len(text)


def _self_test(quick: bool, seed: int, jobs: int, as_json: bool) -> int:
    from ..checking.self_test import score
    from .terminal import console

    if not as_json:
        console().print("[dim]planting mistakes: this takes some minutes[/]")
    missed = False
    for dtype in ("float64", "float32"):
        scores = score(quick, dtype, seed=seed, jobs=jobs)
        if as_json:
            print_json({"event": "self-test", "quick": quick, **scores.as_dict()})
        else:
            _show(console(), scores)
        missed |= scores.recall < 1.0 or scores.false_alarms > 0
        missed |= scores.named < 0.98 or scores.misnamed > 0.005
    return int(missed)


def _show(screen: Console, scores: Scores) -> None:
    from .terminal import facts, table

    def share(part: float) -> str:
        return f"{100.0 * part:.2f} %"

    def shares(parts: dict[str, float]) -> str:
        return ", ".join(f"{share(part)} {name}" for name, part in parts.items())

    screen.print(f"\n[bold]{scores.dtype}[/]")
    rows: list[tuple[str, Any]] = [
        ("recall", share(scores.recall)),
        ("false alarms", f"{scores.false_alarms} of {scores.right:,} right functions"),
        ("named", share(scores.named)),
        ("misnamed", share(scores.misnamed)),
        ("ambiguous", share(scores.ambiguous)),
        ("mutants not in the bank", shares(scores.left_out)),
        ("two mistakes at once", shares(scores.pairs)),
    ]
    screen.print(facts(rows))
    per_op = [
        (name, t.planted, t.found, t.diagnosed, t.named, t.misnamed, t.false_alarms)
        for name, t in scores.per_op.items()
    ]
    columns = ("operation", "planted", "found", "diagnosed", "named", "misnamed", "false alarms")
    cells = [tuple(str(cell) for cell in row) for row in per_op]
    screen.print(table(columns, cells, right=range(1, 7)))
