"""`tgc train` from its first line to its report: display, JSON, Ctrl-C, resuming, failures."""

import io
import json
import re
import shlex
import signal
import sys

import numpy as np
import pytest
from cli_runner import child, finished, tgc
from rich.console import Console

from tinygrad_course import checkpoint
from tinygrad_course.cli import session
from tinygrad_course.cli.app import tgc as command
from tinygrad_course.cli.display import HEADING, Live
from tinygrad_course.train import evaluate, fit
from tinygrad_course.training.recipe import Recipe, assemble

QUICK = ["train", "mlp", "--data", "digits", "--epochs", "2"]


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TGC_DATA", raising=False)


def lines(result):
    """The JSON objects on standard output; every line of it must be one."""
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_run_shows_its_epochs_and_leaves_a_report(tmp_path):
    result = tgc(*QUICK)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "mlp learns digits: 9,610 parameters" in result.stdout
    assert HEADING in result.stdout
    assert re.search(r"^  1/2 .*^  2/2 ", result.stdout, re.MULTILINE | re.DOTALL)
    folder = tmp_path / "runs" / "mlp-digits-seed0"
    assert {path.name for path in folder.iterdir()} == {
        "best.safetensors", "last.safetensors", "log.jsonl", "report.html",
        "learning_curves.png", "confusion_matrix.png", "mistakes.png",
    }  # fmt: skip
    assert "runs/mlp-digits-seed0/report.html" in result.stdout.replace("\\", "/")
    page = (folder / "report.html").read_text("utf-8")
    assert "tgc train mlp --data digits --epochs 2" in page
    reached = re.search(r"test accuracy +([\d.]+) %  (\d+) of 364 wrong", result.stdout)
    assert float(reached[1]) == round(100 * (1 - int(reached[2]) / 364), 2)
    assert "\x1b" not in result.stdout  # no colours where it is no terminal


def test_json_is_one_object_a_line():
    result = tgc(*QUICK, "--seed", "3", "--json", "--no-report")
    assert (result.exit_code, result.stderr) == (0, "")
    start, first, second, end = lines(result)
    assert start["event"] == "start"
    assert start["parameters"] == 9610
    assert [first["epoch"], second["epoch"]] == [1, 2]
    assert end["event"] == "end"
    assert (end["epochs"], end["seed"]) == (2, 3)
    assert end["test_accuracy"] == second["test_accuracy"]
    assert end["train_seconds"] > 0


def test_every_option_reaches_the_recipe():
    options = {"epochs": 1, "batch_size": 32, "optimizer": "nesterov", "lr": 0.02, "clip": 5.0,
               "schedule": "cosine", "momentum": 0.8, "weight_decay": 0.001, "shift": 1,
               "accumulate": 2, "patience": 4, "seed": 7, "dtype": "float64", "device": "cpu",
               "threads": 2, "data": "digits", "early_stopping": "gl5",
               "target_accuracy": 0.999}  # fmt: skip
    words = [w for k, v in options.items() for w in (f"--{k.replace('_', '-')}", v)]
    options["flip"] = False
    result = tgc("train", "mlp", *words, "--no-report", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    recipe = checkpoint.load(lines(result)[0]["out"]).recipe
    assert recipe == Recipe(model="mlp", **options)


def test_classic_is_another_network_in_another_folder():
    result = tgc("train", "--classic", "--data", "mnist-12k", "--epochs", "1", "--batch-size",
                 "1000", "--no-report", "--json")  # fmt: skip
    start = lines(result)[0]
    assert start["classic"] is True
    assert start["out"].endswith("lenet5-mnist-12k-classic-seed0")


def test_a_run_is_never_written_over(tmp_path):
    first, second = (lines(tgc(*QUICK, "--no-report", "--json"))[0]["out"] for _ in range(2))
    assert second == f"{first}-2"
    named = tgc(*QUICK, "--no-report", "--out", "mine [1]")
    assert named.exit_code == 0
    assert "mine [1]" in named.stdout
    before = (tmp_path / "mine [1]" / "last.safetensors").read_bytes()
    again = tgc(*QUICK, "--out", "mine [1]")
    assert again.exit_code == 1
    assert "holds a run already" in again.stderr
    assert "tgc train --resume" in again.stderr
    assert (tmp_path / "mine [1]" / "last.safetensors").read_bytes() == before
    (tmp_path / "file").touch()
    assert "is a file" in tgc(*QUICK, "--out", "file").stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent in another way there")
def test_ctrl_c_keeps_a_checkpoint_from_which_the_run_ends_the_same(tmp_path):
    whole = [*QUICK[:-1], "40", "--no-report", "--json", "--threads", "1"]
    with child(*whole, "--out", "stopped") as process:
        for _ in range(3):  # the start, and two epochs
            assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped: after the current batch" in err
    assert "Traceback" not in err
    resume = shlex.split(err.splitlines()[-1])
    assert resume == ["tgc", "train", "--resume", "stopped"]

    *_, resumed = lines(tgc(*resume[1:], "--no-report", "--json"))
    *_, uninterrupted = lines(tgc(*whole, "--out", "whole"))
    assert resumed["epochs"] == 40
    assert resumed["test_loss"] == uninterrupted["test_loss"]
    ends = [checkpoint.load(tmp_path / name).arrays for name in ("stopped", "whole")]
    assert all(np.array_equal(ends[0][key], ends[1][key]) for key in ends[1])
    logs = [(tmp_path / name / "log.jsonl").read_text() for name in ("stopped", "whole")]
    assert [json.loads(log)["epoch"] for log in logs[0].splitlines()] == list(range(1, 41))


def test_the_second_ctrl_c_ends_at_once():
    run = assemble(Recipe(model="mlp", data="xor", epochs=1))
    before = signal.getsignal(signal.SIGINT)
    with session.stop_at_interrupt(run) as interrupted:
        assert not interrupted()
        signal.raise_signal(signal.SIGINT)
        assert interrupted()
        assert run.stopped
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_resumed_run_goes_on_as_it_began():
    tgc(*QUICK, "--no-report", "--out", "run")
    refused = [
        (["lenet5"], "MODEL: the run in run"),
        (["--epochs", "5"], "--epochs: the run in run"),
        (["--batch-size", "8"], "--batch-size: the run in run"),
        (["--data", "xor"], "--data: the run in run"),
    ]
    for words, message in refused:
        result = tgc("train", *words, "--resume", "run")
        assert result.exit_code == 2
        assert message in result.stderr.replace("\\", "/")
        assert "start a new run" in result.stderr
    same = tgc(*QUICK, "--resume", "run", "--no-report")
    assert same.exit_code == 0
    assert "this run is finished" in same.stderr
    other = tgc("train", "--resume", "run/best.safetensors", "--threads", "2", "--no-report")
    assert other.exit_code == 0
    assert "threads was 1 when the checkpoint was saved, and is 2 now" in other.stderr


def test_damaged_and_foreign_checkpoints_are_refused(tmp_path):
    tgc(*QUICK, "--no-report", "--out", "run")
    content = (tmp_path / "run" / "last.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(content[: len(content) // 2])
    (tmp_path / "text.safetensors").write_text("not a checkpoint")
    (tmp_path / "empty").mkdir()
    for name, words in [("cut.safetensors", "truncated"), ("text.safetensors", "truncated"),
                        ("empty", "expected the folder of a run")]:  # fmt: skip
        result = tgc("train", "--resume", name)
        assert result.exit_code == 1
        assert words in result.stderr
        assert "Traceback" not in result.stderr


def test_a_loss_that_is_not_finite_ends_the_run_and_names_the_layer():
    result = tgc("train", "mlp", "--data", "digits", "--optimizer", "sgd", "--lr", "1e30")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: fit: expected finite numbers")
    assert "Dense" in result.stderr
    assert "lower lr" in result.stderr
    assert checkpoint.load("runs/mlp-digits-seed0").progress.step == 0  # still readable


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits there")
def test_a_full_disk_is_one_message_and_the_last_checkpoint_stays(tmp_path):
    import resource

    def little_space():
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    exit_code, _, err = finished(*QUICK, "--out", "run", preexec_fn=little_space)
    assert exit_code == 1
    assert re.match(r"error: run.\w+\.safetensors cannot be written \(File too large\)", err)
    assert err.count("\n") == 1
    left = [path.name for path in (tmp_path / "run").iterdir()]
    assert not [name for name in left if name.endswith(".part")]


def test_a_report_that_cannot_be_written_does_not_hide_the_result(tmp_path):
    (tmp_path / "run" / "report.html").mkdir(parents=True)
    result = tgc(*QUICK, "--out", "run")
    assert result.exit_code == 1
    assert "test accuracy" in result.stdout
    assert "report.html" in result.stderr


def test_patience_is_said():
    result = tgc("train", "mlp", "--data", "xor", "--epochs", "400", "--patience", "2",
                 "--no-report")  # fmt: skip
    assert result.exit_code == 0
    assert "Stopped: no better test accuracy for 2 epochs" in result.stdout


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_the_live_display_draws_a_bar_and_keeps_the_epochs(width, monkeypatch):
    monkeypatch.setattr("tinygrad_course.cli.display.INTERVAL", 0.0)
    out = io.StringIO()
    screen = Console(file=out, force_terminal=True, width=width, color_system="truecolor")
    run = assemble(Recipe(model="mlp", data="digits", epochs=2, batch_size=200))
    display = Live(screen)
    fit(run, [display])
    assert display.bar is None
    text = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", out.getvalue())
    kept = [line.strip() for line in re.split(r"[\r\n]+", text)]
    assert sum(line.startswith("1/2   ") for line in kept) == 1
    assert sum(line.startswith("2/2   ") for line in kept) == 1
    bars = [line for line in kept if " left" in line]
    assert bars
    assert max(map(len, bars)) <= width
    assert ("loss" in bars[-1]) == (width >= 40)
    assert ("accuracy" in bars[-1]) == (width >= 60)
    assert ("samples/s" in bars[-1]) == (width >= 90)


def test_the_command_in_the_report_repeats_the_run():
    recipes = [
        Recipe(),
        Recipe(model="mlp", data="digits", lr=0.01, seed=4),
        Recipe(optimizer="sgd", lr=0.1, shift=0, classic=True, clip=1.5),
        Recipe(data="spirals", model="mlp", weight_decay=1e-5, momentum=0.0, patience=3),
    ]
    for recipe in recipes:
        words = shlex.split(session.command_of(recipe.complete()))
        assert words[:2] == ["tgc", "train"]
        context = command.get_command(None, "train").make_context("train", words[2:])
        fields = Recipe.__dataclass_fields__
        given = {k: v for k, v in context.params.items() if v is not None and k in fields}
        assert Recipe(**given).complete() == recipe.complete()


def test_the_result_is_that_of_the_last_weights():
    *_, end = lines(tgc(*QUICK, "--no-report", "--json", "--out", "run"))
    saved = checkpoint.load("run")
    dataset = assemble(saved.recipe).dataset
    assert evaluate(saved.model(), *dataset.test).accuracy == end["test_accuracy"]
