"""The debugger: scripted sessions against the text they print, breakpoints, pages, the command."""

from __future__ import annotations

import io
import os
import re
import select
import subprocess
import sys
import time
from contextlib import redirect_stdout

import numpy as np
import pytest
from cli_runner import environment, tgc

import tinygrad_course as tg
from tinygrad_course.debug.heat import in_words, letters, map_of, part_of
from tinygrad_course.debug.kept import formula_of, kept_values


def session(loss, *commands, gradient=None):
    out = io.StringIO()
    with redirect_stdout(out):
        assert tg.debug.step(loss, gradient, commands=list(commands)) is None
    return out.getvalue()


def after(text, command):
    """What was printed after a command, up to the next prompt."""
    return text.split(f"(step) {command}\n", 1)[1].split("(step) ", 1)[0].strip("\n")


def small():
    w = tg.tensor([[1.0, -2.0], [3.0, 4.0]], requires_grad=True)
    x = tg.tensor([[1.0, 0.0], [2.0, 1.0]])
    h = tg.relu(x @ w)
    return w, h, (h * h).sum()


SESSION = """\
backward of loss = 26: 5 places, 1 leaf. Forward ran from 1 to 5, backward runs from 5 to 1.

     1  leaf w                                   (2, 2)
     2  MatMul()                                 (2, 2)
     3  h = ReLU()                               (2, 2)
     4  Mul()                                    (2, 2)
>    5  loss = Sum(axes=(0, 1), keepdims=False)  ()

5 of 5: loss = Sum(axes=(0, 1), keepdims=False)
  y = sum of x over axes
  dL/dx = dL/dy, broadcast back over them
  dy      ()  1
          the pass starts here
  dx      (2, 2)  norm 2, largest 1  to 4 Mul
          [[1. 1.]
           [1. 1.]]
  dy/dx   Jacobian, 1 x 4
          [[1. 1. 1. 1.]]

(step) next 2

3 of 5: h = ReLU()
  y = max(x, 0)
  dL/dx = dL/dy sign(y), 0 at the kink
  dy      (2, 2)  norm 10.2, largest 10, 50 % zeros
          [[ 2.  0.]
           [10.  0.]]
          the sum of 2:
            from 4 Mul (a)  (2, 2)  norm 5.099, largest 5, 50 % zeros
            from 4 Mul (b)  (2, 2)  norm 5.099, largest 5, 50 % zeros
  dx      (2, 2)  norm 10.2, largest 10, 50 % zeros  to 2 MatMul
          [[ 2.  0.]
           [10.  0.]]
  dy/dx   Jacobian, 4 x 4, zeros but for its diagonal
          [1. 0. 1. 0.]
  y       (2, 2)  norm 5.099, largest 5, 50 % zeros  kept
          [[1. 0.]
           [5. 0.]]

(step) goto w

1 of 5: leaf w
  grad    (2, 2)  norm 24.17, largest 22, 50 % zeros  from 2 MatMul (b)
          [[22.  0.]
           [10.  0.]]

(step) quit
"""


def test_a_session_reads_as_written():
    w, h, loss = small()
    assert session(loss, "next 2", "goto w", "quit") == SESSION
    assert h.data is not None
    assert w.grad is None


def test_nothing_is_changed():
    w, h, loss = small()
    h.retain_grad()
    w.grad = np.ones((2, 2), "float32")
    before = w.grad
    session(loss, "continue")
    assert w.grad is before
    assert h.grad is None
    loss.backward()
    assert w.grad.tolist() == [[23.0, 1.0], [11.0, 1.0]]


def test_an_empty_line_repeats_and_back_replays():
    text = session(small()[2], "next", "", "back", "", "back", "next 9", "next")
    numbers = re.findall(r"^(\d) of 5:", text, re.MULTILINE)
    assert numbers == ["5", "4", "3", "4", "5", "1"]
    assert "the pass starts here: next" in text
    assert "that was the last place" in text
    first, again = (part for part in text.split("\n\n") if part.startswith("4 of 5"))
    assert first == again


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("nxt", "there is no command 'nxt'; did you mean 'next'?"),
        ("goto 9", "goto: expects a place from 1 to 5, but got 9"),
        ("goto weight", "goto: expects a place from 1 to 5 or a name, but got 'weight'"),
        ("next x", "expects a number of places, but got 'x'"),
        ("show z", "show: there is no 'z' here; "),
        ("break rellu", "did you mean 'ReLU'?"),
        ("break norm > 1e", "break: '1e' is no number"),
    ],
)
def test_wrong_commands_are_explained(command, message):
    assert message in after(session(small()[2], command), command)


def test_help_tape_show_and_short_names():
    text = session(small()[2], "?", "t", "g relu", "p dy", "b", "q", "next")
    for name in ("next", "back", "goto", "break", "continue", "quit", "help"):
        assert re.search(rf"^  {name} ", after(text, "?"), re.MULTILINE)
    assert after(text, "t").count("\n") == 4
    assert "dy  (2, 2)" in after(text, "p dy")
    assert "(step) next" not in text


def test_breakpoint_at_the_first_nan():
    x = tg.tensor([4.0, 0.0], requires_grad=True)
    with np.errstate(all="ignore"):
        loss = (tg.sqrt(x) * 0.0).sum()
        text = session(loss, "break nan", "continue", "continue")
    where = after(text, "continue")
    assert "stopped at 2 by `break nan`: it made 1 NaN of 2 values of dL/dx" in where
    assert "no further breakpoint" in text.rpartition("(step) continue")[2]


def test_breakpoints_zero_norm_name_layer_and_clear():
    w, _, loss = small()
    dead = tg.relu(w * 1e3 - 1e5).sum()
    assert "by `break zero`: it made dL/dx all zeros" in session(dead, "break zero", "continue")
    text = session((w * 1e3 * 2.0).sum(), "break norm > 100", "c")
    assert "by `break norm > 100`: the norm of dL/da is 4000" in text
    assert "stopped at 2 by `break MatMul`: it is MatMul" in session(loss, "break MatMul", "c")
    assert "breakpoints: none" in session(loss, "break relu", "clear")
    model = tg.nn.Sequential(tg.nn.Dense(2, 3), tg.nn.ReLU(), tg.nn.Dense(3, 1))
    text = session(lambda: model(tg.tensor([[1.0, 2.0]])).sum(), "break layers.0", "c")
    assert re.search(r"stopped at \d by `break layers.0`: it is layers.0\n", text)
    assert re.search(r"leaf model\.layers\.2\.weight", text)


def test_gradients_that_cancel_are_a_zero():
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    loss = (tg.exp(w) - tg.exp(w)).sum()
    assert "`break zero`: the gradients that meet here cancel" in session(loss, "break zero", "c")


def test_a_function_is_recorded_with_lines_and_layers():
    model = tg.nn.Sequential(tg.nn.Dense(2, 2), tg.nn.Tanh())

    def loss():
        return model(tg.tensor([[1.0, 2.0]])).sum()

    text = session(loss, "tape")
    assert "test_debug_step.py:" in text
    assert ": return model(tg.tensor([[1.0, 2.0]])).sum()  in layers.1" in text


def test_jacobians_of_infinite_slopes_and_of_products():
    x = tg.tensor([4.0, 0.0], requires_grad=True)
    with np.errstate(all="ignore"):
        text = session(tg.sqrt(x).sum(), "next")
    assert "Jacobian, 2 x 2, zeros but for its diagonal\n          [0.25  inf]" in text
    a = tg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    text = session((a @ tg.tensor([[1.0], [-1.0]])).sum(), "next")
    assert "Jacobian, 2 x 4\n          [[ 1. -1.  0.  0.]\n           [ 0.  0.  1. -1.]]" in text
    text = session((tg.tensor([1.0, 2.0]) * a.sum()).sum(), "goto Mul")
    assert "dy/db   Jacobian, 2 x 1\n          [[1.]\n           [2.]]" in text


def test_several_outputs_and_starred_inputs():
    x = tg.tensor(np.arange(6.0).reshape(2, 3), dtype="float32", requires_grad=True)
    a, b = tg.split(x, (1,), axis=1) if hasattr(tg, "split") else (x, x)
    loss = tg.concatenate([b, a], axis=1).sum() + (a * 2.0).sum()
    text = session(loss, "goto Concatenate", "goto Split", "goto x")
    assert "dxs[0]" in text
    assert "dy[0]" in after(text, "goto Split")
    assert "[[3. 1. 1.]\n           [3. 1. 1.]]" in after(text, "goto x")


def test_an_error_in_backward_is_shown():
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    loss = (tg.square(w) * 3.0).sum()
    w.assign([5.0, 6.0])
    text = session(loss, "goto w")
    assert "backward stopped with an error: backward: Square() kept" in text
    assert "no gradient reached this place" in text


def test_losses_that_cannot_be_stepped():
    w, _, loss = small()
    with pytest.raises(
        tg.errors.ArgumentTypeError, match="expects the loss, a Tensor, but got int"
    ):
        tg.debug.step(3)
    with pytest.raises(tg.errors.GraphError, match=r"has no graph.*tg\.debug\.why"):
        tg.debug.step(tg.tensor(1.0))
    loss.backward()
    with pytest.raises(tg.errors.GraphError, match="released by an earlier backward"):
        tg.debug.step(loss)
    with pytest.raises(tg.errors.ShapeError):
        tg.debug.step(w * 2.0, commands=[])
    assert "(2, 2)" in session(w * 2.0, gradient=np.ones((2, 2), "float32"))


def test_recompute_and_leaf_alone():
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    assert "Recompute(exp)" in session(tg.recompute(tg.exp, w).sum(), "next", "next")
    v = tg.tensor(2.0, requires_grad=True)
    text = session(v, "next")
    assert "= 2: 1 place, 1 leaf." in text
    assert "the pass starts here" in text


def test_maps():
    big = np.zeros((100, 100))
    big[57, 33] = np.nan
    cells = map_of(big).cells
    assert cells.shape == (8, 24)
    assert np.isnan(cells).sum() == 1
    assert map_of(np.zeros(())) is None
    assert map_of(np.zeros((0, 3))) is None
    assert letters(np.inf, 1.0) == "II"
    assert part_of(np.zeros((3, 3, 2, 4)))[1] == "[:, :, 0, 0]"
    assert in_words(np.array([0.0, np.nan, np.inf])).endswith(
        "33 % zeros, 1 NaN and 1 infinite of 3 values"
    )
    text = session(tg.tensor(np.eye(5), dtype="float32", requires_grad=True).sum(), "next")
    assert "+9 +9 +9 +9 +9" in text


def test_every_op_has_a_formula_and_names_for_what_it_keeps():
    a = tg.tensor([[1.0, 2.0]], requires_grad=True)
    assert set(kept_values((a**2.0).node)) >= {"a", "b"}
    assert set(kept_values(tg.softmax(a).node)) == {"y"}
    assert kept_values((a + 1.0).node) == {}
    assert formula_of(tg.sigmoid(a).node) == ["y = 1 / (1 + e^-x)", "dL/dx = dL/dy y (1 - y)"]


def test_the_page_stands_alone(tmp_path):
    _, _, loss = small()
    page = tg.debug.html(loss)
    loss.backward()  # the page was drawn before
    text = page._repr_html_()
    assert text.count("<details") == 5
    assert "dL/dx = dL/dy sign(y), 0 at the kink" in text
    assert "background:#b2182b" in text
    assert not re.search(r"https?://|<script|@import", text)
    for link in re.findall(r'href="#([^"]+)"', text):
        assert f'id="{link}"' in text
    path = page.save(tmp_path / "step.html")
    assert path.read_text("utf-8").startswith("<!doctype html>")
    assert "<b>&lt;" not in text


def test_a_notebook_gets_the_page(monkeypatch):
    shell = type("ZMQInteractiveShell", (), {})
    ipython = type(sys)("IPython")
    ipython.get_ipython = shell
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert isinstance(tg.debug.step(small()[2]), tg.debug.Page)


def test_a_long_tape():
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    h = w
    for _ in range(1000):
        h = h * 1.001
    loss = h.sum()
    text = session(loss, "goto 500", "tape")
    assert after(text, "goto 500").startswith("500 of 1002: Mul()")
    assert after(text, "tape").count("\n") == 1001
    assert "The oldest 602 are left out." in str(tg.debug.html(loss))


def test_names_are_escaped_in_the_page():
    names = {"<b>": tg.tensor(2.0, requires_grad=True)}
    assert "<b>'" not in tg.debug.html(names["<b>"] * 2.0)._repr_html_()


FILE = """\
import tinygrad_course as tg

w = tg.tensor([1.0, -2.0], requires_grad=True)

def loss():
    return tg.relu(w).sum()

def other():
    return (w * 2.0).sum()

def number():
    return 3.0

def broken():
    return 1 / 0

def asking(x, y=2):
    return x
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "my_net.py"
    path.write_text(FILE)
    return path


def test_the_command_steps_through_a_file(file):
    result = tgc("step", file, "-c", "next", "-c", "goto w")
    assert result.exit_code == 0, result.stderr
    assert "my_net.py:6: return tg.relu(w).sum()" in result.stdout
    assert "1 of 3: leaf w" in result.stdout
    assert "Mul()" in tgc("step", f"{file}::other", "-c", "next").stdout


def test_the_command_reads_standard_input_and_echoes_it(file):
    result = tgc("step", file, input="next\n\n")
    assert "(step) next" in result.stdout
    assert "1 of 3: leaf w" in result.stdout


def test_the_command_writes_a_page(file, tmp_path):
    assert tgc("step", file, "--html", tmp_path / "p.html").exit_code == 0
    assert "leaf w" in (tmp_path / "p.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("none.py", "there is no file"),
        ("my_net.py::los", "has no function 'los'; did you mean 'loss'?"),
        ("my_net.py::number", "number() in"),
        ("my_net.py::asking", "takes x; expected a function without arguments"),
        ("my_net.py::w", "is a Tensor, no function"),
        ("my_net.py::broken", "line 15 (return 1 / 0): ZeroDivisionError: division by zero"),
    ],
)
def test_the_command_explains_what_it_expects(file, target, message):
    result = tgc("step", file.parent / target)
    assert result.exit_code == 1
    assert message in result.stderr
    if "broken" not in target:
        assert "def loss():" in result.stderr


def test_a_file_that_fails(tmp_path):
    path = tmp_path / "bad.py"
    path.write_text("x = = 1\n")
    assert "bad.py line 1 (x = = 1)" in tgc("step", path).stderr
    path.write_text("import numpy\n\nnumpy.nothing\n")
    assert "bad.py line 3 (numpy.nothing): AttributeError" in tgc("step", path).stderr


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_the_prompt_in_a_terminal(file):
    import pty

    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "tinygrad_course", "step", str(file)],
        stdin=theirs, stdout=theirs, stderr=theirs, env=environment(TERM="xterm-256color"),
    ) as process:  # fmt: skip
        os.close(theirs)
        seen, typed, end = "", ["n\n", "\n", "q\n"], time.monotonic() + 60
        while time.monotonic() < end:
            if not select.select([ours], [], [], 0.2)[0]:
                continue
            try:
                seen += os.read(ours, 65536).decode()
            except OSError:  # the other side closed
                break
            if typed and seen.rstrip().endswith("(step)"):
                os.write(ours, typed.pop(0).encode())
        process.wait(10)
    os.close(ours)
    assert process.returncode == 0
    assert not typed
    assert "leaf w" in seen
    assert "\x1b[" in seen  # in colour
