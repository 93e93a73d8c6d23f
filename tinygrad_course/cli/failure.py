"""Errors as a user sees them: one message that says what to do, on standard error, no traceback.

`--debug` shows the traceback too. What nobody foresaw keeps its traceback: that one is our bug.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
import textwrap
import traceback

import click

ERROR, USAGE, INTERRUPTED = 1, 2, 130
"""The exit codes; 130 is what a shell expects of a program ended by Ctrl-C."""


class InterruptedRunError(Exception):
    """The user pressed Ctrl-C, and this is what is left and how to go on."""


def exit_code_of(error: BaseException, *, debug: bool) -> int:
    """Print `error` for the user and return the exit code it deserves."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else ERROR
    if isinstance(error, BrokenPipeError):
        return _reader_gone()
    if debug:
        traceback.print_exception(error)
    if isinstance(error, InterruptedRunError):
        say("stopped", str(error), "yellow")
        return INTERRUPTED
    if isinstance(error, (click.Abort, KeyboardInterrupt)):
        say("stopped", "by Ctrl-C", "yellow")
        return INTERRUPTED
    if isinstance(error, click.ClickException):
        return _click_message(error)
    message = expected(error)
    if message is None:
        if not debug:
            traceback.print_exception(error)
        message = (
            f"{type(error).__name__}: {error}. This is a bug of tinygrad_course: please report it "
            "with the lines above and the output of `tgc doctor`"
        )
    say("error", message, "red")
    return ERROR


def expected(error: BaseException) -> str | None:
    """The message of an error that a user can do something about; None for a bug of ours."""
    from .. import kernels
    from ..errors import Error

    if isinstance(error, (Error, kernels.KernelError)):
        return str(error)
    if isinstance(error, MemoryError):
        return f"not enough memory ({error}); use a smaller --batch-size or --data"
    if isinstance(error, ModuleNotFoundError) and error.name:
        return (
            f"the package {error.name.partition('.')[0]!r} is not installed; "
            "`pip install tinygrad-course` installs all that is needed, `tgc doctor` lists it"
        )
    if isinstance(error, OSError):
        return _system_message(error)
    return None


def warn(message: str) -> None:
    """A warning on standard error."""
    say("note", message, "yellow")


def say(word: str, message: str, colour: str) -> None:
    """`word: message` on standard error, the word in colour and lines unbroken in words there.

    Where standard error is no terminal, a message keeps its own lines.
    """
    if sys.stderr.isatty():
        width = max(40, shutil.get_terminal_size().columns)
        wrap = textwrap.TextWrapper(
            width=width - len(word) - 2,
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        # A line that is indented already, as a command to copy, stays whole.
        message = "\n".join(
            line if line.startswith(" ") else wrap.fill(line) for line in message.splitlines()
        )
    click.echo(f"{click.style(word + ':', fg=colour, bold=True)} {message}", err=True)


def _system_message(error: OSError) -> str:
    place = f"{error.filename}: " if error.filename else ""
    remedy = {
        errno.ENOSPC: "; free some space, or choose another folder with --out",
        errno.EDQUOT: "; your quota is used up: free some space, or choose another --out",
        errno.EACCES: "; you may not write or read there: choose another folder with --out",
        errno.EROFS: "; nothing can be written there: choose another folder with --out",
        errno.ENOENT: "; check the name",
    }.get(error.errno or 0, "")
    return f"{place}{error.strerror or error}{remedy}"


def _click_message(error: click.ClickException) -> int:
    """click's own errors in the same form, with the command whose help says more."""
    message = error.format_message()
    if isinstance(error, click.BadParameter) and not isinstance(error, click.MissingParameter):
        message = f"{_parameter(error.param)}: {error.message}"
    plain_word = message[1:2].islower()
    say("error", message[:1].lower() + message[1:] if plain_word else message, "red")
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is not None:
        click.echo(f"       `{context.command_path} --help` lists what is possible", err=True)
    return error.exit_code


def _parameter(parameter: click.Parameter | None) -> str:
    """A parameter as it is typed: --lr, or MODEL."""
    if parameter is None:
        return "argument"
    if isinstance(parameter, click.Option):
        return max(parameter.opts, key=len)
    return (parameter.name or "argument").upper()


def _reader_gone() -> int:
    """Standard output was closed by its reader, as by `| head`: end without another word."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return ERROR
