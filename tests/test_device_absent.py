"""Where no GPU can be used: one sentence says what is missing, and the CPU goes on as ever."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

import tinygrad_course as tg
from tinygrad_course.errors import DeviceError

ROOT = Path(tg.__file__).parents[1]


@pytest.fixture(autouse=True)
def ask_again() -> Any:
    """What is remembered of this machine is forgotten before and after."""
    tg.cuda.why_not.cache_clear()
    yield
    tg.cuda.why_not.cache_clear()


def machine(monkeypatch: Any, *, driver: int | None, variants: tuple[str, ...] = (),
            cupy: Any = None) -> None:  # fmt: skip
    """Pretend a driver, installed distributions, and what `import cupy` gives (or raises)."""
    monkeypatch.setattr(tg.cuda, "driver_version", lambda: driver)
    monkeypatch.setattr(tg.cuda, "_installed_variants", lambda: list(variants))

    def load() -> Any:
        if isinstance(cupy, Exception):
            raise cupy
        return cupy

    monkeypatch.setattr(tg.cuda, "load_cupy", load)
    found = None if cupy is None else object()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: found)


class Broken(Exception):
    """An error of CuPy's."""


def cupy_that(**answers: Any) -> Any:
    """A module whose runtime gives these answers; an exception is raised."""

    def answer(name: str, default: Any) -> Any:
        value = answers.get(name, default)

        def function(*_: Any) -> Any:
            if isinstance(value, Exception):
                raise value
            return value

        return function

    runtime = types.SimpleNamespace(
        runtimeGetVersion=answer("runtime", 13020),
        getDeviceCount=answer("count", 1),
        getDeviceProperties=answer("properties", {"name": b"Card"}),
    )
    return types.SimpleNamespace(
        cuda=types.SimpleNamespace(runtime=runtime), zeros=answer("zeros", 1.0)
    )


CASES = {
    "no driver": (
        {"driver": None},
        r"no NVIDIA driver was found.*pip install 'tinygrad-course\[cuda13\]' \(cuda12 for",
    ),
    "an old driver": ({"driver": 11080}, r"driver is too old: it supports CUDA 11\.8"),
    "no CuPy": (
        {"driver": 13000},
        r"CuPy is not installed; pip install 'tinygrad-course\[cuda13\]'$",
    ),
    "no CuPy, older driver": ({"driver": 12040}, r"pip install 'tinygrad-course\[cuda12\]'$"),
    "two variants": (
        {"driver": 13000, "variants": ("cupy-cuda12x", "cupy-cuda13x"), "cupy": cupy_that()},
        r"several variants.*pip uninstall cupy-cuda12x cupy-cuda13x",
    ),
    "a broken CuPy": (
        {"driver": 13000, "cupy": ImportError("libfoo.so is missing\nand more")},
        r"cannot be imported \(ImportError: libfoo\.so is missing\)",
    ),
    "the wrong variant": (
        {"driver": 12080, "cupy": cupy_that()},
        r"variant for CUDA 13, but the driver supports CUDA 12\.8.*\[cuda12\]",
    ),
    "no device": ({"driver": 13000, "cupy": cupy_that(count=0)}, "the NVIDIA driver shows no GPU"),
    "no device, as an error": (
        {"driver": 13000, "cupy": cupy_that(count=Broken("cudaErrorNoDevice: no CUDA-capable"))},
        "the NVIDIA driver shows no GPU",
    ),
    "an unreachable driver": (
        {"driver": 13000, "cupy": cupy_that(runtime=Broken("cudaErrorInsufficientDriver: old."))},
        r"does not reach the driver \(Broken: cudaErrorInsufficientDriver: old\)",
    ),
    "no compiler": (
        {"driver": 13000, "cupy": cupy_that(zeros=Broken("libnvrtc.so"))},
        r"GPU, Card, but CuPy cannot compute on it \(Broken: libnvrtc\.so\)",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_one_sentence_says_what_is_missing(monkeypatch: Any, case: str) -> None:
    given, words = CASES[case]
    machine(monkeypatch, **given)
    reason = tg.cuda.why_not()
    assert reason is not None
    assert "\n" not in reason
    assert re.search(words, reason), reason
    assert not tg.cuda.is_available()
    assert tg.cuda.device_count() == 0
    tg.cuda.empty_cache()
    for use in (lambda: tg.tensor([1.0], device="cuda"), lambda: tg.tensor([1.0]).cuda(),
                lambda: tg.nn.Dense(1, 1).to("cuda:0"), tg.cuda.synchronize,
                tg.cuda.memory_allocated, tg.cuda.current_device):  # fmt: skip
        with pytest.raises(DeviceError, match=r"device 'cuda(:0)?': .*use device='cpu'"):
            use()


def test_visible_devices_are_named(monkeypatch: Any) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    machine(monkeypatch, driver=13000, cupy=cupy_that(count=0))
    assert "CUDA_VISIBLE_DEVICES is ''" in (tg.cuda.why_not() or "")


def test_a_gpu_that_computes_wrong_is_none(monkeypatch: Any) -> None:
    class Number:
        def __add__(self, other: Any) -> Any:
            return types.SimpleNamespace(sum=lambda: 3.0)

    machine(monkeypatch, driver=13000, cupy=cupy_that(zeros=Number()))
    assert "computes wrong results" in (tg.cuda.why_not() or "")


PROGRAM = """
import sys
import tinygrad_course as tg
assert "cupy" not in sys.modules and "numba" not in sys.modules
x = tg.tensor([1.0, 2.0], requires_grad=True)
(x * 2.0).sum().backward()
assert x.grad.tolist() == [2.0, 2.0]
assert "cupy" not in sys.modules
print(tg.cuda.is_available(), tg.cuda.why_not())
"""


def finished(**variables: str) -> str:
    environment = {**os.environ, **variables, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-W", "error", "-c", PROGRAM], cwd=ROOT,
                          env=environment, capture_output=True, text=True, check=True)  # fmt: skip
    return done.stdout


def test_a_process_without_a_gpu() -> None:
    """The real thing: whatever this machine has, one line tells it; CuPy is not asked before."""
    out = finished()
    assert out.startswith(("True None", "False "))
    assert out.count("\n") == 1


def test_numba_s_simulator_is_no_gpu() -> None:
    assert finished(NUMBA_ENABLE_CUDASIM="1") == finished()


def test_a_hidden_cupy_is_missing(tmp_path: Path) -> None:
    """A package named cupy that fails on import does not disturb the CPU."""
    (tmp_path / "cupy.py").write_text("raise RuntimeError('must not be imported')")
    out = finished(PYTHONPATH=str(tmp_path))
    assert out.startswith("False ")
