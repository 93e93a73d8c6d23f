"""Whether operations are recorded: `no_grad`, `enable_grad`, `detect_anomaly`.

The state is per thread: a `no_grad` in a training loop does not leak into a prefetch thread.
Fourth of the core's files; the watcher that `detect_anomaly` installs is in `anomaly.py`.
"""

from __future__ import annotations

import threading
from contextlib import ContextDecorator
from typing import Any


class Mode(threading.local):
    """One thread's state; the class attributes are what a new thread starts with."""

    recording: Any = True
    """False, True, or the watcher of `detect_anomaly`: one read answers both questions."""
    watcher: Any = None
    replaying: bool = False
    """Inside the second run of `recompute`: running statistics were updated by the first."""


mode = Mode()


class no_grad(ContextDecorator):  # noqa: N801 - a keyword in spirit, as in PyTorch
    """Inside, operations leave no graph: for evaluation, and for writing into parameters.

    A context manager and a decorator.

    Example:
        >>> import tinygrad_course as tg
        >>> w = tg.tensor([2.0], requires_grad=True)
        >>> with tg.no_grad():
        ...     y = w * 3.0
        >>> y.requires_grad
        False
    """

    def __init__(self) -> None:
        self._before: list[Any] = []

    def _value(self) -> Any:
        return False

    def _recreate_cm(self) -> no_grad:
        """A decorated function gets one of its own per call: threads must not share the stack."""
        return type(self)()

    def __enter__(self) -> None:
        self._before.append(mode.recording)
        mode.recording = self._value()

    def __exit__(self, *_: object) -> None:
        mode.recording = self._before.pop()


class enable_grad(no_grad):  # noqa: N801
    """Inside, operations are recorded again, also within `no_grad`.

    Example:
        >>> import tinygrad_course as tg
        >>> w = tg.tensor([2.0], requires_grad=True)
        >>> with tg.no_grad(), tg.enable_grad():
        ...     y = w * 3.0
        >>> y.requires_grad
        True
    """

    def _value(self) -> Any:
        return True if mode.watcher is None else mode.watcher


def is_grad_enabled() -> bool:
    """Whether this thread records operations now.

    Example:
        >>> import tinygrad_course as tg
        >>> with tg.no_grad():
        ...     tg.is_grad_enabled()
        False
    """
    return mode.recording is not False
