"""Every module of the package may be the first that a program imports: no circle bites."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import importlib, pkgutil, sys
import numpy
import tinygrad_course
names = [m.name for m in pkgutil.iter_modules(tinygrad_course.__path__) if m.name.isidentifier()]
names = [n for n in names if n in set(sys.argv[1:])]
names += ["ops." + n for n in ("arithmetic", "conv", "norm")]
for name in names:
    for loaded in [m for m in sys.modules if m.split(".")[0] == "tinygrad_course"]:
        del sys.modules[loaded]
    importlib.import_module("tinygrad_course." + name)
print(len(names))
"""
CORE = [
    "anomaly", "backend", "composition", "derivatives", "dtypes", "engine", "errors", "function",
    "functional", "grad_mode", "interchange", "node", "pointwise", "random", "recompute", "tensor",
]  # fmt: skip


def test_every_module_can_be_the_first() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, *CORE],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(CORE) + 3
