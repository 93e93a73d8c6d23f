"""`tgc train`: what ends a run and lowers its rate, time to accuracy, TensorBoard's events."""

import importlib.machinery
import json
import sys
import types
from itertools import pairwise

import pytest
from cli_runner import tgc

from tinygrad_course import data
from tinygrad_course.errors import ArgumentError
from tinygrad_course.train import fit
from tinygrad_course.training.events import TensorBoard
from tinygrad_course.training.recipe import METHODS, MOMENTUM, SCHEDULES, Recipe, assemble
from tinygrad_course.training.stopping_criteria import ALL_14, criterion

DIGITS = data.load("digits")
QUICK = ["train", "mlp", "--data", "digits", "--no-report"]


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def lines(result):
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_help_lists_what_there_is():
    text = " ".join(tgc("train", "--help").stdout.split())
    for name in (*METHODS, *SCHEDULES):
        assert name in text
    assert f"Of the optimizers {', '.join(MOMENTUM[:-1])} or {MOMENTUM[-1]}" in text


def test_a_criterion_of_prechelt_stops_a_run():
    *_, end = lines(tgc(*QUICK, "--epochs", 60, "--lr", "0.4", "--early-stopping", "gl5", "--json"))
    assert end["stopped"].startswith("GL 5")
    assert end["epochs"] < 60
    resumed = tgc("train", "--resume", end["out"], "--no-report")
    assert "Stopped: GL 5" in resumed.stdout


@pytest.mark.parametrize("each", ALL_14, ids=lambda each: each.name)
def test_every_criterion_has_a_word(each):
    assert criterion(each.name.replace(" ", "").lower()) == each


@pytest.mark.parametrize("word", ["", "gl", "xy5", "up1.5", "gl-1", "pq0", "up0"])
def test_other_words_are_refused(word):
    with pytest.raises(ArgumentError):
        Recipe(early_stopping=word)
    result = tgc(*QUICK, "--early-stopping", word)
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr


def test_a_target_accuracy_ends_a_run_and_its_time_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    words = ["--epochs", "60", "--target-accuracy", "0.93"]
    *epochs, end = lines(tgc(*QUICK, *words, "--json"))[1:]
    assert end["stopped"].startswith("a test accuracy of 0.93 is reached, after ")
    assert epochs[-1]["test_accuracy"] >= 0.93 > max(e["test_accuracy"] for e in epochs[:-1])
    assert end["time_to_accuracy"]["0.93"] == pytest.approx(sum(e["seconds"] for e in epochs))
    shown = tgc("train", "mlp", "--data", "digits", *words)
    assert "time to accuracy" in shown.stdout
    assert "93 % after" in shown.stdout
    page = tmp_path / "runs" / "mlp-digits-seed0-2" / "report.html"
    assert "time to accuracy" in page.read_text("utf-8")


def test_the_plateau_schedule_lowers_the_rate_where_the_test_loss_stays():
    run = assemble(
        Recipe(model="mlp", data="digits", epochs=30, lr=0.5, schedule="plateau"), DIGITS
    )
    history = fit(run, run.rules)
    rates = [record["lr"] for record in history]
    assert rates[0] == 0.5
    assert rates[-1] <= 0.0051
    for before, after in pairwise(rates):
        assert after == before or after == pytest.approx(before / 10)


def test_events_need_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = tgc(*QUICK, "--tensorboard")
    assert result.exit_code == 1
    assert "pip install 'tinygrad-course[tensorboard]'" in result.stderr


def test_each_epoch_becomes_events(monkeypatch, tmp_path):
    written = []

    class SummaryWriter:
        def __init__(self, folder, purge_step):
            written.append(("open", folder, purge_step))

        def add_scalar(self, name, value, step):
            written.append((name, value, step))

        def flush(self):
            pass

        def close(self):
            written.append(("close",))

    fake = types.ModuleType("tensorboardX")
    fake.__spec__ = importlib.machinery.ModuleSpec("tensorboardX", None)
    fake.SummaryWriter = SummaryWriter
    monkeypatch.setitem(sys.modules, "tensorboardX", fake)
    run = assemble(Recipe(model="mlp", data="digits", epochs=2, batch_size=500), DIGITS)
    history = fit(run, [TensorBoard(tmp_path / "events")])
    assert written[0] == ("open", str(tmp_path / "events"), 1)
    assert written[-1] == ("close",)
    scalars = {(name, step): value for name, value, step in written[1:-1]}
    assert scalars["loss/train", 3] == history[0]["train_loss"]
    assert scalars["accuracy/test", 6] == history[1]["test_accuracy"]
    assert ("learning rate", 3) in scalars
