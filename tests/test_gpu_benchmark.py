"""`benchmarks/gpu` goes on where it stopped, times what is right, and asks PyTorch for the same.

No GPU is asked for: what it does on one is done here on CuPy's double, with the host's clock.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cupy_double
import numpy as np
import pytest
from tinygrad_course.kernels import cuda_launch, verify

from tinygrad_course import kernels
from tinygrad_course.bench.kernel_rows import KernelRow
from tinygrad_course.bench.page import write_page

ROOT = Path(__file__).parent.parent
OPS = ["activation", "dropout", "sum_rows"]


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports a file of `benchmarks/gpu`."""
    monkeypatch.syspath_prepend(ROOT)
    return lambda name: importlib.import_module(f"benchmarks.gpu.{name}")


def run(part: Any, out: Path, rows_of: Any, about: str = "card") -> dict[str, Any]:
    path = out / "gpu-kernels.json"
    try:
        part("resume").measure_ops(path, OPS, {"processor": about}, [], rows_of)
    finally:
        report = json.loads(path.read_text())
    return report  # type: ignore[no-any-return]


def test_a_lost_gpu_costs_one_op(part: Any, tmp_path: Path) -> None:
    measured = []

    def rows(op: str) -> Iterator[KernelRow]:
        measured.append(op)
        yield KernelRow(op, "small", "cuda", us=1.0, gigabytes_per_second=1.0, gigaflops=1.0,
                        percent=1.0, bound="memory")  # fmt: skip
        if op == "dropout":
            raise RuntimeError("an illegal memory access was encountered")

    with pytest.raises(SystemExit) as end:
        run(part, tmp_path, rows)
    assert end.value.code == 75
    report = run(part, tmp_path, rows)
    assert measured == OPS
    assert report["done"] == OPS
    faults = [(row["op"], row["fault"]) for row in report["rows"] if row["fault"]]
    assert faults == [("dropout", "RuntimeError: an illegal memory access was encountered")]
    assert [row["op"] for row in report["rows"]] == ["activation", "dropout", "dropout", "sum_rows"]
    run(part, tmp_path, rows)
    assert measured == OPS
    with pytest.raises(SystemExit):
        run(part, tmp_path, rows, about="another card")
    assert measured == [*OPS, "activation", "dropout"]


def test_an_op_that_takes_the_process_along_is_left_out(part: Any, tmp_path: Path) -> None:
    def rows(op: str) -> Iterator[KernelRow]:
        if op == "dropout":
            raise KeyboardInterrupt  # as if the process had been killed
        yield from ()

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run(part, tmp_path, rows)
    report = run(part, tmp_path, rows)
    assert report["done"] == OPS
    assert [row["fault"] for row in report["rows"]] == ["begun twice, and not finished"]


# On the double, as on a GPU -----------------------------------------------------------------------


class Event:
    """An event that happens when the host asks for it."""

    def record(self, stream: Any = None) -> None:
        self.at = time.perf_counter()

    def synchronize(self) -> None: ...


@pytest.fixture
def cupy(part: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The double, whose events tell the time; short turns, and one small size of an op."""
    clock = part("clock")
    monkeypatch.setattr(clock, "TURN", 1e-3)
    monkeypatch.setattr(cupy_double.cuda, "Event", Event)
    monkeypatch.setattr(
        cupy_double.cuda, "get_elapsed_time", lambda start, end: (end.at - start.at) * 1e3
    )
    spec = kernels.op("sum_rows")
    size = kernels.Benchmark("30,7", ((30, 7),), spec.benchmark_shapes[0].params)
    small = dataclasses.replace(spec, benchmark_shapes=(size,))
    monkeypatch.setattr(kernels, "op", lambda name: small)
    monkeypatch.setattr(cuda_launch, "cupy_available", lambda: True)
    with cupy_double.installed() as module:
        yield module


def limits_of(part: Any) -> Any:
    copy = {"what": "copy", "threads": 1, "bytes": 8, "gigabytes_per_second": 1e3}
    product = {"what": "matmul", "threads": 1, "bytes": None, "gigaflops": 1e4}
    rows = [{**copy, "gigaflops": None}, {**product, "gigabytes_per_second": None}]
    return part("card").Limits(1e3, 1e4, rows)


def test_what_is_right_is_timed(part: Any, cupy: Any, tmp_path: Path) -> None:
    limits, times = limits_of(part), part("kernel_times")
    rows = list(times.kernel_rows(cupy, "sum_rows", limits, tiny=False))
    assert {row.implementation for row in rows} >= {"reference"}
    for row in rows:
        assert not row.fault
        assert 0 < row.us_low <= row.us <= row.us_high
        assert row.first_ms > 0
        assert row.error < 1e-5
        assert 0 < row.percent < 100
        assert row.bound == "memory"
        assert "us a launch" in row.note
        assert "of the memory ceiling" in part("resume").line(row)
    report = {"kind": "kernels", "machine": part("card").about(cupy), "ceilings": limits.rows}
    write_page(tmp_path / "page.html", {**report, "rows": [row._asdict() for row in rows]})
    assert "<svg" in (tmp_path / "page.html").read_text()


def test_what_is_wrong_is_told_and_not_timed(
    part: Any, cupy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(x: Any, *, out: Any = None) -> Any:
        return x.sum(axis=0) + np.float32(1)

    def broken(x: Any, *, out: Any = None) -> Any:
        raise ValueError("no such thing\nand more")

    times = part("kernel_times")
    for function, words in (
        (wrong, "wrong: it returns another number"),
        (broken, "ValueError: no"),
    ):
        monkeypatch.setattr(kernels, "find", lambda *_, f=function: f)
        rows = list(times.kernel_rows(cupy, "sum_rows", limits_of(part), tiny=False))
        assert all(row.fault.startswith(words) and row.us is None for row in rows)


def test_the_limits_and_the_card(part: Any, cupy: Any) -> None:
    found = part("card").limits(cupy, part("clock").Clock(cupy), tiny=True)
    assert [row["what"] for row in found.rows] == ["one read, one write", "matmul"]
    about = part("card").about(cupy)
    assert about["processor"] == "Double"
    json.dumps(about)


# PyTorch's side -----------------------------------------------------------------------------------


def peers() -> list[str]:
    sys.path.insert(0, str(ROOT))
    try:
        return sorted(importlib.import_module("benchmarks.gpu.peers").PEERS)
    finally:
        sys.path.remove(str(ROOT))


@pytest.mark.parametrize("op", peers())
def test_pytorch_is_asked_for_the_same(part: Any, op: str) -> None:
    """On the CPU: its result is the reference's, at every size that is timed and not large."""
    torch = pytest.importorskip("torch")
    spec, compared = kernels.op(op), 0
    for size in spec.benchmark_shapes:
        if sum(math.prod(shape) for shape in size.shapes) > 1_000_000:
            continue
        params = size.params
        arrays = spec.make(np.random.default_rng(0), np.float32, size.shapes, params)
        shared = [as_torch(torch, array) for array in arrays]
        call = part("peers").PEERS[op](torch, shared, params)
        assert call is not None
        result = call()
        compared += 1
        if op in ("adam_step", "sgd_step", "dropout"):
            continue  # it works on copies of its own; it draws its own masks
        expected = verify.arrays_in(spec.reference(*arrays, **params))[0]
        got = result.detach().numpy()
        if op.startswith(("conv2d", "max_pool")):
            axes = (2, 3, 1, 0) if op == "conv2d_weight_grad" else (0, 2, 3, 1)
            got = got.transpose(axes)
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    assert compared


def as_torch(torch: Any, value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [as_torch(torch, v) for v in value]
    return torch.from_numpy(value.copy()) if isinstance(value, np.ndarray) else value
