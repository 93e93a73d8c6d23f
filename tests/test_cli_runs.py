"""`tgc runs`: the list, several runs in one picture, a run replayed under Prechelt's criteria."""

import json

import pytest
from cli_runner import tgc
from PIL import Image

from tinygrad_course import data, viz
from tinygrad_course.errors import ArgumentError
from tinygrad_course.train import fit
from tinygrad_course.training.callbacks import RunFolder
from tinygrad_course.training.early_stopping import ALL_14
from tinygrad_course.training.recipe import Recipe, assemble

DIGITS = data.load("digits")


def lines(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two runs of ten short epochs, below runs/."""
    top = tmp_path_factory.mktemp("somewhere")
    for name, optimizer in (("first", "adam"), ("second", "sgd")):
        recipe = Recipe(model="mlp", data="digits", epochs=10, batch_size=400, optimizer=optimizer)
        files = RunFolder(top / "runs" / name)
        fit(assemble(recipe, DIGITS), files.callbacks())
    return top


@pytest.fixture(autouse=True)
def _there(folder, monkeypatch):
    monkeypatch.chdir(folder)


def test_the_list_has_the_newest_first_and_damaged_ones_too(folder):
    result = tgc("runs")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == tgc("runs", "list").stdout
    order = [result.stdout.index(name) for name in ("runs/second", "runs/first")]
    assert order == sorted(order)
    broken = folder / "runs" / "broken"
    broken.mkdir()
    (broken / "last.safetensors").write_bytes(b"no")
    try:
        assert "damaged" in tgc("runs").stdout
        found = {row["run"]: row for row in lines(tgc("runs", "list", "--json"))}
    finally:
        (broken / "last.safetensors").unlink()
        broken.rmdir()
    assert "truncated" in found["runs/broken"]["fault"]
    assert found["runs/first"]["epochs"] == found["runs/first"]["epoch"] == 10
    assert found["runs/first"]["optimizer"] == "adam"


def test_an_empty_folder_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "`tgc train` makes one" in tgc("runs").stdout


@pytest.mark.parametrize("against", ["epoch", "seconds"])
def test_compared_runs_are_one_picture_and_a_table_of_what_differs(against, tmp_path):
    out = tmp_path / "both.png"
    result = tgc("runs", "compare", "first", "runs/second", "--out", out, "--against", against)
    assert (result.exit_code, result.stderr) == (0, "")
    heading = result.stdout.splitlines()[0].split("  ")
    assert [word.strip() for word in heading if word][:3] == ["run", "optimizer", "lr"]
    with Image.open(out) as picture:
        assert picture.width > picture.height
    rows = lines(tgc("runs", "compare", "first", "second", "--out", out, "--json"))
    assert [row.get("optimizer") for row in rows] == ["adam", "sgd", None]
    assert rows[-1]["path"] == str(out)


def test_a_replay_asks_all_fourteen():
    result = tgc("runs", "replay", "first", "--json")
    assert [row["criterion"] for row in lines(result)] == [each.name for each in ALL_14]
    shown = tgc("runs", "replay", "first")
    assert shown.exit_code == 0
    assert "10 epochs of runs/first" in shown.stdout
    assert "UP 8" in shown.stdout


def test_what_is_no_run_is_named_with_the_nearest(folder):
    result = tgc("runs", "compare", "frist")
    assert result.exit_code == 1
    assert "frist: there is no such run; did you mean 'first'?" in result.stderr
    log = folder / "runs" / "second" / "log.jsonl"
    content = log.read_text()
    for text, message in [("", "no epoch of this run is whole"), ("{", "cannot be read")]:
        log.write_text(text)
        assert message in tgc("runs", "replay", "second").stderr
    log.write_text(content)


def test_too_many_runs_cannot_be_told_apart():
    log = [{"event": "epoch", "epoch": 1, "test_loss": 1.0}]
    with pytest.raises(ArgumentError, match="1 to 8 runs, but got 9"):
        viz.compare_runs({str(i): log for i in range(9)})
    with pytest.raises(ArgumentError, match="b expects at least one whole epoch"):
        viz.compare_runs({"a": log, "b": []})
