"""The double of CuPy is as strict as CuPy, and has what the installed CuPy has.

What it offers stands in `cupy_double/surface.txt`; where CuPy is installed (a GPU is not needed),
the file is compared with it.
"""

from __future__ import annotations

import importlib.util
import inspect
from typing import Any

import cupy_double
import numpy as np
import pytest
from cupy_double import cuda, surface
from cupy_double.array import SURFACE

installed = pytest.mark.skipif(
    importlib.util.find_spec("cupy") is None, reason="CuPy is not installed"
)


@pytest.fixture
def cupy() -> Any:
    with cupy_double.installed() as module:
        yield module


@installed
def test_the_surface_is_cupy_s() -> None:
    import cupy as real

    assert surface.surface(real) == SURFACE


@installed
def test_cuda_has_the_double_s_names_and_parameters() -> None:
    import cupy as real

    for name, own in vars(cuda).items():
        if name.startswith("_") or not (inspect.isclass(own) or inspect.isfunction(own)):
            continue
        if own.__module__ != cuda.__name__ or name in ("Memory", "Capsule"):
            continue
        theirs = getattr(real.cuda, name)
        if inspect.isfunction(own):
            continue
        for member in vars(own):
            if not member.startswith("_") and member not in ("used", "total"):
                assert hasattr(theirs, member), f"cupy.cuda.{name}.{member}"
    for name in ("RawModule", "asnumpy", "get_array_module", "get_default_memory_pool",
                 "shares_memory", "from_dlpack", "ndarray", "ufunc"):  # fmt: skip
        assert hasattr(real, name)
    assert callable(real.lib.stride_tricks.as_strided)
    properties = {n for n in dir(cupy_double.array.Flags(np.ones(1))) if n[0] != "_"}
    assert properties == {n for n in dir(real._core.flags.Flags) if n[0] != "_"}


@installed
def test_a_ufunc_takes_no_other_options() -> None:
    """The double's has these three; CuPy writes them at the head of each docstring."""
    import cupy as real

    for name in ("exp", "add", "maximum"):
        head = getattr(real, name).__doc__.partition("\n")[0]
        assert head.endswith("out=None, \\*, casting='same_kind', dtype=None)")


REFUSED = {
    "a NumPy array as operand": lambda c, a: a + np.ones(3),
    "on the other side": lambda c, a: np.ones(3) + a,
    "in place": lambda c, a: a.__iadd__(np.ones(3)),
    "a 0-d NumPy array": lambda c, a: np.maximum(a, np.zeros(())),
    "in a function": lambda c, a: c.where(a > 0, np.ones(3), a),
    "in a list": lambda c, a: c.concatenate([a, np.ones(3)]),
    "as a value to write": lambda c, a: a.__setitem__(0, np.ones(1)[0:1]),
    "as an index": lambda c, a: a[np.array([0])],
    "conversion": lambda c, a: np.asarray(a),
    "a list as operand": lambda c, a: a * [1, 2, 3],
    "a list for an array": lambda c, a: c.sum([1.0, 2.0]),
    "an option that CuPy lacks": lambda c, a: c.max(a, initial=0.0),
    "the same through NumPy": lambda c, a: np.max(a, initial=0.0),
    "where=": lambda c, a: c.add(a, a, where=a > 0),
    "a NumPy array as out": lambda c, a: c.exp(a, out=np.ones(3)),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cupy_refuses_is_refused(cupy: Any, what: str) -> None:
    with pytest.raises(TypeError):
        REFUSED[what](cupy, cupy.arange(3.0))


def test_flags_tell_nothing_of_writing(cupy: Any) -> None:
    with pytest.raises(AttributeError):
        _ = cupy.ones(3).flags.writeable
    for name in ("__index__", "__contains__", "__imatmul__", "ctypes", "__array_interface__"):
        assert not hasattr(cupy.ndarray, name)


def test_results_are_arrays_and_views_share(cupy: Any) -> None:
    a = cupy.arange(6.0).reshape(2, 3)
    for result in (a.sum(), a[0, 0], a.argmax(), np.max(a), a.T, a[0], a @ a.T, -a, abs(a),
                   a == a, 2.0 * a, np.float32(2) * a, np.exp(a)):  # fmt: skip
        assert type(result) is cupy.ndarray
    a[0, 0][...] = 7
    assert float(a[0, 0]) == 7
    row = a[1]
    row += 1
    assert a.tolist() == [[7.0, 1.0, 2.0], [4.0, 5.0, 6.0]]
    assert a[cupy.array([0, 5])].tolist()[1] == a[1].tolist()  # outside: wrapped around


def test_what_crosses_is_written_down(cupy: Any) -> None:
    a = cupy.asarray(np.ones(4, "float32"))
    assert cupy_double.transfers == [("to device", 16)]
    cupy_double.transfers.clear()
    b = (a * 2 + 1).sum()
    assert cupy_double.transfers == []
    assert bool(b > 3)
    assert cupy_double.transfers == [("to host", 1)]


def test_memory_is_counted_once_for_all_views(cupy: Any) -> None:
    pool = cupy.get_default_memory_pool()
    before = pool.used_bytes()
    a = cupy.zeros(100)
    views = [a[10:], a.reshape(10, 10), a.T]
    assert pool.used_bytes() - before == 800
    del a
    assert pool.used_bytes() - before == 800
    views.clear()
    assert pool.used_bytes() == before


def test_two_devices_do_not_mix(cupy: Any) -> None:
    a = cupy.ones(3)
    with cupy.cuda.Device(1):
        b = cupy.ones(3)
        assert cupy.asarray(a).device.id == 1
    for use in (lambda: a + b, lambda: cupy.exp(b), b.sum, lambda: b[b > 0]):
        with pytest.raises(ValueError, match="different from the current device"):
            use()
    assert b.reshape(3, 1).shape == (3, 1)


def test_the_real_cupy_comes_back() -> None:
    import sys

    before = sys.modules.get("cupy")
    with cupy_double.installed() as module:
        import cupy

        assert cupy is module
    assert sys.modules.get("cupy") is before
