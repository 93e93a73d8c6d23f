"""profile: exact counts and bytes, the right layer, an honest trace, and no trace left behind."""

from __future__ import annotations

import gc
import itertools
import json
import threading
import weakref
from collections import Counter
from typing import Any

import numpy as np
import pytest

import tinygrad_course as tg
from tinygrad_course import nn
from tinygrad_course.errors import AnomalyError, ArgumentError, FileError, ShapeError
from tinygrad_course.grad_mode import mode
from tinygrad_course.observer import Observer, observing
from tinygrad_course.profiling import profiler
from tinygrad_course.profiling.live_memory import LiveMemory


class Block(nn.Module):
    """Two dense layers and a product of its own."""

    def __init__(self, width: int) -> None:
        self.first = nn.Dense(width, width)
        self.second = nn.Dense(width, width)

    def forward(self, x: Any) -> Any:
        return self.second(tg.tanh(self.first(x))) * 0.5


class Net(nn.Module):
    """The first block is used twice."""

    def __init__(self) -> None:
        self.blocks = [Block(4), Block(4)]
        self.head = nn.Sequential(nn.ReLU(), nn.Dense(4, 3))

    def forward(self, x: Any) -> Any:
        for block in (*self.blocks, self.blocks[0]):
            x = block(x)
        return self.head(x)


X = np.random.default_rng(0).standard_normal((5, 4)).astype("float32")
Y = np.array([0, 1, 2, 1, 0])


def counts(p: Any, phase: str) -> dict[tuple[str, str], int]:
    return {(row.layer, row.op): row.calls for row in p.rows if row.phase == phase}


def test_calls_are_exact_forward_and_backward() -> None:
    model = Net()
    with tg.profile() as p:
        for _ in range(2):
            model(tg.tensor(X)).sum().backward()
    expected = {
        ("blocks.0.first", "Dense"): 4,
        ("blocks.0", "Tanh"): 4,
        ("blocks.0.second", "Dense"): 4,
        ("blocks.0", "Mul"): 4,
        ("blocks.1.first", "Dense"): 2,
        ("blocks.1", "Tanh"): 2,
        ("blocks.1.second", "Dense"): 2,
        ("blocks.1", "Mul"): 2,
        ("head.layers.0", "ReLU"): 2,
        ("head.layers.1", "Dense"): 2,
        ("", "Sum"): 2,
    }
    forward = counts(p, "forward")
    # The second backward adds to the leaves' first gradients, outside of all layers.
    assert forward.pop(("", "Add")) == len(model.parameters())
    assert forward == expected
    assert counts(p, "backward") == expected


def test_layers_include_those_inside() -> None:
    model = Net()
    with tg.profile() as p:
        model(tg.tensor(X)).sum().backward()
    layers = {row.layer: row for row in p.by_layer()}
    assert [row.layer for row in p.by_layer()][:4] == [
        "Net", "blocks.0", "blocks.0.first", "blocks.0.second",
    ]  # fmt: skip
    assert layers["blocks.0"].calls == 2
    assert layers["blocks.0"].kind == "Block"
    assert layers["blocks.0.first"].calls == 2
    parts = [r for r in p.rows if r.layer.startswith("blocks.0")]
    whole = layers["blocks.0"]
    assert whole.output_bytes == sum(r.output_bytes for r in parts if r.phase == "forward")
    assert whole.kept_bytes == sum(r.kept_bytes for r in parts)
    assert whole.forward_seconds == pytest.approx(
        sum(r.seconds for r in parts if r.phase == "forward")
    )
    assert whole.backward_seconds == pytest.approx(
        sum(r.seconds for r in parts if r.phase == "backward")
    )
    everything = layers["Net"], layers[""]
    assert sum(r.forward_seconds + r.backward_seconds for r in everything) == pytest.approx(
        sum(r.seconds for r in p.rows)
    )


def test_bytes_are_exact() -> None:
    x = tg.tensor(np.ones((10, 20)), requires_grad=True)  # float64: 1,600 bytes
    w = tg.Parameter(np.ones((20, 5)), dtype="float64")
    with tg.profile() as p:
        h = tg.exp(x)  # keeps its output
        g = tg.tanh(h)  # keeps its output
        z = h * g  # keeps both, which are kept already
        y = z @ w  # keeps z, and the parameter, which does not count
        s = y.reshape(50)  # a view
        s.sum().backward()
    rows = {(r.op, r.phase): r for r in p.rows}
    kept = {op: r.kept_bytes for (op, phase), r in rows.items() if phase == "forward"}
    assert kept == {"Exp": 1600, "Tanh": 1600, "Mul": 0, "MatMul": 1600, "Reshape": 0, "Sum": 0}
    made = {op: r.output_bytes for (op, phase), r in rows.items() if phase == "forward"}
    assert made == {
        "Exp": 1600, "Tanh": 1600, "Mul": 1600, "MatMul": 400, "Reshape": 400, "Sum": 8,
    }  # fmt: skip
    assert rows["MatMul", "backward"].output_bytes == 1600 + 800
    assert rows["Mul", "backward"].output_bytes == 2 * 1600
    # Alive after each op: h; h, g; h, g, z; and y; the view adds nothing.
    live = [rows[op, "forward"].live_bytes for op in ("Exp", "Tanh", "Mul", "MatMul", "Reshape")]
    assert live == [1600, 3200, 4800, 5200, 5200]


def test_the_peak_is_that_of_arrays_alive_at_once() -> None:
    big = np.ones((100, 100))  # 80,000 bytes
    with tg.profile() as p, tg.no_grad():
        h = tg.tensor(big)
        for _ in range(10):
            h = tg.tanh(h)
    assert p.peak_bytes == 2 * 80_000  # one in, one out; the first input was made elsewhere
    x = tg.tensor(big, requires_grad=True)
    with tg.profile() as p:
        h = x
        for _ in range(10):
            h = tg.tanh(h)
    assert p.peak_bytes == 10 * 80_000
    with tg.profile() as p:
        (x * 1.0).sum().backward()
        assert 80_000 <= p.peak_bytes < 81_000  # the product; then the gradient, which x takes over
    y = tg.tensor(big, requires_grad=True)
    x.zero_grad()
    with tg.profile() as p:
        (x + y).sum().backward()
        assert p.peak_bytes >= 2 * 80_000  # both are handed one view, and copy it
    assert x.grad is not None


def test_a_view_of_what_came_from_elsewhere_is_no_memory() -> None:
    x = tg.tensor(np.ones((100, 100)))
    with tg.profile() as p:
        assert x.reshape(10000)[5:].T.shape == (9995,)
    assert p.peak_bytes == 0


def test_live_is_what_is_alive_then() -> None:
    x = tg.tensor(np.ones((100, 100)))
    with tg.profile() as p:
        h = tg.exp(x)
        s = h.sum()
        del h
        tg.tanh(s)
    live = {row.op: row.live_bytes for row in p.rows}
    assert live == {"Exp": 80_000, "Sum": 80_008, "Tanh": 16}
    assert p.peak_bytes == 80_008


def test_times_are_each_ops_own(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(0, 1000)
    monkeypatch.setattr(profiler, "perf_counter_ns", clock.__next__)  # a microsecond a look
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    with tg.profile() as p:
        tg.recompute(tg.exp, tg.tanh(x)).sum().backward()
    micros = {(row.op, row.phase): round(row.seconds * 1e6, 6) for row in p.rows}
    assert micros == {
        ("Tanh", "forward"): 1,
        ("Exp", "forward"): 1,
        ("Sum", "forward"): 1,
        ("Sum", "backward"): 1,
        ("Recompute", "backward"): 3,  # five looks from start to end, less the two below
        ("Exp", "within backward"): 1,
        ("Exp", "backward"): 1,
        ("Tanh", "backward"): 1,
    }
    # Looks: two for each of these, one at the beginning, one at the end.
    assert p.seconds == pytest.approx(17e-6)


def test_a_kept_array_counts_again_in_the_next_graph() -> None:
    x, w = tg.tensor(X), tg.Parameter(np.ones((4, 3)), dtype="float32")
    held = []  # the released nodes live on, as those of any result that is looked at later
    with tg.profile() as p:
        for _ in range(3):
            held.append(x @ w)
            held[-1].sum().backward()
    (row,) = [r for r in p.rows if r.op == "MatMul" and r.phase == "forward"]
    assert row.kept_bytes == 3 * X.nbytes


def test_recompute_runs_again_in_backward_in_its_own_layer() -> None:
    model = Net()
    with tg.profile() as p:
        h = tg.recompute(model.blocks[0], tg.tensor(X, requires_grad=True))
        model.head(h).sum().backward()
    again = counts(p, "within backward")
    assert again == {
        ("first", "Dense"): 1, ("Block", "Tanh"): 1, ("second", "Dense"): 1, ("Block", "Mul"): 1,
    }  # fmt: skip
    assert counts(p, "backward")["", "Recompute"] == 1
    assert counts(p, "backward")["first", "Dense"] == 1
    assert {r.layer for r in p.by_layer()} >= {"Block", "first", "second", "Sequential"}
    inner = sum(r.seconds for r in p.rows)
    assert inner <= p.seconds  # nothing is counted twice


def test_create_graph_is_within_backward() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    with tg.profile() as p:
        slope = tg.grad((x**3.0).sum(), x, create_graph=True)
    assert counts(p, "backward") == {("", "Sum"): 1, ("", "Pow"): 1}
    assert counts(p, "within backward")["", "Mul"] >= 1
    assert slope.tolist() == [3.0, 12.0]


def test_backward_counts_for_the_layer_of_its_forward_without_the_layer_on_the_way() -> None:
    first, second = nn.Dense(4, 4), nn.Dense(4, 2)
    with tg.profile() as p:
        loss = second(first(tg.tensor(X))).sum()
        del first
        loss.backward()
    assert counts(p, "backward") == {("Dense", "Dense"): 1, ("Dense#2", "Dense"): 1, ("", "Sum"): 1}


def test_two_models_and_a_layer_made_on_the_way() -> None:
    class Odd(nn.Module):
        def forward(self, x: Any) -> Any:
            return nn.ReLU()(x)

    one, other = nn.Sequential(nn.Dense(4, 4)), nn.Sequential(nn.Dense(4, 4), Odd())
    with tg.profile() as p:
        other(one(tg.tensor(X)))
        other.layers[0](tg.tensor(X))
    assert counts(p, "forward") == {
        ("layers.0", "Dense"): 1,
        ("Sequential#2.layers.0", "Dense"): 2,
        ("Sequential#2.layers.1.ReLU", "ReLU"): 1,
    }
    layers = {r.layer: r for r in p.by_layer()}
    assert layers["Sequential#2"].output_bytes == 3 * X.nbytes
    assert layers["Sequential#2.layers.1"].output_bytes == X.nbytes


def test_before_and_after_the_with_nothing_is_seen() -> None:
    x = tg.tensor(X, requires_grad=True)
    y = tg.exp(x)
    with tg.profile() as p:
        z = tg.tanh(y)
    tg.exp(z).sum().backward()
    assert counts(p, "forward") == {("", "Tanh"): 1}
    assert counts(p, "backward") == {}
    with tg.profile() as p:
        tg.exp(x).sum().backward()
    with tg.profile() as again:
        pass
    assert again.rows == []
    assert str(again).count("0.000 ms in ops") == 1


def test_results_are_the_same_bit_by_bit() -> None:
    def gradients(profiled: bool) -> list[np.ndarray]:
        tg.manual_seed(3)
        model = nn.Sequential(nn.Dense(4, 8), nn.BatchNorm(8), nn.ReLU(), nn.Dropout(0.4), Block(8))
        if profiled:
            with tg.profile():
                loss = tg.cross_entropy(model(tg.tensor(X)), Y)
                loss.backward()
        else:
            loss = tg.cross_entropy(model(tg.tensor(X)), Y)
            loss.backward()
        buffers = [b.numpy() for b in model.buffers()]
        return [loss.numpy(), *buffers, *(p.grad.numpy() for p in model.parameters())]

    for plain, profiled in zip(gradients(False), gradients(True), strict=True):
        np.testing.assert_array_equal(plain, profiled)


def test_errors_leave_everything_as_it_was() -> None:
    model, x = Net(), tg.tensor(X, requires_grad=True)
    before = mode.recording, mode.observer
    with tg.profile() as p:
        with pytest.raises(ShapeError, match=r"blocks.0.first \(Dense\)"):
            model(tg.tensor(X[:, :3]))
        with pytest.raises(ShapeError):
            tg.add(x, tg.tensor(np.ones(7, "float32")))
        y = tg.tanh(x)
    assert counts(p, "forward") == {("", "Tanh"): 1}  # in no layer, and no failed call counts
    assert (mode.recording, mode.observer) == before
    with pytest.raises(KeyError), tg.profile():
        raise KeyError
    assert (mode.recording, mode.observer) == before
    assert y.requires_grad


def test_an_error_in_backward_is_forgotten() -> None:
    class Bad(tg.Function):
        def forward(self, x: Any) -> Any:
            return x * 1.0

        def grad_x(self, grad: Any) -> Any:
            raise KeyError

    x = tg.tensor(X, requires_grad=True)
    with tg.profile() as p:
        with pytest.raises(KeyError):
            Bad().apply(x).sum().backward()
        tg.exp(x)
    assert counts(p, "backward") == {("", "Sum"): 1}
    assert counts(p, "forward") == {("", "Bad"): 1, ("", "Sum"): 1, ("", "Exp"): 1}
    assert counts(p, "within backward") == {}


def test_with_detect_anomaly_in_either_order() -> None:
    x = tg.tensor([4.0, 0.0], requires_grad=True)
    for outer, inner in ((tg.profile, tg.detect_anomaly), (tg.detect_anomaly, tg.profile)):
        with outer() as a, inner() as b:
            tg.exp(x).sum().backward()
            y = tg.sqrt(x).sum()
            with pytest.raises(AnomalyError, match=r"Sqrt\(\) made an infinity in backward"):
                y.backward()
        p = a if outer is tg.profile else b
        assert counts(p, "forward")["", "Sqrt"] == 1
        assert counts(p, "backward")["", "Exp"] == 1


def test_no_grad_is_timed_too_and_stays() -> None:
    x = tg.tensor(X, requires_grad=True)
    with tg.profile() as p, tg.no_grad():
        assert not tg.is_grad_enabled()
        y = tg.exp(x)
        with tg.enable_grad():
            assert tg.exp(x).requires_grad
    assert not y.requires_grad
    assert counts(p, "forward") == {("", "Exp"): 2}
    assert sum(r.kept_bytes for r in p.rows) == X.nbytes
    with tg.no_grad(), tg.profile():
        assert not tg.exp(x).requires_grad
    assert tg.is_grad_enabled()


def test_each_thread_has_its_own() -> None:
    found: dict[int, Any] = {}
    ready = threading.Barrier(3)

    def work(number: int) -> None:
        x = tg.tensor(X, requires_grad=True)
        with tg.profile() as p:
            ready.wait()
            for _ in range(number * 10):
                tg.exp(x).sum().backward()
        found[number] = p

    threads = [threading.Thread(target=work, args=(n,)) for n in (1, 2)]
    with tg.profile() as mine:
        for thread in threads:
            thread.start()
        ready.wait()
        tg.tanh(tg.tensor(X))
        for thread in threads:
            thread.join()
    assert counts(mine, "forward") == {("", "Tanh"): 1}
    for number in (1, 2):
        assert counts(found[number], "backward") == {
            ("", "Sum"): number * 10, ("", "Exp"): number * 10,
        }  # fmt: skip


def test_nothing_is_held_afterwards() -> None:
    model = Net()
    with tg.profile() as p:
        loss = model(tg.tensor(X)).sum()
        loss.backward()
    dead = weakref.ref(model), weakref.ref(loss)
    gc.collect()
    gc.disable()
    try:
        del model, loss
        assert [r() for r in dead] == [None, None]
    finally:
        gc.enable()
    assert p.rows


def test_the_tables() -> None:
    with tg.profile() as p:
        Net()(tg.tensor(X)).sum().backward()
    lines = str(p).splitlines()
    assert lines[0].split() == [
        "op", "layer", "phase", "calls", "ms", "share", "output", "kept", "live",
    ]  # fmt: skip
    assert len(lines) == 2 + len(p.rows) + 2
    times = [row.seconds for row in p.rows]
    assert times == sorted(times, reverse=True)
    shares = [float(line.partition(" %")[0].split()[-1]) for line in lines[2:-2]]
    assert sum(shares) == pytest.approx(100, abs=0.05 * len(shares))
    assert "elsewhere" in lines[-1]
    text = str(p.by_layer())
    assert "(no layer)" in text
    assert "head.layers.1" in text
    with tg.profile() as p:
        for k in range(40):
            forward = {"forward": lambda self, x: x * 1.0}
            type(f"Op{k}", (tg.Function,), forward)().apply(tg.tensor(X))
    assert "and 10 more rows with" in str(p)


def test_the_trace_is_json_and_nests(tmp_path: Any) -> None:
    model = Net()
    with tg.profile() as p:
        h = tg.recompute(model.blocks[1], tg.tensor(X, requires_grad=True))
        model(h).sum().backward()
    path = p.chrome_trace(tmp_path / "folder" / "trace.json")
    entries = json.loads(path.read_text())["traceEvents"]
    assert {"ph", "pid", "tid", "name"} <= set.intersection(*(set(e) for e in entries))
    spans = [e for e in entries if e["ph"] == "X"]
    assert Counter(e["cat"] for e in spans if e["cat"] != "layer") == Counter(
        {phase: n for phase in ("forward", "backward", "within backward")
         if (n := sum(r.calls for r in p.rows if r.phase == phase))}
    )  # fmt: skip
    assert sum(e["cat"] == "layer" for e in spans) == sum(r.calls for r in p.by_layer())
    assert all(e["dur"] >= 0 and e["ts"] >= 0 for e in spans)
    inside: list[dict[str, Any]] = []
    layers_of_ops = 0
    for e in spans:  # sorted by start: each lies within what is open, or after it
        while inside and e["ts"] >= inside[-1]["ts"] + inside[-1]["dur"] - 1e-9:
            inside.pop()
        if inside:
            assert e["ts"] + e["dur"] <= inside[-1]["ts"] + inside[-1]["dur"] + 1e-6
        if e["cat"] == "forward" and e["args"]["layer"]:
            assert inside[-1]["name"] == e["args"]["layer"]
            layers_of_ops += 1
        inside.append(e)
    assert layers_of_ops >= 10
    live = [e["args"]["live bytes"] for e in entries if e["ph"] == "C"]
    assert 0 < max(live) <= p.peak_bytes


def test_trace_errors(tmp_path: Any) -> None:
    with tg.profile(trace=False) as p:
        tg.exp(tg.tensor(X))
    assert p.rows[0].calls == 1
    with pytest.raises(ArgumentError, match="trace=True"):
        p.chrome_trace(tmp_path / "t.json")
    with tg.profile() as p:
        pass
    with pytest.raises(FileError, match="cannot be written"):
        p.chrome_trace(tmp_path)


def test_backward_steps_may_be_left_and_used_between() -> None:
    x = tg.tensor(X, requires_grad=True)
    with tg.profile() as p:
        for step in tg.backward_steps(tg.exp(tg.tanh(x)).sum()):
            tg.sqrt(tg.tensor(1.0))
            if type(step.node).__name__ == "Exp":
                break
    assert counts(p, "backward") == {("", "Sum"): 1, ("", "Exp"): 1}
    assert counts(p, "forward")["", "Sqrt"] == 2


def test_observers_hear_what_their_order_says() -> None:
    heard: list[str] = []

    class Loud(Observer):
        def __init__(self, name: str) -> None:
            self.name = name

        def before_forward(self, function: Any) -> None:
            heard.append(f"{self.name} before {function}")

        def after_forward(self, function: Any, inputs: Any, ys: Any) -> None:
            heard.append(f"{self.name} after {function}")

        def abandoned(self, node: Any) -> None:
            heard.append(f"{self.name} abandoned")

    x = tg.tensor([1.0, 2.0])
    with observing(Loud("outer")), observing(Loud("inner")):
        tg.exp(x)
        assert heard == [
            "outer before Exp()", "inner before Exp()", "inner after Exp()", "outer after Exp()",
        ]  # fmt: skip
        heard.clear()
        with pytest.raises(ShapeError):
            x + tg.tensor([1.0, 2.0, 3.0])
        assert heard[-2:] == ["inner abandoned", "outer abandoned"]
    heard.clear()
    tg.exp(x)
    assert heard == []


def test_live_memory_follows_owners() -> None:
    memory, node = LiveMemory(), tg.exp(tg.tensor(1.0, requires_grad=True)).node
    ours, theirs = np.zeros(10), np.zeros(5)
    memory.found(theirs)
    memory.made(theirs[1:])
    memory.made(ours)
    memory.made(ours.reshape(2, 5).T)
    assert (memory.live, memory.peak) == (80, 80)
    assert node is not None
    assert memory.newly_kept(ours[3:], node) == 80
    assert memory.newly_kept(ours, node) == 0
    view = ours[1:]
    del ours
    memory.settle()
    assert memory.live == 80  # the view holds it
    del view
    memory.settle()
    assert (memory.live, memory.peak) == (0, 80)
