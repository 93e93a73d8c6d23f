"""A process that does one thing when it is asked: how engines are kept apart, and faults survived.

The parent writes a request as one line of JSON and waits for the answer; a worker that crashes or
hangs costs its parent an exception, never its life. Whatever the code under test prints goes to
standard error, since standard output carries the answers. Read next: `steps.py`.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from ..errors import Error

Handlers = Mapping[str, Callable[..., Any]]
START_LIMIT = 120.0
"""Seconds a worker has to import what it needs."""


class WorkerError(Exception):
    """A worker could not answer.

    Attributes:
        kind: "raised" (an exception, in the message), "crashed" (by a signal) or "hung".
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Worker:
    """A child process that runs a module's `main` and answers requests.

    Args:
        module: a module of this package whose `main(arguments)` calls `serve`.
        arguments: what it is given.
        environment: variables to set, such as the number of threads.

    Raises:
        WorkerError: it did not start; the message has the last line it printed.
    """

    def __init__(
        self, module: str, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> None:
        root = str(Path(__file__).resolve().parents[2])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        variables = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **(environment or {})}
        code = f"import sys; from {module} import main; main(sys.argv[1:])"
        self._printed = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._printed,
            env=variables,
            text=True,
        )
        self._answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self._answer(START_LIMIT, "start")
        except WorkerError:
            self.close()
            raise

    def ask(self, what: str, *, limit: float = 600.0, **given: Any) -> Any:
        """The worker's answer to one request.

        Args:
            what: the name of its handler.
            limit: seconds; a worker that needs longer is ended.
            **given: the handler's arguments, as JSON can carry them.

        Raises:
            WorkerError: it raised, crashed or hung.
        """
        try:
            assert self._process.stdin is not None  # noqa: S101
            self._process.stdin.write(json.dumps({"what": what, **given}) + "\n")
            self._process.stdin.flush()
        except OSError:
            pass  # it is gone: the answer says how
        return self._answer(limit, what)

    def _answer(self, limit: float, what: str) -> Any:
        try:
            line = self._answers.get(timeout=limit)
        except queue.Empty:
            self.close()
            raise WorkerError("hung", f"no answer to {what!r} within {limit:g} s") from None
        if line is None:
            raise self._death()
        answer = json.loads(line)
        if "raised" in answer:
            raise WorkerError("raised", answer["raised"])
        return answer["answer"]

    def _death(self) -> WorkerError:
        """What the end of a process that should still live looks like from outside."""
        code = self._process.wait()
        if code < 0:
            return WorkerError("crashed", f"the process was ended by {signal.Signals(-code).name}")
        last = self.printed().strip().splitlines()[-1:] or ["it printed nothing"]
        return WorkerError("crashed", f"the process ended with exit code {code}: {last[0]}")

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put(None)

    def printed(self) -> str:
        """What it wrote on standard error so far."""
        self._printed.seek(0)
        return self._printed.read()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout, self._printed):
            if stream is not None:
                with suppress(OSError):  # a request that a dead worker never read
                    stream.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def serve(handlers: Handlers) -> None:
    """The worker's side: answer requests by calling `handlers`, until the parent is gone."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(answer: dict[str, Any]) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    say({"answer": "ready"})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            say({"answer": handlers[request.pop("what")](**request)})
        except Exception as error:  # noqa: BLE001 - the code under test may raise anything
            traceback.print_exc()
            ours = isinstance(error, Error)
            say({"raised": str(error) if ours else f"{type(error).__name__}: {error}"})


def threads_environment(count: int) -> dict[str, str]:
    """The variables by which every library here is told, before it starts, to use so many threads.

    Example:
        >>> threads_environment(1)["OMP_NUM_THREADS"]
        '1'
    """
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    return dict.fromkeys(names, str(count))
