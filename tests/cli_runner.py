"""Runs `tgc` inside the test's process, as click's runner does, with both streams apart."""

import os
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

import tinygrad_course as tg
from tinygrad_course.cli.app import tgc as command


def tgc(*arguments, **options):
    """The result of a command line: exit_code, stdout, stderr."""
    try:
        runner = CliRunner(mix_stderr=False)
    except TypeError:  # newer versions of click keep them apart by themselves
        runner = CliRunner()
    return runner.invoke(command, list(map(str, arguments)), prog_name="tgc", **options)


def environment(**more):
    """The environment of a child that finds this package, from wherever it runs.

    Where Numba is hidden from the tests it says nothing of that; `test_compiled.py` has it say so.
    """
    root = str(Path(tg.__file__).parent.parent)
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    quiet = "ignore:the NumPy kernels run instead"
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONWARNINGS": quiet, **more}


def child(*arguments, code=None, **options):
    """A real process: `tgc arguments`, or the code with these arguments; not waited for."""
    start = ["-m", "tinygrad_course"] if code is None else ["-c", code]
    command = [sys.executable, *start, *map(str, arguments)]
    options = {"env": environment(), "text": True, **options}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def finished(*arguments, **options):
    """(exit code, stdout, stderr) of a real process."""
    with child(*arguments, **options) as process:
        out, err = process.communicate(timeout=120)
    return process.returncode, out, err
