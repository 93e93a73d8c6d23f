"""`assert_gradients(f, inputs)`: the check as an assertion, for a test of one's own.

It fails with the whole explanation. For pytest, unittest, or a plain script.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .check import gradcheck
from .report import Report


def assert_gradients(
    f: Callable[..., Any] | Sequence[Callable[..., Any]],
    inputs: Any,
    *,
    rtol: float = 1e-6,
    seed: int = 0,
    dtype: str = "float64",
) -> Report:
    """Fail, with the explanation, unless every gradient of f is proved right.

    Args:
        f: in any form that `gradcheck` takes.
        inputs: its inputs.
        rtol: the relative tolerance.
        seed: seeds the probes.
        dtype: "float32" for a verdict on float32 besides.

    Returns:
        The report.

    Raises:
        GradientError: an AssertionError, with the explanation as its message.

    Example:
        >>> import numpy as np
        >>> def forward(x):
        ...     return np.tanh(x)
        >>> def backward(grad, x):
        ...     return grad * (1.0 - np.tanh(x) ** 2)
        >>> assert_gradients((forward, backward), np.array([0.5, -1.0])).verdict
        'right'
    """
    __tracebackhide__ = True
    report = gradcheck(f, inputs, rtol=rtol, seed=seed, dtype=dtype)
    return report.raise_if_wrong()
