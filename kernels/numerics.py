"""How exact the arithmetic has to be: a setting of one thread that the ops' rules read.

Read next: `dispatch.py`, which remembers its choices apart for each setting.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from .registry import KernelError


class _Setting(threading.local):
    """What `numerics` set in this thread."""

    def __init__(self) -> None:
        self.precise = False


setting = _Setting()


@contextlib.contextmanager
def numerics(mode: str) -> Iterator[None]:
    """In this block and this thread, choose kernels by speed ("fast") or by exactness ("precise").

    All kernels keep to the error bound in their docstring, and are chosen by speed unless told
    otherwise. "precise" leaves out those whose bound is larger than the reference's: Winograd's
    F(4x4) convolution, whose largest error is 10 to 100 times that of a direct one.

    Args:
        mode: "fast" or "precise".

    Raises:
        KernelError: another word.

    Example:
        >>> with numerics("precise"):
        ...     precise()
        True
    """
    if mode not in {"fast", "precise"}:
        raise KernelError(f"numerics expects 'fast' or 'precise', got {mode!r}")
    before = setting.precise
    setting.precise = mode == "precise"
    try:
        yield
    finally:
        setting.precise = before


def precise() -> bool:
    """Whether this thread asked for `numerics("precise")`: for an op's rule.

    Example:
        >>> precise()
        False
    """
    return setting.precise
