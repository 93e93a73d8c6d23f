"""`python -m tinygrad_course.kernels.cuda_emulator --sanitize thread script.py`: races in kernels.

Runs a script with its emulated kernels compiled for a sanitizer, prints what it printed and what
was found, and exits with 1 where something was. `--sanitize address` looks for overruns.
"""

from __future__ import annotations

import os
import runpy
import sys

from . import module, sanitize
from .build import EmulationError

_USAGE = "usage: python -m tinygrad_course.kernels.cuda_emulator --sanitize thread|address SCRIPT"


def main(arguments: list[str]) -> int:
    """`--sanitize` starts the process that `--inside` then is."""
    if len(arguments) < 3 or arguments[0] not in ("--sanitize", "--inside"):
        sys.stderr.write(_USAGE + "\n")
        return 2
    how, sanitizer, *rest = arguments
    if how == "--inside":
        os.environ.pop("LD_PRELOAD", None)  # the compiler shall run without it
        module.compile_for(sanitizer)
        sys.argv = rest
        runpy.run_path(rest[0], run_name="__main__")
        return 0
    try:
        findings = sanitize.run(sanitizer, *rest)
    except EmulationError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(findings.text)
    return 1 if findings.found or findings.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
