"""`tgc bench`: its rows, its words, what it does without peers, with a baseline, as a page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from cli_runner import tgc

import tinygrad_course as tg
from tinygrad_course.bench import networks, steps, timing
from tinygrad_course.bench.baseline import compare, read_report
from tinygrad_course.bench.ceiling import Ceiling
from tinygrad_course.bench.columns import COLUMNS
from tinygrad_course.bench.kernel_rows import KernelRow
from tinygrad_course.bench.launches import REST, timed_launches
from tinygrad_course.bench.page import TITLES, write_page
from tinygrad_course.bench.sizes import sizes_of
from tinygrad_course.errors import ArgumentError, DataError

STEP_FIELDS = {
    "step", "peer", "ms", "peer_ms", "ratio", "ratio_low", "ratio_high", "peak_mb", "peer_peak_mb",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def without_peers(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


def report_of(*arguments):
    result = tgc("bench", *arguments, "--rounds", 1, "--threads", 1, "--json")
    assert result.stdout, result.stderr
    return result, json.loads(result.stdout)


# Steps.


def test_steps_without_peers_say_so_and_go_on(without_peers):
    result, report = report_of("steps", "xor")
    assert result.exit_code == 0
    assert "torch is not installed; `pip install torch` adds it" in result.stderr
    (row,) = report["rows"]
    assert set(row) >= STEP_FIELDS
    assert (row["step"], row["peer"], row["ratio"]) == ("xor", None, None)
    assert row["ms"] > 0
    assert report["machine"]["processor"]
    assert {"features", "threads", "python", "numpy", "blas"} <= set(report["machine"])


def test_steps_beside_pytorch():
    pytest.importorskip("torch")
    result, report = report_of("steps", "xor", "--peers", "torch,torch-channels-last")
    assert result.exit_code == 0
    assert [row["peer"] for row in report["rows"]] == ["torch", "torch-channels-last"]
    for row in report["rows"]:
        assert row["ratio_low"] <= row["ratio"] <= row["ratio_high"]
        assert row["ratio"] == pytest.approx(row["ms"] / row["peer_ms"])


@pytest.mark.parametrize("step", list(steps.STEPS))
def test_the_peers_have_the_same_networks(step):
    pytest.importorskip("torch")
    from tinygrad_course.bench import peer_torch

    theirs = peer_torch._MODELS[step]()
    if step == "alexnet":
        ours = tg.models.alexnet((224, 224, 3), 1000)
    else:
        ours, _ = networks._BUILDERS[step]()
    sizes = sorted(p.data.size for p in ours.parameters())
    assert sizes == sorted(p.numel() for p in theirs.parameters())
    dropped = [m.p for m in ours.modules() if isinstance(m, tg.nn.Dropout)]
    assert dropped == [m.p for m in theirs.modules() if type(m).__name__ == "Dropout"]


@pytest.mark.parametrize("step", ["xor", "lenet5"])
def test_a_step_trains(step):
    train = networks.make(step)
    losses = [train().item() for _ in range(12)]
    assert np.mean(losses[-3:]) < losses[0]


def test_a_profile_books_every_launch():
    train = networks.make("lenet5")
    train()
    rows = timed_launches(train, 2)
    convolutions = {row["op"]: row["calls"] for row in rows if row["op"].startswith("conv2d")}
    assert convolutions == {"conv2d": 2, "conv2d_weight_grad": 2, "conv2d_input_grad": 1}
    assert rows[-1]["op"] == REST
    assert all(row["ms"] >= 0 for row in rows)
    before = tg.kernels.find
    with pytest.raises(ZeroDivisionError):
        timed_launches(lambda: 1 / 0, 1)
    assert tg.kernels.find is before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["steps", "vgg"], "there is no step 'vgg'; did you mean 'vgg_small'?"),
        (["steps", "--peers", "tensorflow"], "there is no peer 'tensorflow'"),
        (["steps", "--rounds", "0"], "--rounds: 0 is not in the range"),
        (["kernels", "matmull"], "there is no op 'matmull'; did you mean 'matmul'?"),
        (["kernels", "matmul", "--impl", "nimba"], "there is no implementation 'nimba'"),
        (["kernels", "matmul", "dense", "--shape", "3x3"], "--shape: name the one op"),
    ],
)
def test_wrong_usage(arguments, message):
    result = tgc("bench", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


# Baselines.


def stored(tmp_path, kind, *rows):
    path = tmp_path / "before.json"
    machine = {"processor": "another", "threads": "1"}
    path.write_text(json.dumps({"kind": kind, "machine": machine, "rows": list(rows)}))
    return path


def test_a_baseline_that_was_faster_is_a_regression(tmp_path, without_peers):
    path = stored(tmp_path, "steps", {"step": "xor", "peer": None, "ms": 1e-9})
    result = tgc("bench", "steps", "xor", "--peers", "none", "--rounds", 1, "--baseline", path)
    assert result.exit_code == 1
    assert re.search(r"slower: xor: 1e-09 -> \S+ ms", result.stdout)
    assert "note: the baseline's processor is another" in result.stdout


def test_a_baseline_that_was_slower_is_none(tmp_path, without_peers):
    path = stored(tmp_path, "steps", {"step": "xor", "peer": None, "ms": 1e9})
    result = tgc("bench", "steps", "xor", "--peers", "none", "--rounds", 1, "--baseline", path)
    assert result.exit_code == 0
    assert "faster: xor" in result.stdout


def test_ratios_are_compared_rather_than_times():
    machine = {"processor": "x", "threads": "2"}
    row = {"step": "mlp", "peer": "torch", "ms": 1.0, "ratio": 0.3}
    old = {"kind": "steps", "machine": machine, "rows": [row, {**row, "peer": "jax"}]}
    new = {**old, "rows": [{**row, "ms": 9.0, "ratio": 0.31}]}
    (note,) = compare(old, new, 0.15)
    assert note.text == "note: not measured this time: mlp jax"
    new["rows"][0]["ratio"] = 0.4
    assert [v.text for v in compare(old, new, 0.15) if v.slower] == [
        "slower: mlp torch: 0.3 -> 0.4 of the peer's time, 33 % more"
    ]


def test_a_kernel_that_broke_since_the_baseline_is_a_regression():
    machine = {"processor": "x", "threads": "2"}
    row = KernelRow("matmul", "8", "numba", us=2.0, speedup=3.0)._asdict()
    old = {"kind": "kernels", "machine": machine, "rows": [row]}
    broken = {**row, "us": None, "speedup": None, "fault": "wrong: it returns nothing"}
    (verdict,) = compare(old, {**old, "rows": [broken]}, 0.15)
    assert verdict.slower
    assert "broken: matmul 8 numba: wrong: it returns nothing" in verdict.text


@pytest.mark.parametrize("text", ["", "[]", '{"rows": []}'])
def test_what_is_no_baseline(tmp_path, text):
    path = tmp_path / "no.json"
    path.write_text(text)
    result = tgc("bench", "steps", "xor", "--baseline", path)
    assert result.exit_code == 1
    assert "holds no results of tgc bench" in result.stderr
    with pytest.raises(DataError, match="compare like with like"):
        compare({"kind": "steps", "machine": {}, "rows": []}, {"kind": "kernels"}, 0.1)


# Pages and figures.


def test_every_kind_has_columns_and_a_title():
    assert set(COLUMNS) == set(TITLES)


def test_the_page_of_kernels_needs_nothing_else(tmp_path):
    row = KernelRow(
        "matmul", "<8>", "numba", us=2.0, us_low=1.0, us_high=3.0, first_ms=1.0,
        gigabytes_per_second=2.0, gigaflops=40.0, intensity=20.0, percent=50.0, bound="memory",
    )  # fmt: skip
    bad = KernelRow("matmul", "", "mine", fault="wrong: it returns <nothing>")
    limits = [
        {"threads": 1, "bytes": size, "gigabytes_per_second": 40.0, "gigaflops": None}
        for size in (1 << 14, 1 << 20, 1 << 28)
    ]
    limits += [{"threads": 1, "bytes": None, "gigabytes_per_second": None, "gigaflops": 300.0}]
    machine = {"processor": "a & b", "threads": "1"}
    rows = [row._asdict(), bad._asdict()]
    report = {"kind": "kernels", "machine": machine, "rows": rows, "ceilings": limits}
    page = write_page(tmp_path / "bench.html", report).read_text()
    assert page.count("<circle") == 1
    assert page.count("<polyline") == 3
    assert "&lt;8&gt;" in page
    assert "it returns &lt;nothing&gt;" in page
    assert "a &amp; b" in page
    assert not re.search(r"https?://|<script|src=|href=", page)


def test_the_page_of_steps(tmp_path, without_peers):
    page = tmp_path / "steps.html"
    result = tgc("bench", "steps", "xor", "--peers", "none", "--rounds", 1, "--html", page)
    assert result.exit_code == 0
    assert "Training steps" in page.read_text()
    assert "<svg" not in page.read_text()


def test_the_roof_is_the_later_of_memory_and_arithmetic():
    ceiling = Ceiling(1, 100.0, [(1 << 14, 200.0), (1 << 28, 20.0)], "")
    assert ceiling.seconds(1e9, 1.0, 1e9) == pytest.approx(0.01)
    assert ceiling.seconds(1.0, 1e9, 1e12) == pytest.approx(0.05)
    assert ceiling.gigabytes_per_second(1) == 200.0
    assert ceiling.gigabytes_per_second(1 << 21) == pytest.approx(110.0)


def test_spread_and_repeats():
    assert timing.spread([1.0, 2.0, 3.0, 4.0, 100.0]).median == 3.0
    assert timing.repeats(1e-9, 1.0, most=7) == 7


# Sizes.


def test_given_shapes_reach_the_parameters_too():
    first = sizes_of("conv2d_input_grad")[0]
    text = ",".join("x".join(map(str, (2, *s[1:]) if len(s) == 4 and s[0] == 64 else s))
                    for s in first.shapes)  # fmt: skip
    (size,) = sizes_of("conv2d_input_grad", [text])
    assert size.params["x_shape"] == size.shapes[0]
    assert size.shapes[0][0] == 2


@pytest.mark.parametrize("text", ["8xten", "8x10", "2x3,4x5"])
def test_shapes_that_do_not_fit(text):
    with pytest.raises(ArgumentError, match="--shape"):
        sizes_of("matmul", [text])


@pytest.mark.parametrize("op", ["matmul", "softmax_cross_entropy", "conv2d", "sum_rows"])
def test_a_sweep_has_smaller_sizes_that_the_op_takes(op):
    sizes = sizes_of(op, sweep=True)
    assert len(sizes) > len(sizes_of(op))
    spec = tg.kernels.op(op)
    for size in sizes[:2]:
        arrays = spec.make(np.random.default_rng(0), np.float32, size.shapes, size.params)
        spec.reference(*arrays, **size.params)


def test_overhead_without_peers(without_peers):
    _, report = report_of("overhead")
    (row,) = report["rows"]
    assert row["engine"] == "ours"
    assert 0 < row["forward_us"] < row["us"]


def test_ceiling():
    result, report = report_of("ceiling")
    assert result.exit_code == 0
    *memory, arithmetic = report["rows"]
    assert memory[0]["gigabytes_per_second"] > memory[-1]["gigabytes_per_second"] > 0
    assert arithmetic["gigaflops"] > 0
    assert report["machine"]["ceiling by"]


def test_contributed_results_are_reports():
    folder = Path(tg.__file__).parent.parent / "benchmarks" / "results"
    if not folder.is_dir():
        pytest.skip("not a checkout")
    assert (folder / "README.md").is_file()
    for path in folder.glob("*.json"):
        report = read_report(path)
        assert path.stem.endswith(f"-{report['machine']['threads']}t-{report['kind']}")
        assert report["rows"]
