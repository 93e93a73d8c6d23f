"""Whether operations are recorded: `no_grad`, `enable_grad`, `detect_anomaly`.

The state is per thread: a `no_grad` in a training loop does not leak into a prefetch thread.
Fourth of the core's files; who may look on while ops run is told in `observer.py`.
"""

from __future__ import annotations

import inspect
import threading
from contextlib import ContextDecorator
from typing import Any

from .errors import ArgumentTypeError


class Mode(threading.local):
    """One thread's state; the class attributes are what a new thread starts with."""

    recording: Any = True
    """True or False, or an `Observed` in its place: one read tells whether anyone looks on, too."""
    observer: Any = None
    """Who is told of every op (`observer.py`), or None."""
    replaying: bool = False
    """Inside the second run of `recompute`: running statistics were updated by the first."""


mode = Mode()


class Observed:
    """True or False, but neither of the two: an op that meets it tells the observer."""

    def __init__(self, recording: bool) -> None:
        self.recording = recording

    def __bool__(self) -> bool:
        return self.recording


_OBSERVED = {True: Observed(True), False: Observed(False)}


def recording_state(recording: bool) -> Any:
    """What `mode.recording` has to be, with and without an observer."""
    return recording if mode.observer is None else _OBSERVED[recording]


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
        self._before: list[bool] = []

    _records = False

    def __call__(self, function: Any) -> Any:
        """Decorate a function.

        Raises:
            ArgumentTypeError: a generator, whose body runs later, when the mode is another.
        """
        if inspect.isgeneratorfunction(function):
            raise ArgumentTypeError(
                f"{type(self).__name__}: {function.__name__} is a generator, and its body runs "
                f"after the call; write `with tg.{type(self).__name__}():` inside it, around what "
                "lies between two yields"
            )
        return super().__call__(function)

    def _recreate_cm(self) -> no_grad:
        """A decorated function gets one of its own per call: threads must not share the stack."""
        return type(self)()

    def __enter__(self) -> None:
        self._before.append(bool(mode.recording))
        mode.recording = recording_state(self._records)

    def __exit__(self, *_: object) -> None:
        # Not the state itself: an observer may have come or gone in between.
        mode.recording = recording_state(self._before.pop())


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

    _records = True


def is_grad_enabled() -> bool:
    """Whether this thread records operations now.

    Example:
        >>> import tinygrad_course as tg
        >>> with tg.no_grad():
        ...     tg.is_grad_enabled()
        False
    """
    return bool(mode.recording)
