"""What is installed is what is there: the package list against the folders, versions, metadata."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import tinygrad_course as tg

ROOT = Path(tg.__file__).parent.parent
if not (ROOT / "pyproject.toml").exists():
    pytest.skip("not a checkout", allow_module_level=True)
if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def folders(top: Path, name: str):
    found = {name}
    for init in top.rglob("*"):
        if init.is_dir() and "__pycache__" not in init.parts and any(init.iterdir()):
            found.add(".".join((name, *init.relative_to(top).parts)))
    return found


def test_the_package_list_is_the_folders():
    listed = PROJECT["tool"]["setuptools"]["packages"]
    assert listed == sorted(listed)
    there = folders(ROOT / "tinygrad_course", "tinygrad_course")
    there |= folders(ROOT / "kernels", "tinygrad_course.kernels")
    assert set(listed) == there


def test_every_data_file_is_package_data():
    data = PROJECT["tool"]["setuptools"]["package-data"]
    for top, name in ((ROOT / "tinygrad_course", "tinygrad_course"),
                      (ROOT / "kernels", "tinygrad_course.kernels")):  # fmt: skip
        for path in top.rglob("*"):
            if path.is_dir() or path.suffix in {".py", ".pyc", ".md"}:
                continue
            package = ".".join((name, *path.relative_to(top).parts[:-1]))
            assert any(path.match(p) for p in data.get(package, [])), f"{path} is not shipped"


def test_versions_agree():
    assert PROJECT["project"]["version"] == tg.__version__
    assert f"## {tg.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_no_file_is_large_but_the_embedded_data():
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if tracked.returncode != 0:
        pytest.skip("not a git checkout")
    for name in filter(None, tracked.stdout.split("\0")):
        path = ROOT / name
        if path.parent.name != "embedded" and path.is_file():
            assert path.stat().st_size < 1_000_000, path


def test_the_readme_names_commands_that_exist():
    from tinygrad_course.cli.app import tgc

    text = (ROOT / "README.md").read_text()
    for command in set(re.findall(r"\btgc ([a-z][a-z-]+)", text)):
        assert command in tgc.list_commands(None), f"README: tgc {command}"
