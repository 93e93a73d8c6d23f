"""The pages of `docs/`: their code runs and prints what they say, their links exist, they build."""

import io
import re
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest

import tinygrad_course as tg

ROOT = Path(tg.__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
LECTURES = sorted((DOCS / "lectures").glob("*.md"))


def name_of(path):
    return path.relative_to(DOCS).as_posix()


def blocks(text):
    """Each python block and the line of the page it starts at."""
    for found in re.finditer(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        yield text[: found.start()].count("\n") + 1, found.group(1)


def promised(block):
    """What a block says it prints: the text behind each `# -> `."""
    lines = (line.partition("# ->") for line in block.splitlines())
    return [said.removeprefix(" ").rstrip() for _, arrow, said in lines if arrow]


def printed(block, line, page, space):
    out = io.StringIO()
    # Blank lines make an error's line number the page's own.
    code = compile("\n" * line + block, str(page), "exec")
    with redirect_stdout(out), np.printoptions(precision=4):
        exec(code, space)
    return [text.rstrip() for text in out.getvalue().splitlines()]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_code_prints_what_the_page_says(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tg.manual_seed(0)
    space = {"__name__": page.stem}
    for line, block in blocks(page.read_text(encoding="utf-8")):
        assert printed(block, line, page, space) == promised(block), f"{name_of(page)}:{line}"


def test_a_wrong_promise_is_noticed():
    right, wrong = "print(1 + 1)  # -> 2\n", "print(1 + 1)  # -> 3\n"
    assert printed(right, 0, "page", {}) == promised(right)
    assert printed(wrong, 0, "page", {}) != promised(wrong)
    assert list(blocks(f"text\n\n```python\n{right}```\n")) == [(3, right)]


def anchors(page):
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", h).strip().lower()) for h in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_exist(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path) if path else page
        assert file.exists(), f"{name_of(page)}: {target}"
        assert not anchor or anchor in anchors(file), f"{name_of(page)}: {target}"


def test_every_lecture_is_in_the_navigation_and_on_the_first_page():
    assert len(LECTURES) == 5
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    for page in LECTURES:
        assert f": {name_of(page)}\n" in navigation
        assert f"]({name_of(page)})" in index


def test_each_claim_is_told_once_and_followed_by_code_that_shows_it():
    told, index = [], (DOCS / "index.md").read_text(encoding="utf-8")
    for page in LECTURES:
        text = page.read_text(encoding="utf-8")
        for section in re.split(r"^(?=##+ )", text, flags=re.MULTILINE):
            heading = section.split("\n", 1)[0]
            claims = re.findall(r"\bE\d\d\b", heading)
            told += claims
            if claims:
                assert "# ->" in section or "assert" in section, heading
    assert len(told) == len(set(told))
    assert all(f"[{claim}](" in index for claim in told)


def test_the_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("mkdocs")
    # Not --quiet, which would hide the warnings from --strict.
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    done = subprocess.run(
        [*command, "--site-dir", str(tmp_path / "site")],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    site = tmp_path / "site"
    for page in PAGES:
        html = (site / name_of(page)).with_suffix(".html").read_text(encoding="utf-8")
        # Links to source files lead to pages that the build made.
        for target in re.findall(r'href="((?:\.\./)*source/[^"#]+)"', html):
            assert ((site / name_of(page)).parent / target).exists(), target
        assert "cdnjs" not in html
