"""Runs a Python script whose emulated kernels are compiled for a sanitizer, and says what it found.

A sanitizer's library must be in the process before Python is, so the script runs in another
process. Read next: `__main__.py`, the same as a command.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

from .build import EmulationError, cache_folder, compiler

_LIBRARIES = {"thread": ("libtsan.so",), "address": ("libasan.so", "libstdc++.so.6")}
_SETTINGS = {
    "thread": {"TSAN_OPTIONS": "exitcode=66"},
    "address": {
        "ASAN_OPTIONS": "detect_leaks=0:exitcode=67",  # Python itself leaves memory behind
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",  # red zones around every array, not only around pools of them
    },
}
_FINDING = re.compile(
    r"WARNING: ThreadSanitizer: .*|ERROR: AddressSanitizer: .*|\S+: runtime error: .*"
)


class Findings(NamedTuple):
    """What a run under a sanitizer said.

    Attributes:
        found: the first line of each report.
        text: all of the script's output and of the reports, with files and lines.
        failed: the script itself ended with an error.
    """

    found: list[str]
    text: str
    failed: bool


def run(sanitizer: str, script: str | Path, *args: str) -> Findings:
    """Run a script with its emulated kernels under `"thread"` or `"address"`.

    `"thread"` finds races: two threads, of one block or of two, that touch a number without a
    barrier between them. `"address"` finds accesses outside an array, in global and in shared
    memory, misaligned vectors, and undefined arithmetic.

    Raises:
        EmulationError: another word, or a compiler without that sanitizer.
    """
    if sanitizer not in _LIBRARIES:
        raise EmulationError(f"sanitizer {sanitizer!r} does not exist; use 'thread' or 'address'")
    missing = why_not(sanitizer)
    if missing is not None:
        raise EmulationError(missing)
    package = (__package__ or "").rpartition(".")[0].rpartition(".")[0]
    command = [sys.executable, "-m", f"{package}.kernels.cuda_emulator"]
    command += ["--inside", sanitizer, str(script), *args]
    if sanitizer == "thread":  # its map of the memory expects the usual addresses
        command = ["setarch", "-R", *command]
    preload = ":".join(_library(name) for name in _LIBRARIES[sanitizer])
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, **_SETTINGS[sanitizer], "LD_PRELOAD": preload, "PYTHONPATH": path}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, errors="replace"
    )
    text = _with_lines(done.stdout + done.stderr)
    found = _FINDING.findall(text)
    return Findings(found, text, failed=done.returncode != 0 and not found)


@cache
def why_not(sanitizer: str) -> str | None:
    """Why kernels cannot run under that sanitizer here, or None where they can."""
    if compiler() is None:
        return "no g++ is installed, and the emulator compiles kernels with it"
    for name in _LIBRARIES[sanitizer]:
        if not Path(_library(name)).is_absolute():
            return f"g++ has no {name} (Debian, Ubuntu: it comes with apt install g++)"
    if sanitizer == "thread":
        try:
            subprocess.run(["setarch", "-R", "true"], capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return "setarch -R does not work here, and ThreadSanitizer needs fixed addresses"
    return None


@cache
def _library(name: str) -> str:
    """The path of a library of g++'s, or its bare name where there is none."""
    command = [str(compiler()), f"-print-file-name={name}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _with_lines(text: str) -> str:
    """The reports with file and line where the sanitizer knew but an offset in a library.

    GCC's own symboliser knows the libraries that were loaded before its first report alone.
    """

    def resolved(match: re.Match[str]) -> str:
        place = _place(match["library"], match["offset"])
        return match[0] if place is None else f"{place} ({match['library']}+{match['offset']})"

    unknown = r"(?:<null> <null> |(?<=data race ))"
    place = r"\((?:\S*/)?(?P<library>[0-9a-f]{32}\.so)\+(?P<offset>0x[0-9a-f]+)\)"
    return re.sub(unknown + place, resolved, text)


@cache
def _place(library: str, offset: str) -> str | None:
    """`kernel file:line` of an offset in a library of the cache, by binutils' addr2line."""
    command = ["addr2line", "-Cfpe", str(cache_folder() / library), offset]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return re.sub(r" \(discriminator \d+\)$", "", done.stdout.strip().replace(" at ", " ", 1))
