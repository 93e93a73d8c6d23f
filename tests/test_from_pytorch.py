"""docs/from-pytorch.md: its names exist on both sides, and PyTorch's blocks say the truth, too."""

from __future__ import annotations

import importlib
import io
import re
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

import tinygrad_course as tg
from tinygrad_course import data, nn, optim

PAGE = Path(tg.__file__).parent.parent / "docs" / "from-pytorch.md"
TEXT = PAGE.read_text(encoding="utf-8")
ROWS = [
    [re.findall(r"`([^`]+)`", cell) for cell in line.strip("|").split(" | ")]
    for line in TEXT.split("## Names")[1].split("## Layouts")[0].splitlines()
    if line.startswith("| `")
]


def found(code: str, roots: dict[str, Any]) -> Any:
    """The object that `a.b.c(...)` names."""
    first, *rest = code.partition("(")[0].split(".")
    value = roots[first]
    for name in rest:
        value = getattr(value, name)
    return value


def test_the_table_is_read() -> None:
    assert len(ROWS) > 25
    assert all(len(row) == 2 and row[0] and row[1] for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1][0])
def test_our_names_exist(row: list[list[str]]) -> None:
    for code in row[1]:
        assert callable(found(code, {"tg": tg, "nn": nn, "optim": optim, "data": data}))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][0])
def test_their_names_exist(row: list[list[str]]) -> None:
    torch = pytest.importorskip("torch")
    for module in ("utils.checkpoint", "profiler", "func", "optim.swa_utils", "utils.data"):
        importlib.import_module(f"torch.{module}")
    for code in row[0]:
        assert callable(found(code, {"torch": torch}))


def test_the_calls_of_the_table_agree() -> None:
    """Where both cells are calls on x, the two give the same."""
    torch = pytest.importorskip("torch")
    ours = tg.tensor([[0.5, -1.5], [2.0, 3.0]])
    theirs = torch.tensor(ours.numpy())
    i, j = [1, 0], torch.tensor([[1], [0]])
    here = {"tg": tg, "x": ours, "xs": [ours, ours], "i": tg.tensor(i).numpy()}
    there = {"torch": torch, "x": theirs, "xs": [theirs, theirs], "i": j}
    here |= {"y": ours, "t": tg.tensor([[1.0, 2.0], [3.0, 4.0]])}
    there |= {"y": theirs, "t": torch.tensor([[1.0, 2.0], [3.0, 4.0]])}
    here["w"] = tg.tensor([[1.0, 2.0], [3.0, 4.0]])
    there["w"] = torch.tensor([[1.0, 3.0], [2.0, 4.0]])
    compared = 0
    for row in ROWS:
        pair = row[1][0], row[0][0]
        if not all("(x" in code or "(y, t)" in code for code in pair) or "nll" in pair[0]:
            continue
        mine, yours = eval(pair[0], here), eval(pair[1], there)
        assert mine.numpy().reshape(-1).tolist() == yours.numpy().reshape(-1).tolist(), pair
        compared += 1
    assert compared == 11


def test_pytorchs_blocks_print_what_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    tg.manual_seed(0)
    torch.manual_seed(0)
    space: dict[str, Any] = {"__name__": "page"}
    count = 0
    for block in re.finditer(r"^```(python|py)\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE):
        code, out = block.group(2), io.StringIO()
        said = re.findall(r"# -> ?(.*)$", code, re.MULTILINE)
        with redirect_stdout(out):
            exec(compile(code, str(PAGE), "exec"), space)
        assert [line.rstrip() for line in out.getvalue().splitlines()] == said, code
        count += block.group(1) == "py"
    assert count >= 8
