"""`tgc evaluate` and `tgc predict`: a trained model measured, and shown pictures of every kind."""

import json

import numpy as np
import pytest
from cli_runner import tgc
from PIL import Image

from tinygrad_course import data
from tinygrad_course.cli import predict
from tinygrad_course.cli.picture import read_digit
from tinygrad_course.errors import DataError

DIGITS = data.load("mnist-12k").test


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder below which a small network has learned mnist-12k, and then spirals."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for words in (
            ["--data", "mnist-12k", "--epochs", "2"],
            ["--data", "spirals", "--epochs", "1"],
        ):
            assert tgc("train", "mlp", *words, "--no-report").exit_code == 0
    return folder


@pytest.fixture
def here(trained, monkeypatch):
    monkeypatch.chdir(trained)
    return trained


def pixels(index=0):
    """A digit of MNIST, as 28 x 28 bytes, light on dark."""
    return np.uint8(np.round(255 * DIGITS.x[index, :, :, 0]))


def same_digit(path, index=0, at_most=0.05):
    """How the file was read, which must be the digit, at most one pixel from its place."""
    picture = read_digit(path, 28, 28)
    assert picture.pixels.shape == (28, 28)
    assert picture.pixels.dtype == np.float32
    moved = [
        np.roll(picture.pixels, (down, right), (0, 1))
        for down in (-1, 0, 1)
        for right in (-1, 0, 1)
    ]
    assert min(np.abs(each - DIGITS.x[index, :, :, 0]).mean() for each in moved) < at_most
    return picture


@pytest.mark.parametrize("index", range(8))
def test_a_digit_of_mnist_stays_what_it_was(index, tmp_path):
    Image.fromarray(pixels(index)).save(tmp_path / "a.png")
    Image.fromarray(255 - pixels(index)).save(tmp_path / "b.png")
    light, dark = (same_digit(tmp_path / name, index, 0.005) for name in ("a.png", "b.png"))
    assert np.abs(light.pixels - DIGITS.x[index, :, :, 0]).mean() < 0.005  # not moved at all
    assert not light.inverted
    assert dark.inverted
    assert np.abs(light.pixels - dark.pixels).max() < 1e-6
    assert light.note == dark.note == ""


def written(tmp_path, kind, digit):
    """The digit as a file of that kind."""
    image = Image.fromarray(digit)
    big = image.resize((280, 280), Image.Resampling.BICUBIC)
    rng = np.random.default_rng(0)
    if kind == "photo":  # ink on grey paper in uneven light, with a dark corner, noise and dust
        rows, columns = np.mgrid[:480, :640]
        ink = np.zeros((480, 640))
        ink[100:300, 300:500] = np.asarray(image.resize((200, 200))) / 255
        ink[400:403, 50:53] = 1
        paper = 0.85 - 0.5 * (rows / 480) * (columns / 640) + rng.normal(0, 0.02, (480, 640))
        made = Image.fromarray(np.uint8(255 * (paper * (1 - 0.8 * ink)).clip(0, 1)))
    elif kind == "transparent":
        made = Image.merge("RGBA", [Image.new("L", big.size)] * 3 + [big])
    elif kind == "white ink, transparent":
        made = Image.merge("RGBA", [Image.new("L", big.size, 255)] * 3 + [big])
    elif kind == "palette":
        made = big.quantize(16)
    elif kind == "16 bits":
        made = Image.fromarray(np.asarray(big).astype(np.uint16) * 257)
    elif kind == "colour":
        made = Image.merge(
            "RGB", [Image.eval(big, lambda v: 255 - v // 2)] * 2 + [Image.new("L", big.size, 255)]
        )
    elif kind == "small and off the centre":
        made = Image.new("L", (900, 700))
        made.paste(image.resize((84, 84)), (30, 40))
    else:
        made = big
    path = tmp_path / ("digit.jpg" if kind == "photo" else "digit.png")
    if kind == "turned camera":
        exif = Image.Exif()
        exif[0x0112] = 6  # what the camera saw has to be turned by 90 degrees
        big.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)
    else:
        made.save(path)
    return path


KINDS = ["large", "photo", "transparent", "white ink, transparent", "palette", "16 bits", "colour",
         "small and off the centre", "turned camera"]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_picture_shows_the_same_digit(kind, tmp_path):
    for index in (1, 2, 4):
        same_digit(written(tmp_path, kind, pixels(index)), index)


def test_a_photograph_without_its_cleaning_would_be_another_picture(tmp_path):
    path = written(tmp_path, "photo", pixels(1))
    raw = np.asarray(Image.open(path).resize((28, 28)), np.float32) / 255
    assert np.abs(raw - DIGITS.x[1, :, :, 0]).mean() > 0.3


def test_what_looks_strange_is_said(tmp_path):
    two = np.concatenate([pixels(1), pixels(2), pixels(3)], axis=1)
    Image.fromarray(two).save(tmp_path / "two.png")
    assert "more than one digit" in read_digit(tmp_path / "two.png", 28, 28).note


def test_what_is_no_picture_of_a_digit_is_refused(tmp_path):
    Image.new("L", (50, 50), 255).save(tmp_path / "blank.png")
    Image.new("1", (12_000, 12_000)).save(tmp_path / "huge.png")
    (tmp_path / "text.png").write_text("no picture")
    Image.fromarray(pixels()).resize((300, 300)).save(tmp_path / "whole.png")
    whole = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "nothing.png").write_bytes(b"")
    for name, words in [("blank.png", "nearly the same brightness"), ("huge.png", "too large"),
                        ("text.png", "cannot be read as an image"), ("cut.png", "cannot be read"),
                        ("nothing.png", "cannot be read"), ("missing.png", "no such file"),
                        (".", "it is a folder")]:  # fmt: skip
        with pytest.raises(DataError, match=words):
            read_digit(tmp_path / name, 28, 28)


def test_small_models_get_small_pictures(tmp_path):
    Image.fromarray(pixels(2)).resize((100, 100)).save(tmp_path / "a.png")
    small = read_digit(tmp_path / "a.png", 8, 8).pixels
    assert small.shape == (8, 8)
    assert small.max() == 1.0
    assert small.any(axis=1).all()  # these digits fill their height


def test_predict_names_the_digit_and_says_how_sure_it_is(here, tmp_path):
    files = []
    for index in (1, 2, 4):
        files.append(tmp_path / f"{index}.png")
        Image.fromarray(255 - pixels(index)).resize((200, 200)).save(files[-1])
    result = tgc("predict", *files, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [answer["image"] for answer in answers] == list(map(str, files))
    assert [answer["class"] for answer in answers] == [str(DIGITS.y[i]) for i in (1, 2, 4)]
    for answer in answers:
        assert answer["inverted"] is True
        assert answer["confidence"] == max(answer["probabilities"].values())
        assert abs(sum(answer["probabilities"].values()) - 1) < 1e-5
    text = tgc("predict", files[0])
    assert f"looks like  {DIGITS.y[1]} " in text.stdout
    assert "mlp from" in text.stdout  # the newest run that takes images, not the newest of all
    assert "mlp-mnist-12k-seed0" in text.stdout


def test_predict_a_test_sample_says_what_it_is(here):
    result = tgc("predict", "--sample", "1")
    assert result.exit_code == 0
    assert "and it is" in result.stdout or f"but it is {DIGITS.y[1]}" in result.stdout
    beyond = tgc("predict", "--sample", "2000")
    assert beyond.exit_code == 2
    assert "test samples 0 to 1999" in beyond.stderr


def test_predict_refuses_a_model_that_takes_no_images(here, tmp_path):
    Image.fromarray(pixels()).save(tmp_path / "a.png")
    result = tgc("predict", tmp_path / "a.png", "-c", "runs/mlp-spirals-seed0")
    assert result.exit_code == 1
    assert "which are no images" in result.stderr


def test_the_picture_is_drawn_two_pixels_a_character():
    drawn = predict._half_blocks(np.zeros((28, 28, 1), np.float32))
    rows = drawn.plain.split("\n")
    assert [len(row) for row in rows] == [28] * 14


def test_evaluate_measures_the_newest_run_or_the_one_named(here):
    newest = tgc("evaluate", "--json")
    assert json.loads(newest.stdout)["data"] == "spirals"
    named = tgc("evaluate", "runs/mlp-mnist-12k-seed0", "--json")
    record = json.loads(named.stdout)
    log = (here / "runs" / "mlp-mnist-12k-seed0" / "log.jsonl").read_text().splitlines()
    assert record["test_accuracy"] == json.loads(log[-1])["test_accuracy"]
    assert record["samples"] == 2000
    best = tgc("evaluate", "runs/mlp-mnist-12k-seed0", "--best", "--split", "train", "--json")
    assert json.loads(best.stdout)["samples"] == 10_000
    text = tgc("evaluate", "runs/mlp-mnist-12k-seed0").stdout
    assert f"{100 * record['test_accuracy']:.2f} %" in text
    assert "recall" in text


def test_evaluate_refuses_data_of_another_shape(here):
    result = tgc("evaluate", "runs/mlp-mnist-12k-seed0", "--data", "digits")
    assert result.exit_code == 1
    assert "expects samples of shape (28, 28, 1)" in result.stderr
    assert "(8, 8, 1)" in result.stderr
