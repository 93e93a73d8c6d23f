"""The group of commands: their names and one line on each; a command is imported when it runs.

Read next: `welcome.py` (what `tgc` alone shows), then `train.py`.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from .. import __version__
from ..errors import nearest
from .failure import exit_code_of

COMMANDS = {
    "train": "Train a model, watch it learn, get a report.",
    "evaluate": "Measure a trained model on test images.",
    "predict": "Show an image to a trained model.",
    "advise": "Judge a run, and say which experiment to try next.",
    "runs": "List, compare and replay what was trained.",
    "summary": "List a model's layers, shapes and parameters.",
    "search": "Try many settings of a run, and tell which are the best.",
    "lr-range": "Find a learning rate: let it rise until the loss explodes.",
    "overfit": "Can the model learn 32 samples by heart?",
    "data": "List, fetch and verify the data sets.",
    "check": "Check the gradients in a file, and name what is wrong.",
    "step": "Go through the backward pass of a loss, place by place.",
    "bench": "Measure kernels and training steps, beside other libraries.",
    "doctor": "Check this machine; every problem with its remedy.",
}
"""The commands in the order in which they are listed; command X-Y is `cli/X_Y.py:command`."""


class Commands(click.Group):
    """A group that imports a command when it runs, and prints every error as one message."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(
            f".{cmd_name.replace('-', '_')}", __package__
        ).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As in click, with the nearest name where there is no such command."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            raise click.UsageError(f"there is no command {name!r}; {nearest(name, COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in `--help`, from `COMMANDS` alone: no command is imported for it."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def main(self, args: Sequence[str] | None = None, *rest: Any, **options: Any) -> NoReturn:
        """Run the command line and leave with its exit code: 0, 1 (error), 2 (usage) or 130."""
        given = sys.argv[1:] if args is None else list(args)
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):  # a terminal without Unicode gets `?`, no traceback
                stream.reconfigure(errors="replace")
        options["standalone_mode"] = False
        try:
            code = super().main(given, *rest, **options)
            sys.stdout.flush()
        except BaseException as error:  # noqa: BLE001 - the last one to see it, Ctrl-C included
            code = exit_code_of(error, debug="--debug" in given)
        sys.exit(code if isinstance(code, int) else 0)


@click.group(
    name="tgc",
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="`tgc COMMAND --help` explains a command. Errors: `--debug` shows where one came from.",
)
@click.version_option(__version__, message="tinygrad_course %(version)s")
@click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks of errors.")
@click.pass_context
def tgc(ctx: click.Context) -> None:
    """Neural networks to read: every gradient written by hand and proved.

    `tgc` alone says what to do first.
    """
    if ctx.invoked_subcommand is None:
        from .welcome import welcome

        welcome()
