"""Every example runs and shows what it says; they assert their own claims."""

import importlib.util
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("[0-9]*.py"))
SHORT = {
    "05_lenet": {"epochs": 1, "samples": 640},
    "08_one_kernel_four_dialects": {"n": 192, "n_loop": 24},
}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_example(path, capsys):
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(**SHORT.get(path.stem, {}))
    assert len(capsys.readouterr().out.splitlines()) >= 2
    assert len(path.read_text().splitlines()) <= 80


def test_they_are_numbered_and_listed():
    listed = (EXAMPLES[0].parent / "README.md").read_text()
    assert [int(p.name[:2]) for p in EXAMPLES] == list(range(1, len(EXAMPLES) + 1))
    for path in EXAMPLES:
        assert f"`{path.name}`" in listed
