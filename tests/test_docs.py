"""The documentation runs: every docstring's example, the README's code, the reading path."""

import ast
import doctest
import importlib
import inspect
import io
import re
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest

import tinygrad_course as tg

ROOT = Path(tg.__file__).parent.parent
PACKAGES = [("tinygrad_course", Path(tg.__file__).parent),
            ("tinygrad_course.kernels", Path(tg.kernels.__file__).parent)]  # fmt: skip
FLAGS = doctest.NORMALIZE_WHITESPACE


def module_names():
    for name, top in PACKAGES:
        for path in sorted(top.rglob("*.py")):
            parts = path.relative_to(top).with_suffix("").parts
            if parts[-1] == "__main__":
                continue
            yield ".".join((name, *(parts[:-1] if parts[-1] == "__init__" else parts)))


@pytest.mark.parametrize("name", list(module_names()))
def test_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if name.startswith("tinygrad_course.estimators"):
        pytest.importorskip("sklearn")
    if ".bench.peer_" in name:
        pytest.importorskip(name.rpartition("_")[2])
    try:
        module = importlib.import_module(name)
    except ImportError:
        if tg.kernels.compiled.available():
            raise
        pytest.skip(tg.kernels.compiled.why_not())
    tg.manual_seed(0)
    # Decorated functions and the lazily exported ones are found where they are defined.
    result = doctest.testmod(module, optionflags=FLAGS)
    assert result.failed == 0


def public_functions():
    for module in (tg.functional, tg):
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isfunction(value) or (
                inspect.isclass(value) and value is not tg.BackwardStep
            ):
                yield name, value


@pytest.mark.parametrize(("name", "value"), list(dict(public_functions()).items()))
def test_every_public_function_has_an_example(name, value):
    text = value.__doc__ or ""
    assert ">>> " in text, f"{name} has no example"


def code_blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_readme_code_prints_what_it_says():
    blocks = code_blocks((ROOT / "README.md").read_text(), "python")
    assert blocks
    space = {}
    for block in blocks:
        expected = [
            line.split("# ->", 1)[1].strip() for line in block.splitlines() if "# ->" in line
        ]
        out = io.StringIO()
        with redirect_stdout(out), np.printoptions(precision=4):
            exec(compile(block, "README.md", "exec"), space)
        assert out.getvalue().split("\n")[:-1] == expected


def test_the_reading_path_is_a_weekend():
    text = (ROOT / "README.md").read_text()
    section = text.split("## The weekend's reading path", 1)[1].split("\n## ", 1)[0]
    paths = re.findall(r"\]\(([\w/]+\.py)\)", section)
    assert len(paths) >= 8
    lines = {p: len((ROOT / p).read_text().splitlines()) for p in paths}
    total = sum(lines.values())
    assert total <= 2500, lines
    stated = int(re.search(r"([\d,]+) lines", section).group(1).replace(",", ""))
    assert abs(stated - total) <= 60, f"the README says {stated} lines, but there are {total}"


def test_every_file_says_what_it_holds():
    for _, top in PACKAGES:
        for path in top.rglob("*.py"):
            doc = ast.get_docstring(ast.parse(path.read_text()))
            assert doc, f"{path} has no opening docstring"


def test_links_of_the_readme_exist():
    text = (ROOT / "README.md").read_text()
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), target
