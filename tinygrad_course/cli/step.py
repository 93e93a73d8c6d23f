"""`tgc step FILE.py[::NAME]`: the backward pass of a loss written in a file, place by place.

The prompt is `debug/session.py`; here the file is run and its function called.
"""

from __future__ import annotations

import functools
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from ..errors import ArgumentError, Error, nearest
from ..tensor import Tensor

FORM = """expected a function without arguments that returns the loss:

    import tinygrad_course as tg

    w = tg.tensor([[0.5], [-1.0]], requires_grad=True)

    def loss():
        x = tg.tensor([[1.0, 2.0], [3.0, 4.0]])
        return tg.relu(x @ w).sum()
"""


@click.command()
@click.argument("target", required=False, metavar="FILE.py[::NAME]")
@click.option("--html", "page", type=click.Path(path_type=Path), metavar="PAGE",
              help="Write the pass as an HTML page instead.")  # fmt: skip
@click.option("--command", "-c", "commands", multiple=True, metavar="COMMAND",
              help="Carry this out and leave; may be given several times.")  # fmt: skip
def command(target: str | None, page: Path | None, commands: tuple[str, ...]) -> None:
    """Step through the backward pass of a loss, at a prompt.

    FILE.py holds a function that returns the loss, by default `loss`. At each place: the formula,
    the gradients that arrive and leave, the values kept, who else adds in.

    At the prompt: next, back, goto N, break nan (or zero, norm > 10, a name), continue, quit.
    `help` lists the rest, an empty line repeats.
    """
    if target is None:
        raise click.UsageError("give a file: tgc step FILE.py, or FILE.py::NAME")
    path, _, name = target.partition("::")
    from .. import debug
    from ..checking.loading import failure, load

    function = _function(load(path, "step", FORM), name or "loss", path)

    @functools.wraps(function)
    def checked() -> Tensor:
        try:
            loss = function()
        except Error:
            raise
        except Exception as error:
            raise ArgumentError(f"step: {failure(error, path)}") from error
        if not isinstance(loss, Tensor):
            raise ArgumentError(
                f"step: {name or 'loss'}() in {path} returned {type(loss).__name__}; {FORM}"
            )
        return loss

    if page is not None:
        click.echo(f"wrote {debug.html(checked).save(page)}")
    else:
        debug.step(checked, commands=list(commands) or None)


def _function(module: ModuleType, name: str, path: str) -> Any:
    """The function of that name.

    Raises:
        ArgumentError: there is none; the message shows the form.
    """
    function = getattr(module, name, None)
    if callable(function):
        missing = [
            p.name
            for p in inspect.signature(function).parameters.values()
            if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        ]
        if missing:
            raise ArgumentError(f"step: {name} in {path} takes {', '.join(missing)}; {FORM}")
        return function
    own = [n for n, v in vars(module).items()
           if callable(v) and getattr(v, "__module__", "") == module.__name__]  # fmt: skip
    if function is not None:
        reason = f"{name} in {path} is a {type(function).__name__}, no function"
    elif own:
        reason = f"{path} has no function {name!r}; {nearest(name, own)} (FILE.py::NAME names one)"
    else:
        reason = f"{path} has no function {name!r}"
    raise ArgumentError(f"step: {reason}; {FORM}")
