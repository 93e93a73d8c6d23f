"""`tgc search`: the space it is given, its trials, its table and picture, going on with it."""

import json

import numpy as np
import pytest
from cli_runner import child, tgc
from PIL import Image

from tinygrad_course import data, viz
from tinygrad_course.errors import ArgumentError
from tinygrad_course.training.recipe import Recipe
from tinygrad_course.training.search import Plan, divided
from tinygrad_course.training.search_space import Choices, Range, parse, settings_of

QUICK = ["search", "mlp", "--data", "digits", "--epochs", "1", "--batch-size", "200"]


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TGC_DATA", raising=False)


def lines(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_what_is_varied_is_understood():
    assert parse("lr=0.001:0.1:log") == Range("lr", 0.001, 0.1, log=True)
    assert parse("weight-decay=0:0.1") == Range("weight_decay", 0.0, 0.1)
    assert parse("optimizer = adam, sgd") == Choices("optimizer", ("adam", "sgd"))
    assert parse("flip=true,no") == Choices("flip", (True, False))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lr", "expects FIELD=LOW:HIGH"),
        ("lr=", "expects FIELD=LOW:HIGH"),
        ("rate=1,2", "cannot vary 'rate'"),
        ("data=digits,mnist", "cannot vary 'data'"),
        ("lr=1,two", "lr expects a number, not 'two'"),
        ("lr=0.1,-1", "lr must be above 0"),
        ("lr=0.1,0.1", "names a value twice"),
        ("lr=0.1:0.01", "from a lower to a higher number"),
        ("weight_decay=0:0.1:log", "a lower to a higher number above 0"),
        ("lr=0.1:1:lin", "got 'lr=0.1:1:lin'"),
        ("optimizer=a:b", "optimizer is no number"),
        ("optimizer=adma", "did you mean 'adam'"),
        ("flip=maybe", "flip expects true or false, not 'maybe'"),
        ("batch_size=0,2", "batch_size must be at least 1"),
    ],
)
def test_what_cannot_be_varied_is_refused(text, message):
    with pytest.raises(ArgumentError, match=message):
        parse(text)


def test_draws_are_spread_as_they_should_be_and_more_can_be_added():
    space = [parse("lr=0.0001:1:log"), parse("batch_size=16:64"), parse("momentum=0.5:0.9")]
    drawn = settings_of(space, 400, seed=0)
    assert settings_of(space, 500, seed=0)[:400] == drawn
    assert settings_of(space, 5, seed=1) != drawn[:5]
    decades = np.bincount([int(-np.floor(np.log10(each["lr"]))) for each in drawn])[1:5]
    assert decades.min() > 75  # a quarter of 400 is 100
    assert {each["batch_size"] for each in drawn} == set(range(16, 65))
    assert all(0.5 <= each["momentum"] <= 0.9 for each in drawn)


def test_trials_never_see_the_test_data():
    base = Recipe(model="mlp", data="digits")
    digits = data.load("digits")
    part = divided("digits", json.dumps(base.to_dict()), 0.2)
    assert len(part.train.x) + len(part.test.x) == len(digits.train.x)
    every = {row.tobytes() for row in digits.train.x}
    assert all(row.tobytes() in every for row in part.test.x)
    counts = np.bincount(part.test.y)
    assert counts.max() - counts.min() <= 4


def test_a_grid_is_every_combination_a_table_and_a_picture(tmp_path):
    result = tgc(*QUICK, "--set", "lr=0.01,0.1", "--set", "optimizer=sgd,adam", "--processes", 1)
    assert (result.exit_code, result.stderr) == (0, "")
    folder = tmp_path / "runs" / "search-mlp-digits"
    assert "mlp on digits: 4 combinations of lr, optimizer; 1 epochs each" in result.stdout
    assert "   4/4  " in result.stdout
    assert "tgc train mlp --data digits --epochs 1 --batch-size 200" in result.stdout
    with Image.open(folder / "search.png") as picture:
        assert picture.width > picture.height
    trials = [json.loads(line) for line in (folder / "trials.jsonl").read_text().splitlines()]
    assert len({json.dumps(trial["settings"]) for trial in trials}) == 4
    assert all(0 < trial["score"] < 1 for trial in trials)


def test_processes_change_nothing(tmp_path):
    space = ["--set", "lr=0.01:0.3:log", "--trials", 3, "--json"]
    one = lines(tgc(*QUICK, *space, "--processes", 1))
    two = lines(tgc(*QUICK, *space, "--processes", 2))

    def scores(records):
        return {r["trial"]: r["score"] for r in records if r["event"] == "trial"}

    assert scores(one) == scores(two)
    assert one[-1]["best"]["score"] == max(scores(one).values())


def test_a_search_goes_on_where_it_was(tmp_path):
    space = ["--set", "lr=0.01:0.3:log", "--trials", 4, "--processes", 1, "--json"]
    whole = lines(tgc(*QUICK, *space, "--out", "search"))
    file = tmp_path / "search" / "trials.jsonl"
    kept = file.read_text().splitlines(keepends=True)
    file.write_text("".join(kept[:2]) + kept[2][:20])  # killed while the third was written
    again = lines(tgc("search", "--resume", "search", "--processes", 1, "--json"))
    assert [r["trial"] for r in again if r["event"] == "trial"] == [3, 4]
    assert again[-1]["best"]["trial"] == whole[-1]["best"]["trial"]
    more = lines(tgc("search", "--resume", "search", "--trials", 5, "--processes", 1, "--json"))
    assert [r["trial"] for r in more if r["event"] == "trial"] == [5]
    assert more[-1]["trials"] == 5
    refused = tgc("search", "--resume", "search", "--epochs", 3)
    assert "a search goes on as it began" in refused.stderr
    assert "holds a search already" in tgc(*QUICK, *space, "--out", "search").stderr
    assert "expected the plan of a search" in tgc("search", "--resume", "nowhere").stderr


def test_ctrl_c_keeps_the_finished_trials(tmp_path):
    import signal

    space = ["--set", "lr=0.01:0.3:log", "--trials", "50", "--processes", "1", "--epochs", "20"]
    with child(*QUICK[:4], *space, "--out", "stopped", "--json") as process:
        for _ in range(2):  # the start, and one trial
            assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "trials are kept" in err
    assert "tgc search --resume stopped" in err
    assert "Traceback" not in err


def test_trials_that_fail_are_told_and_the_others_count():
    result = tgc(*QUICK, "--set", "optimizer=rprop,adam", "--processes", 1)
    assert result.exit_code == 0
    assert "failed" in result.stdout
    assert "rprop: expects the gradient of all 1,146 training samples" in result.stdout
    wild = tgc(*QUICK, "--set", "lr=1e30,1e31", "--optimizer", "sgd", "--processes", 1)
    assert wild.exit_code == 1
    assert "all 2 trials failed, the first with: diverged" in wild.stderr


def test_usage(tmp_path):
    for words, message in [
        ([], "nothing to vary; give --set FIELD="),
        (["--set", "lr=0.1:1"], "lr has a range, which has no grid"),
        (["--set", "lr=0.1,1", "--set", "lr=2"], "lr is varied twice"),
    ]:
        result = tgc(*QUICK, *words)
        assert result.exit_code == 1
        assert message in result.stderr
    assert not (tmp_path / "runs").exists()


def test_a_plan_survives_json():
    plan = Plan(Recipe(model="mlp", data="digits"), ("lr=0.1,0.2",), None)
    assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


def test_a_picture_needs_a_score():
    with pytest.raises(ArgumentError, match="all 1 failed"):
        viz.search_trials([{"settings": {"lr": 1.0}, "score": None}])
