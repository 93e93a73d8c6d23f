"""Every test here runs twice: on the double of CuPy, everywhere, and with `-m gpu` on a GPU.

The first is the rehearsal of the second, so that time on a GPU is not lost to a slip of the pen.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import cupy_double
import numpy as np
import pytest
from tinygrad_course.kernels import cuda_launch, numba_launch, registry

import tinygrad_course as tg
from tinygrad_course import dtypes


class Device(NamedTuple):
    """Where a test runs.

    Attributes:
        cupy: CuPy, or the double.
        transfers: what crossed between host and device so far; None on a GPU.
    """

    cupy: Any
    transfers: list[tuple[str, int]] | None

    @property
    def is_gpu(self) -> bool:
        return self.transfers is None

    def put(self, value: Any) -> Any:
        """Arrays, also inside lists and tuples, on the device; the rest as it is."""
        if isinstance(value, (list, tuple)):
            return type(value)([self.put(v) for v in value])
        return self.cupy.asarray(value) if isinstance(value, np.ndarray) else value

    def host(self, value: Any) -> Any:
        """The reverse."""
        if isinstance(value, (list, tuple)):
            return type(value)([self.host(v) for v in value])
        return value.get() if isinstance(value, self.cupy.ndarray) else value


@pytest.fixture(params=["double", pytest.param("gpu", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Device]:
    """CuPy on a GPU, or its double, which `tg.cuda` takes for one."""
    if request.param == "gpu":
        reason = tg.cuda.why_not()
        if reason is not None:
            pytest.skip(reason)
        import cupy

        yield Device(cupy, None)
        return
    with cupy_double.installed() as cupy:
        forget()
        monkeypatch.setattr(tg.cuda, "driver_version", lambda: 13000)
        monkeypatch.setattr(tg.cuda, "_installed_variants", list)
        assert tg.cuda.why_not() is None
        yield Device(cupy, cupy_double.transfers)
    forget()


def forget() -> None:
    """Let nothing remember the double, or the GPU, that was asked before."""
    dtypes._constants.clear()
    registry.remembered.clear()
    tg.cuda.why_not.cache_clear()
    for value in [*vars(cuda_launch).values(), *vars(numba_launch).values()]:
        if hasattr(value, "cache_clear"):
            value.cache_clear()
