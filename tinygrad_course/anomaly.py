"""`detect_anomaly`: who made the first NaN, and who wrote into an array that backward needs.

Slow, and only while it is switched on: every node then remembers the user's line that made it.
"""

from __future__ import annotations

import math
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from .backend import is_array, to_host
from .errors import AnomalyError
from .observer import Observer, observing
from .tensor import Tensor

PACKAGE = str(Path(__file__).parent)


class Watcher(Observer):
    """Looks at everything an op makes, and remembers what it kept and who called it."""

    def after_forward(self, function: Any, inputs: Sequence[Any], ys: Sequence[Any]) -> None:
        """Raise if forward made a NaN or an infinity; fingerprint what a node kept."""
        where = _user_line()
        for y in ys:
            fault = _fault(y)
            if fault:
                raise AnomalyError(
                    f"{function!r} made {fault} in forward, called at {where}; look at its inputs "
                    "there"
                )
        if function.serial:
            function._where = where
            function._fingerprint = _fingerprint(function.kept)

    def before_backward(self, node: Any) -> None:
        """Raise if an array that the node kept was written into since forward."""
        fingerprint = getattr(node, "_fingerprint", None)
        if fingerprint is not None and fingerprint != _fingerprint(node.kept):
            raise AnomalyError(
                f"{node!r}, called at {node._where}, kept an array for backward, and it was "
                "written into since; copy it before changing it"
            )

    def after_backward(self, node: Any, grads: Sequence[Any]) -> None:
        """Raise if a formula made a NaN or an infinity."""
        for i, g in enumerate(grads):
            fault = None if g is None else _fault(g.data if isinstance(g, Tensor) else g)
            if fault:
                where = getattr(node, "_where", "a line outside detect_anomaly")
                raise AnomalyError(
                    f"{node!r} made {fault} in backward, in the gradient of its input {i}; forward "
                    f"was called at {where}"
                )


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Inside, the first NaN or infinity raises, naming the op and your line that called it.

    Also catches writes into arrays that the graph kept. Forward and backward must both run inside.

    Raises:
        AnomalyError: on leaving an op, forward or backward, that made a NaN or an infinity.

    Example:
        >>> import tinygrad_course as tg
        >>> x = tg.tensor(0.0, requires_grad=True)
        >>> with tg.detect_anomaly():
        ...     tg.sqrt(x).backward()  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        tinygrad_course.errors.AnomalyError: Sqrt() made an infinity in backward, ...
    """
    with observing(Watcher()), np.errstate(all="ignore"):
        yield


def _fault(y: Any) -> str | None:
    if y.dtype.kind != "f" or not y.size:
        return None
    total = float(abs(y).max())
    return "a NaN" if math.isnan(total) else "an infinity" if math.isinf(total) else None


def _fingerprint(kept: Any) -> list[int]:
    values = kept if isinstance(kept, (tuple, list)) else (kept,)
    return [zlib.crc32(np.ascontiguousarray(to_host(v)).tobytes()) for v in values if is_array(v)]


def _user_line() -> str:
    """file:line of the nearest caller outside the package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
