"""`tgc train` on the user's own data: pictures, tables, archives; classes, numbers."""

import json
import os
import signal
import sys

import numpy as np
import pytest
from cli_runner import child, tgc
from PIL import Image

from tinygrad_course import checkpoint
from tinygrad_course.errors import ArgumentError
from tinygrad_course.training.recipe import Recipe, assemble


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TGC_DATA", raising=False)


def lines(result):
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def pictures(folder, size=(12, 12), count=20, mode="RGB"):
    """Bright and dark ones."""
    rng = np.random.default_rng(0)
    for name, level in (("dark", 60), ("light", 190)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            pixels = rng.normal(level, 20, (*size, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).convert(mode).save(folder / name / f"{i:02}.png")


def table(path, rows=80):
    """rent = 10 size - 3 age and a little noise; the columns have very different scales."""
    rng = np.random.default_rng(0)
    size, age = rng.uniform(20, 200, rows), rng.uniform(0, 5000, rows)
    rent = 10 * size - 0.1 * age + rng.normal(0, 5, rows)
    kind = np.where(rent > rent.mean(), "dear", "cheap")
    text = ["size,age,state,rent,kind"]
    text += [
        f"{s:.1f},{a:.0f},{'new' if a < 2500 else 'old'},{r:.1f},{k}"
        for s, a, r, k in zip(size, age, rent, kind, strict=True)
    ]
    path.write_text("\n".join(text))


# Pictures.


def test_a_folder_of_pictures_trains_with_one_command(tmp_path):
    pictures(tmp_path / "pets")
    words = ["--data", "pets", "--epochs", 4, "--batch-size", 8]
    start, *_, end = lines(tgc("train", *words, "--json"))
    assert (start["model"], start["data"]) == ("vgg-small", "./pets")
    assert (start["train_samples"], start["test_samples"]) == (32, 8)
    assert end["test_accuracy"] == 1.0
    folder = tmp_path / "runs" / "vgg-small-pets-seed0"
    assert (folder / "mistakes.png").exists()
    assert lines(tgc("evaluate", "--json"))[0]["test_accuracy"] == 1.0
    found = lines(tgc("predict", "pets/dark/00.png", "pets/light/03.png", "--json"))
    assert [each["class"] for each in found] == ["dark", "light"]
    (tmp_path / "elsewhere").mkdir()
    sample = lines(tgc("predict", "--sample", 0, "--json"))[0]
    assert sample["label"] == sample["class"]


def test_grey_pictures_of_several_sizes(tmp_path):
    pictures(tmp_path / "signs", mode="L", count=10)
    pictures(tmp_path / "more", size=(20, 12), mode="L", count=10)
    (tmp_path / "more" / "dark" / "00.png").rename(tmp_path / "signs" / "dark" / "tall.png")
    refused = tgc("train", "--data", "signs")
    assert refused.exit_code == 1
    assert "all pictures must have one size" in refused.stderr
    assert "--size 12x12 resizes them" in refused.stderr
    start, *_ = lines(tgc("train", "--data", "signs", "--size", "14x16", "--epochs", 1,
                          "--no-report", "--json"))  # fmt: skip
    assert start["model"] == "lenet5"
    assert start["size"] == [14, 16]
    saved = checkpoint.load(start["out"])
    assert saved.facts["input_shape"] == [14, 16, 1]
    assert saved.recipe.size == (14, 16)
    assert lines(tgc("predict", "signs/light/01.png", "--json"))[0]["event"] == "prediction"
    assert "cannot be read" in tgc("predict", __file__).stderr


@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9 there")
def test_kill_nine_and_resume_is_the_uninterrupted_run(tmp_path):
    rng = np.random.default_rng(0)
    y = np.arange(96) % 3
    x = (rng.random((96, 16, 16, 3)) * 120 + 60 * y[:, None, None, None]).astype(np.uint8)
    np.savez(tmp_path / "small-cifar.npz", x=x, y=y)
    words = ["train", "vgg-small", "--data", "small-cifar.npz", "--epochs", "6", "--batch-size",
             "16", "--flip", "--shift", "2", "--threads", "1", "--no-report", "--json"]  # fmt: skip
    lines(tgc(*words, "--out", "whole"))
    with child(*words, "--out", "killed") as process:
        for _ in range(3):  # the start, and two epochs
            assert process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
    assert 2 <= checkpoint.load("killed").progress.epoch < 6
    lines(tgc("train", "--resume", "killed", "--no-report", "--json"))
    ends = [checkpoint.load(name) for name in ("whole", "killed")]
    assert ends[0].arrays.keys() == ends[1].arrays.keys()
    assert all(np.array_equal(ends[0].arrays[key], ends[1].arrays[key]) for key in ends[0].arrays)
    assert any("running_var" in key for key in ends[0].arrays)


def test_photographs_are_mirrored_and_digits_are_not():
    cifar = Recipe(data="cifar-10").complete()
    assert (cifar.shift, cifar.flip) == (4, True)
    for name in ("mnist", "digits", "fashion-mnist", "./pets"):
        assert Recipe(data=name).complete().flip is False
    with pytest.raises(Exception, match="flip expects images"):
        assemble(Recipe(model="mlp", data="xor", flip=True))


# Tables.


def test_a_table_is_standardised_by_its_training_part_and_stays_so(tmp_path):
    table(tmp_path / "flats.csv")
    words = ["--target", "kind", "--drop", "rent", "--one-hot"]
    *_, end = lines(tgc("train", "--data", "flats.csv", *words, "--epochs", 20, "--no-report",
                        "--json"))  # fmt: skip
    assert end["test_accuracy"] > 0.8
    saved = checkpoint.load(end["out"])
    assert saved.facts["features"] == ["size", "age", "state=new", "state=old"]
    assert saved.classes == ("cheap", "dear")
    run = assemble(saved.recipe)
    assert np.allclose(run.dataset.train.x.mean(0), 0, atol=1e-5)
    assert not np.allclose(run.dataset.test.x.mean(0), 0, atol=1e-3)
    assert np.array_equal(saved.scaling.x.mean, run.scaling.x.mean)
    assert lines(tgc("evaluate", "--json"))[0]["test_accuracy"] == end["test_accuracy"]
    # Without the columns that are to be predicted, and in another order.
    (tmp_path / "ask.csv").write_text("state,age,size\nnew,10,199\nold,4900,21\n")
    found = lines(tgc("predict", "ask.csv", "--json"))
    assert [each["class"] for each in found] == ["dear", "cheap"]
    assert "dear" in tgc("predict", "ask.csv").stdout
    (tmp_path / "ask.csv").write_text("state,age\nnew,10\n")
    assert "the model expects the column 'size'" in tgc("predict", "ask.csv").stderr
    (tmp_path / "ask.csv").write_text("state,age,size\nnew,10,large\n")
    assert (
        "column 'size' expects numbers, but row 1 has 'large'" in tgc("predict", "ask.csv").stderr
    )


def test_a_regression_has_r2_and_errors_in_the_unit_of_its_target(tmp_path):
    table(tmp_path / "flats.csv")
    words = ["--data", "flats.csv", "--target", "rent", "--drop", "kind", "--drop", "state"]
    start, *epochs, end = lines(tgc("train", *words, "--epochs", 40, "--json"))
    assert start["model"] == "mlp"
    assert {"train_r2", "test_r2"} <= epochs[0].keys()
    assert "test_accuracy" not in epochs[0]
    assert end["test_r2"] > 0.9
    deviation = checkpoint.load(end["out"]).scaling.unit
    assert end["test_mse"] == pytest.approx(end["test_loss"] * deviation**2)
    assert deviation > 300
    assert end["test_rmse"] == pytest.approx(end["test_mse"] ** 0.5)
    folder = tmp_path / "runs" / "mlp-flats-seed0"
    written = {path.name for path in folder.iterdir()}
    assert {"predictions.png", "learning_curves.png", "report.html"} <= written
    assert "confusion_matrix.png" not in written
    assert "Predicted against true" in (folder / "report.html").read_text("utf-8")
    shown = tgc("evaluate")
    assert f"{end['test_r2']:.4f}" in shown.stdout
    (tmp_path / "ask.csv").write_text("size,age\n100,1000\n")
    value = lines(tgc("predict", "ask.csv", "--json"))[0]["value"]
    assert 700 < value < 1100  # 900
    text = tgc("train", *words, "--epochs", 1, "--no-report").stdout
    assert re_heading(text) == ["train", "loss", "R2", "test", "loss", "R2"]
    assert "standardised" in text


def re_heading(text):
    """The words of the heading between `epoch` and `rate`."""
    line = next(line for line in text.splitlines() if line.startswith(" epoch"))
    return line.split()[1:-2]


def test_numbers_that_are_generated():
    *_, end = lines(tgc("train", "--data", "linear", "--epochs", 5, "--no-report", "--json"))
    assert end["test_r2"] > 0.8


def test_a_resumed_regression_is_the_uninterrupted_one(tmp_path):
    from tinygrad_course.train import fit

    table(tmp_path / "flats.csv")
    recipe = Recipe(model="mlp", data="./flats.csv", target="rent", drop=("kind", "state"),
                    epochs=4, batch_size=16, schedule="plateau")  # fmt: skip
    whole = assemble(recipe)
    fit(whole, whole.rules)
    half = assemble(recipe)

    class Stop:
        def on_epoch(self, run, record):
            run.stop("half of it")

    fit(half, [*half.rules, Stop()])
    half.stopped = None
    checkpoint.save("half.safetensors", half)
    resumed, differences = checkpoint.resume("half.safetensors")
    assert differences == []
    fit(resumed, resumed.rules)
    timeless = [{k: v for k, v in r.items() if "second" not in k} for r in whole.progress.history]
    assert [{k: v for k, v in r.items() if "second" not in k}
            for r in resumed.progress.history] == timeless  # fmt: skip


def test_other_data_than_the_run_began_with_are_noticed(tmp_path):
    table(tmp_path / "flats.csv")
    words = ["--data", "flats.csv", "--target", "kind", "--drop", "state", "--epochs", "2"]
    tgc("train", *words, "--no-report", "--out", "run")
    table(tmp_path / "flats.csv", rows=100)
    result = tgc("train", "--resume", "run", "--no-report")
    assert result.exit_code == 0
    assert "the training data of flats.csv are not those that the run began with" in result.stderr


def test_wrong_tables_are_told_in_the_words_of_the_command_line(tmp_path):
    table(tmp_path / "flats.csv")
    usage = [
        (["--data", "flats.csv"], "Give --target COLUMN, one of size, age, state, rent, kind"),
        (["--data", "flats.csv", "--target", "rnet"], "did you mean 'rent'?"),
        (["--data", "digits", "--target", "x"], "--target means nothing for digits"),
        (
            ["--data", "flats.csv", "--target", "kind", "--task", "guess"],
            "there is no task 'guess'",
        ),
        (["--data", "flatts"], "there is no data set 'flatts'"),
        (["--size", "1y2"], "expected a side as 28"),
    ]
    for words, message in usage:
        result = tgc("train", *words)
        assert result.exit_code == 2, words
        assert message in result.stderr
    assert "nothing.csv" in tgc("train", "--data", "nothing.csv", "--target", "a").stderr
    text = tgc("train", "--data", "flats.csv", "--target", "rent")
    assert text.exit_code == 1
    assert "--drop 'state' leaves it out" in text.stderr
    assert not (tmp_path / "runs").exists()


def test_rprop_wants_all_samples():
    with pytest.raises(ArgumentError, match="all 1,433 training samples in each step, but a step"):
        assemble(Recipe(model="mlp", data="digits", optimizer="rprop"))
    run = assemble(Recipe(model="mlp", data="digits", optimizer="rprop", batch_size=500,
                          accumulate=3))  # fmt: skip
    assert run.total_steps == 20
