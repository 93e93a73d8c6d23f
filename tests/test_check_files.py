"""`tgc check`: what it finds in a file, where inputs come from, what it prints."""

import io
import json
import textwrap

import numpy as np
import pytest
from cli_runner import tgc

from tinygrad_course.checking import gradcheck
from tinygrad_course.checking.drawing import drawn_for
from tinygrad_course.checking.files import choose, find
from tinygrad_course.checking.loading import load
from tinygrad_course.errors import ArgumentError


@pytest.fixture
def write(tmp_path):
    def written(code, name="answer.py"):
        path = tmp_path / name
        path.write_text(textwrap.dedent(code).lstrip())
        return path

    return written


SEVERAL = """
    import numpy as np
    import tinygrad_course as tg

    def inputs(rng):
        return {"square": rng.standard_normal((3, 2)), "Cube": [rng.standard_normal(4)]}

    def dense_forward(x: "N D", w: "D M"):
        return x @ w

    def dense_backward(dout, x, w):
        return dout @ w.T, x.T @ dout

    def inputs_dense(rng):
        return rng.standard_normal((7, 3)), rng.standard_normal((3, 2))

    def square(x):
        return x * x

    def square_grad(g, x):
        return 3 * g * x

    class Cube(tg.Function):
        def forward(self, x):
            return x * x * x

        def grad_x(self, grad, x):
            return grad * 3.0 * x * x

    def helper(x):
        return x
"""


def test_everything_in_a_file_is_checked(write):
    path = write(SEVERAL)
    result = tgc("check", path, "--json")
    assert result.exit_code == 1
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(r["name"], r["verdict"]) for r in records] == [
        ("dense", "right"),
        ("square", "wrong"),
        ("Cube", "right"),
    ]
    assert records[0]["findings"][0]["shape"] == [7, 3]
    assert records[1]["findings"][0]["ratio"] == pytest.approx(1.5)


@pytest.mark.parametrize("name", ["dense", "dense_forward", "dense_backward", "Cube"])
def test_one_of_several(write, name):
    result = tgc("check", f"{write(SEVERAL)}::{name}")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith(name.partition("_")[0] + ": right")


def test_names_of_pairs(write):
    code = """
        def forward(x): ...
        def backward(g, x): ...
        def forward_a(x): ...
        def backward_a(g, x): ...
        def b(x): ...
        def grad_b(g, x): ...
        class Layer:
            def forward(self, x): ...
            def backward(self, dout): ...
        class Static:
            @staticmethod
            def forward(x): ...
            @staticmethod
            def backward(g, x): ...
        class Neither:
            def forward(self, x): ...
    """
    names = [found.name for found in find(load(write(code)))]
    assert names == ["answer", "a", "b", "Layer", "Static"]


def test_functions_of_tensors_and_modules_by_name(write):
    path = write(
        """
        import tinygrad_course as tg

        def inputs(rng):
            return rng.standard_normal((5, 3))

        def f(x):
            return tg.tanh(x) * x

        class Net(tg.nn.Module):
            def __init__(self):
                self.first = tg.nn.Dense(3, 2, generator=tg.Generator(0))

            def forward(self, x):
                return tg.tanh(self.first(x))
        """
    )
    assert tgc("check", f"{path}::f").exit_code == 0
    result = tgc("check", f"{path}::Net")
    assert result.exit_code == 0
    assert "first.weight" in result.stdout
    assert tgc("check", path).exit_code == 0


# Inputs.


def sizes(annotation, write, which=0):
    module = load(write(f"def forward({annotation}): ...\ndef backward(g): ...\n"))
    drawn = drawn_for(find(module)[0], module)
    return drawn.draw(np.random.default_rng(0), which)


def test_shapes_in_annotations(write):
    x, w, b = sizes('x: "N D", w: "(D, M)", b: "M"', write)
    assert x.shape[1] == w.shape[0]
    assert w.shape[1:] == b.shape
    assert len({*x.shape, *w.shape}) == 3
    x2, w2, _ = sizes('x: "N D", w: "D, M", b: "M"', write, 1)
    assert x2.shape != x.shape
    assert w2.shape != w.shape
    (x,) = sizes("x: (4, 2)", write)
    assert x.shape == (4, 2)
    logits, y = sizes('logits: "N K", y: "N ints below K"', write)
    assert y.dtype.kind == "i"
    assert y.max() < logits.shape[1]
    image, w = sizes('x: "N H W C", w: "KH KW C O", stride: int = 1', write)
    assert image.shape[1] > w.shape[0]
    assert image.shape[3] == w.shape[2]


def test_postponed_annotations_are_read_too(write):
    code = """
        from __future__ import annotations
        def forward(x: "N D"): ...
        def backward(g, x): ...
    """
    module = load(write(code))
    assert drawn_for(find(module)[0], module).draw(np.random.default_rng(0), 0)[0].ndim == 2


def test_without_inputs_the_error_shows_both_forms(write):
    path = write("def forward(x, w): ...\ndef backward(g, x, w): ...\n")
    result = tgc("check", path)
    assert result.exit_code == 1
    assert "no inputs for answer(x, w)" in result.stderr
    assert "def inputs(rng):" in result.stderr
    assert 'def forward(x: "N D", w: "D M"):' in result.stderr


def test_a_batch_of_one_is_tried(write):
    path = write(
        """
        def forward(x: "N D"):
            return x ** 2

        def backward(dout, x):
            return dout * 2 * x * (1 if len(x) > 1 else 3)
        """
    )
    result = tgc("check", path)
    assert result.exit_code == 1
    assert "x with N = 1" in result.stdout


# What it says when the file itself is wrong.


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("x = = 1", "line 1 (x = = 1): SyntaxError"),
        ("import numpy\nnumpy.nothing", "line 2 (numpy.nothing): AttributeError"),
        ("x = 1", "nothing to check: expected forward and backward"),
        (
            'def forward(x: "N"):\n    return undefined\ndef backward(g, x): ...\n',
            "line 2 (return undefined): NameError",
        ),
    ],
)
def test_errors_have_a_line(write, code, message):
    result = tgc("check", write(code))
    assert result.exit_code == 1
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_names_and_files_that_are_not_there(write, tmp_path):
    path = write(SEVERAL)
    with pytest.raises(ArgumentError, match="did you mean 'dense'"):
        choose(load(path), "dens")
    assert "there is no file" in tgc("check", tmp_path / "no.py").stderr
    assert tgc("check").exit_code == 2
    assert tgc("check", path, "--quick").exit_code == 2


# How much is told.

MISTAKE = """
    def forward(x: "N D", w: "D M"):
        return x @ w

    def backward(dout, x, w):
        dw = x.T @ dout * 2
        return dout @ w.T, dw
"""


def test_hints_in_three_levels(write):
    path = write(MISTAKE)
    first, second, third = [tgc("check", path, "--hints", k).stdout for k in (1, 2, 3)]
    assert "hint 1 (where)" in first
    assert "dw = x.T @ dout * 2" not in first
    assert "hint 2 (what)" not in first
    assert "hint 2 (what)" in second
    assert "hint 3" not in second
    assert "hint 3 (formula)" in third
    assert "answer.py line 5:  dw = x.T @ dout * 2" in third


def test_a_report_in_a_terminal_a_notebook_and_json():
    def forward(x, w):
        return x @ w

    def backward(dout, x, w):
        return dout @ w.T, -x.T @ dout

    rng = np.random.default_rng(0)
    report = gradcheck((forward, backward), [rng.standard_normal((5, 3)), np.ones((3, 2)) / 3])
    (diagnosis,) = report.diagnoses["w"]
    page = report._repr_html_()
    assert "<details><summary>numbers</summary>" in page
    assert str(report["w"].line.number) in page
    assert "&lt;" not in page.replace("&lt;lambda&gt;", "")
    rich = pytest.importorskip("rich.console")
    console = rich.Console(record=True, width=200, file=io.StringIO())
    console.print(report)
    assert diagnosis.sentence in console.export_text()
    record = json.loads(json.dumps(report.to_dict()))
    assert record["findings"][1]["diagnoses"][0]["name"] == diagnosis.name
    assert record["findings"][1]["line"]["code"] == "return dout @ w.T, -x.T @ dout"


def test_float32_on_the_command_line(write):
    path = write(MISTAKE.replace(" * 2", ""))
    result = tgc("check", path, "--dtype", "float32")
    assert result.exit_code == 0
    assert "float32 can decide" in result.stdout


def test_a_large_gradient_is_diagnosed_on_a_small_one():
    def forward(x, w):
        return x @ w

    def backward(dout, x, w):
        return dout @ w.T, x.T @ dout / len(x)

    rng = np.random.default_rng(0)
    report = gradcheck(
        (forward, backward), [rng.standard_normal((64, 200)), rng.standard_normal((200, 30))]
    )
    assert [d.name for d in report.diagnoses["w"]]
    assert report["w"].verdict == "wrong"


def test_the_self_test_prints_its_scores(monkeypatch):
    from tinygrad_course.checking import self_test

    asked, workers = [], []

    def score(quick, dtype, *, seed, jobs):
        asked.append((quick, dtype, seed))
        workers.append(jobs)
        tally = self_test.Tally(planted=9, found=9, diagnosed=9, named=9)
        shares = {"named": 0.9, "unnamed": 0.1}
        named = 1.0 if dtype == "float64" else 0.5
        return self_test.Scores(
            dtype, 1.0, 0, 40, named, 0.0, 0.0, shares, shares, {"dense": tally}
        )

    monkeypatch.setattr(self_test, "score", score)
    result = tgc("check", "--self-test", "--quick", "--seed", 3, "--jobs", 2)
    assert asked == [(True, "float64", 3), (True, "float32", 3)]
    assert "0 of 40 right functions" in result.stdout
    assert "90.00 % named, 10.00 % unnamed" in result.stdout
    assert result.exit_code == 1
    records = [json.loads(r) for r in tgc("check", "--self-test", "--json").stdout.splitlines()]
    assert [r["dtype"] for r in records] == ["float64", "float32"]
    assert records[0]["per_op"]["dense"]["counts"]["named"] == 9
    assert asked[-1] == (False, "float32", 0)
    assert workers == [2, 2, 1, 1]


def test_what_a_file_prints_is_kept_apart(write):
    path = write(
        """
        print("loaded")

        def forward(x: "N D"):
            print("forward", x.shape)
            return x * 2

        def backward(dout, x):
            return dout * 2
        """
    )
    result = tgc("check", path, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["verdict"] == "right"
    assert "loaded\nforward (5, 3)" in result.stderr
    assert len(result.stderr) < 700


def test_the_self_test_in_json(monkeypatch):
    from tinygrad_course.checking import self_test

    some = tuple([op for op in self_test.OPERATIONS if op.name in {"tanh", "add", "mse"}])
    monkeypatch.setattr(self_test, "OPERATIONS", some)
    result = tgc("check", "--self-test", "--quick", "--json")
    assert result.exit_code == 0, result.stdout
    records = [json.loads(row) for row in result.stdout.splitlines()]
    assert [r["dtype"] for r in records] == ["float64", "float32"]
    for record in records:
        assert set(record["per_op"]) == {"tanh", "add", "mse"}
        assert record["right"] == 3
        for scores in (record, *record["per_op"].values()):
            assert scores["recall"] == 1.0
            assert scores["false_alarms"] == 0
            assert scores["named"] >= 0.98
            assert scores["misnamed"] <= 0.005
        for shares in (record["left_out"], record["pairs"]):
            assert sum(shares.values()) == pytest.approx(1.0)
