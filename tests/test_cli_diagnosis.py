"""`tgc overfit`, `tgc lr-range` and `tgc advise`: what to look at before and after a run."""

import json

import numpy as np
import pytest
from cli_runner import tgc
from PIL import Image

from tinygrad_course import data
from tinygrad_course.errors import ArgumentError
from tinygrad_course.training.advice import Facts, advise
from tinygrad_course.training.overfitting import few, overfit
from tinygrad_course.training.rate_finding import range_test
from tinygrad_course.training.recipe import Recipe

DIGITS = data.load("digits")


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TGC_DATA", raising=False)


def test_a_sound_model_learns_a_few_samples_by_heart():
    result = tgc("overfit", "mlp", "--data", "digits", "--samples", "20")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "Yes: mlp knows all 20 samples of digits by heart" in result.stdout
    (record,) = map(json.loads, tgc("overfit", "--data", "digits", "--json").stdout.splitlines())
    assert record["learned"] is True
    assert record["accuracy"] == 1.0
    assert record["samples"] == 32


def test_a_model_that_cannot_learn_is_an_error_with_remedies():
    result = tgc("overfit", "mlp", "--data", "digits", "--lr", "1e-9", "--steps", "3", "--json")
    assert result.exit_code == 1
    assert "does not know 32 samples of digits by heart after 3 steps" in result.stderr
    assert "tgc lr-range" in result.stderr
    assert json.loads(result.stdout)["learned"] is False
    wild = tgc("overfit", "mlp", "--data", "digits", "--optimizer", "sgd", "--lr", "1e30")
    assert "the loss is no number: lower --lr tenfold" in wild.stderr


def test_numbers_are_learned_by_heart_too():
    numbers = overfit(Recipe(model="mlp", data="linear", optimizer="adam"), data.load("linear"))
    assert numbers.learned
    assert numbers.score > 0.98


def test_labels_drawn_at_random_are_learned_by_heart_which_is_the_point():
    x, y = DIGITS.train
    shuffled = np.random.default_rng(0).permutation(y)
    other = data.Dataset(**{**vars(DIGITS), "train": data.Split(x, shuffled)})
    assert overfit(Recipe(model="mlp", data="digits", optimizer="adam"), other).learned


def test_the_few_are_of_all_classes():
    assert few(DIGITS, 32).train.y.tolist()[:12] == [*range(10), 0, 1]
    for samples in (1, 10_000):
        with pytest.raises(ArgumentError, match=f"samples must be 2 to 1433, .* it is {samples}"):
            few(DIGITS, samples)


def test_a_range_test_finds_where_it_is_too_much(tmp_path):
    result = tgc("lr-range", "mlp", "--data", "digits", "--steps", "80")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "explodes at" in result.stdout
    assert "Try it:  tgc train mlp --data digits --lr 0." in result.stdout
    with Image.open(tmp_path / "lr-range-mlp-digits.png") as picture:
        assert picture.width > picture.height
    found = range_test(Recipe(model="mlp", data="digits", optimizer="sgd"), DIGITS, steps=80)
    assert 0.05 < found.suggestion < found.reading.lowest
    assert len(found.losses) == len(found.rates) <= 80


def test_a_range_test_refuses(tmp_path):
    for words, message in [
        (["--low", "1", "--high", "0.1"], "expects 0 < low <= high"),
        (["--optimizer", "rprop"], "rprop adapts the step of every weight by itself"),
        (["--low", "1e30", "--high", "1e31"], "begin lower than 1e+30"),
    ]:
        result = tgc("lr-range", "mlp", "--data", "digits", *words)
        assert result.exit_code == 1
        assert message in result.stderr
    assert not list(tmp_path.iterdir())


# What to try next.


def facts(train=0.99, test=0.98, **more):
    recipe = more.pop("recipe", Recipe()).complete()
    history = [{"train_loss": 1.0, "test_loss": loss} for loss in more.pop("losses", (1.0,))]
    given = {"input_shape": (28, 28, 1), "classes": 10, **more}
    return Facts(train, test, history, recipe, **given)


@pytest.mark.parametrize(
    ("what", "diagnosis"),
    [
        (facts(train=0.7, test=0.6), "training error"),
        (facts(train=0.7, test=0.99), "training error"),
        (facts(train=0.99, test=0.9), "validation error"),
        (facts(field=0.5), "distribution shift"),
        (facts(apart=0.9, apart_above=0.6), "distribution shift"),
        (facts(field=0.97, apart=0.9, apart_above=0.6), "goal reached"),
        (facts(apart=0.55, apart_above=0.6), "goal reached"),
        (facts(train=float("nan")), "diverged"),
    ],
)
def test_the_flow_chart(what, diagnosis):
    advice = advise(what, goal=0.95)
    assert advice.diagnosis == diagnosis
    assert advice.experiments


def tried(what, goal=0.95):
    """The fields in which the experiments differ from the run, and the other commands."""
    before = what.recipe.to_dict()
    found = set()
    for each in advise(what, goal).experiments:
        if each.command:
            found.add(each.command)
        elif each.recipe is not None:
            after = each.recipe.to_dict()
            found |= {key for key in after if after[key] != before[key]}
    return found


def test_each_fault_has_its_own_experiments():
    low = facts(train=0.5, test=0.5, recipe=Recipe(optimizer="sgd", weight_decay=0.1))
    assert tried(low) >= {"epochs", "model", "lr-range", "weight_decay", "optimizer"}
    assert "overfit" not in tried(low)
    assert "overfit" in tried(facts(train=0.1, test=0.1))
    assert tried(facts(train=1.0, test=0.8)) == {"data", "weight_decay"}
    plain = Recipe(model="vgg-small", data="cifar-10", shift=0, flip=False)
    late = facts(train=1.0, test=0.8, recipe=plain, input_shape=(32, 32, 3),
                 losses=(1, 0.5, 0.6, 0.7, 0.8))  # fmt: skip
    assert tried(late) == {"shift", "flip", "early_stopping", "weight_decay"}
    assert tried(facts(train=float("nan"))) == {"lr"}


def test_advice_on_a_run_is_a_diagnosis_and_commands():
    tgc("train", "mlp", "--data", "digits", "--epochs", "1", "--no-report", "--out", "short")
    shown = tgc("advise", "short")
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert "Training error: on its own training data it reaches" in shown.stdout
    assert "tgc train mlp --data digits --epochs 2" in shown.stdout
    assert "tgc lr-range mlp --data digits" in shown.stdout
    record = json.loads(tgc("advise", "short", "--goal", "0.1", "--json").stdout)
    assert record["diagnosis"] == "goal reached"
    assert 0.4 < record["told_apart"] < 0.6
    assert "--goal: expects a number above 0" in tgc("advise", "short", "--goal", "2").stderr
    assert tgc("advise", "nowhere").exit_code == 1


def test_data_from_elsewhere_are_seen_to_be_others(tmp_path):
    x, y = DIGITS.test
    rng = np.random.default_rng(0)
    noisy = (15 * rng.random(x.shape) + 1 * x).astype(np.float32) / 16
    np.savez("field.npz", x_train=noisy[:100], y_train=y[:100], x_test=noisy[100:],
             y_test=y[100:])  # fmt: skip
    tgc("train", "mlp", "--data", "digits", "--epochs", "6", "--no-report", "--out", "run")
    record = json.loads(
        tgc("advise", "run", "--goal", "0.9", "--data", "field.npz", "--json").stdout
    )
    assert record["diagnosis"] == "distribution shift"
    assert record["field"] < 0.5 < 0.9 < record["test"]
    assert record["told_apart"] > 0.95
