"""`benchmarks/gpu.py` goes on where it stopped, whatever stopped it; no GPU is asked for."""

from __future__ import annotations

import argparse
import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tinygrad_course.bench.kernel_rows import KernelRow

PATH = Path(__file__).resolve().parent.parent / "benchmarks" / "gpu.py"
OPS = ["activation", "dropout", "sum_rows"]


@pytest.fixture
def gpu() -> Any:
    spec = importlib.util.spec_from_file_location("gpu_benchmark", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(gpu: Any, out: Path, about: str = "card") -> dict[str, Any]:
    arguments = argparse.Namespace(out=out, ops=OPS)
    try:
        gpu.measure_kernels(None, arguments, {"processor": about}, [], tiny=True)
    finally:
        report = json.loads((out / "gpu-kernels.json").read_text())
    return report  # type: ignore[no-any-return]


def test_a_lost_gpu_costs_one_op(gpu: Any, tmp_path: Path, monkeypatch: Any) -> None:
    measured = []

    def rows(cupy: Any, op: str, limits: Any, *, tiny: bool) -> Iterator[dict[str, Any]]:
        measured.append(op)
        yield KernelRow(op, "small", "cuda", us=1.0, gigabytes_per_second=1.0, gigaflops=1.0,
                        percent=1.0, bound="memory", note="")._asdict()  # fmt: skip
        if op == "dropout":
            raise RuntimeError("an illegal memory access was encountered")

    monkeypatch.setattr(gpu, "kernel_rows", rows)
    with pytest.raises(SystemExit) as end:
        run(gpu, tmp_path)
    assert end.value.code == 75
    report = run(gpu, tmp_path)
    assert measured == OPS
    assert report["done"] == OPS
    faults = [(row["op"], row["fault"]) for row in report["rows"] if row["fault"]]
    assert faults == [("dropout", "RuntimeError: an illegal memory access was encountered")]
    assert [row["op"] for row in report["rows"]] == ["activation", "dropout", "dropout", "sum_rows"]
    run(gpu, tmp_path)
    assert measured == OPS
    with pytest.raises(SystemExit):
        run(gpu, tmp_path, about="another card")
    assert measured == [*OPS, "activation", "dropout"]


def test_an_op_that_takes_the_process_along_is_left_out(
    gpu: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    def rows(cupy: Any, op: str, limits: Any, *, tiny: bool) -> Iterator[dict[str, Any]]:
        if op == "dropout":
            raise KeyboardInterrupt  # as if the process had been killed
        yield from ()

    monkeypatch.setattr(gpu, "kernel_rows", rows)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run(gpu, tmp_path)
    report = run(gpu, tmp_path)
    assert report["done"] == OPS
    assert [row["fault"] for row in report["rows"]] == ["begun twice, and not finished"]
